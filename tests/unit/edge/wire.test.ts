import { describe, expect, it } from 'vitest';
import { FREE_BASE_MS } from '../../../edge/clock.ts';
import type { SealedBatch } from '../../../edge/outbox/record.ts';
import { wireBatch, wireTombstone } from '../../../edge/wire.ts';
import { FakeClock } from '../../support/outbox.ts';

const sealed: SealedBatch = {
  seq: 7,
  made: 70,
  count: 1,
  sealedAt: 1,
  upTo: { line: 5 },
  readings: [{ device: 'd', ts: 5, values: { x: 1 } }],
};
const nothing = { values: 0 };

describe('a batch on the wire', () => {
  it('carries lane, the moment of sending, and what the outbox still holds', () => {
    const clock = new FakeClock();
    expect(wireBatch(sealed, { lane: 'l', clock, unstored: { values: 12, oldestAt: 3 } })).toEqual({
      outbox: 'l',
      seq: 7,
      made: 70,
      sentAt: clock.wallMs,
      clock: 'synced',
      upTo: { line: 5 },
      unsent: { readings: 12, oldestAt: 3 },
      readings: sealed.readings,
    });
  });

  const freeTs = FREE_BASE_MS + 9000;
  const free: SealedBatch = {
    ...sealed,
    freeBoot: 'boot-1',
    sealedAt: freeTs,
    upTo: { line: freeTs },
    readings: [{ device: 'd', ts: freeTs, values: { x: 1 } }],
  };

  it('recorded before the clock was set gets its real times once they are known', () => {
    const clock = new FakeClock();
    clock.offsetMs = clock.wallMs - FREE_BASE_MS - 10_000;
    const batch = wireBatch(free, { lane: 'l', clock, unstored: nothing });
    expect(batch).toMatchObject({ clock: 'synced', sentAt: clock.wallMs, upTo: { line: clock.wallMs - 1000 } });
    expect(batch.readings[0]?.ts).toBe(clock.wallMs - 1000);
  });

  it('goes out as free, dated by the same clock, while the time is not known', () => {
    const clock = new FakeClock();
    clock.isFree = true;
    clock.offsetMs = undefined;
    clock.wallMs = FREE_BASE_MS + 10_000;
    const batch = wireBatch(free, { lane: 'l', clock, unstored: nothing });
    expect(batch).toMatchObject({ clock: 'free', sentAt: FREE_BASE_MS + 10_000 });
    expect(batch.readings[0]?.ts).toBe(freeTs);
  });

  it('of an earlier start of the machine is dated as sealed just now: nobody knows better', () => {
    const clock = new FakeClock();
    const batch = wireBatch({ ...free, freeBoot: 'boot-0' }, { lane: 'l', clock, unstored: nothing });
    expect(batch).toMatchObject({ clock: 'free', sentAt: freeTs });
  });

  it('of readings that overflowed memory explains its own number', () => {
    const clock = new FakeClock();
    const overflow: SealedBatch = { ...sealed, readings: [], count: 9, overflow: true };
    expect(wireBatch(overflow, { lane: 'l', clock, unstored: nothing })).toMatchObject({
      seq: 7,
      dropped: { from: 7, to: 7, readings: 9, counts: [9] },
      readings: [],
    });
  });
});

it('a tombstone stands for its range under the last number and counts each', () => {
  const clock = new FakeClock();
  const range = { from: 3, to: 5, counts: [1, 2, 3], made: 20 };
  expect(wireTombstone(range, { lane: 'l', clock, unstored: nothing })).toMatchObject({
    seq: 5,
    made: 20,
    dropped: { from: 3, to: 5, readings: 6, counts: [1, 2, 3] },
    readings: [],
  });
});
