import { afterEach, describe, expect, it } from 'vitest';
import { acquire, addressModel, type Harness, type Sampled, wrongValues } from '../support/acquisition.ts';
import {
  type Behaviour,
  exceptionBody,
  frameOf,
  honestBody,
  type MisbehavingSlave,
  startMisbehavingSlave,
} from '../support/misbehaving-slave.ts';

/** Traps of `domain/protocol-notes.md`, section 1; the numbers in the test names are the lines of its table. */
const KINDS = [
  ['tcp', 'mbap'],
  ['rtu-over-tcp', 'rtu'],
] as const;

let slave: MisbehavingSlave | undefined;
let harness: Harness | undefined;
afterEach(async () => {
  await harness?.close();
  await slave?.close();
  harness = undefined;
  slave = undefined;
});

const holding = (...addresses: number[]) =>
  addresses.map((address) => ({ table: 'holding-registers' as const, address }));
/** Three requests of one shape: 10, 20 and 30, one register each. */
const SAME_SHAPE = addressModel(holding(10, 20, 30));
/** Requests of several shapes. */
const SHAPES = addressModel(holding(10, 20, 30, 40, 41, 50, 51, 52));

const isGood = (wire: unknown) => typeof wire === 'number';
const goodOf = (all: readonly Sampled[], measurement?: string) =>
  all.filter(({ wire, measurement: name }) => isGood(wire) && (measurement === undefined || name === measurement));
const reasonsOf = (all: readonly Sampled[]) =>
  new Set(all.flatMap(({ wire }) => (typeof wire === 'number' ? [] : [wire.reason])));

async function start(
  transport: 'tcp' | 'rtu-over-tcp',
  model: string,
  behaviour: Behaviour,
  { line = '', device = '', every = '40ms', timeout = '60ms' } = {},
): Promise<{ slave: MisbehavingSlave; harness: Harness }> {
  slave = await startMisbehavingSlave(transport === 'tcp' ? 'mbap' : 'rtu', behaviour);
  const settings = transport === 'rtu-over-tcp' ? ', interFrame: 2ms, baud: 115200' : '';
  harness = acquire(
    `- { id: l1, transport: ${transport}, host: 127.0.0.1, port: ${slave.port}, timeout: ${timeout}, worstLateReply: 1s${settings}${line}, devices: [{ id: d1, model: addresses, every: ${every}${device} }] }`,
    model,
  );
  return { slave, harness };
}

