import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { acquire, addressModel, addressValue, type Harness, wrongValues } from '../support/acquisition.ts';
import { type Peer, startLibmodbusTcp, startPymodbus } from '../support/modbus-peers.ts';
import { describeWithPeers } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';

const POINTS = [
  ...Array.from({ length: 130 }, (_, index) => ({ table: 'holding-registers' as const, address: index })),
  ...[5, 6, 7, 300].map((address) => ({ table: 'input-registers' as const, address })),
  ...[0, 1, 2, 33, 34].map((address) => ({ table: 'coils' as const, address })),
  ...[8, 9].map((address) => ({ table: 'discrete-inputs' as const, address })),
];

let peer: Peer | undefined;
let harness: Harness | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  harness = undefined;
  peer = undefined;
});

const isGood = (wire: unknown) => typeof wire === 'number';

for (const [name, start] of [
  ['pymodbus', startPymodbus],
  ['libmodbus', startLibmodbusTcp],
] as const) {
  describeWithPeers(
    name === 'pymodbus' ? ['pymodbus'] : ['gcc', 'libmodbus'],
    `acquisition from ${name} over TCP`,
    () => {
      it('reads every table, more than one request can hold, each value under its own name', async () => {
        const port = await freePort();
        peer = await start(port);
        harness = acquire(
          `- { id: l1, transport: tcp, host: 127.0.0.1, port: ${port}, devices: [{ id: d1, model: addresses, every: 200ms }] }`,
          addressModel(POINTS),
        );
        await harness.until((all) => all.filter(({ wire }) => isGood(wire)).length > 3 * POINTS.length);
        const good = harness.sampled.filter(({ wire }) => isGood(wire));
        expect(new Set(good.map(({ measurement }) => measurement)).size).toBe(POINTS.length);
        for (const { measurement, wire } of good) expect(wire, measurement).toBe(addressValue(measurement));
        expect(Math.abs((good.at(-1)?.ts ?? 0) - Date.now())).toBeLessThan(60_000);
        for (const upTo of harness.upTo) expect(Object.keys(upTo)).toEqual(['l1']);
      });

      it('says bad/disconnected when the server has gone, and goes on when it is back', async () => {
        const port = await freePort();
        peer = await start(port);
        harness = acquire(
          `- { id: l1, transport: tcp, host: 127.0.0.1, port: ${port}, timeout: 300ms, devices: [{ id: d1, model: addresses, every: 100ms }] }`,
          addressModel(POINTS.slice(0, 5)),
        );
        await harness.until((all) => all.some(({ wire }) => isGood(wire)));
        await peer.stop();
        const before = harness.sampled.length;
        await harness.until((all) =>
          all
            .slice(before)
            .some(({ wire }) => !isGood(wire) && (wire as { reason?: string }).reason === 'disconnected'),
        );
        peer = await start(port);
        const after = harness.sampled.length;
        await harness.until((all) => all.slice(after).some(({ wire }) => isGood(wire)));
        expect(wrongValues(harness.sampled)).toEqual([]);
      });
    },
  );
}

describeWithPeers(['pymodbus', 'mbpoll'], 'mbpoll as a second reader', () => {
  it('reads from the same server what we read', async () => {
    const port = await freePort();
    peer = await startPymodbus(port);
    harness = acquire(
      `- { id: l1, transport: tcp, host: 127.0.0.1, port: ${port}, devices: [{ id: d1, model: addresses, every: 100ms }] }`,
      addressModel(POINTS.slice(0, 20)),
    );
    await harness.until((all) => all.filter(({ wire }) => isGood(wire)).length >= 20);
    const args = [
      '-m',
      'tcp',
      '-p',
      String(port),
      '-a',
      '1',
      '-0',
      '-t',
      '4',
      '-r',
      '0',
      '-c',
      '20',
      '-o',
      '10',
      '-1',
      '127.0.0.1',
    ];
    const { stdout } = await promisify(execFile)('mbpoll', args);
    const theirs = new Map(
      [...stdout.matchAll(/^\[(\d+)\]:\s+(\d+)/gm)].map(([, at, value]) => [`h${at}`, Number(value)]),
    );
    expect(theirs.size).toBe(20);
    for (const { measurement, wire } of harness.sampled) expect(wire).toBe(theirs.get(measurement));
  });
});

describeWithPeers(['pymodbus'], 'acquisition from a device with holes', () => {
  it('cuts a block the device refuses, and then reads all but the missing register', async () => {
    const port = await freePort();
    peer = await startPymodbus(port);
    const points = Array.from({ length: 20 }, (_, index) => ({
      table: 'holding-registers' as const,
      address: 485 + index,
    }));
    harness = acquire(
      `- { id: l1, transport: tcp, host: 127.0.0.1, port: ${port}, devices: [{ id: d1, model: addresses, every: 50ms }] }`,
      addressModel(points),
    );
    await harness.until(
      (all) => new Set(all.filter(({ wire }) => isGood(wire)).map(({ measurement }) => measurement)).size === 15,
    );
    const refused = harness.sampled.filter(({ measurement }) => measurement === 'h502').at(-1);
    expect(refused?.wire).toEqual({ quality: 'bad', reason: 'exception-2' });
    expect(wrongValues(harness.sampled)).toEqual([]);
  });

  it('leaves a unit that does not exist alone without hurting its neighbour', async () => {
    const port = await freePort();
    peer = await startPymodbus(port);
    harness = acquire(
      `- id: l1
  transport: tcp
  host: 127.0.0.1
  port: ${port}
  timeout: 200ms
  devices: [{ id: d1, model: addresses, every: 100ms }, { id: d7, model: addresses, unitId: 7, every: 100ms }, { id: d9, model: addresses, unitId: 9, every: 100ms }]`,
      addressModel(POINTS.slice(0, 5)),
    );
    await harness.until((all) => all.filter(({ device, wire }) => device === 'd7' && isGood(wire)).length > 100);
    const dead = harness.sampled.filter(({ device }) => device === 'd9');
    expect(dead.length).toBeGreaterThan(0);
    for (const { wire } of dead) expect(wire).toEqual({ quality: 'bad', reason: 'timeout' });
    expect(wrongValues(harness.sampled)).toEqual([]);
  });
});
