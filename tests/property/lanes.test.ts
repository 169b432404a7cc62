import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AHEAD_MAX, countReadings, missingReadings, newLane, placeBatch } from '../../gateway/lanes.ts';
import type { LaneMark } from '../../gateway/store/store.ts';

/** A lane of numbered batches, some of them dropped by the edge as ranges. */
const laneOf = fc.array(fc.record({ readings: fc.nat(20), dropped: fc.boolean() }), { minLength: 1, maxLength: 60 });

interface Sent {
  readonly seq: number;
  readonly made: number;
  readonly readings: number;
  readonly dropped?: {
    readonly from: number;
    readonly to: number;
    readonly readings: number;
    readonly counts: number[];
  };
}

function messages(batches: readonly { readonly readings: number; readonly dropped: boolean }[]): Sent[] {
  const sent: Sent[] = [];
  let made = 0;
  for (let index = 0; index < batches.length; index++) {
    const seq = index + 1;
    made += batches[index]!.readings;
    if (!batches[index]!.dropped) {
      sent.push({ seq, made, readings: batches[index]!.readings });
      continue;
    }
    const from = seq;
    const counts = [batches[index]!.readings];
    while (batches[index + 1]?.dropped === true) {
      index++;
      made += batches[index]!.readings;
      counts.push(batches[index]!.readings);
    }
    const readings = counts.reduce((sum, count) => sum + count, 0);
    sent.push({ seq: index + 1, made, readings: 0, dropped: { from, to: index + 1, readings, counts } });
  }
  return sent;
}

function receive(lane: LaneMark, message: Sent, stored: Map<number, number>): LaneMark {
  const place = placeBatch(lane, { ...message, at: 0 });
  if (place.kind !== 'new') return place.lane;
  stored.set(message.seq, (stored.get(message.seq) ?? 0) + 1);
  return countReadings(place.lane, { stored: message.readings, rejected: 0 });
}

describe('lanes', () => {
  it('store each batch once in any order, with losses and repetitions, and end with nothing missing', () => {
    fc.assert(
      fc.property(laneOf, fc.array(fc.nat(), { maxLength: 200 }), (batches, picks) => {
        const sent = messages(batches);
        const stored = new Map<number, number>();
        let lane = newLane('e', 'l');
        for (const pick of picks) lane = receive(lane, sent[pick % sent.length]!, stored);
        expect(lane.mark).toBeLessThanOrEqual(batches.length);
        // The edge sends again from the mark until nothing is left.
        for (const message of sent.filter(({ seq }) => seq > lane.mark)) lane = receive(lane, message, stored);
        expect(lane).toMatchObject({ mark: batches.length, ahead: [] });
        expect([...stored.values()].every((times) => times === 1)).toBe(true);
        expect(stored.size).toBe(sent.length);
        expect(lane.made).toBe(lane.stored + lane.dropped);
        expect(missingReadings(lane)).toBe(0);
      }),
    );
  });

  it('never count a reading as dropped that was stored before its tombstone came', () => {
    fc.assert(
      fc.property(laneOf, fc.nat(), fc.array(fc.nat(), { maxLength: 100 }), (batches, cut, picks) => {
        const whole = messages(batches.map(({ readings }) => ({ readings, dropped: false })));
        const stored = new Map<number, number>();
        let lane = newLane('e', 'l');
        for (const pick of picks) lane = receive(lane, whole[pick % whole.length]!, stored);
        // The edge, short of space, drops everything from some number on, stored or not.
        const from = (cut % batches.length) + 1;
        const counts = batches.slice(from - 1).map(({ readings }) => readings);
        const readings = counts.reduce((sum, count) => sum + count, 0);
        const made = batches.reduce((sum, batch) => sum + batch.readings, 0);
        const tombstone = {
          seq: batches.length,
          made,
          readings: 0,
          dropped: { from, to: batches.length, readings, counts },
        };
        for (const message of [...whole.slice(0, from - 1), tombstone]) lane = receive(lane, message, stored);
        expect(lane.mark).toBe(batches.length);
        expect(lane.stored + lane.dropped).toBe(made);
      }),
    );
  });

  it('take a tombstone under its first number too', () => {
    const place = placeBatch(newLane('e', 'l'), { seq: 1, made: 5, dropped: { from: 1, to: 4, readings: 5 }, at: 0 });
    expect(place).toMatchObject({ kind: 'new', lane: { mark: 4, dropped: 5 } });
  });

  it('do not take numbers too far ahead', () => {
    let lane = newLane('e', 'l');
    for (let seq = 2; seq < AHEAD_MAX + 2; seq++) {
      const place = placeBatch(lane, { seq, made: 0, at: 0 });
      expect(place.kind).toBe('new');
      lane = place.lane;
    }
    expect(placeBatch(lane, { seq: AHEAD_MAX + 2, made: 0, at: 0 })).toEqual({ kind: 'too-far', lane });
    expect(placeBatch(lane, { seq: 2, made: 0, at: 0 }).kind).toBe('duplicate');
    expect(placeBatch(lane, { seq: 1, made: 0, at: 0 }).lane).toMatchObject({ mark: AHEAD_MAX + 1, ahead: [] });
  });
});
