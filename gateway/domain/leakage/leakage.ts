import { GOOD } from '../../../contract/reading.ts';
import { formatTime, type Millis } from '../../../contract/time.ts';
import type { Detector, Finding } from '../detector.ts';
import { BurstWatch, MINUTE_MS, newBurstState } from './burst-watch.ts';
import type { FlowEvent } from './flow-state.ts';
import { FlowWatch } from './flow-watch.ts';
import { intervalWords, leakRule, round } from './leak-alarm.ts';
import { namesOf, whyNoBalance, type ZoneModel } from './network.ts';
import type { OpenLeak } from './open-leaks.ts';
import { PressureField } from './pressure-field.ts';
import { PressureWatch } from './pressure-watch.ts';
import { median } from './profile.ts';
import { type LeakFacts, ruledOut } from './ruled-out.ts';
import { Signal } from './signal.ts';
import { weekClock } from './week-clock.ts';
import { type ZoneStatus, zoneStatus } from './zone-status.ts';

const QUARTER_MS = 900_000;
/** Meters that report at least so often are watched by the minute, too; a value counts for two. */
const MINUTE_INTERVAL_MS = 90_000;
const MINUTE_HELD_MS = 2 * MINUTE_MS;
/** Zones with a tank are balanced over so long: a level of 1 cm resolution says nothing about five minutes. */
const TANK_BIN_MS = 3 * 3_600_000;
/** A sub-zone whose sensors fell this clearly, and more clearly than any other, is where the leak is. */
const SUBZONE_SIGMAS = 5;
/** A reducing valve holds the pressure behind it to this part of what others stray; its own fall, and that of the highest. */
const HELD_PART = 0.25;
const HELD_SIGMAS = 2.2;
const HELD_OF_TOP = 0.3;
/** Gaps longer than this are stepped over instead of closed bin by bin. */
const JUMP_BINS_MAX = 4000;
/** An open alarm learns its size and the water lost so far this often. */
const UPDATE_EVERY_MS = 86_400_000;
/** Series kept for the picture of an alarm. */
const EVIDENCE_BINS = 192;

/** The alarm of an open leak. */
interface OpenAlarm {
  readonly key: string;
  /** When the leak was raised; names it. */
  readonly at: Millis;
  /** When its record was last written. */
  toldAt: Millis;
  lostM3: number;
  /** Half the width of the interval it was raised with, m3/h. */
  readonly margin: number;
}

interface Watch {
  readonly zone: ZoneModel;
  readonly binMs: number;
  readonly flow: FlowWatch;
  readonly burst: BurstWatch;
  /** Points of the zone and of its sub-zones; undefined where the flow of a quarter is not known. */
  readonly pressure: { readonly points: readonly string[]; readonly watch: PressureWatch } | undefined;
  /** Ends of bins, measured flow and expectation, for the picture. */
  series: [Millis, number | null, number | null][];
  level: (number | null)[];
  /** End of the last bin. */
  closedAt: Millis;
  open: OpenAlarm[];
  lost: number;
}

