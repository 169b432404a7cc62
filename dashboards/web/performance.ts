import { type Millis, parseTime } from '../../contract/time.ts';
import { countOf, type Json, maybe, numberOf, objectOf, rowsOf, textOf } from './json.ts';

/** One figure against what the standards ask for. */
export interface Target {
  readonly name: string;
  readonly value: number;
  readonly target: string;
  readonly met: boolean;
  readonly source: string;
}

/** Lengths of time, ms. */
export interface Spread {
  readonly count: number;
  readonly medianMs?: number;
  readonly p90Ms?: number;
  readonly maxMs?: number;
}

/** What is told of one rule that rings too often. */
export interface RuleCount {
  readonly rule: string;
  readonly asset: string;
  readonly point?: string;
  readonly kind: string;
  readonly count: number;
  readonly share: number;
  readonly advice?: string;
  readonly remedies: readonly Remedy[];
  readonly lastAt?: Millis;
}

/** Something that was tried on what was seen: so many alarms would have been left. */
export interface Remedy {
  readonly kind: 'deadband' | 'offDelay' | 'onDelay';
  /** In the unit of the point, or ms on top of what is there. */
  readonly value: number;
  readonly alarms: number;
  readonly of: number;
}

/** The same figures for the whole site and for each group of operators. */
export interface Figures {
  readonly raised: number;
  readonly perTenMinutes: number;
  readonly perDay: number;
  readonly upset: number;
  readonly peakTenMinutes: number;
  readonly floodCount: number;
  readonly shareOfTimeInFlood: number;
  readonly chatteringCount: number;
  readonly fleetingCount: number;
  readonly staleCount: number;
  readonly priorities: readonly { readonly priority: 1 | 2 | 3 | 4; readonly count: number; readonly share: number }[];
  readonly timeToAcknowledge: Spread;
  readonly timeToNormal: Spread;
  readonly targets: readonly Target[];
}

export interface Performance extends Figures {
  readonly from: Millis;
  readonly to: Millis;
  /** Alarms per 10 minutes. */
  readonly slots: readonly number[];
  readonly floods: readonly {
    readonly from: Millis;
    readonly to: Millis;
    readonly alarms: number;
    readonly peak: number;
  }[];
  readonly topTen: readonly RuleCount[];
  readonly chattering: readonly RuleCount[];
  readonly fleeting: readonly RuleCount[];
  readonly stale: readonly {
    readonly alarm: string;
    readonly asset: string;
    readonly kind: string;
    readonly since: Millis;
  }[];
  readonly operators: readonly {
    readonly who: string;
    readonly actions: number;
    readonly acknowledged: number;
    readonly timeToAcknowledge: Spread;
  }[];
  readonly groups: readonly (Figures & { readonly group: string })[];
}

/** A flood that goes on or is over. */
export interface Flood {
  readonly id: string;
  readonly group: string;
  readonly from: Millis;
  readonly alarms: number;
  readonly peak: number;
  readonly standing: number;
  readonly explained: number;
  /** What most of its alarms hang on, and how many. */
  readonly mostly?: { readonly name: string; readonly alarms: number };
}

export const SLOT_MS = 600_000;

export function readPerformance(answer: unknown): Performance | undefined {
  const row = objectOf(answer);
  const from = parseTime(row.from);
  const to = parseTime(row.to);
  if (from === undefined || to === undefined) return undefined;
  return {
    ...readFigures(row),
    from,
    to,
    slots: (Array.isArray(row.slots) ? row.slots : []).map(countOf),
    floods: rowsOf(row.floods).flatMap((flood) => {
      const [begin, end] = [parseTime(flood.from), parseTime(flood.to)];
      return begin === undefined || end === undefined
        ? []
        : [{ from: begin, to: end, alarms: countOf(flood.alarms), peak: countOf(flood.peak) }];
    }),
    topTen: rowsOf(row.topTen).map(readRule),
    chattering: rowsOf(row.chattering).map(readRule),
    fleeting: rowsOf(row.fleeting).map(readRule),
    stale: rowsOf(row.stale).flatMap((one) => {
      const [alarm, since] = [textOf(one.alarm), parseTime(one.since)];
      return alarm === undefined || since === undefined
        ? []
        : [{ alarm, since, asset: textOf(one.asset) ?? '', kind: textOf(one.kind) ?? '' }];
    }),
    operators: rowsOf(row.operators).map((one) => ({
      who: textOf(one.who) ?? '',
      actions: countOf(one.actions),
      acknowledged: countOf(one.acknowledged),
      timeToAcknowledge: readSpread(one.timeToAcknowledge),
    })),
    groups: rowsOf(row.groups).map((one) => ({ ...readFigures(one), group: textOf(one.group) ?? '' })),
  };
}

