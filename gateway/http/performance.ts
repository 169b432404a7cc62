import { z } from 'zod';
import { ALARM_NEWS } from '../../contract/alarm.ts';
import { formatTime, type Millis } from '../../contract/time.ts';
import { unitLabel } from '../../contract/units.ts';
import { ruleFinder } from '../desk.ts';
import {
  type Advised,
  type Performance,
  PerformanceMeter,
  type RuleName,
  type Standing,
} from '../domain/alarm/performance.ts';
import { deadbandTrial, remedyWords } from '../domain/alarm/remedy.ts';
import type { Range } from '../store/store.ts';
import { isoSchema, rangeFields, rangeOf } from './inputs.ts';
import type { Door } from './ports.ts';
import { type Route, route } from './route.ts';

const WEEK_MS = 7 * 86_400_000;
/** Longest range of one question: a leap year. */
const RANGE_MAX_MS = 366 * 86_400_000;
/** Readings before the last time a rule rang, on which deadbands are tried. */
const TRIED_BEFORE_MS = 3_600_000;
const TRIED_READINGS_MAX = 10_000;

const spreadView = z.object({
  count: z.number(),
  medianMs: z.number().optional(),
  p90Ms: z.number().optional(),
  maxMs: z.number().optional(),
});
const ruleFields = {
  rule: z.string().meta({ description: 'key of `GET /api/v1/rules`' }),
  asset: z.string(),
  point: z.string().optional(),
  kind: z.string(),
  count: z.number(),
};
const trialView = z.object({ value: z.number(), alarms: z.number(), of: z.number() });
const adviceFields = {
  advice: z.string(),
  remedies: z
    .object({ deadband: trialView.optional(), onDelay: trialView.optional(), offDelay: trialView.optional() })
    .meta({
      description:
        'tried on what was seen, never applied: deadband in the unit of the point, delays in ms on top of what is there',
    }),
  lastAt: isoSchema,
};
const shareView = z.object({ count: z.number(), share: z.number() });
const prioritiesView = z.object({ 1: shareView, 2: shareView, 3: shareView, 4: shareView });
const rateView = z.object({ perTenMinutes: z.number(), perHour: z.number(), perDay: z.number() });
const targetsView = z.array(
  z.object({ name: z.string(), value: z.number(), target: z.string(), met: z.boolean(), source: z.string() }),
);

const performanceView = z.object({
  from: isoSchema,
  to: isoSchema,
  raised: z.number(),
  slots: z.array(z.number()).meta({ description: 'alarms per 10 minutes, from `from` on' }),
  rate: rateView,
  upset: z.number().meta({ description: 'busiest 10 minutes of each day, averaged over the days' }),
  peakTenMinutes: z.number(),
  shareOfSlotsAboveTen: z.number(),
  floods: z
    .array(z.object({ from: isoSchema, to: isoSchema, alarms: z.number(), peak: z.number() }))
    .meta({ description: 'the last 100' }),
  floodCount: z.number(),
  shareOfTimeInFlood: z.number(),
  topTen: z.array(z.object({ ...ruleFields, share: z.number() })),
  chattering: z.array(z.object({ ...ruleFields, worstPerMinute: z.number(), ...adviceFields })),
  chatteringCount: z.number(),
  fleeting: z.array(z.object({ ...ruleFields, ...adviceFields })),
  fleetingCount: z.number(),
  stale: z.array(
    z.object({ alarm: z.string(), asset: z.string(), kind: z.string(), since: isoSchema, advice: z.string() }),
  ),
  staleCount: z.number(),
  priorities: prioritiesView,
  timeToAcknowledge: spreadView,
  timeToNormal: spreadView,
  operators: z.array(
    z.object({ who: z.string(), actions: z.number(), acknowledged: z.number(), timeToAcknowledge: spreadView }),
  ),
  targets: targetsView,
  groups: z
    .array(
      z.object({
        group: z.string(),
        raised: z.number(),
        rate: rateView,
        upset: z.number(),
        peakTenMinutes: z.number(),
        floodCount: z.number(),
        shareOfTimeInFlood: z.number(),
        chatteringCount: z.number(),
        fleetingCount: z.number(),
        staleCount: z.number(),
        priorities: prioritiesView,
        timeToAcknowledge: spreadView,
        timeToNormal: spreadView,
        targets: targetsView,
      }),
    )
    .meta({ description: 'the same per operator group (`alarms.groups`), the busiest first' }),
});