/** Leaks of all zones of a network, as a detector of the judge. */
export class LeakageDetector implements Detector {
  private readonly zones: readonly ZoneModel[];
  private readonly watches: Watch[];
  private readonly signals = new Map<string, Signal>();
  private readonly fields: { readonly zone: ZoneModel; readonly field: PressureField }[];
  private readonly wanted = new Map<number, Signal>();
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
      .filter((other) => other.id === zone.id || this.isWithin(other, zone.id))
      .flatMap(({ pressures }) => pressures);
    return points.length === 0 ? undefined : { points, watch: new PressureWatch(points.length) };
  }

  pointKnown(pointId: string, id: number): boolean {
    const signal = this.signals.get(pointId);
    if (signal !== undefined) this.wanted.set(id, signal);
    return signal !== undefined;
  }

  reading(id: number, ts: Millis, value: number, quality: number): void {
    const signal = this.wanted.get(id);
    if (signal === undefined || quality !== GOOD || !Number.isFinite(value)) return;
    this.next ??= Math.floor(ts / TANK_BIN_MS) * TANK_BIN_MS + QUARTER_MS;
    if (!this.started && ts < this.next - QUARTER_MS)
      this.next = Math.floor(ts / TANK_BIN_MS) * TANK_BIN_MS + QUARTER_MS;
    signal.take(ts, value, this.next - QUARTER_MS);
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
        if (burst !== undefined) for (const event of watch.flow.burst(burst)) this.tell(watch, event, findings);
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
    watch.series.push([at, net ?? null, expected ?? null]);
    if (watch.series.length > EVIDENCE_BINS) watch.series.shift();
    watch.lost += (flow.known * binMs) / 3_600_000;
    for (const open of watch.open) open.lostM3 += ((leakOf(watch, open)?.size ?? 0) * binMs) / 3_600_000;
    const { pressure } = watch;
    pressure?.watch.step(pressure.points.map(mean), net, passed === undefined ? undefined : -passed);
    const fall = (bins: number) => pressure?.watch.fall(bins);
    for (const event of flow.step({ at, slot, flow: net, demand }, fall)) this.tell(watch, event, findings);
    for (const open of watch.open) this.update(watch, open, at, findings);
  }

  // -- alarms ------------------------------------------------------------------------------------------------------------

  private tell(watch: Watch, event: FlowEvent, findings: Finding[]): void {
    if (event.kind === 'repair') {
      for (const leak of event.closed) {
        watch.burst.ended(leak.at);
        this.close(watch, leak, event.at, findings);
      }
      return;
    }
    if (event.kind === 'growth') return;
    const { zone } = watch;
    const bins = Math.max(4, Math.round((event.kind === 'abrupt' ? event.at - event.since : 86_400_000) / QUARTER_MS));
    const { location: nearest, sensors } = this.locate(zone, event.kind === 'abrupt' ? bins : 96);
    const location = (event.kind === 'abrupt' ? this.heldZone(watch, bins) : undefined) ?? nearest;
    const key = `${keyStart(zone.id)}${event.at.toString(36)}`;
    const hours = (event.at - event.since) / 3_600_000;
    const lost = event.size * hours * (event.kind === 'abrupt' ? 1 : 1 / 3);
    const margin = (event.high - event.low) / 2;
    watch.open.push({ key, at: event.at, toldAt: event.at, lostM3: lost, margin });
    findings.push({
      kind: 'raise',
      rule: leakRule(key, location, event.kind),
      raise: {
        since: event.since,
        at: event.at,
        evidence: {
          value: Number(event.size.toPrecision(3)),
          against: intervalWords(event.low, event.high),
          details: {
            type: event.kind,
            zone: zone.id,
            size: round(event.size),
            interval: [round(event.low), round(event.high)],
            unit: 'm3/h',
            score: round(event.score),
            window: { from: formatTime(event.since), to: formatTime(event.at) },
            sensors: sensors.slice(0, 8),
            ...lostOf(zone, lost),
            basis: basisOf(zone, event),
            ruledOut: ruledOut(this.factsOf(watch, event, sensors)),
            otherOpenLeaks: round(watch.flow.known - event.size),
            series: watch.series.map(([at, flow, expected]) => [formatTime(at), round(flow), round(expected)]),
          },
        },
      },
    });
  }

  private factsOf(
    watch: Watch,
    { kind, since, at, size }: Extract<FlowEvent, { kind: 'abrupt' | 'slow' }>,
    sensors: LeakFacts['sensors'],
  ): LeakFacts {
    const { zone, flow, series } = watch;
    const odd = flow.oddness();
    return {
      kind,
      since,
      at,
      size,
      series,
      meters: [...zone.inlets, ...zone.outlets].map((point) => {
        const { run, naturalRun } = this.signals.get(point)!.state;
        return { point, alike: run, alikeUsual: naturalRun };
      }),
      tanks: zone.tanks.length,
      longestDrawMs: flow.state.longestTransient,
      ...(odd === undefined ? {} : { odd }),
      others: this.watches.flatMap((other) => {
        const change = other === watch ? undefined : strayedSince(other.series, since);
        return change === undefined ? [] : [{ zone: other.zone.id, change }];
      }),
      sensors,
    };
  }

  /** A leak that is open for another day: how large it is by now, and what it has cost. */
  private update(watch: Watch, open: OpenAlarm, at: Millis, findings: Finding[]): void {
    const leak = leakOf(watch, open);
    if (leak === undefined || at - open.toldAt < UPDATE_EVERY_MS) return;
    open.toldAt = at;
    // From the second day on the size follows the weekly level, which strays by itself.
    const margin = Math.max(open.margin, 2 * watch.flow.state.weekScale);
    const low = Math.max(0, leak.size - margin);
    const high = leak.size + margin;
    findings.push({
      kind: 'update',
      rule: open.key,
      evidence: {
        value: Number(leak.size.toPrecision(3)),
        against: intervalWords(low, high),
        details: {
          size: round(leak.size),
          interval: [round(low), round(high)],
          ...lostOf(watch.zone, open.lostM3),
          otherOpenLeaks: round(watch.flow.known - leak.size),
          updatedAt: formatTime(at),
        },
      },
    });
  }

  private close(watch: Watch, leak: OpenLeak, at: Millis, findings: Finding[]): void {
    const index = watch.open.findIndex((open) => open.at === leak.at);
    if (index < 0) return;
    const [open] = watch.open.splice(index, 1);
    findings.push({ kind: 'clear', rule: open!.key, at });
  }

  /** Zone or sub-zone, and the sensors that fell, most first. */
  private locate(zone: ZoneModel, bins: number) {
    const near = this.fields.filter(({ zone: of }) => of.id === zone.id || this.isWithin(of, zone.id));
    const drops = near.flatMap(({ zone: of, field }) => field.drops(bins).map((drop) => ({ ...drop, zone: of.id })));
    drops.sort((a, b) => b.sigmas - a.sigmas);
    const first = drops[0];
    const location = first !== undefined && first.sigmas > SUBZONE_SIGMAS ? first.zone : zone.id;
    const sensors = drops.map(({ point, drop, sigmas, zone: of }) => ({
      point,
      zone: of,
      drop: round(drop),
      sigmas: round(sigmas),
    }));
    return { location, sensors };
  }

  /** Behind a reducing valve only its own draw moves the pressure: a small fall there is proof. */
  private heldZone({ pressure, zone }: Watch, bins: number): string | undefined {
    if (pressure === undefined) return undefined;
    const falls = pressure.watch.falls(bins).map((sigmas) => sigmas ?? 0);
    const spreads = pressure.watch.spreads();
    const usual = median(spreads.filter((spread) => spread > 0));
    const top = Math.max(...falls);
    for (const of of this.zones.filter((other) => other.id !== zone.id && this.isWithin(other, zone.id))) {
      const own = of.pressures.map((point) => pressure.points.indexOf(point));
      const isHeld = own.length > 0 && own.every((index) => spreads[index]! < HELD_PART * usual);
      const fall = Math.max(...own.map((index) => falls[index]!));
      if (isHeld && fall > HELD_SIGMAS && fall > HELD_OF_TOP * top) return of.id;
    }
    return undefined;
  }

  private isWithin(zone: ZoneModel, id: string): boolean {
    let at: ZoneModel | undefined = zone;
    for (let depth = 0; depth < this.zones.length && at?.within !== undefined; depth++) {
      if (at.within === id) return true;
      const above: string = at.within;
      at = this.zones.find((other) => other.id === above);
    }
    return false;
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

/** Mean of flow less expectation since then, m3/h; undefined: not known. */
function strayedSince(series: Watch['series'], since: Millis): number | undefined {
  const strayed = series.flatMap(([at, flow, expected]) =>
    at <= since || flow === null || expected === null ? [] : [flow - expected],
  );
  return strayed.length === 0 ? undefined : strayed.reduce((sum, value) => sum + value, 0) / strayed.length;
}

/** What the rule keys of all leaks of a zone begin with. */
const keyStart = (zone: string): string => `${zone}#leak-`;

const leakOf = ({ flow }: Pick<Watch, 'flow'>, { at }: Pick<OpenAlarm, 'at'>): OpenLeak | undefined =>
  flow.state.leaks.find((leak) => leak.at === at);

/** What an open leak has lost since it was raised if it was always as large as now, m3. */
function lostSince({ leaks, lastAt }: FlowWatch['state'], { at }: Pick<OpenAlarm, 'at'>): number {
  const leak = leaks.find((one) => one.at === at);
  return leak === undefined ? 0 : (leak.size * Math.max(0, lastAt - leak.since)) / 3_600_000;
}

function basisOf({ customers }: ZoneModel, { at, since }: { readonly at: Millis; readonly since: Millis }): string {
  if (customers.length > 0) return 'water balance';
  return at - since < QUARTER_MS ? 'net inflow by the minute' : 'net inflow';
}

const lostOf = ({ pricePerM3 }: ZoneModel, lostM3: number) => ({
  lostM3: Math.round(lostM3),
  ...(pricePerM3 === undefined ? {} : { lostValue: Math.round(lostM3 * pricePerM3) }),
});
