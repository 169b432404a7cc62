import { GOOD } from '../../../contract/reading.ts';
import type { Millis } from '../../../contract/time.ts';
import type { Detector, Finding } from '../detector.ts';
import { BurstWatch, MINUTE_MS, newBurstState } from './burst-watch.ts';
import { FlowWatch } from './flow-watch.ts';
import { LeakTeller } from './leak-telling.ts';
import { namesOf, whyNoBalance, type ZoneModel } from './network.ts';
import { pointScale } from './point-scale.ts';
import { PressureField } from './pressure-field.ts';
import { PressureWatch } from './pressure-watch.ts';
import { Signal } from './signal.ts';
import { weekClock } from './week-clock.ts';
import { type ZoneStatus, zoneStatus } from './zone-status.ts';
import { isWithin, keyStart, leakOf, type OpenAlarm, type Watch } from './zone-watch.ts';

const QUARTER_MS = 900_000;
/** Meters that report at least so often are watched by the minute, too; a value counts for two. */
const MINUTE_INTERVAL_MS = 90_000;
const MINUTE_HELD_MS = 2 * MINUTE_MS;
/** Zones with a tank are balanced over so long: a level of 1 cm resolution says nothing about five minutes. */
const TANK_BIN_MS = 3 * 3_600_000;
/** Gaps longer than this are stepped over instead of closed bin by bin. */
const JUMP_BINS_MAX = 4000;
/** Series kept for the picture of an alarm. */
const EVIDENCE_BINS = 192;

/** Leaks of all zones of a network, as a detector of the judge. */
export class LeakageDetector implements Detector {
  private readonly zones: readonly ZoneModel[];
  private readonly watches: Watch[];
  private readonly signals = new Map<string, Signal>();
  private readonly fields: { readonly zone: ZoneModel; readonly field: PressureField }[];
  private readonly teller: LeakTeller;
  private readonly wanted = new Map<number, { readonly signal: Signal; readonly scale: number }>();
  private readonly slotOf: (at: Millis, perDay: number) => number;
  private next: Millis | undefined;
  /** End of the last minute that was looked at. */
  private minute: Millis = 0;
  private started = false;

  /** @param timezone - IANA zone in which people sleep */
  constructor(zones: readonly ZoneModel[], timezone: string) {
    this.zones = zones;
    this.slotOf = weekClock(timezone);
    this.watches = zones
      .filter(({ inlets }) => inlets.length > 0)
      .map((zone) => {
        const binMs = zone.tanks.length > 0 || zone.customers.length > 0 ? TANK_BIN_MS : QUARTER_MS;
        return {
          zone,
          binMs,
          flow: new FlowWatch({
            binMs,
            metered: zone.customers.length > 0,
            ...(zone.sensitivity === undefined ? {} : { sensitivity: zone.sensitivity }),
          }),
          burst: new BurstWatch(),
          pressure: binMs === QUARTER_MS ? this.pressureOf(zone) : undefined,
          series: [],
          level: zone.tanks.map(() => null),
          closedAt: 0,
          open: [],
          lost: 0,
        };
      });
    this.fields = zones
      .filter(({ pressures }) => pressures.length > 0)
      .map((zone) => ({ zone, field: new PressureField(zone.pressures) }));
    this.teller = new LeakTeller({ zones, watches: this.watches, signals: this.signals, fields: this.fields });
    const points = zones.flatMap(({ inlets, outlets, tanks, customers, pressures }) => [
      ...inlets,
      ...outlets,
      ...customers,
      ...pressures,
      ...tanks.map(({ level }) => level),
    ]);
    for (const point of points) this.signals.set(point, new Signal());
  }

  private pressureOf(zone: ZoneModel): Watch['pressure'] {
    const points = this.zones
      .filter((other) => other.id === zone.id || isWithin(this.zones, other, zone.id))
      .flatMap(({ pressures }) => pressures);
    return points.length === 0 ? undefined : { points, watch: new PressureWatch(points.length) };
  }

  pointKnown(pointId: string, id: number, unit?: string): boolean {
    const signal = this.signals.get(pointId);
    if (signal !== undefined) this.wanted.set(id, { signal, scale: pointScale(unit) });
    return signal !== undefined;
  }

  reading(id: number, ts: Millis, value: number, quality: number): void {
    const wanted = this.wanted.get(id);
    if (wanted === undefined || quality !== GOOD || !Number.isFinite(value)) return;
    this.next ??= Math.floor(ts / TANK_BIN_MS) * TANK_BIN_MS + QUARTER_MS;
    if (!this.started && ts < this.next - QUARTER_MS)
      this.next = Math.floor(ts / TANK_BIN_MS) * TANK_BIN_MS + QUARTER_MS;
    wanted.signal.take(ts, value * wanted.scale, this.next - QUARTER_MS);
  }

