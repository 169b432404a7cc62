import type { Logger } from 'pino';
import { GOOD, QUALITIES, type QualityCode } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import type { Detector, Finding } from './domain/detector.ts';
import type { IngestPath } from './ingest.ts';
import type { PlantRegistry } from './registry.ts';
import type { Series, Store } from './store/store.ts';

/** Looked at this often. */
const LOOK_EVERY_MS = 5000;
/** Late readings have to have ended for so long: a backlog is read once, when it is whole. */
const QUIET_MS = 10_000;
/** A reading older than this is history: live ones are seconds old, loggers report within hours. */
const HISTORY_AFTER_MS = 6 * 3_600_000;
/** How far back is looked: more teaches nothing that weeks don't. */
const LOOK_BACK_MS = 400 * 86_400_000;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** The newest part is left to the live path, which closes it once its sources have told everything. */
const LEAVE_MS = 45 * 60_000;

/** A store that is busy with the backlog itself may refuse a query: asked again so often, with a pause between. */
const TRIES_MAX = 6;
const PAUSE_MS = 3000;

/** What teaching needs of its surroundings. */
export interface TeachingParts {
  /** Makes detectors as the judge has them, without any state. */
  readonly detectors: () => readonly Detector[];
  /** Whether a detector still lacks data: those that know enough are left alone. */
  readonly isLearning: () => boolean;
  readonly store: Pick<Store, 'query'>;
  readonly ingest: Pick<IngestPath, 'teach' | 'onCommitted'>;
  readonly registry: Pick<PlantRegistry, 'points'>;
  readonly now: () => Millis;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/**
 * Lets detectors that are learning read what the store holds already: at the start, and when a backlog of history has come
 * in. They read it in the order of time, beside the live path, and take over where it is; nobody waits two weeks for what
 * was measured long ago.
 */
export function startTeaching(parts: TeachingParts): { stop(): Promise<void> } {
  const { ingest, log } = parts;
  let wanted = wantedOf(parts);
  let isDue = true;
  let isLearning = true;
  let lastLateMs = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;
  let stopped = false;
  const stopListening = ingest.onCommitted(({ at, readings }) => {
    if (!isLearning || !holdsHistory(readings, wanted, at - HISTORY_AFTER_MS)) return;
    isDue = true;
    lastLateMs = performance.now();
  });
  const look = () => {
    const isQuiet = performance.now() - lastLateMs >= QUIET_MS;
    isLearning = parts.isLearning();
    if (running !== undefined || !isLearning) return;
    const known = wanted;
    wanted = wantedOf(parts);
    if (wanted.some((mark, id) => mark === 1 && known[id] !== 1)) {
      // They came up with readings that were not looked at: maybe the first of a backlog, which is to be read when it is whole.
      isDue = true;
      lastLateMs = performance.now();
      return;
    }
    if (!isDue || !isQuiet) return;
    isDue = false;
    running = teach(parts, () => stopped)
      .catch((error: unknown) => log.warn({ err: error }, 'history could not be read for learning'))
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    async stop() {
      stopped = true;
      clearInterval(timer);
      stopListening();
      await running;
    },
  };
}

/** Whether one of the marked points has a reading from before `until`. */
function holdsHistory(
  {
    point,
    tsMs,
    length,
  }: { readonly point: ArrayLike<number>; readonly tsMs: ArrayLike<number>; readonly length: number },
  wanted: Uint8Array,
  until: Millis,
): boolean {
  for (let row = 0; row < length; row++)
    if ((tsMs[row] as number) < until && wanted[point[row] as number] === 1) return true;
  return false;
}

/** Points that detectors read, marked by id. */
function wantedOf({ detectors, registry }: Pick<TeachingParts, 'detectors' | 'registry'>): Uint8Array {
  const fresh = detectors();
  const ids = [...registry.points()].filter(({ id, device, measurement }) =>
    fresh.some((detector) => detector.pointKnown(`${device}/${measurement}`, id)),
  );
  const marked = new Uint8Array(Math.max(0, ...ids.map(({ id }) => id)) + 1);
  for (const { id } of ids) marked[id] = 1;
  return marked;
}

async function teach(
  { detectors, registry, store, ingest, now, log }: TeachingParts,
  isStopped: () => boolean,
): Promise<void> {
  const began = performance.now();
  const pupils = detectors();
  const points = [...registry.points()]
    .filter(({ id, device, measurement, unit }) =>
      pupils.some((pupil) => pupil.pointKnown(`${device}/${measurement}`, id, unit)),
    )
    .map(({ id }) => id);
  if (points.length === 0) return;
  const to = now();
  const days = await patiently(isStopped, () => daysWithData(store, points, to));
  if (days.length === 0) return;
  const findings: Finding[] = [];
  for (const day of days) {
    if (isStopped()) return;
    const range = { from: day, to: Math.min(day + DAY_MS, to) };
    const series = await patiently(isStopped, () =>
      store.query({ points, ...range, stepMs: MINUTE_MS, aggregate: 'mean' }),
    );
    for (const pupil of pupils) {
      feed(pupil, series);
      findings.push(...pupil.advance(Math.min(range.to, to - LEAVE_MS)));
    }
    // Each day is some hundredths of a second; live readings come between.
    await new Promise((turn) => setImmediate(turn));
  }
  await ingest.teach({ at: to, detectors: pupils.map((pupil) => pupil.snapshot()), findings });
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  log.info(
    { points: points.length, days: days.length, seconds, findings: findings.length },
    'learned from stored history',
  );
}

/** @throws what the last try threw */
async function patiently<T>(isStopped: () => boolean, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries === TRIES_MAX || isStopped()) throw error;
      await new Promise((wake) => setTimeout(wake, PAUSE_MS));
    }
  }
}

/** Starts of the UTC days that hold readings of these points, oldest first. */
async function daysWithData(store: TeachingParts['store'], points: readonly number[], to: Millis): Promise<Millis[]> {
  const from = Math.floor((to - LOOK_BACK_MS) / DAY_MS) * DAY_MS;
  const counted = await store.query({ points, from, to, stepMs: DAY_MS, aggregate: 'count', across: 'sum' });
  return counted
    .flatMap(({ values }) => values.flatMap(({ ts, count }) => (count > 0 ? [ts] : [])))
    .sort((a, b) => a - b);
}

function feed(pupil: Detector, series: readonly Series[]): void {
  for (const { point, values } of series)
    for (const { ts, value, worstQuality } of values) pupil.reading(point as number, ts, value, codeOf(worstQuality));
}

/** A minute with one bad sample among good ones has a mean of the good ones: only a minute without any is bad. */
function codeOf(quality: (typeof QUALITIES)[number]): QualityCode {
  return Math.max(GOOD, QUALITIES.indexOf(quality)) as QualityCode;
}
