import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runProbe } from '../../edge/probe.ts';
import { acquire, addressModel, type Harness, ROOT, type Sampled, wrongValues } from '../support/acquisition.ts';
import { frameOf, honestly, type MisbehavingSlave, startMisbehavingSlave } from '../support/misbehaving-slave.ts';
import { type Peer, startLibmodbusTcp } from '../support/modbus-peers.ts';
import { describeWithPeers } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';

let slave: MisbehavingSlave | undefined;
let harness: Harness | undefined;
let peer: Peer | undefined;
let server: Server | undefined;
afterEach(async () => {
  await harness?.close();
  await slave?.close();
  await peer?.stop();
  server?.close();
  harness = slave = peer = server = undefined;
});

const holding = (...addresses: number[]) =>
  addresses.map((address) => ({ table: 'holding-registers' as const, address }));
const isGood = (wire: unknown) => typeof wire === 'number';
const line = (port: number, devices: string) =>
  `- { id: l1, transport: tcp, host: 127.0.0.1, port: ${port}, timeout: 100ms, devices: [${devices}] }`;

describe('hot reload', () => {
  it('adds and removes devices while the others go on without a gap, on the same connection', async () => {
    slave = await startMisbehavingSlave('mbap');
    const [a, b] = ['{ id: a, model: addresses, every: 50ms }', '{ id: b, model: addresses, unitId: 2, every: 50ms }'];
    harness = acquire(line(slave.port, a), addressModel(holding(1, 2, 9)));
    await harness.until((all) => all.filter(({ wire }) => isGood(wire)).length > 20);
    await harness.reload(line(slave.port, `${a}, ${b}`));
    await harness.until((all) => all.some(({ device }) => device === 'b'));
    await harness.reload(line(slave.port, a));
    const before = harness.sampled.length;
    await harness.until((all) => all.length > before + 30);
    expect(harness.sampled.slice(before + 10).some(({ device }) => device === 'b')).toBe(false);
    expect(slave.connections()).toBe(1);
    const times = harness.sampled
      .filter(({ device, measurement }) => device === 'a' && measurement === 'h1')
      .map(({ ts }) => ts);
    for (let index = 1; index < times.length; index++)
      expect((times[index] ?? 0) - (times[index - 1] ?? 0)).toBeLessThan(5000);
    expect(harness.acquisition.devices().map(({ id }) => id)).toEqual(['a']);
  });

  it('keeps the old configuration running when the new one has a mistake', async () => {
    slave = await startMisbehavingSlave('mbap');
    harness = acquire(line(slave.port, '{ id: a, model: addresses, every: 50ms }'), addressModel(holding(1)));
    await harness.until((all) => all.some(({ wire }) => isGood(wire)));
    await expect(harness.reload(line(slave.port, '{ id: a, model: no-such-model }'))).rejects.toThrow(/no-such-model/);
    const before = harness.sampled.length;
    await harness.until((all) => all.length > before + 10);
    expect(wrongValues(harness.sampled)).toEqual([]);
  });
});

describe('what was learned about a device', () => {
  it('survives a restart, and is forgotten after a day', async () => {
    slave = await startMisbehavingSlave('mbap', (seen, honest) => {
      const refused = seen.address <= 4 && seen.address + seen.count > 4;
      const body = Buffer.from([seen.unit, seen.functionCode | 0x80, 2]);
      return [{ afterMs: 0, bytes: refused ? frameOf('mbap', body, seen.transactionId) : honest }];
    });
    const lines = line(slave.port, '{ id: a, model: addresses, every: 30ms }');
    const model = addressModel(holding(1, 2, 3, 4, 5, 6));
    harness = acquire(lines, model);
    await harness.until(
      (all) => new Set(all.filter(({ wire }) => isGood(wire)).map(({ measurement }) => measurement)).size === 5,
    );
    const learned = readFileSync(join(harness.folder, 'data/learned.json'), 'utf8');
    await harness.close();
    const seenBefore = slave.seen.length;
    harness = acquire(lines, model, learned);
    await harness.until((all) => all.filter(({ wire }) => isGood(wire)).length >= 5);
    expect(Math.max(...slave.seen.slice(seenBefore).map(({ count }) => count))).toBeLessThan(6);
    await harness.close();
    const old = learned.replaceAll(/"atMs":(\d+)/g, (_, ms) => `"atMs":${Number(ms) - 90_000_000}`);
    const seenThen = slave.seen.length;
    harness = acquire(lines, model, old);
    await harness.until(() => (slave?.seen.length ?? 0) > seenThen + 2);
    expect(slave.seen[seenThen]?.count).toBe(6);
  });

  it('a damaged file means nothing was learned, and nothing else', async () => {
    slave = await startMisbehavingSlave('mbap');
    harness = acquire(
      line(slave.port, '{ id: a, model: addresses, every: 30ms }'),
      addressModel(holding(1)),
      '{"a": [nonsense',
    );
    await harness.until((all) => all.some(({ wire }) => isGood(wire)));
  });
});

