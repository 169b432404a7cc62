import type { Millis } from '../../../contract/time.ts';
import type { BurstWatch } from './burst-watch.ts';
import type { FlowWatch } from './flow-watch.ts';
import type { ZoneModel } from './network.ts';
import type { OpenLeak } from './open-leaks.ts';
import type { PressureWatch } from './pressure-watch.ts';

/** The alarm of an open leak. */
export interface OpenAlarm {
  readonly key: string;
  /** When the leak was raised; names it. */
  readonly at: Millis;
  /** When its record was last written. */
  toldAt: Millis;
  lostM3: number;
  /** Half the width of the interval it was raised with, m3/h. */
  readonly margin: number;
}

/**
 * End of a bin, measured flow, expectation and what was known to leak then, m3/h; null: not known. Those kept by an earlier
 * version lack the last.
 */
export type Slot = [at: Millis, flow: number | null, expected: number | null, known?: number];

/** All that is watched and open in a metered zone. */
export interface Watch {
  readonly zone: ZoneModel;
  readonly binMs: number;
  readonly flow: FlowWatch;
  readonly burst: BurstWatch;
  /** Points of the zone and of its sub-zones; undefined where the flow of a quarter is not known. */
  readonly pressure: { readonly points: readonly string[]; readonly watch: PressureWatch } | undefined;
  /** Ends of bins, measured flow and expectation, for the picture. */
  series: Slot[];
  level: (number | null)[];
  /** End of the last bin. */
  closedAt: Millis;
  open: OpenAlarm[];
  lost: number;
}

/** What the rule keys of all leaks of a zone begin with. */
export const keyStart = (zone: string): string => `${zone}#leak-`;

/** The leak of an open alarm; undefined: it is over. */
export const leakOf = ({ flow }: Pick<Watch, 'flow'>, { at }: Pick<OpenAlarm, 'at'>): OpenLeak | undefined =>
  flow.state.leaks.find((leak) => leak.at === at);

/** Whether a zone is a part of another, however deep. */
export function isWithin(zones: readonly ZoneModel[], zone: ZoneModel, id: string): boolean {
  let at: ZoneModel | undefined = zone;
  for (let depth = 0; depth < zones.length && at?.within !== undefined; depth++) {
    if (at.within === id) return true;
    const above: string = at.within;
    at = zones.find((other) => other.id === above);
  }
  return false;
}
