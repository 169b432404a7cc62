import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, formatTime, parseDuration, parseTime } from '../../../contract/time.ts';
import { buildTopic, parseTopic, type Topic } from '../../../contract/topics.ts';
import { convert, parseQuantity, UNITS, type UnitSymbol } from '../../../contract/units.ts';

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['500ms', 500],
    ['1h30m', 5_400_000],
    ['2 min', 120_000],
    ['0.5h', 1_800_000],
    ['7d', 604_800_000],
  ])('%s is %d ms', (text, expectedMs) => expect(parseDuration(text)).toBe(expectedMs));

  it.each(['', '30', 's', '-5s', '5 weeks', '1e3s', 'abc'])('"%s" is none', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );

  it('come back through their text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e7 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1000))).toBe(seconds * 1000);
      }),
    );
  });
});

describe('moments', () => {
  const ms = Date.UTC(2026, 10, 23, 3, 12);
  it.each(['2026-11-23T03:12:00Z', '2026-11-23T11:12:00+08:00', '2026-11-23 03:12:00', ms, String(ms)])(
    '%s is read',
    (value) => expect(parseTime(value)).toBe(ms),
  );
  it.each([0, 1e18, Number.NaN, 'yesterday', '', null, {}, '1970-01-01T00:00:00Z', 1_763_877_600])(
    '%s is refused',
    (value) => expect(parseTime(value)).toBeUndefined(),
  );
  it.each(['2026-02-30T00:00:00Z', '2026-02-29', '2100-02-29', '2026-04-31 08:00', '2026-00-01', '2026-01-00'])(
    '%s is no day of the calendar',
    (value) => expect(parseTime(value)).toBeUndefined(),
  );
  it.each(['2024-02-29', '2026-12-31T23:59:59.999Z', '2026-01-31'])('%s is one', (value) =>
    expect(parseTime(value)).toBe(Date.parse(value)),
  );
  it('are answered as ISO 8601 UTC', () => expect(formatTime(ms)).toBe('2026-11-23T03:12:00.000Z'));
});

describe('topics', () => {
  const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
  const topic: fc.Arbitrary<Topic> = fc.oneof(
    fc.record({ kind: fc.constant('device-readings' as const), device: id }),
    fc.record({
      kind: fc.constantFrom('edge-batch' as const, 'edge-state' as const, 'edge-command' as const),
      edge: id,
    }),
    fc.record({ kind: fc.constant('edge-stored' as const), edge: id, gateway: id }),
    fc.record({ kind: fc.constant('edge-command-result' as const), edge: id, command: id }),
  );
  it('come back as they were built', () => {
    fc.assert(
      fc.property(topic, (built) => {
        expect(parseTopic(buildTopic(built))).toEqual({ ...built });
      }),
    );
  });
  it('are taken apart rightly, however many there were before', () => {
    for (let round = 0; round < 2; round++)
      for (let number = 0; number < 20_000; number++)
        expect(parseTopic(`hf/v1/edge/e${number}/batch`)).toEqual({ kind: 'edge-batch', edge: `e${number}` });
  });
  it('that are not ours are refused', () => {
    for (const text of [
      '',
      'hf/v2/edge/e/batch',
      'hf/v1/edge/e',
      'hf/v1/edge/e/batch/x/y/z',
      'hf/v1/edge//batch',
      'hf/v1/edge/a b/batch',
      '$SYS/x',
    ]) {
      expect(parseTopic(text), text).toBeUndefined();
    }
    fc.assert(fc.property(fc.string(), (text) => void parseTopic(text)));
  });
});

describe('units', () => {
  it('convert there and back', () => {
    const symbols = Object.keys(UNITS) as UnitSymbol[];
    for (const from of symbols) {
      for (const to of symbols.filter((other) => UNITS[other].dimension === UNITS[from].dimension)) {
        expect(convert(convert(12.5, from, to), to, from)).toBeCloseTo(12.5, 6);
      }
    }
  });
  it.each([
    [1, 'L/s', 'm3/h', 3.6],
    [1, 'bar', 'kPa', 100],
    [0.1, 'MPa', 'm[H2O]', 10.197],
    [20, 'Cel', 'K', 293.15],
    [212, '[degF]', 'Cel', 100],
    [5, '%[vol]', '[ppm]', 50_000],
  ] as const)('%d %s in %s is %d', (value, from, to, expected) =>
    expect(convert(value, from, to)).toBeCloseTo(expected, 2),
  );
  it('of two dimensions do not', () => expect(() => convert(1, 'm3/h', 'kPa')).toThrow(RangeError));
  it('are parsed with their number', () => {
    expect(parseQuantity('12 m3/h')).toEqual({ value: 12, unit: 'm3/h' });
    expect(parseQuantity('0.4MPa')).toEqual({ value: 0.4, unit: 'MPa' });
    expect(parseQuantity(7)).toEqual({ value: 7 });
    expect(parseQuantity('12 furlong')).toBeUndefined();
  });
});
