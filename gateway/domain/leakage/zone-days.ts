import type { Millis } from '../../../contract/time.ts';
import { minimumNightFlow } from './figures.ts';
import type { ZoneModel } from './network.ts';
import { type RegisterReading, volumeOf } from './volume.ts';

export const QUARTER_MS = 900_000;
const PER_HOUR = 4;
const HOUR_MS = 3_600_000;
/** A register that tells less of a day than this leaves it to the flow. */
const REGISTER_PART = 0.5;

/** Quarters of an hour of one point, by start. */
export interface Quarter {
  readonly ts: Millis;
  readonly value: number;
  /** A value of it was substituted, entered by hand, estimated or has a doubtful clock. */
  readonly isDoubtful: boolean;
}

/** How a volume is known. */
export interface KnownVolume {
  readonly m3: number;
  readonly coveredMs: number;
  readonly wantedMs: number;
  /** Points whose volume came from a register, and from integrated flow. */
  readonly byRegister: number;
  readonly byFlow: number;
  readonly resets: number;
  /** Hours that rest on values nobody measured. */
  readonly doubtfulHours: number;
}

/** What one local day of a zone rests on. */
export interface ZoneDay {
  /** Local date, `2026-11-23`. */
  readonly date: string;
  readonly from: Millis;
  readonly to: Millis;
  readonly inflow: KnownVolume;
  readonly outflow: KnownVolume;
  readonly customers: KnownVolume;
  /** Water that went into the tanks, m3; undefined where a level is missing. */
  readonly stored?: number;
  /** Least mean over one hour of the night window, m3/h. */
  readonly nightFlow?: number;
  /** Mean of the zone's sensors by hour of the day, m; null where unknown. */
  readonly pressures: readonly (number | null)[];
  /** Mean over the night window, m. */
  readonly nightPressure?: number;
}

/** Everything recorded of a zone over the days and a margin around them; missing points were never heard. */
export interface ZoneRecord {
  readonly flows: ReadonlyMap<string, readonly Quarter[]>;
  /** Registers of flow points, forward and, where there is one, reverse; value at the end of the quarter. */
  readonly registers: ReadonlyMap<string, readonly Quarter[]>;
  readonly reverse: ReadonlyMap<string, readonly Quarter[]>;
  readonly levels: ReadonlyMap<string, readonly Quarter[]>;
  readonly pressures: ReadonlyMap<string, readonly Quarter[]>;
}

export interface LocalDay {
  readonly date: string;
  readonly from: Millis;
  readonly to: Millis;
}

/**
 * What is known of one day of a zone. Registers tell volumes where there are any, integrated flow otherwise.
 *
 * @param night - local hours [from, to) of the night window
 */
export function zoneDay(
  zone: Pick<ZoneModel, 'inlets' | 'outlets' | 'customers' | 'tanks' | 'pressures'>,
  record: ZoneRecord,
  day: LocalDay,
  night: readonly [fromHour: number, toHour: number],
): ZoneDay {
  const { from, to } = day;
  const nightFrom = from + night[0] * HOUR_MS;
  const nightTo = from + night[1] * HOUR_MS;
  const stored = storedOf(zone, record, day);
  const nightFlow = nightFlowOf(zone, record, nightFrom, nightTo);
  const pressures = Array.from({ length: 24 }, (_, hour) =>
    meanOf(zone.pressures, record.pressures, from + hour * HOUR_MS, from + (hour + 1) * HOUR_MS),
  );
  const nightPressure = meanOf(zone.pressures, record.pressures, nightFrom, nightTo);
  return {
    ...day,
    inflow: volumes(zone.inlets, record, from, to),
    outflow: volumes(zone.outlets, record, from, to),
    customers: volumes(zone.customers, record, from, to),
    ...(stored === undefined ? {} : { stored }),
    ...(nightFlow === undefined ? {} : { nightFlow }),
    pressures,
    ...(nightPressure === null ? {} : { nightPressure }),
  };
}

/** Adds up what is known of several days or points. */
export function addVolumes(parts: readonly KnownVolume[]): KnownVolume {
  const sum = (of: (part: KnownVolume) => number) => parts.reduce((all, part) => all + of(part), 0);
  return {
    m3: sum(({ m3 }) => m3),
    coveredMs: sum(({ coveredMs }) => coveredMs),
    wantedMs: sum(({ wantedMs }) => wantedMs),
    byRegister: sum(({ byRegister }) => byRegister),
    byFlow: sum(({ byFlow }) => byFlow),
    resets: sum(({ resets }) => resets),
    doubtfulHours: sum(({ doubtfulHours }) => doubtfulHours),
  };
}

