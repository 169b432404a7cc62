import { QUALITIES } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import { type RejectReason, walkReadings } from '../contract/wire-readings.ts';
import type { Admission, Admitted, DoubtfulReading, SourceRange } from './admission.ts';
import type { Burial } from './burial.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { IdempotencyKey, Store, StoredReading } from './store/store.ts';

/** A way in without lanes. */
export type Door = 'mqtt' | 'http' | 'line-protocol';

/** What became of a message at a door other than the batch door; sent once it is on disk. */
export interface DoorReceipt {
  readonly stored: number;
  /** Same point, time, value and quality as before: nothing to do. */
  readonly duplicate: number;
  /** Same point and time, another value or quality: the last one wins. */
  readonly corrected: number;
  readonly rejected: readonly { readonly reason: RejectReason; readonly detail: string }[];
}

/** A key stands for one request: another body under it is a mistake of the sender, and its readings would be lost silently. */
export class KeyReusedError extends Error {
  readonly code = 'idempotency-key-reused';
  constructor() {
    super('This Idempotency-Key was used for other readings within the last day; nothing of this request was taken.');
  }
}

/** Look-ups repeated because a commit went between; after these the reading is stored as it is, and the last committed wins. */
const LOOKUPS_MAX = 5;

export interface DoorParts {
  readonly store: Pick<Store, 'existing' | 'idempotencyFingerprint'>;
  readonly queue: CommitQueue;
  readonly admission: Admission;
  readonly judgeRanges: (ranges: readonly SourceRange[], receivedAt: Millis) => void;
  readonly burial: Pick<Burial, 'buryParts'>;
  readonly count: (receipt: DoorReceipt) => void;
}

/** Readings from doors without lanes, where identity is (point, ts): stored exactly once when they carry a time. */
export class DoorReadings {
  private readonly parts: DoorParts;
  private readonly keysUnderWay = new Map<
    string,
    { readonly fingerprint: string; readonly receipt: Promise<DoorReceipt> }
  >();

  constructor(parts: DoorParts) {
    this.parts = parts;
  }

  /** @throws KeyReusedError */
  readings(door: Door, entries: readonly unknown[], receivedAt: Millis, once?: IdempotencyKey): Promise<DoorReceipt> {
    if (once === undefined) return this.takeReadings(door, entries, receivedAt);
    const underWay = this.keysUnderWay.get(once.key);
    if (underWay !== undefined)
      return underWay.fingerprint === once.fingerprint ? underWay.receipt : Promise.reject(new KeyReusedError());
    const receipt = this.takeKeyed(door, entries, receivedAt, once).finally(() => this.keysUnderWay.delete(once.key));
    this.keysUnderWay.set(once.key, { fingerprint: once.fingerprint, receipt });
    return receipt;
  }

  private async takeKeyed(
    door: Door,
    entries: readonly unknown[],
    receivedAt: Millis,
    once: IdempotencyKey,
  ): Promise<DoorReceipt> {
    const used = await this.parts.store.idempotencyFingerprint(once.key);
    if (used === undefined) return this.takeReadings(door, entries, receivedAt, once);
    if (used !== '' && used !== once.fingerprint) throw new KeyReusedError();
    return this.repeat(door, entries, receivedAt);
  }

  /**
   * The same request again. Readings with a time are known by it, as ever; those that were stamped on receipt are here.
   * What could not be taken is refused again, or taken once its cause is gone.
   */
  private async repeat(door: Door, entries: readonly unknown[], receivedAt: Millis): Promise<DoorReceipt> {
    const { duplicate, rejected } = stampedBefore(
      entries.filter((entry) => !hasTime(entry)),
      (device, measurement) => this.parts.admission.knows(device, measurement),
    );
    const timed = entries.filter(hasTime);
    const receipt = timed.length === 0 ? NOTHING : await this.takeReadings(door, timed, receivedAt);
    this.parts.count({ ...NOTHING, duplicate });
    return { ...receipt, duplicate: receipt.duplicate + duplicate, rejected: [...receipt.rejected, ...rejected] };
  }