describe('hanfeng probe', () => {
  const probe = async (url: string, model: string, timeoutMs = 10_000) => {
    let text = '';
    const stdout = {
      write(part: string) {
        text += part;
      },
    };
    const modelFolders: string[] = [];
    const code = await runProbe({ url, model, unit: 1, root: ROOT, modelFolders, timeoutMs, stdout });
    return { code, text };
  };

  it('prints every point decoded with its raw registers', async () => {
    slave = await startMisbehavingSlave('mbap');
    const { code, text } = await probe(`tcp://127.0.0.1:${slave.port}`, 'sokol-m');
    expect(code).toBe(0);
    expect(text).toMatch(/windSpeed\s+0\.06 m\/s\s+0006\s+holding-registers 6/);
  });

  it('says which word order would be plausible', async () => {
    // A meter that sends its floats low word first, read with a model that expects the high word first.
    const words: Record<number, number> = {};
    const put = (address: number, value: number) => {
      const view = new DataView(new ArrayBuffer(4));
      view.setFloat32(0, value);
      words[address] = view.getUint16(2);
      words[address + 1] = view.getUint16(0);
    };
    for (const [index, value] of [230.1, 231.4, 229.8, 12.3, 11.9, 12.7].entries()) put(index * 2, value);
    slave = await startMisbehavingSlave('mbap', (seen) => {
      const body = Buffer.alloc(3 + 2 * seen.count);
      body.set([seen.unit, seen.functionCode, 2 * seen.count]);
      for (let index = 0; index < seen.count; index++)
        body.writeUInt16BE(words[seen.address + index] ?? 0, 3 + 2 * index);
      return [{ afterMs: 0, bytes: frameOf('mbap', body, seen.transactionId) }];
    });
    const { text } = await probe(`tcp://127.0.0.1:${slave.port}`, 'eastron-sdm630');
    expect(text).toContain('With word order CDAB they would read');
    expect(text).toMatch(/voltageA: 230\.1 V/);
  });

  it('says what is wrong and exits 1 when nobody answers, 2 when it is called wrongly', async () => {
    slave = await startMisbehavingSlave('mbap', () => []);
    expect((await probe(`tcp://127.0.0.1:${slave.port}`, 'sokol-m', 300)).code).toBe(1);
    expect((await probe(`tcp://127.0.0.1:${await freePort()}`, 'sokol-m')).text).toContain('ECONNREFUSED');
    const unknown = await probe('tcp://127.0.0.1:1', 'no-such');
    expect([unknown.code, unknown.text]).toEqual([2, expect.stringContaining('sokol-m')]);
    expect((await probe('http://127.0.0.1', 'sokol-m')).code).toBe(2);
    expect((await probe('rtu:///dev/none?baud=fast', 'sokol-m')).code).toBe(2);
  });
});