function volumes(points: readonly string[], record: ZoneRecord, from: Millis, to: Millis): KnownVolume {
  return addVolumes(points.map((point) => volumeOfPoint(point, record, from, to)));
}

function volumeOfPoint(point: string, record: ZoneRecord, from: Millis, to: Millis): KnownVolume {
  const wantedMs = to - from;
  const register = record.registers.get(point);
  if (register !== undefined) {
    const forward = volumeOf(readingsOf(register, from, to), from, to);
    if (forward.coveredMs >= REGISTER_PART * wantedMs) {
      const back = volumeOf(readingsOf(record.reverse.get(point) ?? [], from, to), from, to);
      return {
        m3: forward.volume - back.volume,
        coveredMs: Math.min(wantedMs, forward.coveredMs),
        wantedMs,
        byRegister: 1,
        byFlow: 0,
        resets: forward.resets + back.resets,
        doubtfulHours: (forward.notMeasured + back.notMeasured) / PER_HOUR,
      };
    }
  }
  const flow = within(record.flows.get(point) ?? [], from, to);
  return {
    m3: flow.reduce((sum, { value }) => sum + value / PER_HOUR, 0),
    coveredMs: flow.length * QUARTER_MS,
    wantedMs,
    byRegister: 0,
    byFlow: 1,
    resets: 0,
    doubtfulHours: flow.filter(({ isDoubtful }) => isDoubtful).length / PER_HOUR,
  };
}

/** Register values with one before and one after the day, so that its ends are told by difference, too. */
function readingsOf(quarters: readonly Quarter[], from: Millis, to: Millis): RegisterReading[] {
  const first = Math.max(0, place(quarters, from - QUARTER_MS) - 1);
  const last = place(quarters, to - QUARTER_MS) + 1;
  return quarters.slice(first, last + 1).map(({ ts, value, isDoubtful }) => ({
    ts: ts + QUARTER_MS,
    total: value,
    ...(isDoubtful ? { origin: 'substituted' as const } : {}),
  }));
}

function storedOf(
  { tanks }: Pick<ZoneModel, 'tanks'>,
  { levels }: ZoneRecord,
  { from, to }: LocalDay,
): number | undefined {
  let stored = 0;
  for (const { level, areaM2 } of tanks) {
    const known = within(levels.get(level) ?? [], from - HOUR_MS, to);
    const before = known.find(({ ts }) => ts >= from - QUARTER_MS);
    const after = known.at(-1);
    if (before === undefined || after === undefined || after.ts < to - HOUR_MS || before.ts > from + HOUR_MS)
      return undefined;
    stored += areaM2 * (after.value - before.value);
  }
  return stored;
}

/** Tanks are left out: their level is too coarse for an hour, and at night nobody fills but the zone's own inlet. */
function nightFlowOf(
  { inlets, outlets }: Pick<ZoneModel, 'inlets' | 'outlets'>,
  { flows }: ZoneRecord,
  from: Millis,
  to: Millis,
): number | undefined {
  if (inlets.length === 0 || to <= from) return undefined;
  const net = new Array<number | null>(Math.round((to - from) / QUARTER_MS)).fill(0);
  for (const [points, sign] of [
    [inlets, 1],
    [outlets, -1],
  ] as const)
    for (const point of points) {
      const bySlot = new Map(within(flows.get(point) ?? [], from, to).map(({ ts, value }) => [ts, value]));
      for (let slot = 0; slot < net.length; slot++) {
        const value = bySlot.get(from + slot * QUARTER_MS);
        const sum = net[slot];
        net[slot] = value === undefined || sum === null || sum === undefined ? null : sum + sign * value;
      }
    }
  return minimumNightFlow(net, PER_HOUR);
}

function meanOf(
  points: readonly string[],
  columns: ReadonlyMap<string, readonly Quarter[]>,
  from: Millis,
  to: Millis,
): number | null {
  let sum = 0;
  let n = 0;
  for (const point of points)
    for (const { value } of within(columns.get(point) ?? [], from, to)) {
      sum += value;
      n++;
    }
  return n === 0 ? null : sum / n;
}

/** Quarters that start in [from, to). */
const within = (quarters: readonly Quarter[], from: Millis, to: Millis): readonly Quarter[] =>
  quarters.slice(place(quarters, from), place(quarters, to));

/** Index of the first quarter that starts at or after `at`. */
function place(quarters: readonly Quarter[], at: Millis): number {
  let low = 0;
  let high = quarters.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (quarters[middle]!.ts < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