for (const [transport, kind] of KINDS) {
  describe(`a misbehaving slave on ${transport}`, () => {
    it('trap 1: late replies are never taken for the answer to a later request', async () => {
      const { harness } = await start(transport, SHAPES, ({ index }, honest) => [
        { afterMs: index % 5 === 2 ? 90 : 0, bytes: honest },
      ]);
      await harness.until((all) => goodOf(all).length > 300);
      expect(wrongValues(harness.sampled)).toEqual([]);
      expect((harness.acquisition.lines()[0] as { timeouts: number }).timeouts).toBeGreaterThan(3);
    });

    it('trap 1: a slave that is always late gives no value at all rather than one of them wrong', async () => {
      const { harness, slave } = await start(transport, SAME_SHAPE, (_, honest) => [{ afterMs: 100, bytes: honest }]);
      await harness.until((all) => all.length > 3);
      slave.behave((_, honest) => [{ afterMs: 0, bytes: honest }]);
      await harness.until((all) => goodOf(all).length > 30);
      expect(wrongValues(harness.sampled)).toEqual([]);
    });

    it('trap 2: the reply of another unit is ignored and the timer goes on', async () => {
      const { harness } = await start(transport, SHAPES, (seen, honest) => {
        const other = honestBody({ ...seen, unit: seen.unit + 1, address: seen.address + 500 });
        return [
          { afterMs: 0, bytes: frameOf(kind, other, seen.transactionId) },
          { afterMs: 30, bytes: honest },
        ];
      });
      await harness.until((all) => goodOf(all).length > 50);
      expect(wrongValues(harness.sampled)).toEqual([]);
      expect(harness.acquisition.lines()[0]?.dropped).toMatchObject({ foreign: expect.any(Number) });
    });

    it('trap 2: only the reply of another unit comes: a time-out, no value', async () => {
      const { harness } = await start(transport, SHAPES, (seen) => [
        { afterMs: 0, bytes: frameOf(kind, honestBody({ ...seen, unit: seen.unit + 1 }), seen.transactionId) },
      ]);
      await harness.until((all) => all.length > 5);
      expect(goodOf(harness.sampled)).toEqual([]);
      expect([...reasonsOf(harness.sampled)]).toEqual(['timeout']);
    });

    it('replies of another function or length are dropped', async () => {
      const { harness } = await start(transport, SHAPES, (seen, honest) => [
        { afterMs: 0, bytes: frameOf(kind, honestBody({ ...seen, functionCode: 4 }), seen.transactionId) },
        { afterMs: 5, bytes: frameOf(kind, honestBody({ ...seen, count: seen.count + 3 }), seen.transactionId) },
        { afterMs: 20, bytes: honest },
      ]);
      await harness.until((all) => goodOf(all).length > 50);
      expect(wrongValues(harness.sampled)).toEqual([]);
    });

    it('traps 7 and 9: never a second request before the first is answered or given up', async () => {
      let waiting = 0;
      let most = 0;
      const { harness } = await start(transport, SHAPES, (_, honest) => {
        waiting++;
        most = Math.max(most, waiting);
        setTimeout(() => {
          waiting--;
        }, 8);
        return [{ afterMs: 9, bytes: honest }];
      });
      await harness.until((all) => goodOf(all).length > 50);
      expect(most).toBe(1);
    });

    it('trap 9: replies torn into single bytes are put together', async () => {
      const { harness } = await start(transport, SHAPES, (_, honest) =>
        [...honest].map((byte, index) => ({ afterMs: 1 + index, bytes: Buffer.from([byte]) })),
      );
      await harness.until((all) => goodOf(all).length > 30);
      expect(wrongValues(harness.sampled)).toEqual([]);
    });

    it('trap 12: no request is larger than the device takes', async () => {
      const many = Array.from({ length: 60 }, (_, index) => index);
      const { harness, slave } = await start(
        transport,
        addressModel(holding(...many), 'limits: { maxRegisters: 7 }'),
        (_, honest) => [{ afterMs: 0, bytes: honest }],
      );
      await harness.until((all) => new Set(goodOf(all).map(({ measurement }) => measurement)).size === 60);
      expect(Math.max(...slave.seen.map(({ count }) => count))).toBe(7);
      expect(wrongValues(harness.sampled)).toEqual([]);
    });

    it('trap 13: a block with an illegal register is cut, whether the device answers exception 2 or nothing', async () => {
      for (const silent of [false, true]) {
        const { harness, slave } = await start(
          transport,
          addressModel(holding(1, 2, 3, 4, 5, 6, 7, 8, 30)),
          (seen, honest) => {
            const bad = seen.address <= 6 && seen.address + seen.count > 6;
            if (!bad) return [{ afterMs: 0, bytes: honest }];
            return silent ? [] : [{ afterMs: 0, bytes: frameOf(kind, exceptionBody(seen, 2), seen.transactionId) }];
          },
        );
        await harness.until((all) => new Set(goodOf(all).map(({ measurement }) => measurement)).size === 8);
        expect(wrongValues(harness.sampled)).toEqual([]);
        expect(goodOf(harness.sampled, 'h6')).toEqual([]);
        await harness.close();
        await slave.close();
      }
    });

    it('trap 14: coils are read from 0 where the device needs it', async () => {
      const coils = [5, 9].map((address) => ({ table: 'coils' as const, address }));
      const { harness, slave } = await start(
        transport,
        addressModel(coils, 'limits: { bitsFromZero: true }'),
        (_, honest) => [{ afterMs: 0, bytes: honest }],
      );
      await harness.until((all) => goodOf(all).length > 10);
      expect(new Set(slave.seen.map(({ address }) => address))).toEqual(new Set([0]));
      expect(wrongValues(harness.sampled)).toEqual([]);
    });

    it('trap 19: each exception code becomes the reason of every point of the block', async () => {
      for (const code of [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]) {
        const { harness, slave } = await start(
          transport,
          addressModel(holding(40, 41)),
          (seen) => [{ afterMs: 0, bytes: frameOf(kind, exceptionBody(seen, code), seen.transactionId) }],
          { timeout: '10s' },
        );
        await harness.until((all) => all.length >= 4);
        expect([...reasonsOf(harness.sampled)]).toEqual([`exception-${code}`]);
        expect(goodOf(harness.sampled)).toEqual([]);
        await harness.close();
        await slave.close();
      }
    });

    it('a meter that sleeps when it is not asked loses the first request, and no reading', async () => {
      let lastMs = Number.NEGATIVE_INFINITY;
      const sleepy = addressModel(holding(10, 11, 12), 'quirks: { wakeUpAfter: 600ms }');
      const { harness } = await start(
        transport,
        sleepy,
        ({ atMs }, honest) => {
          const asleep = atMs - lastMs > 600;
          lastMs = atMs;
          return asleep ? [] : [{ afterMs: 0, bytes: honest }];
        },
        { every: '1200ms', line: ', retries: 0' },
      );
      await harness.until((all) => goodOf(all, 'h10').length >= 4);
      expect([...reasonsOf(harness.sampled)]).toEqual([]);
      expect(wrongValues(harness.sampled)).toEqual([]);
    });

    it('decimals that are read once an hour are asked for again soon when the first answer is lost', async () => {
      let lost = 0;
      const { harness } = await start(
        transport,
        `model: addresses
name: keeps its decimals in register 1
maker: tests
class: other
sources: { test: made up for tests }
defaults: { table: holding-registers, type: uint16 }
groups: { settings: 1h }
points:
  h25: { address: 25, decimalsFrom: decimals }
  decimals: { address: 1, hidden: true, group: settings, range: [0, 4] }
`,
        ({ address }, honest) => (address === 1 && lost++ < 2 ? [] : [{ afterMs: 0, bytes: honest }]),
        { line: ', retries: 0' },
      );
      await harness.until((all) => goodOf(all, 'h25').length >= 2);
      expect(lost).toBeGreaterThan(2);
      expect(goodOf(harness.sampled, 'h25').map(({ wire }) => wire)).toContain(2.5);
    });

    it('traps 21 and 22: a connection that has silently died is found out and opened again', async () => {
      const { harness, slave } = await start(transport, SHAPES, (_, honest) => [{ afterMs: 0, bytes: honest }]);
      await harness.until((all) => goodOf(all).length > 10);
      slave.drop('freeze');
      const before = harness.sampled.length;
      await harness.until((all) => all.slice(before).some(({ wire }) => !isGood(wire)));
      await harness.until((all) => goodOf(all.slice(before)).length > 10);
      expect(slave.connections()).toBeGreaterThan(1);
      expect(wrongValues(harness.sampled)).toEqual([]);
    });

    it('a connection closed in the middle of a request is a reading of no value', async () => {
      const { harness, slave } = await start(transport, SHAPES, (_, honest) => [{ afterMs: 0, bytes: honest }]);
      await harness.until((all) => goodOf(all).length > 10);
      slave.behave(() => {
        slave.drop('close');
        return [];
      });
      await harness.until((all) => reasonsOf(all).has('disconnected'));
      slave.behave((_, honest) => [{ afterMs: 0, bytes: honest }]);
      const before = harness.sampled.length;
      await harness.until((all) => goodOf(all.slice(before)).length > 10);
      expect(wrongValues(harness.sampled)).toEqual([]);
    });

    it('noise in every form: whatever the slave does, not one wrong value', async () => {
      // A fixed sequence of pseudo-random moods: the test is the same each time.
      let seed = 20_261_123;
      const random = () => {
        seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
        return seed / 2 ** 31;
      };
      const kept: Buffer[] = [];
      const { harness } = await start(transport, SHAPES, (seen, honest) => {
        kept.push(honest);
        if (kept.length > 20) kept.shift();
        const mood = random();
        const old = kept[Math.floor(random() * kept.length)] as Buffer;
        const broken = Buffer.from(honest);
        const at = Math.floor(random() * broken.length);
        broken[at] = (broken[at] as number) ^ (1 << Math.floor(random() * 8));
        if (mood < 0.4) return [{ afterMs: 0, bytes: honest }];
        if (mood < 0.5) return [{ afterMs: 40 + random() * 300, bytes: honest }];
        if (mood < 0.55) return [];
        if (mood < 0.65 && kind === 'rtu') return [{ afterMs: 0, bytes: broken }];
        if (mood < 0.7) return [{ afterMs: 0, bytes: frameOf(kind, exceptionBody(seen, 6), seen.transactionId) }];
        if (mood < 0.75) return [{ afterMs: 0, bytes: Buffer.concat([honest.subarray(0, 4)]) }];
        if (mood < 0.8 && kind === 'rtu') return [{ afterMs: 0, bytes: Buffer.concat([seen.bytes, honest]) }];
        if (mood < 0.85 && kind === 'rtu')
          return [{ afterMs: 0, bytes: Buffer.concat([Buffer.from([0xff, 0x00, 0x01]), honest]) }];
        if (mood < 0.9 && kind === 'mbap') return [{ afterMs: 0, bytes: Buffer.concat([old, honest]) }];
        // The answer once more, later: what a repeating radio link does.
        return [
          { afterMs: 0, bytes: honest },
          { afterMs: random() * 100, bytes: kind === 'mbap' ? honest : Buffer.alloc(0) },
        ];
      });
      await harness.until((all) => all.length > 400 && goodOf(all).length > 100);
      expect(wrongValues(harness.sampled)).toEqual([]);
    });
  });
}

