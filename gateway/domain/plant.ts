import type { Priority } from '../../contract/alarm.ts';
import type { Millis } from '../../contract/time.ts';
import type { Crs } from './coordinates.ts';
import type { Finding } from './detector.ts';
import type { Schedule } from './schedule/schedule.ts';
import type { Place } from './schedule/sun.ts';
import type { When } from './schedule/when.ts';

/** A device or, where none is declared for it, the asset of the same name. */
export interface DeviceInfo {
  readonly id: string;
  readonly name?: string;
  readonly nameZh?: string;
  /** Asset class (a file of `gateway/classes/`); `generic` when nobody said. */
  readonly class: string;
  readonly model?: string;
  readonly site?: string;
  /** Zone or place in words. */
  readonly location?: string;
  readonly locationZh?: string;
  readonly latitude?: number;
  readonly longitude?: number;
  /** System its coordinates came in; kept they are WGS-84. Absent: they came so. */
  readonly sourceCrs?: Crs;
  readonly edge?: string;
  /** Line of the edge this device hangs on: with `edge` it names the source of event time. */
  readonly line?: string;
  /** Declared in a file, or found by its first message. */
  readonly origin: 'declared' | 'discovered';
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** What it hangs on: feeder, cabinet, substation; when that is down, this is unknown and not in alarm. */
  readonly upstream?: string;
  /** Schedule by which it should be on: its own, or that of what it hangs on. */
  readonly schedule?: string;
}

