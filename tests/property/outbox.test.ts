import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBatchRecords, encodeRecord, scanRecords } from '../../edge/outbox/record.ts';
import type { Outbox } from '../../edge/outbox.ts';
import { contents, FakeClock, numbered, openOutbox, temporaryFolder } from '../support/outbox.ts';

type Step =
  | { readonly kind: 'append'; readonly values: number }
  | { readonly kind: 'flush' }
  | { readonly kind: 'mark'; readonly share: number }
  | { readonly kind: 'roll' }
  | { readonly kind: 'link'; readonly linked: boolean }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'restart'; readonly how: 'orderly' | 'killed' | 'power-cut'; readonly cutBytes: number };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('append' as const), values: fc.integer({ min: 1, max: 400 }) }),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'flush' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('mark' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'roll' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('link' as const), linked: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 12_000 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('restart' as const),
      how: fc.constantFrom('orderly' as const, 'killed' as const, 'power-cut' as const),
      cutBytes: fc.nat({ max: 300 }),
    }),
  },
);

const SETTINGS = {
  bytes: 256 * 1024,
  compress: false,
  batchReadings: 100,
  heartbeat: 10_000,
  flushEvery: 1000,
  batchEvery: 4000,
};

/** What was told to the world: a number, once seen on disk, must mean the same for ever. */
class Witness {
  private readonly seen = new Map<string, string>();

  async look(outbox: Outbox): Promise<void> {
    for (const [key, values] of await contents(outbox)) {
      const meaning = JSON.stringify(values);
      expect(this.seen.get(key) ?? meaning, `number ${key} was used twice`).toBe(meaning);
      this.seen.set(key, meaning);
    }
  }

  /** After a torn tail, numbers cut off are never used again: nothing to compare with. */
  async expectNoReuse(outbox: Outbox, lane: string, last: number): Promise<void> {
    const view = outbox.laneViews().find(({ id }) => id === lane);
    if (view === undefined) return;
    if (view.last < last) expect(view.ended, `lane ${lane} lost its tail and goes on`).toBe(true);
    if (!view.ended) return;
    // A batch that grew on disk may have lost the end of what was written down as synced: it is its own beginning then.
    const key = `${lane} ${view.last}`;
    const left = (await contents(outbox)).get(key);
    const before = JSON.parse(this.seen.get(key) ?? '[]') as number[];
    if (left === undefined || left.length >= before.length) return;
    expect(left).toEqual(before.slice(0, left.length));
    this.seen.set(key, JSON.stringify(left));
  }
}

async function expectAccounts(outbox: Outbox): Promise<void> {
  let made = 0;
  for (const { id, last, gone } of outbox.laneViews()) {
    const counted = await outbox.count(id, 1, last);
    const inLane = counted.values.reduce((sum, count) => sum + count, 0);
    expect(inLane, `values of ${id}`).toBe(counted.made);
    for (const { from, to } of gone) expect((await outbox.count(id, from, to)).values).toHaveLength(to - from + 1);
    made += inLane;
  }
  expect(outbox.status().made).toBe(made);
  expect(outbox.status().bytes).toBeLessThanOrEqual(SETTINGS.bytes);
}

function cutNewestSegment(folder: string, lane: string, cutBytes: number): void {
  const names = readdirSync(join(folder, lane)).filter((name) => name.endsWith('.seg'));
  const newest = names.sort().at(-1);
  if (newest === undefined) return;
  const path = join(folder, lane, newest);
  truncateSync(path, Math.max(0, statSync(path).size - cutBytes));
}

describe('outbox, whatever happens to it', () => {
  it('explains every number, uses none twice and counts exactly', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { minLength: 5, maxLength: 60 }), async (steps) => {
        const folder = temporaryFolder();
        const clock = new FakeClock();
        const witness = new Witness();
        let outbox = await openOutbox(folder.path, clock, { settings: SETTINGS });
        let value = 0;
        try {
          for (const step of steps) {
            switch (step.kind) {
              case 'append':
                outbox.append(
                  Array.from({ length: step.values }, () => numbered(value++)),
                  { line: clock.wallMs },
                );
                break;
              case 'flush':
                await outbox.settled();
                break;
              case 'mark': {
                const marks = Object.fromEntries(
                  outbox.laneViews().map(({ id, last }) => [id, Math.floor(last * step.share)]),
                );
                outbox.setMarks('gw', { store: 's', marks, at: 0 });
                break;
              }
              case 'roll':
                outbox.roll();
                break;
              case 'link':
                outbox.setLinked(step.linked);
                break;
              case 'wait':
                for (let waited = 0; waited < step.ms; waited += 1000) {
                  clock.advance(Math.min(1000, step.ms - waited));
                  outbox.tick();
                  await outbox.idle();
                }
                break;
              case 'restart': {
                await outbox.idle();
                const lane = outbox.liveLane;
                const last = outbox.laneViews().at(-1)?.last ?? 0;
                await witness.look(outbox);
                if (step.how === 'orderly') await outbox.close();
                else await outbox.release();
                if (step.how === 'power-cut') {
                  cutNewestSegment(folder.path, lane, step.cutBytes);
                  clock.boot = `boot after ${clock.boot}`;
                }
                outbox = await openOutbox(folder.path, clock, { settings: SETTINGS });
                await witness.expectNoReuse(outbox, lane, last);
                break;
              }
            }
          }
          await outbox.settled();
          await witness.look(outbox);
          const values = [...(await contents(outbox)).values()].flat();
          expect(new Set(values).size, 'a value lies on disk twice').toBe(values.length);
          await expectAccounts(outbox);
          await outbox.close();
        } finally {
          folder.remove();
        }
      }),
      { numRuns: 120 },
    );
  });

  it('reads back what it wrote, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.dictionary(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true })),
        fc.boolean(),
        (seq, count, values, compress) => {
          const batch = { seq, made: seq, count, sealedAt: 1, upTo: {}, readings: [{ device: 'd', ts: 1, values }] };
          const record = encodeRecord(batch, compress);
          expect(decodeBatchRecords(record)).toEqual(JSON.parse(JSON.stringify(batch)));
        },
      ),
    );
  });

  it('finds no record in garbage, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (garbage) => {
        const bytes = Buffer.from(garbage);
        expect(scanRecords(bytes)).toEqual({ records: [], end: 0 });
        expect(decodeBatchRecords(bytes)).toBeUndefined();
      }),
    );
  });

  it('takes no record in which one bit was turned', () => {
    const record = encodeRecord(
      { seq: 5, made: 9, count: 2, sealedAt: 3, upTo: {}, readings: [{ device: 'd', values: { x: 1, y: 2 } }] },
      false,
    );
    for (let bit = 0; bit < record.length * 8; bit++) {
      const damaged = Buffer.from(record);
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(scanRecords(damaged).records).toEqual([]);
    }
  });
});
