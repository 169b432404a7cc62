import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBatch } from '../../../contract/batch.ts';
import { QUALITIES, REASONS } from '../../../contract/reading.ts';
import { EARLIEST_TIME_MS, LATEST_TIME_MS } from '../../../contract/time.ts';
import {
  type ReadingColumns,
  type RejectReason,
  type WireReadings,
  walkReadings,
} from '../../../contract/wire-readings.ts';
import { BatchDecoder } from '../../../gateway/batch-decoder.ts';

const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter((text) => text !== '__proto__');
const name = fc.oneof({ weight: 40, arbitrary: id }, fc.string());
const moment = fc.integer({ min: EARLIEST_TIME_MS, max: LATEST_TIME_MS });
const value = fc.oneof(
  { weight: 4, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 4, arbitrary: fc.integer({ min: -1_000_000, max: 1_000_000 }).map((cents) => cents / 100) },
  fc.record({ value: fc.double(), quality: fc.constantFrom(...QUALITIES), reason: fc.constantFrom(...REASONS) }),
  fc.record({ quality: fc.constantFrom(...QUALITIES) }),
  fc.boolean(),
  fc.jsonValue({ maxDepth: 2 }),
);
const time = fc.oneof(
  { weight: 20, arbitrary: moment },
  moment.map((at) => new Date(at).toISOString()),
  fc.jsonValue({ maxDepth: 1 }),
);
const fields = { device: name, ts: time, values: fc.dictionary(name, value, { maxKeys: 6 }) };
const entry = fc.oneof(
  { weight: 20, arbitrary: fc.record(fields, { requiredKeys: ['device', 'values'] }) },
  fc.record({ ...fields, more: fc.jsonValue({ maxDepth: 1 }) }, { requiredKeys: [] }),
);
const batch = fc.record(
  {
    outbox: id,
    seq: fc.integer({ min: 1, max: 2 ** 40 }),
    made: fc.integer({ min: 0, max: 2 ** 50 }),
    sentAt: fc.oneof({ weight: 4, arbitrary: moment }, fc.integer({ min: 0, max: 1e6 })),
    clock: fc.constantFrom('synced', 'free'),
    upTo: fc.dictionary(id, moment, { maxKeys: 3 }),
    readings: fc.array(entry, { maxLength: 6 }),
    unsent: fc.record({ readings: fc.nat(), oldestAt: moment }),
  },
  { requiredKeys: ['outbox', 'seq', 'made', 'sentAt', 'readings'] },
);

function rowsOf(readings: WireReadings) {
  const rows: unknown[][] = [];
  const rejected: [RejectReason, string][] = [];
  walkReadings(readings, {
    reading: (...row) => rows.push(row),
    rejected: (reason, detail) => rejected.push([reason, detail]),
  });
  return { rows, rejected };
}

/** What both make of a text; `false` when it was left to the general one. */
function agree(decoder: BatchDecoder, text: string | Buffer): boolean {
  const bytes = Buffer.from(text);
  const quick = decoder.decode(bytes);
  if (quick === undefined) return false;
  const general = decodeBatch(bytes.toString('utf8'));
  if (!general.ok) throw new Error(`taken, though ${general.detail}`);
  const { readings, ...envelope } = general.value;
  const { readings: columns, ...quickEnvelope } = quick;
  expect(quickEnvelope).toEqual(envelope);
  const [a, b] = [rowsOf(columns), rowsOf(readings)];
  expect(a.rejected).toEqual(b.rejected);
  // A number as a name comes first in an object, whatever the order on the wire.
  expect(a.rows.map((row) => row.map(exact).join()).sort()).toEqual(b.rows.map((row) => row.map(exact).join()).sort());
  return true;
}

const exact = (cell: unknown) => (Object.is(cell, -0) ? '-0' : String(cell));

describe('a batch read from its bytes', () => {
  it('is what the general parser makes of it, or left to that one', () => {
    const decoder = new BatchDecoder();
    let taken = 0;
    fc.assert(
      fc.property(batch, fc.constantFrom(0, 1, 2), (sent, spaces) => {
        if (agree(decoder, JSON.stringify(sent, undefined, spaces))) taken++;
      }),
      { numRuns: 1500 },
    );
    expect(taken).toBeGreaterThan(20);
  });

  it('is never taken when a byte of it is wrong', () => {
    const decoder = new BatchDecoder();
    const text = JSON.stringify({
      outbox: 'live',
      seq: 4711,
      made: 4711,
      sentAt: 1_763_877_600_000,
      clock: 'synced',
      upTo: { l1: 1_763_877_600_000 },
      readings: [
        { device: 'fm-1', ts: 1_763_877_600_000, values: { flow: -12.5, total: 7, open: true } },
        { device: 'fm-2', values: { flow: { quality: 'bad', reason: 'timeout' }, level: 0.25 } },
      ],
    });
    expect(agree(decoder, text)).toBe(true);
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.oneof(fc.constantFrom(...'{}[]",:.-+0e \\\n'), fc.string({ maxLength: 2, unit: 'binary' })),
        fc.nat(2),
        (at, letter, gone) => {
          agree(decoder, text.slice(0, at) + letter + text.slice(at + gone));
        },
      ),
      { numRuns: 1500 },
    );
    for (let at = 0; at < text.length; at++) agree(decoder, text.slice(0, at));
  });

  it('has the names it says, whichever names stood there in messages before', () => {
    // Names that begin alike, and come in the same order now and then.
    const few = fc.constantFrom('a', 'ab', 'abc', 'b', 'a.b', 'toString');
    const reading = fc.record({ device: few, values: fc.dictionary(few, fc.nat(9), { maxKeys: 4 }) });
    fc.assert(
      fc.property(fc.array(fc.array(reading, { maxLength: 5 }), { maxLength: 8 }), (messages) => {
        const decoder = new BatchDecoder();
        for (const readings of [...messages, ...messages]) {
          const sent = { outbox: 'a', seq: 1, made: 1, sentAt: EARLIEST_TIME_MS, readings };
          expect(agree(decoder, JSON.stringify(sent))).toBe(true);
        }
      }),
    );
  });

  it('is left to the general parser when a measurement comes twice in one reading', () => {
    const text = (values: string) =>
      `{"outbox":"a","seq":1,"made":2,"sentAt":1763877600000,"readings":[{"device":"fm-1","values":${values}}]}`;
    const decoder = new BatchDecoder();
    expect(agree(decoder, text('{"flow":1,"flow":2}'))).toBe(false);
    expect(agree(decoder, text('{"flow":1,"level":2}'))).toBe(true);
  });

  it('knows more names than fit at once', () => {
    const decoder = new BatchDecoder();
    for (let round = 0; round < 28; round++) {
      const readings = Array.from({ length: 10_000 }, (_, n) => ({ device: `d-${round}-${n}`, values: { flow: n } }));
      const text = JSON.stringify({ outbox: 'a', seq: 1, made: 1, sentAt: 1_763_877_600_000, readings });
      const columns = decoder.decode(Buffer.from(text))?.readings as ReadingColumns | undefined;
      expect([columns?.devices[0], columns?.devices[9999]]).toEqual([`d-${round}-0`, `d-${round}-9999`]);
    }
  });
});
