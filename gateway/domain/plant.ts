import type { Priority } from '../../contract/alarm.ts';
import type { Millis } from '../../contract/time.ts';

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
  readonly latitude?: number;
  readonly longitude?: number;
  readonly edge?: string;
  /** Line of the edge this device hangs on: with `edge` it names the source of event time. */
  readonly line?: string;
  /** Declared in a file, or found by its first message. */
  readonly origin: 'declared' | 'discovered';
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
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
  /** How long readings may be under way in normal operation (a logger that reports daily: 26 h). */
  readonly reportingDelayMs: number;
  /** Normal band drawn behind the value. */
  readonly normal?: readonly [low: number, high: number];
}

/** One alarm rule on one point (or one source); made from class defaults and device overrides at start. */
export interface Rule {
  /** Stable name: `<asset>/<measurement>#<kind>`; alarms, snapshots and shelving hang on it. */
  readonly key: string;
  readonly kind: string;
  readonly asset: string;
  readonly assetClass?: string;
  readonly location?: string;
  /** Dense id of the point it watches. */
  readonly point: number;
  readonly pointId: string;
  readonly priority: Priority;
  readonly unit?: string;
  /** Limits: trips strictly beyond it, and then must come back by the deadband (same unit as the point, >= 0). */
  readonly setpoint?: number;
  readonly deadband: number;
  /** How its truth is found; absent: a limit, above for `high…` kinds and below for `low…` kinds. */
  readonly test?: { readonly type: 'above' | 'below' };
  readonly onDelayMs: number;
  readonly offDelayMs: number;
  /** Kept until an operator resets it. */
  readonly latch: boolean;
  /** Acknowledged and still active for this long: unacknowledged again. Absent: never. */
  readonly reAlarmMs?: number;
  /** Text before the figures, for example `Flow high`. */
  readonly title: string;
  readonly titleZh?: string;
  readonly response?: string;
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
  | { readonly kind: 'edge'; readonly edge: string; readonly online: boolean; readonly at: Millis }
  /** A batch of the edge arrived: it is alive, whatever its retained state says. */
  | { readonly kind: 'heard'; readonly edge: string; readonly at: Millis }
  | { readonly kind: 'operator'; readonly command: OperatorCommand };

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
