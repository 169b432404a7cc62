import { z } from 'zod';
import type { Alarm, JournalEntry } from '../../contract/alarm.ts';
import { formatTime } from '../../contract/time.ts';
import { performance } from '../domain/alarm/performance.ts';
import type { Range, Store } from '../store/store.ts';
import { isoSchema, rangeFields, rangeOf } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

const PAGE = 10_000;
/** Journal lines judged at once: a month of ten times the rate people can work with. */
const LINES_MAX = 200_000;
/** Alarms raised before the range that are looked up one by one. */
const EARLIER_MAX = 2000;
const WEEK_MS = 7 * 86_400_000;

const spreadView = z.object({
  count: z.number(),
  medianMs: z.number().optional(),
  p90Ms: z.number().optional(),
  maxMs: z.number().optional(),
});
const ruleFields = { asset: z.string(), point: z.string().optional(), kind: z.string(), count: z.number() };
const shareView = z.object({ count: z.number(), share: z.number() });

const performanceView = z.object({
  from: isoSchema,
  to: isoSchema,
  raised: z.number(),
  slots: z.array(z.number()).meta({ description: 'alarms per 10 minutes, from `from` on' }),
  rate: z.object({ perTenMinutes: z.number(), perHour: z.number(), perDay: z.number() }),
  upset: z.number().meta({ description: 'busiest 10 minutes of each day, averaged over the days' }),
  peakTenMinutes: z.number(),
  shareOfSlotsAboveTen: z.number(),
  floods: z.array(z.object({ from: isoSchema, to: isoSchema, alarms: z.number(), peak: z.number() })),
  shareOfTimeInFlood: z.number(),
  topTen: z.array(z.object({ ...ruleFields, share: z.number() })),
  chattering: z.array(z.object({ ...ruleFields, worstPerMinute: z.number(), advice: z.string() })),
  fleeting: z.array(z.object({ ...ruleFields, advice: z.string() })),
  stale: z.array(z.object({ alarm: z.string(), asset: z.string(), kind: z.string(), since: isoSchema })),
  staleCount: z.number(),
  priorities: z.object({ 1: shareView, 2: shareView, 3: shareView, 4: shareView }),
  timeToAcknowledge: spreadView,
  timeToNormal: spreadView,
  operators: z.array(
    z.object({ who: z.string(), actions: z.number(), acknowledged: z.number(), timeToAcknowledge: spreadView }),
  ),
  targets: z.array(
    z.object({ name: z.string(), value: z.number(), target: z.string(), met: z.boolean(), source: z.string() }),
  ),
});

export function performanceRoutes({ store, now }: Door): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/alarms/performance',
      access: 'viewer',
      tag: 'alarms',
      summary: 'How well the alarms can be worked with, against ISA-18.2 and EEMUA 191; without `from`: a week',
      query: z.strictObject(rangeFields),
      answer: performanceView,
      async handle({ query }) {
        const { from, to } = rangeOf({ ...query, from: query.from ?? (query.to ?? now()) - WEEK_MS }, now());
        const journal = await journalOf(store, { from, to });
        const open = await openAlarms(store);
        const alarms = await alarmsOf(store, journal, open, { from, to });
        const { floods, stale, ...figures } = performance(journal, alarms, open, { from, to });
        return {
          from: formatTime(from),
          to: formatTime(to),
          ...figures,
          floods: floods.map((flood) => ({ ...flood, from: formatTime(flood.from), to: formatTime(flood.to) })),
          stale: stale.map((alarm) => ({ ...alarm, since: formatTime(alarm.since) })),
        };
      },
    }),
  ];
}

/** Every line of the range, oldest first. @throws Problem query-too-large */
async function journalOf(store: Store, range: Range): Promise<readonly JournalEntry[]> {
  const lines: JournalEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.journal({ ...range, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    lines.push(...page.items);
    if (lines.length > LINES_MAX)
      throw new Problem('query-too-large', `More than ${LINES_MAX} transitions: take a shorter range.`);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return lines.reverse();
}

async function openAlarms(store: Store): Promise<readonly Alarm[]> {
  const alarms: Alarm[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.alarms({ open: true, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    alarms.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined && alarms.length < LINES_MAX);
  return alarms;
}

/** The records behind the lines: those raised in the range page by page, what is older and closed by now one by one. */
async function alarmsOf(
  store: Store,
  journal: readonly JournalEntry[],
  open: readonly Alarm[],
  range: Range,
): Promise<ReadonlyMap<string, Alarm>> {
  const alarms = new Map(open.map((alarm) => [alarm.id, alarm]));
  let cursor: string | undefined;
  do {
    const page = await store.alarms({ ...range, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    for (const alarm of page.items) alarms.set(alarm.id, alarm);
    cursor = page.cursor;
  } while (cursor !== undefined && alarms.size < LINES_MAX);
  const earlier = [...new Set(journal.map(({ alarm }) => alarm))].filter((id) => !alarms.has(id));
  for (const id of earlier.slice(0, EARLIER_MAX)) {
    const alarm = await store.alarm(id);
    if (alarm !== undefined) alarms.set(id, alarm);
  }
  return alarms;
}
