import type { Millis } from '../../../contract/time.ts';
import { type FlowState, type FlowWatchOptions, newFlowState } from './flow-state.ts';
import { NightWatch, newNightState } from './night-watch.ts';
import { knownOf } from './open-leaks.ts';
import { STEP_FACTORS } from './step-sums.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
/** The hours of the day with the least use: what is open then is a leak more than anything else. */
export const QUIET_HOURS = 6;

/** 1: the inflow is higher than expected, -1: lower. */
export type Sign = 1 | -1;

/** By how many deviations the pressures fell over the last so many bins; undefined: not known. */
export type Fall = (bins: number) => number | undefined;

/** A bin whose flow and usual use are both known. */
export interface Sample {
  /** End of the bin. */
  readonly at: Millis;
  /** Local bin of the week, Monday 00:00 = 0. */
  readonly slot: number;
  /** Local hour. */
  readonly hour: number;
  /** Net inflow, m3/h. */
  readonly flow: number;
  /** Use by the profile, or as metered, m3/h. */
  readonly base: number;
  /** What the zone should take now, m3/h. */
  readonly expected: number;
  /** Flow less its expectation, m3/h. */
  readonly residual: number;
  /** One deviation of the residual at this hour, m3/h. */
  readonly sigma: number;
}

/** What all parts of a zone's watch share: how its week is cut into bins, and what is known of it. */
export class FlowZone {
  readonly options: FlowWatchOptions;
  readonly perDay: number;
  /** Bins a week. */
  readonly perWeek: number;
  readonly nights = new NightWatch();
  private kept: FlowState;

  constructor(options: FlowWatchOptions) {
    this.options = options;
    this.perDay = Math.round(DAY_MS / options.binMs);
    this.perWeek = this.perDay * 7;
    this.kept = newFlowState(this.perWeek, STEP_FACTORS.length);
    this.nights.state = this.kept.nights;
  }

  get state(): FlowState {
    return this.kept;
  }

  /** Goes on from what was kept; of an earlier version it may lack the nights. */
  set state(state: FlowState) {
    this.kept = { ...state, nights: state.nights ?? newNightState() };
    this.nights.state = this.kept.nights;
  }

  /** All open leaks together, m3/h. */
  get known(): number {
    return knownOf(this.state.leaks);
  }

  get sensitivity(): number {
    return this.options.sensitivity ?? 1;
  }

  /** Bins an hour, at least one. */
  get perHour(): number {
    return Math.max(1, Math.round(this.perDay / 24));
  }

  hourOf(slot: number): number {
    return Math.floor(((slot % this.perDay) * 24) / this.perDay);
  }

  isQuiet(hour: number): boolean {
    return this.state.quietHours[hour] === 1;
  }
}

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
