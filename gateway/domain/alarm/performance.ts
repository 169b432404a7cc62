import type { AlarmNews, Priority } from '../../../contract/alarm.ts';
import type { Millis } from '../../../contract/time.ts';
import { FLOOD_BEGINS_ABOVE, FLOOD_ENDS_BELOW, FloodWindow } from './flood-window.ts';
import { DelayTrial, type Remedies, remedyWords } from './remedy.ts';
import { type Target, targetsOf } from './targets.ts';

const MINUTE_MS = 60_000;
const SLOT_MS = 10 * MINUTE_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Three and more that occur and clear within one minute chatter (resources.pas.com on ISA-18.2). */
const CHATTER_CLEARS = 3;
/** Gone again within this without anybody doing a thing: "fleeting". The source says seconds; ten is our choice. */
const FLEETING_MS = 10_000;
/** Longer in alarm than this is stale, or standing (ISA-18.2, monitoring and assessment). */
const STALE_MS = DAY_MS;
const LISTED_MAX = 10;
const FLOODS_LISTED_MAX = 100;

/** What a rule is called, for all its lines. */
export interface RuleName {
  /** Key of the rule; of an old record, what stands for it. */
  readonly rule: string;
  readonly asset: string;
  readonly assetClass?: string;
  readonly point?: string;
  readonly kind: string;
  readonly priority: Priority;
}

/** One line of the journal that people were told of, or that a person brought about. */
export interface Annunciation {
  /** The same number for every line of one occurrence. */
  readonly alarm: number;
  /** Row in the rules. */
  readonly rule: number;
  readonly at: Millis;
  readonly recordedAt: Millis;
  readonly told: AlarmNews | undefined;
  /** Row in the people; undefined: the system. */
  readonly who: number | undefined;
}

