import { afterEach, describe, expect, it } from 'vitest';
import { acquire, addressModel, type Harness, wrongValues } from '../support/acquisition.ts';
import { type MisbehavingSlave, startMisbehavingSlave } from '../support/misbehaving-slave.ts';
import { PATIENCE_MS } from '../support/ports.ts';

let slave: MisbehavingSlave | undefined;
let harness: Harness | undefined;
afterEach(async () => {
  await harness?.close();
  await slave?.close();
});

const UNITS = 30;
const DEAD = 17;
const MEASURED_MS = 20_000;
const TRIES_MAX = 3;
/** Ten bits a character at 9600 baud. */
const CHARACTER_MS = 10_000 / 9600;
const TURNAROUND_MS = 10;

/** Readings of the living devices in a time, on a line that is fully used. */
async function livingReadings(isAlive: (unit: number) => boolean): Promise<number> {
  slave = await startMisbehavingSlave('rtu', (seen, honest) =>
    isAlive(seen.unit) ? [{ afterMs: (8 + honest.length) * CHARACTER_MS + TURNAROUND_MS, bytes: honest }] : [],
  );
  const points = Array.from({ length: 10 }, (_, address) => ({ table: 'holding-registers' as const, address }));
  const devices = Array.from(
    { length: UNITS },
    (_, index) => `{ id: d${index + 1}, model: addresses, unitId: ${index + 1}, every: 1s }`,
  );
  harness = acquire(
    `- { id: l1, transport: rtu-over-tcp, host: 127.0.0.1, port: ${slave.port}, interFrame: 5ms, devices: [${devices.join(', ')}] }`,
    addressModel(points),
  );
  // Three rounds: by then the dead one is known to be dead.
  const last = `d${UNITS}`;
  await harness.until(
    (all) => all.filter(({ device, measurement }) => device === last && measurement === 'h0').length > 3,
    2 * PATIENCE_MS,
  );
  const before = harness.sampled.length;
  const until = Date.now() + MEASURED_MS;
  await harness.until(() => Date.now() >= until, MEASURED_MS + PATIENCE_MS);
  const living = harness.sampled
    .slice(before)
    .filter(
      ({ device, measurement, wire }) => device !== `d${DEAD}` && measurement === 'h0' && typeof wire === 'number',
    );
  expect(wrongValues(harness.sampled)).toEqual([]);
  await harness.close();
  await slave.close();
  return living.length;
}

describe('a line of 30 devices at 9600 baud', () => {
  it('one that is dead costs the others less than 5 % of their rate', async () => {
    const all = await livingReadings(() => true);
    expect(all).toBeGreaterThan(200);
    // A machine that is busy with other things only ever makes it less: the best of a few is the line's own.
    let withoutOne = 0;
    for (let tries = 0; tries < TRIES_MAX && withoutOne <= 0.95 * all; tries++)
      withoutOne = Math.max(withoutOne, await livingReadings((unit) => unit !== DEAD));
    expect(withoutOne).toBeGreaterThan(0.95 * all);
  });
});
