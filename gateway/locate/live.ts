import type { Logger } from 'pino';
import type { Alarm } from '../../contract/alarm.ts';
import type { Millis } from '../../contract/time.ts';
import { HISTORY_DAYS } from '../domain/leakage/locate/locate.ts';
import type { JudgeInput } from '../domain/plant.ts';
import type { Committed } from '../ingest.ts';
import type { Store } from '../store/store.ts';
import type { LeakPlaces } from './leak-places.ts';

const DAY_MS = 86_400_000;
/** Leak alarms looked at as neighbours of one. */
const OTHERS_MAX = 500;
/** What a leak shows after so long tells no more of its place; a reading that is on its way for a moment is waited for. */
const TELLING_MS = 2 * DAY_MS;
const UNDER_WAY_MS = 30 * 60_000;

export interface LiveLocatingParts {
  readonly places: Pick<LeakPlaces, 'place'>;
  readonly store: Pick<Store, 'alarms'>;
  readonly ingest: {
    onCommitted(listener: (committed: Committed) => void): () => void;
    located(found: Omit<Extract<JudgeInput, { kind: 'located' }>, 'kind'>): Promise<void>;
  };
  readonly now: () => Millis;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Leaks that wait for their turn; history may hold years of them. */
const WAITING_MAX = 500;
/** How a leak enters the journal: rung, or found in history when it was over. */
const BEGINNINGS: ReadonlySet<string> = new Set(['raise', 'raise-late']);

/**
 * Looks for the place of every leak that is raised, one after the other, and of those that were found in history when they
 * were over: where pipes burst before is where a crew looks first. The alarm has rung by then; its place comes as a later
 * commit. Where it was in doubt it is looked for again with the alarm's daily update, when more has been recorded.
 *
 * @returns ends it
 */
export async function startLocating(parts: LiveLocatingParts): Promise<() => void> {
  const { ingest, store, log } = parts;
  let isEnded = false;
  let waiting = 0;
  let last = Promise.resolve();
  /** The update of each leak that was looked at last: its place is written into the same record, and is no news of it. */
  const looked = new Map<string, unknown>();
  const run = (alarm: Alarm) => {
    looked.delete(alarm.id);
    looked.set(alarm.id, alarm.evidence.updatedAt);
    if (looked.size > OTHERS_MAX) looked.delete(looked.keys().next().value as string);
    if (waiting >= WAITING_MAX) {
      log.warn({ alarm: alarm.id }, `no place is looked for: ${WAITING_MAX} leaks wait already`);
      return;
    }
    waiting++;
    last = last
      .then(() => (isEnded ? undefined : place(parts, alarm)))
      .catch((error: unknown) => {
        if (!isEnded) log.warn({ err: error, alarm: alarm.id }, 'looking for the place of a leak failed');
      })
      .finally(() => {
        waiting--;
      });
  };
  const end = ingest.onCommitted(({ alarms, journal }) => {
    for (const { alarm: id, event } of journal) {
      if (!BEGINNINGS.has(event)) continue;
      const alarm = alarms.findLast((one) => one.id === id && one.kind === 'leak');
      if (alarm !== undefined) run(alarm);
    }
    for (const alarm of alarms) {
      if (alarm.kind !== 'leak' || looked.get(alarm.id) === alarm.evidence.updatedAt) continue;
      if (wantsAnotherLook(alarm, parts.now())) run(alarm);
    }
  });
  // What was raised just before the last end never got its place.
  const { items } = await store.alarms({ kind: 'leak', open: true, from: parts.now() - DAY_MS, limit: OTHERS_MAX });
  for (const alarm of items) if (alarm.active && alarm.evidence.located === undefined) run(alarm);
  const past = await store.alarms({ kind: 'leak', states: ['normal'], limit: OTHERS_MAX });
  for (const alarm of past.items.toReversed())
    if (alarm.raisedLate && alarm.evidence.located === undefined && parts.now() - alarm.changedAt < DAY_MS) run(alarm);
  return () => {
    isEnded = true;
    end();
  };
}

/** Its place was in doubt, since then it was brought up to date, and there is more to look at than then. */
function wantsAnotherLook(alarm: Alarm, now: Millis): boolean {
  const { active, evidence } = alarm;
  const { updatedAt, located } = evidence as {
    readonly updatedAt?: string;
    readonly located?: { readonly at?: string; readonly doubt?: string; readonly reason?: string };
  };
  if (!active || updatedAt === undefined || located?.at === undefined) return false;
  const at = Date.parse(located.at);
  const isInDoubt = (located.doubt ?? located.reason) !== undefined;
  return isInDoubt && Date.parse(updatedAt) > at && tellingUntil(alarm, now) > at;
}

/** What was recorded until then tells of its place. One that was found in history has told more than when it would have rung. */
function tellingUntil({ raisedAt, since, returnedAt = Number.POSITIVE_INFINITY }: Alarm, now: Millis): Millis {
  return Math.max(raisedAt, Math.min(now - UNDER_WAY_MS, since + TELLING_MS, returnedAt));
}

async function place({ places, store, ingest, now, log }: LiveLocatingParts, alarm: Alarm): Promise<void> {
  const from = alarm.since - HISTORY_DAYS * DAY_MS;
  const { items } = await store.alarms({ kind: 'leak', from, limit: OTHERS_MAX });
  const found = await places.place(alarm, items, tellingUntil(alarm, now()));
  if (found === undefined) return;
  await ingest.located({ alarm: alarm.id, at: now(), ...found });
  log.info({ alarm: alarm.id, location: found.location, why: found.why }, 'leak located');
}