/** One rule, however often it rang. */
export interface RuleCount {
  readonly rule: string;
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

export interface FloodSpan {
  readonly from: Millis;
  readonly to: Millis;
  readonly alarms: number;
  /** Most alarms in any ten minutes of it. */
  readonly peak: number;
}

/** What could be better about one rule, never applied by itself. */
export interface Advised extends RuleCount {
  readonly advice: string;
  readonly remedies: Remedies;
  /** The last time it rang. */
  readonly lastAt: Millis;
}

/** An alarm that is not normal, as far as this page needs it. */
export interface Standing {
  readonly id: string;
  readonly asset: string;
  readonly kind: string;
  readonly active: boolean;
  readonly raisedAt: Millis;
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
  readonly floods: readonly FloodSpan[];
  readonly floodCount: number;
  readonly shareOfTimeInFlood: number;
  readonly topTen: readonly (RuleCount & { readonly share: number })[];
  readonly chattering: readonly (Advised & { readonly worstPerMinute: number })[];
  readonly chatteringCount: number;
  readonly fleeting: readonly Advised[];
  readonly fleetingCount: number;
  readonly stale: readonly {
    readonly alarm: string;
    readonly asset: string;
    readonly kind: string;
    readonly since: Millis;
    readonly advice: string;
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

/** What is known of one rule. */
class RuleTally {
  count = 0;
  fleeting = 0;
  lastAt: Millis = 0;
  readonly delays = new DelayTrial();
  worstPerMinute = 0;
  /** Clears of the last minute, each soon after its raise. */
  private readonly clears: Millis[] = [];

  cleared(at: Millis): void {
    this.clears.push(at);
    while ((this.clears[0] as Millis) <= at - MINUTE_MS) this.clears.shift();
    this.worstPerMinute = Math.max(this.worstPerMinute, this.clears.length);
  }
}

interface Ringing {
  readonly rule: number;
  readonly recordedAt: Millis;
  readonly at: Millis;
  isAcknowledged: boolean;
  hasReturned: boolean;
}

interface PersonTally {
  actions: number;
  readonly acknowledgedMs: number[];
}

/**
 * Judges the alarms of a time range against ISA-18.2 and EEMUA 191, line by line: memory grows with rules and with what is in
 * alarm, not with the length of the journal. Private state in place, otherwise pure.
 */
export class PerformanceMeter {
  private readonly from: Millis;
  private readonly to: Millis;
  private readonly slots: Uint32Array;
  private readonly rules = new Map<number, RuleTally>();
  private readonly ringing = new Map<number, Ringing>();
  private readonly people = new Map<number, PersonTally>();
  private readonly acknowledgedMs: number[] = [];
  private readonly toNormalMs: number[] = [];
  private readonly floods = new FloodFinder();
  private raised = 0;

  constructor({ from, to }: { readonly from: Millis; readonly to: Millis }) {
    this.from = from;
    this.to = to;
    this.slots = new Uint32Array(Math.max(0, Math.ceil((to - from) / SLOT_MS)));
  }

  /** Lines recorded in [from, to), oldest first. */
  add({ alarm, rule, at, recordedAt, told, who }: Annunciation): void {
    const person = who === undefined ? undefined : this.person(who);
    if (person !== undefined) person.actions++;
    if (told === 'raise' || told === 're-raise') {
      this.ring(alarm, rule, at, recordedAt);
      return;
    }
    const current = this.ringing.get(alarm);
    if (current === undefined) return;
    if (told === 'acknowledge' && !current.isAcknowledged) {
      current.isAcknowledged = true;
      const afterMs = Math.max(0, recordedAt - current.recordedAt);
      this.acknowledgedMs.push(afterMs);
      person?.acknowledgedMs.push(afterMs);
    }
    if (told === 'return' && !current.hasReturned) this.clear(current, at);
    if (current.isAcknowledged && current.hasReturned) this.ringing.delete(alarm);
  }

  private ring(alarm: number, rule: number, at: Millis, recordedAt: Millis): void {
    this.raised++;
    const slot = Math.floor((recordedAt - this.from) / SLOT_MS);
    if (slot >= 0 && slot < this.slots.length) this.slots[slot]!++;
    this.floods.add(recordedAt);
    const tally = this.rule(rule);
    tally.count++;
    tally.lastAt = recordedAt;
    tally.delays.raise(at);
    this.ringing.set(alarm, { rule, at, recordedAt, isAcknowledged: false, hasReturned: false });
  }

  private clear(current: Ringing, at: Millis): void {
    current.hasReturned = true;
    const lastedMs = Math.max(0, at - current.at);
    this.toNormalMs.push(lastedMs);
    const tally = this.rule(current.rule);
    tally.delays.clear(at, lastedMs);
    if (lastedMs < MINUTE_MS) tally.cleared(at);
    if (lastedMs < FLEETING_MS && !current.isAcknowledged) tally.fleeting++;
  }

  /**
   * @param names - by the rows that the lines named
   * @param open - alarms that are not normal at `to`
   */
  result(names: readonly RuleName[], people: readonly string[], open: readonly Standing[]): Performance {
    const { slots, raised, from, to } = this;
    const days = (to - from) / DAY_MS;
    const perDay = days > 0 ? raised / days : 0;
    const rules = [...this.rules].map(([row, tally]) => ({ name: names[row] as RuleName, tally }));
    const chattering = rules.filter(({ tally }) => tally.worstPerMinute >= CHATTER_CLEARS);
    const fleeting = rules.filter(({ tally }) => tally.fleeting > 0);
    const stale = open.filter(({ active, raisedAt }) => active && to - raisedAt > STALE_MS);
    const floods = this.floods.spans(to);
    const figures = {
      raised,
      slots: [...slots],
      rate: { perTenMinutes: perDay / 144, perHour: perDay / 24, perDay },
      upset: upsetOf(slots),
      peakTenMinutes: slots.reduce((most, count) => Math.max(most, count), 0),
      shareOfSlotsAboveTen:
        slots.length === 0 ? 0 : slots.filter((count) => count > FLOOD_BEGINS_ABOVE).length / slots.length,
      floods: floods.slice(-FLOODS_LISTED_MAX),
      floodCount: floods.length,
      shareOfTimeInFlood:
        floods.reduce((sum, flood) => sum + flood.to - Math.max(from, flood.from), 0) / Math.max(1, to - from),
      topTen: loudest(rules, ({ count }) => count).map(({ name, tally }) => ({
        ...ruleCount(name, tally.count),
        share: tally.count / raised,
      })),
      chattering: loudest(chattering, ({ count }) => count).map(({ name, tally }) => ({
        ...advised(name, tally, tally.count),
        worstPerMinute: tally.worstPerMinute,
      })),
      chatteringCount: chattering.length,
      fleeting: loudest(fleeting, (tally) => tally.fleeting).map(({ name, tally }) =>
        advised(name, tally, tally.fleeting),
      ),
      fleetingCount: fleeting.length,
      stale: stale
        .toSorted((a, b) => a.raisedAt - b.raisedAt)
        .slice(0, LISTED_MAX)
        .map(({ id, asset, kind, raisedAt }) => ({
          alarm: id,
          asset,
          kind,
          since: raisedAt,
          advice: 'repair it, shelve it with an end, or put it out of service with its work order',
        })),
      staleCount: stale.length,
      priorities: prioritiesOf(rules, raised),
      timeToAcknowledge: spread(this.acknowledgedMs),
      timeToNormal: spread(this.toNormalMs),
      operators: [...this.people]
        .map(([row, { actions, acknowledgedMs }]) => ({
          who: people[row] as string,
          actions,
          acknowledged: acknowledgedMs.length,
          timeToAcknowledge: spread(acknowledgedMs),
        }))
        .sort((a, b) => b.actions - a.actions),
    };
    return { ...figures, targets: targetsOf(figures) };
  }

  private rule(row: number): RuleTally {
    const known = this.rules.get(row) ?? new RuleTally();
    this.rules.set(row, known);
    return known;
  }

  private person(row: number): PersonTally {
    const known = this.people.get(row) ?? { actions: 0, acknowledgedMs: [] };
    this.people.set(row, known);
    return known;
  }
}

/** Floods in a row of moments, ascending. */
class FloodFinder {
  private readonly window = new FloodWindow();
  private readonly found: FloodSpan[] = [];
  private flood: { readonly from: Millis; alarms: number; peak: number } | undefined;

  add(at: Millis): void {
    this.close(at);
    this.window.add(at);
    const count = this.window.countAt(at);
    if (this.flood !== undefined) this.flood.alarms++;
    else if (count > FLOOD_BEGINS_ABOVE) this.flood = { from: this.window.first ?? at, alarms: count, peak: count };
    if (this.flood !== undefined) this.flood.peak = Math.max(this.flood.peak, count);
  }

  spans(to: Millis): readonly FloodSpan[] {
    this.close(Number.POSITIVE_INFINITY);
    return this.found.map((span) => ({ ...span, to: Math.min(span.to, to) }));
  }

  private close(at: Millis): void {
    if (this.flood === undefined) return;
    const endsAt = this.window.endsAt(FLOOD_ENDS_BELOW);
    if (at < endsAt) return;
    this.found.push({ ...this.flood, to: endsAt });
    this.flood = undefined;
  }
}

function upsetOf(slots: Uint32Array): number {
  const perDay = DAY_MS / SLOT_MS;
  let sum = 0;
  let days = 0;
  for (let from = 0; from < slots.length; from += perDay) {
    sum += slots.subarray(from, from + perDay).reduce((most, count) => Math.max(most, count), 0);
    days++;
  }
  return days === 0 ? 0 : sum / days;
}

interface Tallied {
  readonly name: RuleName;
  readonly tally: RuleTally;
}

function loudest(rules: readonly Tallied[], by: (tally: RuleTally) => number): readonly Tallied[] {
  return rules.toSorted((a, b) => by(b.tally) - by(a.tally)).slice(0, LISTED_MAX);
}

function advised(name: RuleName, { delays, lastAt }: RuleTally, count: number): Advised {
  const remedies = delays.remedies();
  return { ...ruleCount(name, count), remedies, advice: remedyWords(remedies), lastAt };
}

function ruleCount({ rule, asset, point, kind }: RuleName, count: number): RuleCount {
  return { rule, asset, ...(point === undefined ? {} : { point }), kind, count };
}

function prioritiesOf(rules: readonly Tallied[], raised: number): Performance['priorities'] {
  const of = (priority: Priority) => {
    const count = rules.reduce((sum, { name, tally }) => sum + (name.priority === priority ? tally.count : 0), 0);
    return { count, share: raised === 0 ? 0 : count / raised };
  };
  return { 1: of(1), 2: of(2), 3: of(3), 4: of(4) };
}

function spread(lengthsMs: readonly number[]): Spread {
  if (lengthsMs.length === 0) return { count: 0 };
  const sorted = Float64Array.from(lengthsMs).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
  return { count: sorted.length, medianMs: at(0.5), p90Ms: at(0.9), maxMs: sorted.at(-1) as number };
}
