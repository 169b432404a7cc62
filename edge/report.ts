import type { DeviceReadings, WireValue } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import { type Dimension, UNITS } from '../contract/units.ts';
import type { ReportConfig } from './config.ts';
import type { DeviceModel, PointModel } from './model.ts';

/**
 * What leakage, pressure and energy balances live on: a deadband of 2 % of the mean moves the night minimum of an
 * inlet by 0.85 m3/h (median), and the leaks looked for begin at 5.
 */
const NEVER: ReadonlySet<Dimension> = new Set([
  'volume-flow',
  'volume',
  'pressure',
  'length',
  'energy',
  'reactive-energy',
]);
const NEVER_CLASSES: ReadonlySet<DeviceModel['class']> = new Set(['flow-meter', 'pressure', 'level', 'gas-sensor']);

/** Why a point may not be reported by exception, or undefined if it may. */
export function refusesReport(model: DeviceModel, point: PointModel): string | undefined {
  if (NEVER_CLASSES.has(model.class))
    return `every sample: values of a ${model.class} feed leakage, balance or safety rules`;
  const { dimension } = UNITS[point.unit];
  return NEVER.has(dimension) ? `every sample: a ${dimension} feeds leakage or balance` : undefined;
}

interface Rule {
  readonly absolute: number;
  readonly percent: number;
  readonly maxSilenceMs: number;
  readonly frozenAfterMs: number;
}

interface Track {
  sentTs: Millis;
  sent: WireValue;
  /** The newest sample, if it was not sent. */
  held?: { readonly ts: Millis; readonly wire: WireValue };
  /** Since when the value has been exactly the same. */
  sameSince: Millis;
  value: number | undefined;
}

/** Lets through what changed, with the sample before it, and something at least every so often. */
export interface Reporter {
  /** @returns what is to be sent, oldest first; empty if nothing */
  filter(readings: DeviceReadings): DeviceReadings[];
}

/** Report by exception for one device; measurements without a rule pass as they are. */
export function createReporter(configured: readonly ReportConfig[]): Reporter {
  const rules = new Map<string, Rule>();
  for (const { points, deadband, maxSilence, frozenAfter } of configured) {
    const absolute = typeof deadband === 'number' ? deadband : 0;
    const percent = typeof deadband === 'string' ? Number.parseFloat(deadband) : 0;
    const frozenAfterMs = frozenAfter ?? Number.POSITIVE_INFINITY;
    for (const point of points) rules.set(point, { absolute, percent, maxSilenceMs: maxSilence, frozenAfterMs });
  }
  const tracks = new Map<string, Track>();
  return {
    filter(readings) {
      const { device, ts = 0 } = readings;
      const now: Record<string, WireValue> = {};
      const before = new Map<Millis, Record<string, WireValue>>();
      for (const [measurement, sampled] of Object.entries(readings.values)) {
        const rule = rules.get(measurement);
        if (rule === undefined) {
          now[measurement] = sampled;
          continue;
        }
        const track = tracks.get(measurement);
        const value = numberOf(sampled);
        const isSame = track !== undefined && track.value === value;
        const sameSince = isSame ? track.sameSince : ts;
        // The gateway doesn't see the samples in between: whether a value is frozen can only be told here.
        const wire = value !== undefined && ts - sameSince >= rule.frozenAfterMs ? frozen(value) : sampled;
        if (track === undefined || isNews(track, wire, ts, rule)) {
          if (track?.held !== undefined && track.held.ts > track.sentTs) {
            before.set(track.held.ts, { ...before.get(track.held.ts), [measurement]: track.held.wire });
          }
          now[measurement] = wire;
          tracks.set(measurement, { sentTs: ts, sent: wire, sameSince, value });
        } else tracks.set(measurement, { ...track, held: { ts, wire }, sameSince, value });
      }
      const late = [...before].sort(([a], [b]) => a - b).map(([at, values]) => ({ device, ts: at, values }));
      return Object.keys(now).length > 0 ? [...late, { device, ts, values: now }] : late;
    },
  };
}

function isNews(track: Track, wire: WireValue, ts: Millis, rule: Rule): boolean {
  if (ts - track.sentTs >= rule.maxSilenceMs) return true;
  if (qualityOf(wire) !== qualityOf(track.sent)) return true;
  const [value, sent] = [numberOf(wire), numberOf(track.sent)];
  if (value === undefined || sent === undefined) return value !== sent;
  return Math.abs(value - sent) > Math.max(rule.absolute, (Math.abs(sent) * rule.percent) / 100);
}

function numberOf(wire: WireValue): number | undefined {
  return typeof wire === 'number' ? wire : wire.value;
}

function qualityOf(wire: WireValue): string {
  return typeof wire === 'number' ? 'good' : `${wire.quality} ${wire.reason ?? ''}`;
}

function frozen(value: number): WireValue {
  return { value, quality: 'uncertain', reason: 'frozen' };
}