describe('an instrument that speaks text', () => {
  const model =
    'model: addresses\nname: text instrument\nmaker: tests\nclass: climate\nsources: { test: made up }\nascii: { prompt: "SEND\\\\r", pattern: "T=\\\\s*(?<t>[-+0-9.*]+)" }\npoints:\n  t: { unit: Cel, range: [-50, 100] }\n';
  const serve = (answer: (prompt: string) => string | undefined) =>
    new Promise<number>((resolve) => {
      server = createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', (chunk) => {
          const text = answer(chunk.toString());
          if (text !== undefined) for (const part of text) socket.write(part);
        });
      }).listen(0, '127.0.0.1', () => {
        const address = server?.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  const lines = (port: number) =>
    `- { id: t1, transport: ascii-over-tcp, host: 127.0.0.1, port: ${port}, timeout: 200ms, devices: [{ id: d, model: addresses, every: 50ms }] }`;

  it('is asked by its prompt, and read by a pattern however the text is torn', async () => {
    harness = acquire(lines(await serve((prompt) => (prompt === 'SEND\r' ? 'T= +21.5 C\r\n' : undefined))), model);
    await harness.until((all) => all.filter(({ wire }) => wire === 21.5).length > 5);
  });

  it('gives reasons, not numbers, for stars, nonsense, silence and values out of range', async () => {
    const answers = ['T= ****\r\n', 'T= 900\r\n', 'what?\r\n', undefined, 'T= 20\r\n'];
    let index = 0;
    harness = acquire(lines(await serve(() => answers[index++ % answers.length])), model);
    const seen = (all: readonly Sampled[]) =>
      new Set(all.map(({ wire }) => (typeof wire === 'number' ? wire : wire.reason)));
    await harness.until((all) => seen(all).size === answers.length);
    expect(seen(harness.sampled)).toEqual(new Set(['not-a-number', 'out-of-range', 'parse', 'timeout', 20]));
  });
});

describeWithPeers(['gcc', 'libmodbus'], 'writing to a libmodbus server', () => {
  it('writes registers and coils the model marks writable, and reads them back', async () => {
    const port = await freePort();
    peer = await startLibmodbusTcp(port);
    const model =
      addressModel(holding(1, 2)).replace('h1: {', 'h1: { writable: { range: [0, 254] }, ') +
      '  c4: { table: coils, address: 4, writable: { range: [0, 1] } }\n  wide: { address: 20, type: float32, order: CDAB, writable: { range: [-1000, 1000], function: multiple } }\n';
    harness = acquire(line(port, '{ id: a, model: addresses, every: 50ms }'), model);
    await harness.until((all) => all.some(({ wire }) => isGood(wire)));
    const { acquisition } = harness;
    expect(await acquisition.write('a', 'h1', 200)).toEqual({ readBack: 200 });
    expect(await acquisition.write('a', 'c4', 1)).toEqual({ readBack: 1 });
    expect(await acquisition.write('a', 'wide', 12.5)).toEqual({ readBack: 12.5 });
    await expect(acquisition.write('a', 'h2', 1)).rejects.toThrow(/not marked writable/);
    await expect(acquisition.write('a', 'h1', 255)).rejects.toThrow(/outside 0\.\.254/);
    await expect(acquisition.write('a', 'h99', 1)).rejects.toThrow(/no point/);
    const late = AbortSignal.abort(new Error('expired'));
    await expect(acquisition.write('a', 'h1', 5, late)).rejects.toThrow(/expired/);
    expect(await acquisition.write('a', 'h1', 7)).toEqual({ readBack: 7 });
  });
});

describe('upTo', () => {
  it('never runs ahead: whatever is handed over later was sampled later, with several requests in flight too', async () => {
    for (const inFlight of [1, 4]) {
      slave = await startMisbehavingSlave('mbap', (seen, honest) => [
        { afterMs: (seen.index % 4) * 15, bytes: honest },
      ]);
      const model = addressModel(holding(1, 3, 5, 7, 9, 11));
      harness = acquire(
        `- { id: l1, transport: tcp, host: 127.0.0.1, port: ${slave.port}, maxInFlight: ${inFlight}, devices: [{ id: a, model: addresses, every: 40ms }] }`,
        model,
      );
      await harness.until((all) => all.length > 150);
      expect(harness.tooLate).toEqual([]);
      expect(wrongValues(harness.sampled)).toEqual([]);
      await harness.close();
      await slave.close();
    }
  });
});

describe('service mode', () => {
  it('marks readings of the device as uncertain/maintenance until it ends', async () => {
    slave = await startMisbehavingSlave('mbap', honestly);
    harness = acquire(line(slave.port, '{ id: a, model: addresses, every: 30ms }'), addressModel(holding(3)));
    await harness.until((all) => all.some(({ wire }) => wire === 3));
    harness.acquisition.setService('a', Date.now() + 2000);
    await harness.until(
      (all) => JSON.stringify(all.at(-1)?.wire) === '{"value":3,"quality":"uncertain","reason":"maintenance"}',
    );
    await harness.until((all) => all.at(-1)?.wire === 3);
  });
});