describe('serial manners over a transparent converter', () => {
  it('trap 3: there is silence between a reply and the next request', async () => {
    const answered: number[] = [];
    const { harness, slave } = await start(
      'rtu-over-tcp',
      SHAPES,
      (_, honest) => {
        answered.push(performance.now());
        return [{ afterMs: 0, bytes: honest }];
      },
      { device: ', pauseBeforeRequest: 30ms' },
    );
    await harness.until((all) => goodOf(all).length > 20);
    for (let index = 1; index < slave.seen.length; index++) {
      expect((slave.seen[index]?.atMs ?? 0) - (answered[index - 1] ?? 0)).toBeGreaterThan(28);
    }
  });

  it('trap 8: frames on rtu-over-tcp are RTU frames with a checksum', async () => {
    const { harness, slave } = await start('rtu-over-tcp', SHAPES, (_, honest) => [{ afterMs: 0, bytes: honest }]);
    await harness.until((all) => goodOf(all).length > 5);
    const first = slave.seen[0]?.bytes as Buffer;
    expect(frameOf('rtu', first.subarray(0, 6))).toEqual(first);
  });

  it('trap 18: an adapter that hands back every request, and garbage before the reply', async () => {
    const { harness } = await start('rtu-over-tcp', SHAPES, (seen, honest) => [
      { afterMs: 0, bytes: Buffer.concat([seen.bytes.subarray(0, 3)]) },
      { afterMs: 3, bytes: Buffer.concat([seen.bytes.subarray(3), Buffer.from([0x00, 0xff]), honest]) },
    ]);
    await harness.until((all) => goodOf(all).length > 50);
    expect(wrongValues(harness.sampled)).toEqual([]);
    expect((harness.acquisition.lines()[0] as { dropped: { echoes: number } }).dropped.echoes).toBeGreaterThan(10);
  });

  it('a wrong checksum is no value, and says so', async () => {
    const { harness } = await start('rtu-over-tcp', SHAPES, (_, honest) => {
      const broken = Buffer.from(honest);
      broken[4] = (broken[4] as number) ^ 1;
      return [{ afterMs: 0, bytes: broken }];
    });
    await harness.until((all) => all.length > 3);
    expect(goodOf(harness.sampled)).toEqual([]);
    expect(reasonsOf(harness.sampled)).toContain('crc');
  });
});

