import type { Alarm } from '../../../contract/alarm.ts';
import { formatTime, type Millis } from '../../../contract/time.ts';
import type { RuleTable } from '../rule-table.ts';
import {
  DELIVERY_GAP_MS,
  deliveryGapRule,
  offlineEdgeRule,
  silenceAllowedMs,
  silenceText,
  silenceTextZh,
} from './built-in.ts';
import type { HealthSink } from './silence.ts';

interface EdgeState {
  /** The judge's clock, and the wall clock, when it was last heard. */
  heardClock: Millis;
  heardAt: Millis;
  isOffline: boolean;
  /** What its retained state says; the alarm goes by silence, which a lost last will can't hide. */
  online: boolean;
  /** As the edge says; undefined: every 10 s. */
  heartbeatMs?: number;
  missing?: { readonly readings: number; readonly sinceClock: Millis; readonly since: Millis; isRaised: boolean };
}

/** Edges by their heartbeat: one root alarm per silent edge; what hangs on it is unknown, because its event time stands still. */
export class EdgeSilence {
  private readonly table: RuleTable;
  private readonly affected: (edge: string) => Readonly<Record<string, unknown>>;
  private readonly edges = new Map<string, EdgeState>();

  /** @param affected - what hangs on an edge, for the evidence */
  constructor(table: RuleTable, affected: (edge: string) => Readonly<Record<string, unknown>>) {
    this.table = table;
    this.affected = affected;
  }

  heard(edge: string, at: Millis, clock: Millis, sink: HealthSink): void {
    const state = this.known(edge, at, clock);
    state.heardClock = clock;
    state.heardAt = at;
    state.online = true;
    if (!state.isOffline) return;
    state.isOffline = false;
    sink.cleared(this.row(edge), at);
  }

  /** A retained state may be old: it makes the edge known, and proves nothing about now. */
  state(edge: string, online: boolean, at: Millis, clock: Millis, heartbeatMs: number | undefined): void {
    const state = this.known(edge, at, clock);
    state.online = online;
    if (heartbeatMs !== undefined) state.heartbeatMs = heartbeatMs;
  }

  /** How many of its readings are neither stored nor explained. */
  delivery(edge: string, missing: number, at: Millis, clock: Millis, sink: HealthSink): void {
    const state = this.known(edge, at, clock);
    if (missing > 0) {
      const { sinceClock = clock, since = at, isRaised = false } = state.missing ?? {};
      state.missing = { readings: missing, sinceClock, since, isRaised };
      return;
    }
    if (state.missing?.isRaised === true) sink.cleared(this.gapRow(edge), at);
    delete state.missing;
  }

  tick(at: Millis, clock: Millis, sink: HealthSink): void {
    for (const [edge, state] of this.edges) {
      const { missing } = state;
      if (missing !== undefined && !missing.isRaised && clock - missing.sinceClock >= DELIVERY_GAP_MS) {
        missing.isRaised = true;
        const evidence = { value: missing.readings, details: { missing: missing.readings } };
        sink.tripped(this.gapRow(edge), missing.since, at, evidence);
      }
      const silenceMs = clock - state.heardClock;
      if (state.isOffline || silenceMs < silenceAllowedMs(state.heartbeatMs ?? 0)) continue;
      state.isOffline = true;
      sink.tripped(this.row(edge), state.heardAt, at, {
        against: silenceText(silenceMs),
        againstZh: silenceTextZh(silenceMs),
        details: { lastHeard: formatTime(state.heardAt), silenceMs, lastWill: !state.online, ...this.affected(edge) },
      });
    }
  }

  /** Takes over an alarm that is open by its record. @returns its row, or undefined when it is none of these */
  adopt(alarm: Pick<Alarm, 'kind' | 'asset' | 'since' | 'active'>, clock: Millis): number | undefined {
    if (alarm.kind !== 'offline' && alarm.kind !== 'delivery-gap') return undefined;
    const state = this.known(alarm.asset, alarm.since, clock);
    if (alarm.kind === 'offline') {
      state.isOffline = alarm.active;
      return this.row(alarm.asset);
    }
    if (alarm.active) state.missing = { readings: 1, sinceClock: clock, since: alarm.since, isRaised: true };
    return this.gapRow(alarm.asset);
  }

  snapshot(): unknown {
    return [...this.edges];
  }

  restore(state: unknown): void {
    this.edges.clear();
    for (const [edge, saved] of state as [string, EdgeState][]) this.edges.set(edge, saved);
  }

  private known(edge: string, at: Millis, clock: Millis): EdgeState {
    let state = this.edges.get(edge);
    if (state === undefined) {
      state = { heardClock: clock, heardAt: at, isOffline: false, online: true };
      this.edges.set(edge, state);
    }
    return state;
  }

  private gapRow(edge: string): number {
    return this.table.builtInRow(`${edge}#delivery-gap`, -1, () => deliveryGapRule(edge));
  }

  private row(edge: string): number {
    return this.table.builtInRow(`${edge}#offline`, -1, () => offlineEdgeRule(edge));
  }
}
