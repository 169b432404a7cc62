import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { BAD, GOOD } from '../../../contract/reading.ts';
import { ReadingBuffer } from '../../../gateway/domain/readings.ts';
import { PlantRegistry } from '../../../gateway/registry.ts';

const device = (id: string) => ({ id, class: 'generic', origin: 'discovered' as const, attributes: {} });
const description = (id: string, measurement: string) => ({
  device: id,
  measurement,
  maxSilenceMs: 1000,
  reportingDelayMs: 0,
});

describe('the registry', () => {
  it('gives dense ids and finds points by device and measurement', () => {
    const registry = new PlantRegistry();
    registry.putDevice(device('a'));
    registry.putDevice(device('b'));
    expect(registry.addPoint(description('a', 'x')).id).toBe(0);
    expect(registry.addPoint(description('b', 'x')).id).toBe(1);
    expect(registry.pointId('b', 'x')).toBe(1);
    expect(registry.pointId('b', 'y')).toBeUndefined();
    expect(registry.pointId('c', 'x')).toBeUndefined();
    expect(registry.pointsOf('a').map(({ id }) => id)).toEqual([0]);
    expect(registry.pointsOf('c')).toEqual([]);
    registry.putDevice({ ...device('a'), site: 's' });
    expect(registry.device('a')?.site).toBe('s');
    expect(registry.pointId('a', 'x')).toBe(0);
  });

  it('finds a device after another, whether or not it stood there before', () => {
    const registry = new PlantRegistry();
    for (const id of ['a', 'b', 'c']) registry.putDevice(device(id));
    for (const order of ['abc', 'abc', 'cab', 'axb', 'aab', 'abc'])
      [...order].reduce<ReturnType<typeof registry.entry>>((before, id) => {
        const entry = registry.entryAfter(before, id);
        expect(entry).toBe(registry.entry(id));
        return entry;
      }, undefined);
  });

  it('has no last value before the first reading, and keeps the newest by source time', () => {
    const registry = new PlantRegistry();
    registry.putDevice(device('a'));
    for (let index = 0; index < 3000; index++) registry.addPoint(description('a', `m${index}`));
    expect(registry.last(2999)).toBeUndefined();
    expect(registry.last(5000)).toBeUndefined();
    const readings = new ReadingBuffer();
    readings.push(2999, 2000, 5, GOOD, 0);
    readings.push(2999, 1000, 4, GOOD, 0);
    readings.push(7, 1000, Number.NaN, BAD, 2);
    registry.putLast(readings, 0, 3, 2500);
    expect(registry.last(2999)).toEqual({ ts: 2000, receivedAt: 2500, value: 5, quality: 'good' });
    expect(registry.last(7)).toEqual({ ts: 1000, receivedAt: 2500, quality: 'bad', reason: 'timeout' });
  });

  it('gives its newest values to a later start', () => {
    const filled = (points: number) => {
      const registry = new PlantRegistry();
      registry.putDevice(device('a'));
      for (let index = 0; index < points; index++) registry.addPoint(description('a', `m${index}`));
      return registry;
    };
    const registry = filled(3);
    const readings = new ReadingBuffer();
    readings.push(2, 2000, 0.1 + 0.2, GOOD, 0);
    readings.push(1, 1000, Number.NaN, BAD, 2);
    readings.push(2, 3000, 7, GOOD, 0);
    registry.putLast(readings, 0, 2, 2500);
    const text = [...registry.lastAsText()].join('');

    // A point that came up after it has none.
    const next = filled(4);
    next.restoreLast(text);
    expect([0, 1, 2, 3].map((point) => next.last(point))).toEqual([
      undefined,
      { ts: 1000, receivedAt: 2500, quality: 'bad', reason: 'timeout' },
      { ts: 2000, receivedAt: 2500, value: 0.1 + 0.2, quality: 'good' },
      undefined,
    ]);
    const shorter = JSON.stringify({ ...JSON.parse(text), quality: '' });
    const cutOff = JSON.stringify({ ...JSON.parse(text), ts: 'AAAA' });
    for (const wrong of ['', '{}', shorter, cutOff]) expect(() => next.restoreLast(wrong)).toThrow();
    expect(() => filled(2).restoreLast(text)).toThrow(/same points/);
    expect(next.last(2)?.ts).toBe(2000);
  });

  it('is where it was although readings came while the text was written, once these are told again', () => {
    const POINTS = 200_000;
    const filled = () => {
      const registry = new PlantRegistry();
      registry.putDevice(device('a'));
      for (let index = 0; index < POINTS; index++) registry.addPoint(description('a', `m${index}`));
      return registry;
    };
    const round = (n: number) => {
      const readings = new ReadingBuffer();
      // Late ones among them, and bad ones.
      for (let point = 0; point < POINTS; point++)
        readings.push(
          point,
          10_000 + 500 * (n % 3) + n,
          (point * 31 + n) / 7,
          (point + n) % 5 === 0 ? BAD : GOOD,
          n % 4,
        );
      return readings;
    };
    const registry = filled();
    registry.putLast(round(0), 0, POINTS, 1);
    let text = '';
    let told = 0;
    for (const piece of registry.lastAsText()) {
      text += piece;
      if (told < 9) registry.putLast(round(++told), 0, POINTS, told);
    }
    expect(told).toBe(9);
    const next = filled();
    next.restoreLast(text);
    expect(
      Array.from({ length: POINTS }, (_, point) => point).some((p) => next.last(p)?.ts !== registry.last(p)?.ts),
    ).toBe(true);
    for (let n = 1; n <= told; n++) next.putLast(round(n), 0, POINTS, n);
    for (let point = 0; point < POINTS; point += 7) expect(next.last(point)).toEqual(registry.last(point));
  });

  it('shows what a clock that is ahead told no longer than until the next reading whose time can be', () => {
    const HOUR_MS = 3_600_000;
    const registry = new PlantRegistry();
    registry.putDevice(device('a'));
    registry.addPoint(description('a', 'x'));
    const put = (ts: number, value: number, receivedAt: number) => {
      const readings = new ReadingBuffer();
      readings.push(0, ts, value, GOOD, 0);
      registry.putLast(readings, 0, 1, receivedAt);
      return registry.last(0)?.value;
    };
    expect(put(10 * HOUR_MS, 1, 10 * HOUR_MS)).toBe(1);
    expect(put(12 * HOUR_MS, 2, 10 * HOUR_MS + 1000)).toBe(2);
    expect(put(10 * HOUR_MS + 2000, 3, 10 * HOUR_MS + 2000)).toBe(3);
    // A minute is how clocks differ: by the time of the source, as ever.
    expect(put(10 * HOUR_MS + 62_000, 4, 10 * HOUR_MS + 3000)).toBe(4);
    expect(put(10 * HOUR_MS + 4000, 5, 10 * HOUR_MS + 4000)).toBe(4);
  });

  it('refuses a gap in the ids and a point of nobody: both would be mistakes of ours', () => {
    const registry = new PlantRegistry();
    registry.putDevice(device('a'));
    expect(() => registry.putPoint({ ...description('a', 'x'), id: 5 })).toThrow(/gap/);
    expect(() => registry.addPoint(description('z', 'x'))).toThrow(/unknown device/);
  });

  it('names sources once and lists marks per edge', () => {
    const registry = new PlantRegistry();
    const source = registry.addSource({ key: 'device/a', hasUpTo: false });
    expect(registry.addSource({ key: 'device/a', hasUpTo: false })).toBe(source);
    expect(registry.sourceId('device/a')).toBe(0);
    const mark = {
      edge: 'e',
      lane: 'l',
      mark: 1,
      ahead: [],
      made: 0,
      stored: 0,
      rejected: 0,
      dropped: 0,
      duplicateBatches: 0,
      duplicateReadings: 0,
      lastAt: 0,
    };
    registry.putMark(mark);
    registry.putMark({ ...mark, mark: 2 });
    expect([...registry.marksOf('e')]).toEqual([{ ...mark, mark: 2 }]);
    expect([...registry.marksOf('x')]).toEqual([]);
  });

  it('keeps points of like descriptions in one hidden class: a look at each of thousands stays a look', () => {
    setFlagsFromString('--allow-natives-syntax');
    const areAlike = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (a: unknown, b: unknown) => boolean;
    // A function is compiled when it is called first.
    expect(areAlike({}, [])).toBe(false);
    setFlagsFromString('--no-allow-natives-syntax');
    const registry = new PlantRegistry();
    registry.putDevice(device('a'));
    // A copy that is widened is fine at first; from some dozens on each of them gets a class of its own.
    const points = Array.from({ length: 200 }, (_, index) => registry.addPoint(description('a', `m${index}`)));
    expect(points.slice(100).filter((point) => !areAlike(point, points[99]))).toEqual([]);
  });
});
