import type { Millis } from '../contract/time.ts';

/** What can be sensed at one place, by quantity name; each plant says the units. */
export type Quantities = Readonly<Record<string, number>>;

/** What all plants stand in: the hour as people live it, and the weather. */
export interface Surroundings {
  readonly at: Millis;
  /** Local time of day in hours, 0..24. */
  readonly hour: number;
  /** 0 Sunday .. 6 Saturday, local. */
  readonly weekday: number;
  /** 0..365, local. */
  readonly dayOfYear: number;
  readonly holiday: boolean;
  readonly airCel: number;
  /** 0..100 */
  readonly humidity: number;
  readonly rainMmPerH: number;
  readonly windMPerS: number;
  readonly windDirectionDeg: number;
  /** Above the horizon positive. */
  readonly sunElevationDeg: number;
  readonly illuminanceLx: number;
}

/** A fault that a person or a scenario can switch on. */
export interface FaultKind {
  readonly name: string;
  /** What happens, in one line, for the control page. */
  readonly what: string;
  /** Unit of the value, UCUM; `1` when it is a bare number or not used. */
  readonly unit: string;
  /** Taken when nobody gives a value. */
  readonly usual: number;
}

/**
 * A part of the district with physics of its own. Its state changes in place with `step`; the same seed and the same calls
 * give the same run.
 */
export interface Plant {
  /** First part of a place: `water` of `water/inlet-1`. */
  readonly name: string;
  readonly faults: readonly FaultKind[];
  places(): readonly string[];
  step(seconds: number, surroundings: Surroundings): void;
  /** @returns undefined when there is no such place */
  sense(place: string): Quantities | undefined;
  /**
   * @param value - undefined switches the fault off
   * @returns false when this fault means nothing at this place
   */
  setFault(fault: string, place: string, value: number | undefined): boolean;
}

/** Active faults of a plant: fault and place to value. */
export class FaultBoard {
  private readonly active = new Map<string, number>();

  set(fault: string, place: string, value: number | undefined): void {
    if (value === undefined) this.active.delete(`${fault}@${place}`);
    else this.active.set(`${fault}@${place}`, value);
  }

  get(fault: string, place: string): number | undefined {
    return this.active.get(`${fault}@${place}`);
  }

  has(fault: string, place: string): boolean {
    return this.active.has(`${fault}@${place}`);
  }
}
