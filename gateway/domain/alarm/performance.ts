import type { Alarm, JournalEntry, Priority } from '../../../contract/alarm.ts';
import type { Millis } from '../../../contract/time.ts';

const MINUTE_MS = 60_000;
const SLOT_MS = 10 * MINUTE_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A flood begins above ten alarms in ten minutes and ends below five (ISA-18.2, monitoring and assessment; EEMUA 191, 3rd edition). */
const FLOOD_BEGINS_ABOVE = 10;
const FLOOD_ENDS_BELOW = 5;
/** Three and more in one minute chatter (ISA-18.2, monitoring and assessment). */
const CHATTER_RAISES = 3;
/** Gone again within this without anybody doing a thing: "fleeting". The standard says seconds; ten is our choice. */
const FLEETING_MS = 10_000;
/** Longer in alarm than this is stale, or standing (ISA-18.2, monitoring and assessment). */
const STALE_MS = DAY_MS;
const LISTED_MAX = 10;
const FLOODS_LISTED_MAX = 100;

/** One rule, however often it rang. */
export interface RuleCount {
  readonly asset: string;
  readonly point?: string;
  readonly kind: string;
  readonly count: number;
}

/** Lengths of time, ms; absent when there were none. */
export interface Spread {
  readonly count: number;
  readonly medianMs?: number;
  readonly p90Ms?: number;
  readonly maxMs?: number;
}

/** One figure against what the standards ask for. */
export interface Target {
  readonly name: string;
  readonly value: number;
  readonly target: string;
  readonly met: boolean;
  readonly source: string;
}

export interface Flood {
  readonly from: Millis;
  readonly to: Millis;
  readonly alarms: number;
  /** Most alarms in any ten minutes of it. */
  readonly peak: number;
}

/** How well the alarms of a site can be worked with; times are when the operators learned of them. */
export interface Performance {
  readonly raised: number;
  /** Alarms per 10 minutes from `from` on. */
  readonly slots: readonly number[];
  /** Mean per 10 minutes, hour and day. */
  readonly rate: { readonly perTenMinutes: number; readonly perHour: number; readonly perDay: number };
  /** Busiest 10 minutes of each day, averaged over the days (EEMUA 191, 3rd edition: judge it apart from the mean). */
  readonly upset: number;
  readonly peakTenMinutes: number;
  readonly shareOfSlotsAboveTen: number;
  readonly floods: readonly Flood[];
  readonly shareOfTimeInFlood: number;
  readonly topTen: readonly (RuleCount & { readonly share: number })[];
  readonly chattering: readonly (RuleCount & { readonly worstPerMinute: number; readonly advice: string })[];
  readonly fleeting: readonly (RuleCount & { readonly advice: string })[];
  readonly stale: readonly {
    readonly alarm: string;
    readonly asset: string;
    readonly kind: string;
    readonly since: Millis;
  }[];
  readonly staleCount: number;
  readonly priorities: Readonly<Record<Priority, { readonly count: number; readonly share: number }>>;
  readonly timeToAcknowledge: Spread;
  readonly timeToNormal: Spread;
  readonly operators: readonly {
    readonly who: string;
    readonly actions: number;
    readonly acknowledged: number;
    readonly timeToAcknowledge: Spread;
  }[];
  readonly targets: readonly Target[];
}

interface Raise {
  readonly at: Millis;
  readonly alarm: Alarm;
  readonly rule: string;
}

/**
 * Judges the alarms of a time range against ISA-18.2 and EEMUA 191. What was held or raised late did not ring and does not count.
 *
 * @param journal - every line recorded in [from, to), oldest first
 * @param alarms - the record of each alarm in the journal; a line without one is left out
 * @param open - alarms that are not normal at `to`
 */
export function performance(
  journal: readonly JournalEntry[],
  alarms: ReadonlyMap<string, Alarm>,
  open: readonly Alarm[],
  { from, to }: { readonly from: Millis; readonly to: Millis },
): Performance {
  const walked = walk(journal, alarms);
  const { raises } = walked;
  const times = raises.map(({ at }) => at);
  const slots = countSlots(times, from, to);
  const floods = findFloods(times, to);
  const byRule = groupBy(raises, ({ rule }) => rule);
  const days = (to - from) / DAY_MS;
  const perDay = days > 0 ? raises.length / days : 0;
  const rate = { perTenMinutes: perDay / 144, perHour: perDay / 24, perDay };
  const topTen = largest(byRule).map((rule) => ({ ...rule, share: rule.count / raises.length }));
  const chattering = [...byRule.values()].flatMap((group) => chatterOf(group));
  const stale = open.filter(({ active, raisedAt }) => active && to - raisedAt > STALE_MS);
  const figures = {
    raised: raises.length,
    slots,
    rate,
    upset: upsetOf(slots),
    peakTenMinutes: Math.max(0, ...slots),
    shareOfSlotsAboveTen:
      slots.length === 0 ? 0 : slots.filter((count) => count > FLOOD_BEGINS_ABOVE).length / slots.length,
    floods: floods.slice(-FLOODS_LISTED_MAX),
    shareOfTimeInFlood: floods.reduce((sum, flood) => sum + flood.to - flood.from, 0) / Math.max(1, to - from),
    topTen,
    chattering: chattering.sort((a, b) => b.count - a.count).slice(0, LISTED_MAX),
    fleeting: largest(groupBy(walked.fleeting, ({ rule }) => rule)).map((rule) => ({
      ...rule,
      advice: 'a longer on-delay',
    })),
    stale: stale
      .sort((a, b) => a.raisedAt - b.raisedAt)
      .slice(0, LISTED_MAX)
      .map(({ id, asset, kind, raisedAt }) => ({ alarm: id, asset, kind, since: raisedAt })),
    staleCount: stale.length,
    priorities: prioritiesOf(raises),
    timeToAcknowledge: spread(walked.acknowledged.map(({ afterMs }) => afterMs)),
    timeToNormal: spread(walked.toNormalMs),
    operators: operatorsOf(walked),
  };
  return { ...figures, targets: targetsOf(figures, chattering.length) };
}