  advance(upTo: Millis): readonly Finding[] {
    if (this.next === undefined) return [];
    const findings: Finding[] = [];
    if (upTo < this.next) {
      this.closeMinutes(upTo, findings);
      return findings;
    }
    this.started = true;
    if ((upTo - this.next) / QUARTER_MS > JUMP_BINS_MAX)
      this.next = Math.floor(upTo / TANK_BIN_MS) * TANK_BIN_MS - TANK_BIN_MS + QUARTER_MS;
    while (this.next <= upTo) {
      this.closeMinutes(this.next, findings);
      this.closeQuarter(this.next, findings);
      this.next += QUARTER_MS;
    }
    this.closeMinutes(upTo, findings);
    return findings;
  }

  // -- bins --------------------------------------------------------------------------------------------------------------

  private readonly sums = new Map<string, { area: number; n: number }>();

  private closeQuarter(at: Millis, findings: Finding[]): void {
    const values = new Map<string, { mean: number | undefined; end: number | undefined }>();
    for (const [point, signal] of this.signals) {
      const closed = signal.close(at - QUARTER_MS, at);
      values.set(point, closed);
      const sum = this.sums.get(point) ?? { area: 0, n: 0 };
      if (closed.mean !== undefined) {
        sum.area += closed.mean;
        sum.n++;
      }
      this.sums.set(point, sum);
    }
    // By local time, as people live: on the two days when clocks change one bin is an hour longer or shorter, and not told.
    const isTankBin = this.slotOf(at, 96) % (TANK_BIN_MS / QUARTER_MS) === 0;
    for (const { field } of this.fields) field.step(field.points.map((point) => values.get(point)?.mean));
    for (const watch of this.watches) {
      if (watch.binMs === QUARTER_MS) this.closeBin(watch, at, (point) => values.get(point)?.mean, findings, values);
      else if (isTankBin) {
        const quarters = watch.binMs / QUARTER_MS;
        const mean = (point: string) => {
          const { area, n } = this.sums.get(point) ?? { area: 0, n: 0 };
          return n >= 0.75 * quarters ? area / n : undefined;
        };
        this.closeBin(watch, at, mean, findings, values);
      }
    }
    if (isTankBin) this.sums.clear();
  }

  /** Whole minutes of the open quarter until then, of zones whose meters all report by the minute. */
  private closeMinutes(upTo: Millis, findings: Finding[]): void {
    const from = Math.max(this.minute, this.next! - QUARTER_MS);
    const to = Math.floor(upTo / MINUTE_MS) * MINUTE_MS;
    if (to <= from) return;
    this.minute = to;
    for (const watch of this.watches) {
      const meters = [...watch.zone.inlets, ...watch.zone.outlets].map((point) => this.signals.get(point)!);
      const isByMinute = meters.every(
        ({ state: { intervalMs } }) => intervalMs > 0 && intervalMs <= MINUTE_INTERVAL_MS,
      );
      if (watch.binMs !== QUARTER_MS || !isByMinute) continue;
      const slot = this.slotOf(this.next! - QUARTER_MS, 96);
      for (let at = from + MINUTE_MS; at <= to; at += MINUTE_MS) {
        const values = meters.map((meter) => meter.at(at, MINUTE_HELD_MS));
        const flow = values.reduce<number | undefined>(
          (sum, value, index) =>
            sum === undefined || value === undefined
              ? undefined
              : sum + (index < watch.zone.inlets.length ? value : -value),
          0,
        );
        const isHeld = at < watch.flow.refillUntil;
        // A burst that was told is expected from then on.
        const expected = watch.flow.expectation(slot, undefined);
        const burst = watch.burst.step({ at, flow, expected, meanFlow: watch.flow.state.meanFlow, isHeld });
        if (burst !== undefined) for (const event of watch.flow.burst(burst)) this.teller.tell(watch, event, findings);
      }
    }
  }

  private closeBin(
    watch: Watch,
    at: Millis,
    mean: (point: string) => number | undefined,
    findings: Finding[],
    values: ReadonlyMap<string, { end: number | undefined }>,
  ): void {
    const { zone, binMs, flow } = watch;
    const add = (points: readonly string[], sign: number) =>
      points.reduce<number | undefined>((sum, point) => {
        const value = mean(point);
        return sum === undefined || value === undefined ? undefined : sum + sign * value;
      }, 0);
    const supplied = add(zone.inlets, 1);
    const passed = add(zone.outlets, -1);
    let stored: number | undefined = 0;
    zone.tanks.forEach(({ level, areaM2 }, index) => {
      const end = values.get(level)?.end;
      const before = watch.level[index];
      stored =
        stored === undefined || end === undefined || before === null || before === undefined
          ? undefined
          : stored + (areaM2 * (end - before) * 3_600_000) / binMs;
      watch.level[index] = end ?? null;
    });
    const isWhole = binMs === QUARTER_MS || watch.closedAt === at - binMs;
    watch.closedAt = at;
    const net =
      !isWhole || supplied === undefined || passed === undefined || stored === undefined
        ? undefined
        : supplied + passed - stored;
    const demand = zone.customers.length > 0 ? add(zone.customers, 1) : undefined;
    const slot = this.slotOf(at - binMs, Math.round(86_400_000 / binMs));
    const expected = flow.expectation(slot, demand);
    watch.series.push([at, net ?? null, expected ?? null, flow.known]);
    if (watch.series.length > EVIDENCE_BINS) watch.series.shift();
    watch.lost += (flow.known * binMs) / 3_600_000;
    for (const open of watch.open) open.lostM3 += ((leakOf(watch, open)?.size ?? 0) * binMs) / 3_600_000;
    const { pressure } = watch;
    pressure?.watch.step(pressure.points.map(mean), net, passed === undefined ? undefined : -passed);
    const fall = (bins: number) => pressure?.watch.fall(bins);
    for (const event of flow.step({ at, slot, flow: net, demand }, fall)) this.teller.tell(watch, event, findings);
    for (const open of watch.open) this.teller.update(watch, open, at, findings);
  }