export function performanceRoutes(door: Door): readonly Route[] {
  const { now } = door;
  return [
    route({
      method: 'GET',
      path: '/api/v1/alarms/performance',
      access: 'viewer',
      tag: 'alarms',
      summary:
        'How well the alarms can be worked with, against ISA-18.2 and EEMUA 191; without `from`: a week, at most a year',
      query: z
        .strictObject(rangeFields)
        .refine(({ from, to }) => from === undefined || (to ?? now()) - from <= RANGE_MAX_MS, 'at most 366 days'),
      answer: performanceView,
      async handle({ query }) {
        const range = rangeOf({ ...query, from: query.from ?? (query.to ?? now()) - WEEK_MS }, now());
        const { whole, groups } = await measure(door, range);
        const { floods, stale, chattering, fleeting, ...figures } = whole;
        return {
          from: formatTime(range.from),
          to: formatTime(range.to),
          ...figures,
          floods: floods.map((flood) => ({ ...flood, from: formatTime(flood.from), to: formatTime(flood.to) })),
          chattering: (await withDeadbands(door, chattering)).map(viewAdvised),
          fleeting: (await withDeadbands(door, fleeting)).map(viewAdvised),
          stale: stale.map((alarm) => ({ ...alarm, since: formatTime(alarm.since) })),
          groups: groups.map(({ group, figures: of }) => viewGroup(group, of)),
        };
      },
    }),
  ];
}

/** The whole site, and each operator group by itself. */
async function measure({ store, openAlarms, groupOf }: Door, range: Range) {
  const whole = new PerformanceMeter(range);
  const byGroup = new Map<string, PerformanceMeter>();
  let rules: readonly RuleName[] = [];
  let people: readonly string[] = [];
  await store.annunciations(range, (names) => {
    ({ rules, people } = names);
    const meters = rules.map((rule) => {
      const group = groupOf(rule);
      const meter = byGroup.get(group) ?? new PerformanceMeter(range);
      byGroup.set(group, meter);
      return meter;
    });
    return ({ length, alarm, rule, at, recordedAt, told, who }) => {
      for (let row = 0; row < length; row++) {
        const person = who[row] as number;
        const line = {
          alarm: alarm[row] as number,
          rule: rule[row] as number,
          at: at[row] as number,
          recordedAt: recordedAt[row] as number,
          told: ALARM_NEWS[(told[row] as number) - 1],
          who: person < 0 ? undefined : person,
        };
        whole.add(line);
        meters[line.rule]?.add(line);
      }
    };
  });
  const open = [...openAlarms.all()].filter(({ raisedAt }) => raisedAt < range.to);
  const groups = [...byGroup].map(([group, meter]) => ({
    group,
    figures: meter.result(rules, people, open.filter((alarm) => groupOf(alarm) === group) as readonly Standing[]),
  }));
  groups.sort((a, b) => b.figures.raised - a.figures.raised);
  return { whole: whole.result(rules, people, open), groups };
}

/** Tries deadbands on the readings before a rule last rang; a rule that is no limit, or gone, keeps its advice on delays. */
async function withDeadbands<T extends Advised>(door: Door, rules: readonly T[]): Promise<readonly T[]> {
  const findRule = ruleFinder(door.desk, door.registry);
  const all: T[] = [];
  for (const advised of rules) {
    const found = findRule(advised.rule);
    const tried = found === undefined ? undefined : await deadbandFor(door, found, advised.lastAt);
    if (tried === undefined) all.push(advised);
    else {
      const remedies = { deadband: tried, ...advised.remedies };
      const unit = found?.rule.unit;
      all.push({ ...advised, remedies, advice: remedyWords(remedies, unit === undefined ? '' : unitLabel(unit)) });
    }
  }
  return all;
}

async function deadbandFor(
  { store }: Door,
  { point, rule }: NonNullable<ReturnType<ReturnType<typeof ruleFinder>>>,
  lastAt: Millis,
) {
  const range = { from: lastAt - TRIED_BEFORE_MS, to: lastAt + TRIED_BEFORE_MS };
  const readings = await store.readings(point.id, range, TRIED_READINGS_MAX);
  const values = readings.flatMap(({ ts, value, quality }) =>
    value === undefined || quality === 'bad' ? [] : [{ ts, value }],
  );
  return deadbandTrial(rule, values);
}

function viewAdvised<T extends Advised>({ lastAt, ...rest }: T) {
  return { ...rest, lastAt: formatTime(lastAt) };
}

function viewGroup(group: string, figures: Performance) {
  const { raised, rate, upset, peakTenMinutes, floodCount, shareOfTimeInFlood, chatteringCount, fleetingCount } =
    figures;
  const { staleCount, priorities, timeToAcknowledge, timeToNormal, targets } = figures;
  return {
    ...{ group, raised, rate, upset, peakTenMinutes, floodCount, shareOfTimeInFlood, chatteringCount, fleetingCount },
    ...{ staleCount, priorities, timeToAcknowledge, timeToNormal, targets },
  };
}
