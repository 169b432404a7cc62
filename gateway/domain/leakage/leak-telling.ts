import { formatTime, type Millis } from '../../../contract/time.ts';
import type { Finding } from '../detector.ts';
import type { FlowEvent } from './flow-state.ts';
import { intervalWords, leakRule, round } from './leak-alarm.ts';
import type { ZoneModel } from './network.ts';
import type { OpenLeak } from './open-leaks.ts';
import type { PressureField } from './pressure-field.ts';
import { median } from './profile.ts';
import { type LeakFacts, ruledOut } from './ruled-out.ts';
import type { Signal } from './signal.ts';
import { isWithin, keyStart, leakOf, type OpenAlarm, type Watch } from './zone-watch.ts';

const QUARTER_MS = 900_000;
/** A sub-zone whose sensors fell this clearly, and more clearly than any other, is where the leak is. */
const SUBZONE_SIGMAS = 5;
/** A reducing valve holds the pressure behind it to this part of what others stray; its own fall, and that of the highest. */
const HELD_PART = 0.25;
const HELD_SIGMAS = 2.2;
const HELD_OF_TOP = 0.3;
/** An open alarm learns its size and the water lost so far this often. */
const UPDATE_EVERY_MS = 86_400_000;

interface Surroundings {
  readonly zones: readonly ZoneModel[];
  readonly watches: readonly Watch[];
  readonly signals: ReadonlyMap<string, Signal>;
  readonly fields: readonly { readonly zone: ZoneModel; readonly field: PressureField }[];
}

/** Makes alarms of what a zone's flow shows: with size, place, what was ruled out, and what it has cost since. */
export class LeakTeller {
  private readonly zones: Surroundings['zones'];
  private readonly watches: Surroundings['watches'];
  private readonly signals: Surroundings['signals'];
  private readonly fields: Surroundings['fields'];

  constructor({ zones, watches, signals, fields }: Surroundings) {
    this.zones = zones;
    this.watches = watches;
    this.signals = signals;
    this.fields = fields;
  }

  /** Raises a leak, or clears those that a repair closed; growth is told with the daily update. */
  tell(watch: Watch, event: FlowEvent, findings: Finding[]): void {
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
      rule: leakRule(
        key,
        this.zones.find(({ id }) => id === location) ?? { id: location },
        event.kind,
        sensors.length > 0,
      ),
      raise: {
        since: event.since,
        at: event.at,
        evidence: {
          value: Number(event.size.toPrecision(3)),
          ...intervalWords(event.low, event.high),
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
            series: seriesOf(watch, Number.POSITIVE_INFINITY),
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
  update(watch: Watch, open: OpenAlarm, at: Millis, findings: Finding[]): void {
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
        ...intervalWords(low, high),
        details: {
          size: round(leak.size),
          interval: [round(low), round(high)],
          ...lostOf(watch.zone, open.lostM3),
          otherOpenLeaks: round(watch.flow.known - leak.size),
          updatedAt: formatTime(at),
          series: seriesOf(watch, watch.flow.known - leak.size),
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
    const near = this.fields.filter(({ zone: of }) => of.id === zone.id || isWithin(this.zones, of, zone.id));
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
    for (const of of this.zones.filter((other) => other.id !== zone.id && isWithin(this.zones, other, zone.id))) {
      const own = of.pressures.map((point) => pressure.points.indexOf(point));
      const isHeld = own.length > 0 && own.every((index) => spreads[index]! < HELD_PART * usual);
      const fall = Math.max(...own.map((index) => falls[index]!));
      if (isHeld && fall > HELD_SIGMAS && fall > HELD_OF_TOP * top) return of.id;
    }
    return undefined;
  }
}

/** Mean of flow less expectation since then, m3/h; undefined: not known. */
function strayedSince(series: Watch['series'], since: Millis): number | undefined {
  const strayed = series.flatMap(([at, flow, expected]) =>
    at <= since || flow === null || expected === null ? [] : [flow - expected],
  );
  return strayed.length === 0 ? undefined : strayed.reduce((sum, value) => sum + value, 0) / strayed.length;
}

function basisOf({ customers }: ZoneModel, { at, since }: { readonly at: Millis; readonly since: Millis }): string {
  if (customers.length > 0) return 'water balance';
  return at - since < QUARTER_MS ? 'net inflow by the minute' : 'net inflow';
}

/**
 * Flow and what it should be without this leak, for the picture: once a leak is known the expectation has it in it.
 *
 * @param others - m3/h of leaks that belong to the expectation
 */
const seriesOf = ({ series }: Watch, others: number) =>
  series.map(([at, flow, expected, known = 0]) => [
    formatTime(at),
    round(flow),
    round(expected === null ? null : expected - Math.max(0, known - others)),
  ]);

const lostOf = ({ pricePerM3 }: ZoneModel, lostM3: number) => ({
  lostM3: Math.round(lostM3),
  ...(pricePerM3 === undefined ? {} : { lostValue: Math.round(lostM3 * pricePerM3) }),
});