  // -- state -------------------------------------------------------------------------------------------------------------

  isOwn(key: string, isActive: boolean): boolean {
    const watch = this.watches.find(({ zone }) => key.startsWith(keyStart(zone.id)));
    return watch !== undefined && (!isActive || watch.open.some((open) => open.key === key));
  }

  /** What is done in each zone, in the order of the configuration. */
  status(): readonly ZoneStatus[] {
    return this.zones.map((zone) => {
      const watch = this.watches.find(({ zone: { id } }) => id === zone.id);
      if (watch === undefined) {
        const reason = whyNoBalance(zone);
        const named = namesOf(zone);
        return { ...named, state: 'unmetered', ...(reason && { reason }), daysLeft: 0, size: 0, lostM3: 0 };
      }
      const { binMs, series, open, flow } = watch;
      const leaks = open.flatMap((alarm) => {
        const leak = leakOf(watch, alarm);
        return leak === undefined ? [] : [{ since: leak.since, size: leak.size, lostM3: alarm.lostM3 }];
      });
      const smallestLeak = flow.smallestLeak();
      return zoneStatus(
        { zone, binMs, series, leaks, smallestLeak, daysLeft: flow.daysLeft() },
        (at) => this.slotOf(at, 24) % 24,
      );
    });
  }

  snapshot(): unknown {
    return {
      next: this.next,
      started: this.started,
      minute: this.minute,
      sums: [...this.sums],
      signals: [...this.signals].map(([point, signal]) => [point, signal.state]),
      fields: this.fields.map(({ zone, field }) => [zone.id, field.points, field.state]),
      watches: this.watches.map(({ zone, binMs, flow, burst, pressure, series, level, closedAt, open, lost }) => ({
        zone: zone.id,
        pressure: pressure && { points: pressure.points, state: pressure.watch.state },
        binMs,
        flow: flow.state,
        burst: burst.state,
        series,
        level,
        closedAt,
        open,
        lost,
      })),
    };
  }

  restore(saved: unknown): void {
    const state = saved as Saved;
    this.next = state.next;
    this.started = state.started;
    this.minute = state.minute ?? 0;
    this.sums.clear();
    for (const [point, sum] of state.sums) this.sums.set(point, sum);
    for (const [point, kept] of state.signals) {
      const signal = this.signals.get(point);
      if (signal !== undefined) signal.state = kept;
    }
    for (const [zone, points, field] of state.fields) {
      const known = this.fields.find(({ zone: of }) => of.id === zone);
      if (known !== undefined && known.field.points.join() === points.join()) known.field.state = field;
    }
    for (const kept of state.watches) {
      const watch = this.watches.find(({ zone }) => zone.id === kept.zone);
      if (watch === undefined || watch.binMs !== kept.binMs) continue;
      watch.flow.state = kept.flow;
      watch.burst.state = kept.burst ?? newBurstState();
      if (kept.pressure !== undefined && kept.pressure.points.join() === watch.pressure?.points.join())
        watch.pressure.watch.state = kept.pressure.state;
      watch.series = kept.series;
      watch.level = kept.level;
      watch.closedAt = kept.closedAt ?? 0;
      // Snapshots of earlier versions hold key and time only.
      watch.open = kept.open.map((open) => ({
        toldAt: open.at,
        margin: 0,
        lostM3: lostSince(kept.flow, open),
        ...open,
      }));
      watch.lost = kept.lost;
    }
  }
}

interface Saved {
  readonly next?: Millis;
  readonly started: boolean;
  readonly minute?: Millis;
  readonly sums: [string, { area: number; n: number }][];
  readonly signals: [string, Signal['state']][];
  readonly fields: [string, string[], PressureField['state']][];
  readonly watches: (Pick<Watch, 'series' | 'level' | 'lost' | 'binMs'> & {
    readonly zone: string;
    readonly open: readonly (Pick<OpenAlarm, 'key' | 'at'> & Partial<OpenAlarm>)[];
    readonly closedAt?: Millis;
    readonly flow: FlowWatch['state'];
    readonly burst?: BurstWatch['state'];
    readonly pressure?: { readonly points: readonly string[]; readonly state: PressureWatch['state'] };
  })[];
}

/** What an open leak has lost since it was raised if it was always as large as now, m3. */
function lostSince({ leaks, lastAt }: FlowWatch['state'], { at }: Pick<OpenAlarm, 'at'>): number {
  const leak = leaks.find((one) => one.at === at);
  return leak === undefined ? 0 : (leak.size * Math.max(0, lastAt - leak.since)) / 3_600_000;
}
