import type { Millis } from '../../../contract/time.ts';
import { minimumNightFlow } from './figures.ts';
import { namesOf, type ZoneModel } from './network.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Local hours in which the least flow is looked for: before this one. */
const NIGHT_ENDS_HOUR = 6;

/** What is done about leaks in one zone. */
export interface ZoneStatus {
  readonly zone: string;
  readonly name?: string;
  readonly nameZh?: string;
  /** `unmetered`: no water balance of its own, `reason` says why. */
  readonly state: 'learning' | 'watching' | 'leak' | 'unmetered';
  readonly reason?: string;
  /** Days of data still wanted; 0: learned. */
  readonly daysLeft: number;
  /** End of the last bin that was balanced. */
  readonly at?: Millis;
  /** Least mean over an hour (a bin where bins are longer) of the last local night, m3/h. */
  readonly nightFlow?: number;
  /** Smallest sudden leak that would be found here within three days, by the noise of its nights, m3/h. */
  readonly smallestLeak?: number;
  /** When the oldest open leak began. */
  readonly since?: Millis;
  /** All open leaks together, m3/h. */
  readonly size: number;
  /** What they have lost so far, m3. */
  readonly lostM3: number;
}

/** A metered zone as its watch knows it. */
export interface WatchedZone {
  readonly zone: Pick<ZoneModel, 'id' | 'name' | 'nameZh'>;
  readonly binMs: number;
  readonly daysLeft: number;
  /** m3/h; undefined: not known yet. */
  readonly smallestLeak?: number | undefined;
  /** Ends of bins and their net inflow. */
  readonly series: readonly (readonly [Millis, number | null, ...unknown[]])[];
  /** Leaks that have an open alarm. */
  readonly leaks: readonly { readonly since: Millis; readonly size: number; readonly lostM3: number }[];
}

/** @param hourOf - local hour of the day */
export function zoneStatus(watched: WatchedZone, hourOf: (at: Millis) => number): ZoneStatus {
  const { zone, binMs, daysLeft, smallestLeak, series, leaks } = watched;
  const at = series.at(-1)?.[0];
  const nightFlow = at === undefined ? undefined : lastNight(series, at, binMs, hourOf);
  return {
    ...namesOf(zone),
    state: leaks.length > 0 ? 'leak' : daysLeft > 0 ? 'learning' : 'watching',
    daysLeft,
    ...(at === undefined ? {} : { at }),
    ...(nightFlow === undefined ? {} : { nightFlow }),
    ...(smallestLeak === undefined ? {} : { smallestLeak: Number(smallestLeak.toPrecision(3)) }),
    ...(leaks.length === 0 ? {} : { since: Math.min(...leaks.map(({ since }) => since)) }),
    size: leaks.reduce((sum, { size }) => sum + size, 0),
    lostM3: leaks.reduce((sum, { lostM3 }) => sum + lostM3, 0),
  };
}

function lastNight(
  series: WatchedZone['series'],
  newest: Millis,
  binMs: number,
  hourOf: (at: Millis) => number,
): number | undefined {
  const isNight = (at: Millis) => hourOf(at - binMs) < NIGHT_ENDS_HOUR && hourOf(at - 1) < NIGHT_ENDS_HOUR;
  const night = series
    .filter(([at]) => at > newest - DAY_MS)
    // By day as unknown, so that no hour is made of the ends of two nights.
    .map(([at, flow]) => (isNight(at) ? flow : null));
  return minimumNightFlow(night, Math.max(1, Math.round(HOUR_MS / binMs)));
}