interface Walked {
  readonly raises: readonly Raise[];
  readonly fleeting: readonly Raise[];
  readonly acknowledged: readonly { readonly who: string; readonly afterMs: number }[];
  readonly toNormalMs: readonly number[];
  /** Actions of people by name. */
  readonly actions: ReadonlyMap<string, number>;
}

const HOLDS_BEGIN = new Set(['shelve', 'suppress', 'out-of-service']);
const HOLDS_END = new Set(['unshelve', 'shelve-expired', 'unsuppress', 'return-to-service']);

/** Reads the journal once: what rang, for how long, and who did what. */
function walk(journal: readonly JournalEntry[], alarms: ReadonlyMap<string, Alarm>): Walked {
  const raises: Raise[] = [];
  const fleeting: Raise[] = [];
  const acknowledged: { who: string; afterMs: number }[] = [];
  const toNormalMs: number[] = [];
  const actions = new Map<string, number>();
  const held = new Map<string, number>();
  const ringing = new Map<string, { readonly raise: Raise; readonly eventAt: Millis; acknowledged: boolean }>();
  for (const { alarm: id, event, who, at, recordedAt } of journal) {
    const alarm = alarms.get(id);
    if (alarm === undefined) continue;
    if (who !== 'system') actions.set(who, (actions.get(who) ?? 0) + 1);
    const holds = held.get(id) ?? 0;
    if (HOLDS_BEGIN.has(event)) held.set(id, holds + 1);
    if (HOLDS_END.has(event)) held.set(id, Math.max(0, holds - 1));
    if (event === 'raise' || event === 're-raise' || event === 're-alarm') {
      if (holds > 0 || alarm.raisedLate) continue;
      const raise = { at: recordedAt, alarm, rule: `${alarm.asset} ${alarm.point ?? ''} ${alarm.kind}` };
      raises.push(raise);
      ringing.set(id, { raise, eventAt: at, acknowledged: false });
    }
    const current = ringing.get(id);
    if (current === undefined) continue;
    if (event === 'acknowledge' && !current.acknowledged) {
      current.acknowledged = true;
      acknowledged.push({ who, afterMs: Math.max(0, recordedAt - current.raise.at) });
    }
    if (event === 'return') {
      const lastedMs = Math.max(0, at - current.eventAt);
      toNormalMs.push(lastedMs);
      if (lastedMs < FLEETING_MS && !current.acknowledged) fleeting.push(current.raise);
    }
  }
  return { raises, fleeting, acknowledged, toNormalMs, actions };
}

function countSlots(times: readonly Millis[], from: Millis, to: Millis): number[] {
  const slots = new Array<number>(Math.max(0, Math.ceil((to - from) / SLOT_MS))).fill(0);
  for (const at of times) {
    const slot = Math.floor((at - from) / SLOT_MS);
    if (slot >= 0 && slot < slots.length) slots[slot] = (slots[slot] as number) + 1;
  }
  return slots;
}

function upsetOf(slots: readonly number[]): number {
  const perDay = DAY_MS / SLOT_MS;
  let sum = 0;
  let days = 0;
  for (let from = 0; from < slots.length; from += perDay) {
    sum += Math.max(...slots.slice(from, from + perDay));
    days++;
  }
  return days === 0 ? 0 : sum / days;
}

