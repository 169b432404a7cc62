import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batch, decodeBatch, encodeBatch } from '../../../contract/batch.ts';
import { BAD, GOOD, QUALITIES, REASONS, reasonCode } from '../../../contract/reading.ts';
import { EARLIEST_TIME_MS, LATEST_TIME_MS } from '../../../contract/time.ts';
import { decodeDeviceReadings, type RejectReason, walkReadings } from '../../../contract/wire-readings.ts';

const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter((text) => text !== '__proto__');
const moment = fc.integer({ min: EARLIEST_TIME_MS, max: LATEST_TIME_MS });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value));
const wireValue = fc.oneof(
  finite,
  fc.record({ value: finite, quality: fc.constantFrom(...QUALITIES), reason: fc.constantFrom(...REASONS.slice(1)) }),
  fc.record({ quality: fc.constant('bad' as const), reason: fc.constantFrom(...REASONS.slice(1)) }),
);
const deviceReadings = fc.record({ device: id, ts: moment, values: fc.dictionary(id, wireValue, { maxKeys: 5 }) });
const batch: fc.Arbitrary<Batch> = fc.record({
  outbox: id,
  seq: fc.integer({ min: 1, max: 2 ** 40 }),
  made: fc.integer({ min: 0, max: 2 ** 50 }),
  sentAt: moment,
  clock: fc.constantFrom('synced' as const, 'free' as const),
  upTo: fc.dictionary(id, moment, { maxKeys: 3 }),
  readings: fc.array(deviceReadings, { maxLength: 8 }),
});

type Row = readonly [
  device: string,
  measurement: string,
  ts: number | undefined,
  value: number,
  quality: number,
  reason: number,
];

function rowsOf(readings: readonly unknown[]) {
  const rows: Row[] = [];
  const rejected: RejectReason[] = [];
  walkReadings(readings, {
    reading: (...row) => rows.push(row),
    rejected: (reason) => rejected.push(reason),
  });
  return { rows, rejected };
}

describe('a batch on the wire', () => {
  it('comes back as it was sent', () => {
    fc.assert(
      fc.property(batch, (sent) => {
        const decoded = decodeBatch(encodeBatch(sent));
        expect(decoded).toEqual({ ok: true, value: JSON.parse(JSON.stringify(sent)) });
      }),
    );
  });

  it('gives every value once, with its quality', () => {
    fc.assert(
      fc.property(fc.array(deviceReadings, { maxLength: 8 }), (readings) => {
        const { rows, rejected } = rowsOf(JSON.parse(JSON.stringify(readings)));
        const expected = readings.flatMap(({ device, ts, values }) =>
          Object.entries(values).map(([measurement, raw]): Row => {
            if (typeof raw === 'number') return [device, measurement, ts, raw, GOOD, 0];
            const value = 'value' in raw ? (raw.value as number) : Number.NaN;
            return [device, measurement, ts, value, QUALITIES.indexOf(raw.quality), reasonCode(raw.reason)];
          }),
        );
        expect(rejected).toEqual([]);
        expect(rows).toHaveLength(expected.length);
        expect(new Set(rows.map((row) => row.join()))).toEqual(new Set(expected.map((row) => row.join())));
      }),
    );
  });

  it('never throws on garbage bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')),
        ),
        (text) => {
          const decoded = decodeBatch(text);
          if (decoded.ok) rowsOf(decoded.value.readings);
          const device = decodeDeviceReadings(text, 'fm-1');
          if (device.ok) rowsOf(device.value);
        },
      ),
    );
  });

  it('never throws on garbage readings, and loses only the bad ones', () => {
    const good = { device: 'fm-1', ts: 1_763_877_600_000, values: { flow: 1.5 } };
    fc.assert(
      fc.property(
        fc.array(fc.anything(), { maxLength: 6 }),
        fc.array(fc.anything(), { maxLength: 6 }),
        (before, after) => {
          const { rows } = rowsOf([...before, good, ...after]);
          expect(rows).toContainEqual(['fm-1', 'flow', good.ts, 1.5, GOOD, 0]);
        },
      ),
    );
  });
});

describe('a batch', () => {
  const batch = (more: object) =>
    decodeBatch(JSON.stringify({ outbox: 'a', seq: 7, made: 9, sentAt: 1_763_877_600_000, ...more }));

  it('that counts time from the start of its machine is moved to where free times begin, whole', () => {
    const base = Date.UTC(2000, 0, 1);
    const readings = [{ device: 'fm-1', ts: 4000, values: { flow: 1 } }, { device: 'fm-1', values: {} }, 'garbage'];
    expect(batch({ clock: 'free', sentAt: 5000, upTo: { l1: 4500 }, readings })).toMatchObject({
      ok: true,
      value: {
        sentAt: base + 5000,
        upTo: { l1: base + 4500 },
        readings: [{ ts: base + 4000 }, { device: 'fm-1' }, 'garbage'],
      },
    });
    expect(batch({ sentAt: 5000 }).ok).toBe(false);
  });

  it('with a tombstone whose range is not its place stands for its own number alone', () => {
    const dropped = (from: number, to: number) => {
      const decoded = batch({ dropped: { from, to, readings: 3 } });
      return decoded.ok ? decoded.value.dropped : decoded;
    };
    expect(dropped(5, 7)).toEqual({ from: 5, to: 7, readings: 3 });
    // Times: taken for numbers they would put the mark where no batch ever comes.
    expect(dropped(1_763_877_500_000, 1_763_877_590_000)).toEqual({ from: 7, to: 7, readings: 3 });
  });
});

describe('one bad value', () => {
  const ts = 1_763_877_600_000;
  for (const [what, raw, reason] of [
    ['a text', 'high', 'not-a-number'],
    ['null', null, 'not-a-number'],
    ['an array', [1], 'not-a-number'],
    ['an unknown quality', { value: 1, quality: 'fine' }, 'wrong-shape'],
    ['a good reading without value', { quality: 'good' }, 'not-a-number'],
  ] as const) {
    it(`${what} is rejected as ${reason} and its neighbours are taken`, () => {
      const { rows, rejected } = rowsOf([{ device: 'fm-1', ts, values: { a: 1, b: raw, c: 2 } }]);
      expect(rejected).toEqual([reason]);
      expect(rows.map(([, measurement]) => measurement)).toEqual(['a', 'c']);
    });
  }

  it('a bad reading without value keeps its reason', () => {
    const { rows } = rowsOf([{ device: 'fm-1', ts, values: { flow: { quality: 'bad', reason: 'timeout' } } }]);
    expect(rows).toEqual([['fm-1', 'flow', ts, Number.NaN, BAD, reasonCode('timeout')]]);
  });

  it('an absurd time costs that device only', () => {
    const { rows, rejected } = rowsOf([
      { device: 'fm-1', ts: 12, values: { a: 1 } },
      { device: 'fm-2', ts, values: { a: 1 } },
    ]);
    expect(rejected).toEqual(['bad-time']);
    expect(rows).toHaveLength(1);
  });

  it('true and false are 1 and 0', () => {
    expect(rowsOf([{ device: 'd', ts, values: { on: true, off: false } }]).rows.map((row) => row[3])).toEqual([1, 0]);
  });
});
