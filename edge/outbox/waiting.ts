import type { DeviceReadings } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import { countValues, type SealedBatch } from './record.ts';

/** Batches numbered in one go. */
const NUMBERED_MAX = 64;
/** A source that fills batches faster than the window of 16 moves gets larger ones: up to this many values (some 200 kB). */
export const FAST_BATCH_MAX = 10_000;

interface Entry {
  readonly reading: DeviceReadings;
  readonly values: number;
}

/** Where numbering goes on in a lane. */
export interface Position {
  /** Highest number given out. */
  readonly last: number;
  /** Values up to and including `last`. */
  readonly made: number;
  /** The batch after `last` that is on disk already and still grows. */
  readonly growing: { readonly count: number } | undefined;
}

/** What the readings in memory, not on disk yet, become: numbered batches, or an exact count of what found no room. */
export class Waiting {
  private readonly limits: { readonly memory: number; readonly batchReadings: number };
  private entries: Entry[] = [];
  private entryValues = 0;
  private writing: Entry[] = [];
  private writingValues = 0;
  private lost = 0;
  private readonly upTo: Record<string, Millis> = {};
  private writtenUpTo: Readonly<Record<string, Millis>> = {};

  constructor(limits: { readonly memory: number; readonly batchReadings: number }) {
    this.limits = limits;
  }

  /** Values in memory, those being written included. */
  get values(): number {
    return this.entryValues + this.writingValues;
  }

  /** Values that found no room and have no number yet. */
  get overflow(): number {
    return this.lost;
  }

  /** Nothing needs a number. */
  get isEmpty(): boolean {
    return this.entries.length === 0 && this.lost === 0;
  }

  add(readings: readonly DeviceReadings[], upTo: Readonly<Record<string, Millis>>): void {
    for (const reading of readings) {
      const values = countValues(reading);
      if (values === 0) continue;
      this.entries.push({ reading, values });
      this.entryValues += values;
    }
    Object.assign(this.upTo, upTo);
    this.bound();
  }

  /** The growing batch must be given out first: what comes next does not fit in it, or may not stand in it. */
  mustSeal(growing: { readonly count: number } | undefined): boolean {
    if (growing === undefined) return false;
    return this.lost > 0 || (this.entries[0]?.values ?? 0) > this.batchMax() - growing.count;
  }

  /**
   * Numbers what waits, at most {@link NUMBERED_MAX} batches; an empty one when nothing waits. Then either {@link written}
   * or {@link giveBack} must be called.
   */
  number(
    { last, made: madeBefore, growing }: Position,
    stamp: { readonly sealedAt: Millis; readonly freeBoot?: string },
  ): SealedBatch[] {
    const batches: SealedBatch[] = [];
    let seq = last;
    let made = madeBefore + (growing?.count ?? 0);
    const put = (readings: readonly DeviceReadings[], count: number, more: Partial<SealedBatch>) => {
      seq++;
      made += count;
      batches.push({ seq, made, count, upTo: this.writtenUpTo, readings, ...stamp, ...more });
    };
    if (this.lost > 0) put([], this.lost, { overflow: true });
    const batchMax = this.batchMax();
    let room = batchMax - (growing?.count ?? 0);
    let taken = 0;
    while (taken < this.entries.length && batches.length < NUMBERED_MAX) {
      const readings: DeviceReadings[] = [];
      let count = 0;
      while (taken < this.entries.length && (count === 0 || count < room)) {
        const { reading, values } = this.entries[taken] as Entry;
        if (count > 0 && count + values > room) break;
        readings.push(reading);
        count += values;
        taken++;
      }
      put(readings, count, {});
      this.writingValues += count;
      room = batchMax;
    }
    this.writing = this.entries.splice(0, taken);
    this.entryValues -= this.writingValues;
    if (batches.length === 0) put([], 0, {});
    // Only with the last of what waited has everything up to `upTo` been sent.
    if (this.entries.length === 0) batches.push({ ...(batches.pop() as SealedBatch), upTo: { ...this.upTo } });
    return batches;
  }

  /** @returns values that overflowed and are explained now */
  written(batches: readonly SealedBatch[]): number {
    const explained = batches.reduce((sum, { overflow, count }) => sum + (overflow === true ? count : 0), 0);
    this.lost -= explained;
    this.writtenUpTo = batches.at(-1)?.upTo ?? this.writtenUpTo;
    this.writing = [];
    this.writingValues = 0;
    return explained;
  }

  giveBack(): void {
    this.entries = this.writing.concat(this.entries);
    this.entryValues += this.writingValues;
    this.writing = [];
    this.writingValues = 0;
    this.bound();
  }

  private batchMax(): number {
    return Math.max(this.limits.batchReadings, Math.min(FAST_BATCH_MAX, Math.ceil(this.entryValues / 2)));
  }

  private bound(): void {
    let gone = 0;
    while (this.values > this.limits.memory && gone < this.entries.length) {
      const { values } = this.entries[gone] as Entry;
      this.lost += values;
      this.entryValues -= values;
      gone++;
    }
    if (gone > 0) this.entries.splice(0, gone);
  }
}