/** @param times - ascending */
function findFloods(times: readonly Millis[], to: Millis): Flood[] {
  const floods: Flood[] = [];
  let first = 0;
  let flood: { from: Millis; begin: number; peak: number } | undefined;
  for (let index = 0; index < times.length; index++) {
    const at = times[index] as number;
    while ((times[first] as number) <= at - SLOT_MS) first++;
    const count = index - first + 1;
    if (flood === undefined && count > FLOOD_BEGINS_ABOVE)
      flood = { from: times[first] as number, begin: first, peak: count };
    if (flood === undefined) continue;
    flood.peak = Math.max(flood.peak, count);
    // Fewer than five are left in the window once the fifth newest is ten minutes old.
    const endsAt = (times[index - FLOOD_ENDS_BELOW + 1] ?? at) + SLOT_MS;
    const next = times[index + 1];
    if (next !== undefined && next < endsAt) continue;
    floods.push({ from: flood.from, to: Math.min(endsAt, to), alarms: index - flood.begin + 1, peak: flood.peak });
    flood = undefined;
  }
  return floods;
}

function chatterOf(group: readonly Raise[]): Performance['chattering'] {
  let worst = 0;
  let first = 0;
  for (let index = 0; index < group.length; index++) {
    while ((group[first] as Raise).at <= (group[index] as Raise).at - MINUTE_MS) first++;
    worst = Math.max(worst, index - first + 1);
  }
  if (worst < CHATTER_RAISES) return [];
  return [{ ...ruleCount(group), worstPerMinute: worst, advice: 'a wider deadband, or on-delay and off-delay' }];
}

function prioritiesOf(raises: readonly Raise[]): Performance['priorities'] {
  const count = (priority: Priority) => {
    const number = raises.filter(({ alarm }) => alarm.priority === priority).length;
    return { count: number, share: raises.length === 0 ? 0 : number / raises.length };
  };
  return { 1: count(1), 2: count(2), 3: count(3), 4: count(4) };
}

function operatorsOf({ acknowledged, actions }: Walked): Performance['operators'] {
  return [...actions]
    .map(([who, count]) => {
      const own = acknowledged.filter((one) => one.who === who).map(({ afterMs }) => afterMs);
      return { who, actions: count, acknowledged: own.length, timeToAcknowledge: spread(own) };
    })
    .sort((a, b) => b.actions - a.actions);
}

function targetsOf(figures: Omit<Performance, 'targets'>, chattering: number): Target[] {
  const { rate, upset, shareOfTimeInFlood, shareOfSlotsAboveTen, priorities, topTen, staleCount, fleeting } = figures;
  const topShare = topTen.reduce((sum, { share }) => sum + share, 0);
  const atMost = (name: string, value: number, limit: number, target: string, source: string): Target => ({
    name,
    value,
    target,
    met: value <= limit,
    source,
  });
  return [
    atMost(
      'mean per 10 minutes',
      rate.perTenMinutes,
      1,
      '1 (2 at most)',
      'ISA-18.2, monitoring and assessment; EEMUA 191',
    ),
    atMost('mean per day', rate.perDay, 144, '144', 'IEC 62682:2014'),
    atMost('busiest 10 minutes of a day', upset, 10, '10', 'EEMUA 191, 3rd edition'),
    atMost(
      'share of 10-minute slots above 10',
      shareOfSlotsAboveTen,
      0.01,
      '1 %',
      'ISA-18.2, monitoring and assessment',
    ),
    atMost('share of time in flood', shareOfTimeInFlood, 0.01, '1 %', 'ISA-18.2, monitoring and assessment'),
    atMost('share of the ten loudest rules', topShare, 0.05, '1-5 %', 'ISA-18.2, monitoring and assessment'),
    atMost('chattering rules', chattering, 0, '0', 'ISA-18.2, monitoring and assessment'),
    atMost('fleeting rules', fleeting.length, 0, '0', 'ISA-18.2, monitoring and assessment'),
    atMost('stale alarms', staleCount, 4, 'fewer than 5 on any day', 'ISA-18.2, monitoring and assessment'),
    atMost(
      'share of priority 1',
      priorities[1].share,
      0.01,
      'below 1 % of four priorities',
      'ISA-18.2, monitoring and assessment',
    ),
    atMost(
      'share of priority 2',
      priorities[2].share,
      0.05,
      'about 5 %',
      'ISA-18.2, monitoring and assessment; EEMUA 191',
    ),
    atMost(
      'share of priority 3',
      priorities[3].share,
      0.15,
      'about 15 %',
      'ISA-18.2, monitoring and assessment; EEMUA 191',
    ),
  ];
}

function ruleCount(group: readonly Raise[]): RuleCount {
  const { asset, point, kind } = (group[0] as Raise).alarm;
  return { asset, ...(point === undefined ? {} : { point }), kind, count: group.length };
}

function largest(groups: ReadonlyMap<string, readonly Raise[]>): RuleCount[] {
  return [...groups.values()]
    .map(ruleCount)
    .sort((a, b) => b.count - a.count)
    .slice(0, LISTED_MAX);
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

function spread(lengthsMs: readonly number[]): Spread {
  if (lengthsMs.length === 0) return { count: 0 };
  const sorted = [...lengthsMs].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
  return { count: sorted.length, medianMs: at(0.5), p90Ms: at(0.9), maxMs: sorted.at(-1) as number };
}