/** One measurement of one device. */
export interface PointInfo {
  /** Dense id, 0.., never re-used; row number of every typed array that holds a point's state. */
  readonly id: number;
  readonly device: string;
  readonly measurement: string;
  readonly unit?: string;
  readonly label?: string;
  readonly labelZh?: string;
  /** How often a reading is expected; undefined when nobody said. */
  readonly everyMs?: number;
  /** Older than this the value is stale. */
  readonly maxSilenceMs: number;
  /** Nobody said how often it reports: how long it may be silent before that is an alarm is learned. */
  readonly learnsInterval?: true;
  /** How long readings may be under way in normal operation (a logger that reports daily: 26 h). */
  readonly reportingDelayMs: number;
  /** Normal band drawn behind the value. */
  readonly normal?: readonly [low: number, high: number];
  /** What whole numbers of a contact or code mean, in both languages: `{0: 'open', 1: 'closed'}`. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly labelsZh?: Readonly<Record<string, string>>;
}

/** One alarm rule on one point (or one source); made from class defaults and device overrides at start. */
export interface Rule {
  /** Stable name: `<asset>/<measurement>#<kind>`; alarms, snapshots and shelving hang on it. */
  readonly key: string;
  readonly kind: string;
  readonly asset: string;
  readonly assetClass?: string;
  readonly location?: string;
  /** In messages in the place of `location`, where that is an id. */
  readonly locationName?: string;
  readonly locationZh?: string;
  /** What its point measured before was of something else: a meter that was put in then. */
  readonly since?: Millis;
  /** Dense id of the point it watches. */
  readonly point: number;
  readonly pointId: string;
  readonly priority: Priority;
  readonly unit?: string;
  /** Limits: trips strictly beyond it, and then must come back by the deadband (same unit as the point, >= 0). */
  readonly setpoint?: number;
  readonly deadband: number;
  /** How its truth is found; absent: a limit, above for `high…` kinds and below for `low…` kinds. */
  readonly test?: RuleTest;
  /** Looked at only while all of this is so; otherwise the condition is false. */
  readonly when?: readonly When[];
  /** This alarm is a root: it explains all alarms of what hangs on its asset, and those of its own asset with these kinds. */
  readonly explains?: readonly string[];
  /** A danger of its own: never explained by what is upstream. */
  readonly standsAlone?: boolean;
  readonly onDelayMs: number;
  readonly offDelayMs: number;
  /** Kept until an operator resets it. */
  readonly latch: boolean;
  /** Acknowledged and still active for this long: unacknowledged again. Absent: never. */
  readonly reAlarmMs?: number;
  /** Still in alarm for this long, whether acknowledged or not: more urgent from then on, and it asks again. */
  readonly escalate?: { readonly afterMs: number; readonly priority: Priority };
  /** Text before the figures, for example `Flow high`. */
  readonly title: string;
  readonly titleZh?: string;
  readonly response?: string;
  readonly responseZh?: string;
  /** What is usually behind it, what happens when nobody acts, and how long people have. */
  readonly cause?: string;
  readonly causeZh?: string;
  readonly consequence?: string;
  readonly consequenceZh?: string;
  readonly timeToRespondMs?: number;
}

/**
 * How a rule finds out whether it is true. Points are named by their text id, because they may come up later.
 * Inputs that are missing, bad or silent make it unknown, which makes no transition.
 */
export type RuleTest =
  | { readonly type: 'above' | 'below' }
  /** Discrete state: one of these values. */
  | { readonly type: 'equals'; readonly values: readonly number[] }
  /** Not physically possible, or a word the device uses for "no value". */
  | { readonly type: 'outside'; readonly low: number; readonly high: number; readonly sentinels: readonly number[] }
  /** Change over a window, in the rule's unit per `perMs`, beyond the setpoint. */
  | {
      readonly type: 'rate';
      readonly windowMs: number;
      readonly perMs: number;
      readonly direction: 'rise' | 'fall' | 'either';
    }
  /** Time-weighted mean over a window, beyond the setpoint. */
  | { readonly type: 'mean'; readonly windowMs: number; readonly direction: 'above' | 'below' }
  /** The very same value again and again, for as long as the on-delay; values up to `exemptUpTo` may stand still. */
  | { readonly type: 'frozen'; readonly exemptUpTo?: number }
  /** A counter went back, or faster than it can; a rollover at `wrapAt` is neither. */
  | { readonly type: 'counter'; readonly maxPerHour?: number; readonly wrapAt?: number }
  /** At least `count` times above the threshold from below (`starts`), or across it (`changes`), within the window. */
  | {
      readonly type: 'count';
      readonly windowMs: number;
      readonly count: number;
      readonly of: 'starts' | 'changes';
      readonly threshold: number;
    }
  /** Differs from another point by more than the setpoint, in its unit or in percent of the other. */
  | { readonly type: 'deviation'; readonly from: string; readonly percent: boolean }
  /** Command and feedback disagree about on and off. */
  | { readonly type: 'discrepancy'; readonly feedback: string; readonly threshold: number }
  /** More than setpoint percent of the members are below or above a limit. */
  | {
      readonly type: 'share';
      readonly members: readonly string[];
      readonly side: 'above' | 'below';
      readonly limit: number;
    }
  | ExpressionTest
  /** The expression held on so many evenings in a row, at each for `heldMs`; `fine` true for as long ends the count. */
  | {
      readonly type: 'evenings';
      readonly evenings: number;
      readonly heldMs: number;
      readonly out: ExpressionTest;
      readonly fine: ExpressionTest;
    }
  /** Energy of so many nights in a row is more than setpoint percent off `full` times the level. */
  | {
      readonly type: 'nights';
      readonly nights: number;
      readonly direction: 'above' | 'below' | 'either';
      /** Value of the point at full level. */
      readonly full: number;
      readonly schedule: Schedule;
      readonly place?: Place;
      /** Measured level in percent: only what was at full level counts. */
      readonly level?: string;
    }
  /** Beyond a multiple of its own usual value, which is learned apart for on and off when there is a schedule. */
  | {
      readonly type: 'baseline';
      readonly factor: number;
      readonly floor: number;
      readonly schedule?: Schedule;
      readonly place?: Place;
      readonly beside?: { readonly point: string; readonly above: number; readonly withinMs: number };
    }
  /** Members in a row are out; `rest`: all from one member to the end, and none before it. */
  | {
      readonly type: 'run';
      readonly members: readonly { readonly point: string; readonly phase?: string }[];
      readonly side: 'above' | 'below';
      readonly limit: number;
      readonly count: number;
      readonly of: 'neighbours' | 'rest';
      readonly current?: string;
    }
  /** Over a local day, the sum of a flow and the step of this counter differ by more than setpoint percent. */
  | {
      readonly type: 'integral';
      readonly flow: string;
      /** Counter units per flow unit and hour. */
      readonly factor: number;
      readonly least: number;
    }
  /** Far from what this hour of the week usually shows: more than setpoint robust deviations. */
  | { readonly type: 'profile'; readonly direction: 'above' | 'below' | 'either'; readonly floor: number };

/** CEL over the points of the asset. */
export interface ExpressionTest {
  readonly type: 'expression';
  readonly cel: string;
  /** Variable -> point id. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly constants: Readonly<Record<string, number>>;
  /** What counts for an input that the device does not have. */
  readonly instead?: Readonly<Record<string, number | 'scheduleLevel'>>;
  /** Where the sun is looked at, for `sunElevation` and schedules that follow it. */
  readonly latitude?: number;
  readonly longitude?: number;
  /** For `scheduleLevel`. */
  readonly schedule?: Schedule;
}

/** One stream of event time: an edge's line, or a device that publishes by itself. */
export interface SourceInfo {
  readonly id: number;
  /** `edge/<edge>/<line>` or `device/<device>` */
  readonly key: string;
  readonly edge?: string;
  /** Devices without an edge have no `upTo`: their event time is the receive clock. */
  readonly hasUpTo: boolean;
}

/** What the judge is told, in commit order; readings travel beside it as columns. */
export type JudgeInput =
  | {
      readonly kind: 'readings';
      readonly source: number;
      /** Rows [from, to) of the commit's columns. */
      readonly from: number;
      readonly to: number;
      readonly receivedAt: Millis;
    }
  /** Everything this source sampled until then has arrived. */
  | { readonly kind: 'up-to'; readonly source: number; readonly upTo: Millis }
  /** The gateway's own clock, once a second; moves timers of sources without `upTo`, shelving, offline detection. */
  | { readonly kind: 'tick'; readonly at: Millis }
  | {
      readonly kind: 'edge';
      readonly edge: string;
      readonly online: boolean;
      readonly at: Millis;
      /** How often it sends at least something, when that is not every 10 s. */
      readonly heartbeatMs?: number;
    }
  /** How many readings of an edge are neither stored nor explained, now; told when the number changed. */
  | { readonly kind: 'delivery'; readonly edge: string; readonly missing: number; readonly at: Millis }
  /**
   * What watches many points has learned from stored history beside the live path: the state it came to, and what it found
   * on the way.
   */
  | { readonly kind: 'taught'; readonly detectors: unknown; readonly findings: readonly Finding[]; readonly at: Millis }
  /** A batch of the edge arrived: it is alive, whatever its retained state says. */
  | { readonly kind: 'heard'; readonly edge: string; readonly at: Millis }
  | { readonly kind: 'operator'; readonly command: OperatorCommand }
  /** Somebody made these rules different; they are told anew beforehand. Open alarms follow, and what is known is judged again. */
  | { readonly kind: 'rules'; readonly keys: readonly string[]; readonly by: Author; readonly at: Millis }
  /** Where an alarm's cause is, found after it was raised; a place only when it is likely. */
  | {
      readonly kind: 'located';
      /** Occurrence id. */
      readonly alarm: string;
      readonly at: Millis;
      readonly location?: string;
      readonly why: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** Who did something, and why. */
export interface Author {
  /** User name, or `system`. */
  readonly who: string;
  readonly why?: string;
}

/** What a person did to an alarm; `alarm` is the occurrence id. */
export interface OperatorCommand {
  readonly action:
    | 'acknowledge'
    | 'shelve'
    | 'unshelve'
    | 'out-of-service'
    | 'return-to-service'
    | 'reset'
    | 'confirm'
    | 'comment';
  readonly alarm: string;
  readonly who: string;
  readonly at: Millis;
  readonly comment?: string;
  /** Shelve: until when; undefined with `oneShot` ends at return to normal. */
  readonly until?: Millis;
  readonly oneShot?: boolean;
}

/** Why a person's action was refused; nothing changed. */
export interface Refusal {
  readonly code: 'alarm-unknown' | 'action-not-possible' | 'action-invalid';
  readonly message: string;
}
