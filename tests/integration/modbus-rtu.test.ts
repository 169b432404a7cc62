import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { acquire, addressModel, addressValue, type Harness, wrongValues } from '../support/acquisition.ts';
import { removeFolder } from '../support/folders.ts';
import { type Peer, startLibmodbusRtu, startSerialPair } from '../support/modbus-peers.ts';
import { describeWithPeers } from '../support/peers.ts';

const POINTS = [
  ...Array.from({ length: 30 }, (_, index) => ({ table: 'holding-registers' as const, address: index })),
  { table: 'input-registers' as const, address: 7 },
  { table: 'coils' as const, address: 3 },
];

let folder = '';
const peers: Peer[] = [];
let harness: Harness | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hf-tty-'));
});
afterEach(async () => {
  await harness?.close();
  for (const peer of peers.splice(0)) await peer.stop();
  removeFolder(folder);
});

const isGood = (wire: unknown) => typeof wire === 'number';

describeWithPeers(['socat', 'gcc', 'libmodbus'], 'acquisition from a libmodbus slave on a serial line', () => {
  it('reads every table over RTU, and survives unplugging and plugging in again', async () => {
    const pair = await startSerialPair(folder);
    peers.push(pair);
    const first = await startLibmodbusRtu(pair.theirs, 5);
    peers.push(first);
    harness = acquire(
      `- { id: rs485, transport: rtu, path: ${pair.ours}, timeout: 300ms, devices: [{ id: d5, model: addresses, unitId: 5, every: 150ms }] }`,
      addressModel(POINTS),
    );
    await harness.until(
      (all) =>
        new Set(all.filter(({ wire }) => isGood(wire)).map(({ measurement }) => measurement)).size === POINTS.length,
    );
    for (const { measurement, wire } of harness.sampled.filter(({ wire }) => isGood(wire))) {
      expect(wire, measurement).toBe(addressValue(measurement));
    }
    await pair.stop();
    await first.stop();
    const unplugged = harness.sampled.length;
    await harness.until((all) => all.slice(unplugged).some(({ wire }) => !isGood(wire)));
    const again = await startSerialPair(folder);
    peers.push(again, await startLibmodbusRtu(again.theirs, 5));
    const replugged = harness.sampled.length;
    await harness.until((all) => all.slice(replugged).filter(({ wire }) => isGood(wire)).length > 60);
    expect(wrongValues(harness.sampled)).toEqual([]);
  });

  it('does not take part of a device that is not there: bad/timeout, and its neighbour is read', async () => {
    const pair = await startSerialPair(folder);
    peers.push(pair, await startLibmodbusRtu(pair.theirs, 5));
    harness = acquire(
      `- { id: rs485, transport: rtu, path: ${pair.ours}, timeout: 300ms, devices: [{ id: d5, model: addresses, unitId: 5, every: 150ms }, { id: d6, model: addresses, unitId: 6, every: 150ms }] }`,
      addressModel(POINTS),
    );
    await harness.until((all) => all.filter(({ device, wire }) => device === 'd5' && isGood(wire)).length > 300);
    const absent = harness.sampled.filter(({ device }) => device === 'd6');
    expect(absent.filter(({ wire }) => isGood(wire))).toEqual([]);
    expect(absent.map(({ wire }) => wire)).toContainEqual({ quality: 'bad', reason: 'timeout' });
    expect(wrongValues(harness.sampled)).toEqual([]);
  });
});