  /** Newer than anything of its point is new without a look-up; the rest is looked up in what is stored and under way. */
  private takeReadings(
    door: Door,
    entries: readonly unknown[],
    receivedAt: Millis,
    once?: IdempotencyKey,
  ): Promise<DoorReceipt> {
    const doubtful: DoubtfulReading[] = [];
    const finish = (
      counts: { duplicate: number; corrected: number; late: number },
      admitted: Admitted,
    ): DoorReceipt => {
      const stored = admitted.stored + counts.late;
      // A key that took nothing stands for nothing: the same may be taken once its cause is gone.
      if (once !== undefined && stored + counts.duplicate + counts.corrected > 0)
        this.parts.queue.filling.idempotencyKeys.push(once);
      const receipt: DoorReceipt = {
        stored,
        duplicate: counts.duplicate,
        corrected: counts.corrected,
        rejected: admitted.rejections.map(({ reason, detail }) => ({ reason, detail })),
      };
      this.parts.count(receipt);
      return receipt;
    };
    let admitted: Admitted | undefined;
    const source = sourceName(entries);
    const first = this.parts.queue.enqueue(() => {
      const taken = this.parts.admission.admit(entries, {
        receivedAt,
        into: this.parts.queue.filling.readings,
        doubtful,
      });
      admitted = taken;
      this.parts.judgeRanges(taken.ranges, receivedAt);
      this.parts.burial.buryParts(taken.rejections, taken.rejected, { door, source, at: receivedAt });
      return doubtful.length === 0 ? finish({ duplicate: 0, corrected: 0, late: 0 }, taken) : undefined;
    }, `device/${source}`);
    const settle = () => this.settle(doubtful, receivedAt, (counts) => finish(counts, admitted as Admitted));
    if (admitted === undefined) return first.then((receipt) => receipt ?? settle());
    // The usual case: nothing of the message is kept while its commit is under way.
    if (doubtful.length === 0) return first as Promise<DoorReceipt>;
    // What is settled comes into the same commit or a later one: waiting for the first would be waiting twice.
    first.catch(() => {});
    return settle();
  }

  private async settle(
    doubtful: readonly DoubtfulReading[],
    receivedAt: Millis,
    finish: (counts: { duplicate: number; corrected: number; late: number }) => DoorReceipt,
  ): Promise<DoorReceipt> {
    for (let attempt = 1; ; attempt++) {
      const asOf = this.parts.queue.commits;
      const stored = await this.parts.store.existing(doubtful);
      let stale = false;
      const receipt = await this.parts.queue.enqueue(() => {
        // A commit went between: what it held is neither in the answer nor under way any more.
        stale = asOf !== this.parts.queue.commits && attempt < LOOKUPS_MAX;
        return stale ? undefined : finish(this.putDoubtful(doubtful, stored, receivedAt));
      });
      if (!stale && receipt !== undefined) return receipt;
    }
  }

  private putDoubtful(
    doubtful: readonly DoubtfulReading[],
    stored: readonly (StoredReading | undefined)[],
    receivedAt: Millis,
  ): { duplicate: number; corrected: number; late: number } {
    const counts = { duplicate: 0, corrected: 0, late: 0 };
    const underWay = this.underWay(doubtful);
    const { readings } = this.parts.queue.filling;
    const ranges: SourceRange[] = [];
    doubtful.forEach(({ source, point, ts, value, quality, reason }, index) => {
      const key = `${point}@${ts}`;
      const before = stored[index];
      const known =
        underWay.get(key) ??
        (before && { value: before.value ?? Number.NaN, quality: QUALITIES.indexOf(before.quality) });
      if (known !== undefined && Object.is(known.value, value) && known.quality === quality) {
        counts.duplicate++;
        return;
      }
      if (known === undefined) counts.late++;
      else counts.corrected++;
      underWay.set(key, { value, quality });
      const from = readings.length;
      readings.push(point, ts, value, quality, reason);
      const last = ranges.at(-1);
      if (last?.source === source) ranges[ranges.length - 1] = { ...last, to: from + 1 };
      else ranges.push({ source, from, to: from + 1 });
    });
    this.parts.judgeRanges(ranges, receivedAt);
    return counts;
  }

  /** What these moments have in the commits under way; the later row wins. */
  private underWay(wanted: readonly DoubtfulReading[]): Map<string, { value: number; quality: number }> {
    const found = new Map<string, { value: number; quality: number }>();
    const points = new Set(wanted.map(({ point }) => point));
    const keys = new Set(wanted.map(({ point, ts }) => `${point}@${ts}`));
    for (const bundle of [this.parts.queue.storing, this.parts.queue.filling]) {
      if (bundle === undefined) continue;
      const { point, tsMs, value, quality, length } = bundle.readings;
      for (let row = 0; row < length; row++) {
        if (!points.has(point[row] as number)) continue;
        const key = `${point[row]}@${tsMs[row]}`;
        if (keys.has(key)) found.set(key, { value: value[row] as number, quality: quality[row] as number });
      }
    }
    return found;
  }
}

const NOTHING: DoorReceipt = { stored: 0, duplicate: 0, corrected: 0, rejected: [] };

const hasTime = (entry: unknown) => ((entry as { ts?: unknown } | null | undefined)?.ts ?? undefined) !== undefined;

/** Readings without a time of a request that came before: those that can be taken were. */
function stampedBefore(entries: readonly unknown[], knows: (device: string, measurement: string) => boolean) {
  let duplicate = 0;
  const rejected: DoorReceipt['rejected'][number][] = [];
  walkReadings(entries, {
    reading(device, measurement) {
      if (knows(device, measurement)) duplicate++;
      else rejected.push({ reason: 'unknown-point', detail: `${device}/${measurement} is not declared` });
    },
    rejected: (reason, detail) => void rejected.push({ reason, detail }),
  });
  return { duplicate, rejected };
}

/** The device a door's message is about, for its dead letters. */
function sourceName(entries: readonly unknown[]): string {
  const device = (entries[0] as { device?: unknown } | null | undefined)?.device;
  return typeof device === 'string' ? device.slice(0, 64) : '';
}
