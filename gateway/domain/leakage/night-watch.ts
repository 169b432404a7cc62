import { median } from './profile.ts';

/** Nights remembered, and those of them a night is held against: a leak must not hide in its own reference. */
const NIGHTS_MAX = 31;
const REFERENCE_NIGHTS = 18;
const REFERENCE_LEAST = 9;
/** A rise that shows by this part in one of the nights before is none of one day. */
const EVE_NIGHTS = 2;
const EVE_PART = 0.4;
const LATELY_NIGHTS = 5;
const MONTH_NIGHTS = 10;
/** Hours of a night left out at the top: what is drawn for an hour or two is no leak. */
const TOP_HOURS = 2;
const HOURS_LEAST = 4;
/** So many deviations the mean of one, two and three nights, and the least of them, must lie above the reference. */
const MEAN_SIGMAS = [6.5, 4.5, 3.7] as const;
const LEAST_SIGMAS = [6.5, 3, 2.5] as const;
/** No night of the reference was as high as one night alone; of several nights each is above this part of it. */
const HIGHEST_PARTS = [1, 0.6, 0.5] as const;
/** Besides, part of the rise that must show in the flow as it is, not set against the demand of the day. */
const RAW_PART = 0.5;

export interface Night {
  /** End of the night. */
  at: number;
  /** Flow above `slope * base`, lowest hours, open leaks taken off, m3/h. */
  level: number;
  /** The flow itself, lowest hours, open leaks taken off, m3/h. */
  raw: number;
}

export interface NightState {
  nights: Night[];
  /** Of the night that is on: hour, flow above the expectation of use, flow, bins. */
  hours: [hour: number, level: number, raw: number, n: number][];
}

export interface NightStep {
  readonly size: number;
  /** One deviation of `size`. */
  readonly error: number;
  /** Nights it rests on. */
  readonly nights: number;
  readonly sigmas: number;
  /** The nights before rose already: it grows. */
  readonly isGradual: boolean;
}

export const newNightState = (): NightState => ({ nights: [], hours: [] });

/** The lowest hours of each night against those of the nights before: what is open then, and stays open, is a leak. */
export class NightWatch {
  state: NightState = newNightState();

  add(hour: number, level: number, raw: number): void {
    const { hours } = this.state;
    const last = hours.at(-1);
    if (last !== undefined && last[0] === hour) {
      last[1] += level;
      last[2] += raw;
      last[3]++;
    } else if (hours.length < 24) hours.push([hour, level, raw, 1]);
  }

  /** The night is over. @returns false when it had too few hours */
  close(at: number, known: number): boolean {
    const { state } = this;
    const { hours } = state;
    state.hours = [];
    if (hours.length < HOURS_LEAST) return false;
    const low = (of: 1 | 2) => {
      const means = hours.map((hour) => hour[of] / hour[3]).sort((a, b) => a - b);
      const kept = means.slice(0, Math.max(HOURS_LEAST, means.length - TOP_HOURS));
      return kept.reduce((sum, value) => sum + value, 0) / kept.length;
    };
    state.nights.push({ at, level: low(1) - known, raw: low(2) - known });
    if (state.nights.length > NIGHTS_MAX) state.nights.shift();
    return true;
  }

  /** How far the lowest hours of the last nights lie above those of a month ago, as they are; undefined: too few nights. */
  rawRise(): number | undefined {
    const raws = this.state.nights.map(({ raw }) => raw);
    if (raws.length < 2 * LATELY_NIGHTS) return undefined;
    return (
      median(raws.slice(-LATELY_NIGHTS)) - median(raws.slice(0, Math.min(MONTH_NIGHTS, raws.length - LATELY_NIGHTS)))
    );
  }

  /** What was open since then is known better by `change`. */
  correct(since: number, change: number): void {
    for (const night of this.state.nights)
      if (night.at > since) {
        night.level -= change;
        night.raw -= change;
      }
  }

  /**
   * A rise of the last one, two or three nights.
   *
   * @param floor - smallest deviation of a night, m3/h
   * @param ceiling - largest
   * @param least - smallest size that counts, m3/h
   */
  step(floor: number, ceiling: number, least: number): NightStep | undefined {
    const { nights } = this.state;
    for (let count = 1; count <= MEAN_SIGMAS.length; count++) {
      const before = nights.slice(-count - REFERENCE_NIGHTS, -count);
      if (before.length < REFERENCE_LEAST) return undefined;
      const now = nights.slice(-count);
      const usual = median(before.map(({ level }) => level));
      const usualRaw = median(before.map(({ raw }) => raw));
      const spread = 1.4826 * median(before.map(({ level }) => Math.abs(level - usual)));
      // Few nights know their spread badly.
      const sigma = Math.min(ceiling, Math.max(floor, spread * (1 + 2 / before.length)));
      const rises = now.map(({ level }) => level - usual);
      const size = rises.reduce((sum, rise) => sum + rise, 0) / count;
      const raw = now.reduce((sum, night) => sum + (night.raw - usualRaw), 0) / count;
      const highest = Math.max(...before.map(({ level }) => level - usual));
      if (size < MEAN_SIGMAS[count - 1]! * sigma || size < least) continue;
      if (
        Math.min(...rises) < LEAST_SIGMAS[count - 1]! * sigma ||
        Math.min(...rises) < HIGHEST_PARTS[count - 1]! * highest
      )
        continue;
      if (raw < RAW_PART * size) continue;
      const eve = before.slice(-EVE_NIGHTS).map(({ level }) => level - usual);
      const isGradual = Math.max(...eve) > EVE_PART * size;
      return { size, error: sigma / Math.sqrt(count), nights: count, sigmas: size / sigma, isGradual };
    }
    return undefined;
  }
}