describe('manners on Modbus TCP', () => {
  it('trap 4: nothing is sent during the pause after connecting', async () => {
    const { harness, slave } = await start('tcp', SHAPES, (_, honest) => [{ afterMs: 0, bytes: honest }], {
      line: ', pauseAfterConnect: 300ms',
    });
    const startedMs = performance.now();
    await harness.until((all) => goodOf(all).length > 5);
    expect((slave.seen[0]?.atMs ?? 0) - startedMs).toBeGreaterThan(250);
  });

  it('trap 10: a gateway that echoes no transaction id is read where the line says so, and late replies still do no harm', async () => {
    const zeroed: Behaviour = ({ index }, honest) => {
      const bytes = Buffer.from(honest);
      bytes.writeUInt16BE(2, 0);
      return [{ afterMs: index % 7 === 3 ? 80 : 0, bytes }];
    };
    const { harness } = await start('tcp', SHAPES, zeroed, { line: ', ignoreTransactionId: true' });
    await harness.until((all) => goodOf(all).length > 100);
    expect(wrongValues(harness.sampled)).toEqual([]);
    expect((harness.acquisition.lines()[0] as { timeouts: number }).timeouts).toBeGreaterThan(3);
  });

  it('trap 11: a device that serves one connection gets it back after each round', async () => {
    const { harness, slave } = await start('tcp', SHAPES, (_, honest) => [{ afterMs: 0, bytes: honest }], {
      line: ', closeWhenIdle: true',
      every: '600ms',
      timeout: '10s',
    });
    await harness.until((all) => goodOf(all, 'h10').length >= 4);
    expect(slave.connections()).toBeGreaterThan(2);
    expect([...reasonsOf(harness.sampled)]).toEqual([]);
  });

  it('trap 20: units 0 and 255 are asked like any other', async () => {
    for (const unit of [0, 255]) {
      const { harness, slave } = await start('tcp', SHAPES, (_, honest) => [{ afterMs: 0, bytes: honest }], {
        device: `, unitId: ${unit}`,
      });
      await harness.until((all) => goodOf(all).length > 5);
      expect(slave.seen[0]?.unit).toBe(unit);
      await harness.close();
      await slave.close();
    }
  });

  it('a stream that makes no sense is dropped and the connection opened again', async () => {
    const { harness, slave } = await start('tcp', SHAPES, ({ index }, honest) => [
      { afterMs: 0, bytes: index % 10 === 4 ? Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') : honest },
    ]);
    await harness.until((all) => goodOf(all).length > 60);
    expect(slave.connections()).toBeGreaterThan(1);
    expect(wrongValues(harness.sampled)).toEqual([]);
  });
});