function readFigures(row: Json): Figures {
  const rate = objectOf(row.rate);
  const priorities = objectOf(row.priorities);
  return {
    raised: countOf(row.raised),
    perTenMinutes: countOf(rate.perTenMinutes),
    perDay: countOf(rate.perDay),
    upset: countOf(row.upset),
    peakTenMinutes: countOf(row.peakTenMinutes),
    floodCount: countOf(row.floodCount),
    shareOfTimeInFlood: countOf(row.shareOfTimeInFlood),
    chatteringCount: countOf(row.chatteringCount),
    fleetingCount: countOf(row.fleetingCount),
    staleCount: countOf(row.staleCount),
    priorities: ([1, 2, 3, 4] as const).map((priority) => {
      const { count, share } = objectOf(priorities[priority]);
      return { priority, count: countOf(count), share: countOf(share) };
    }),
    timeToAcknowledge: readSpread(row.timeToAcknowledge),
    timeToNormal: readSpread(row.timeToNormal),
    targets: rowsOf(row.targets).map(({ name, value, target, met, source }) => ({
      name: textOf(name) ?? '',
      value: countOf(value),
      target: textOf(target) ?? '',
      met: met === true,
      source: textOf(source) ?? '',
    })),
  };
}

function readSpread(answer: unknown): Spread {
  const row = objectOf(answer);
  return {
    count: countOf(row.count),
    ...maybe('medianMs', numberOf(row.medianMs)),
    ...maybe('p90Ms', numberOf(row.p90Ms)),
    ...maybe('maxMs', numberOf(row.maxMs)),
  };
}

function readRule(row: Json): RuleCount {
  const remedies = objectOf(row.remedies);
  return {
    rule: textOf(row.rule) ?? '',
    asset: textOf(row.asset) ?? '',
    kind: textOf(row.kind) ?? '',
    count: countOf(row.count),
    share: countOf(row.share),
    remedies: (['deadband', 'offDelay', 'onDelay'] as const).flatMap((kind) => {
      const { value, alarms, of } = objectOf(remedies[kind]);
      const wide = numberOf(value);
      return wide === undefined ? [] : [{ kind, value: wide, alarms: countOf(alarms), of: countOf(of) }];
    }),
    ...maybe('point', textOf(row.point)),
    ...maybe('advice', textOf(row.advice)),
    ...maybe('lastAt', parseTime(row.lastAt)),
  };
}

export function readFlood(answer: unknown): Flood | undefined {
  const row = objectOf(answer);
  const [id, from] = [textOf(row.id), parseTime(row.from)];
  if (id === undefined || from === undefined) return undefined;
  const [first] = [...rowsOf(row.roots), ...rowsOf(row.assets)];
  const name = textOf(first?.name);
  return {
    id,
    from,
    group: textOf(row.group) ?? 'all',
    alarms: countOf(row.alarms),
    peak: countOf(row.peak),
    standing: countOf(row.standing),
    explained: countOf(row.explained),
    ...maybe('mostly', name === undefined ? undefined : { name, alarms: countOf(first?.alarms) }),
  };
}

/** Fewer, wider columns of a long range: each is the busiest ten minutes in it, so that no peak is lost. */
export function busiest(slots: readonly number[], columns: number): readonly number[] {
  if (slots.length <= columns) return slots;
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * slots.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * slots.length) / columns));
    return Math.max(...slots.slice(from, to));
  });
}
