import {
  BAD,
  GOOD,
  QUALITIES,
  type Quality,
  type QualityCode,
  type Reason,
  UNCERTAIN,
} from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import { fillBuckets, SlotBuilder } from '../store/buckets.ts';
import type { Bucket, Range, SeriesQuery, StoredReading } from '../store/store.ts';
import { type InfluxClient, type InfluxSeries, identifier, literal } from './client.ts';

/** A point by its name in InfluxDB. */
export interface ArchivedPoint {
  readonly device: string;
  readonly measurement: string;
}

/** One step of one point. */
export interface ArchivedValue {
  readonly value: number;
  /** Readings that are not bad. */
  readonly count: number;
  readonly worstQuality: Quality;
}

/** Readings of a point up to which buckets are made from the readings themselves, with a mean weighted by time. */
export const EXACT_READINGS_MAX = 200_000;
/** Devices of one question. */
const DEVICES_AT_ONCE = 500;

/** Reads back what the local store has forgotten. */
export class Archive {
  private readonly client: Pick<InfluxClient, 'query'>;

  constructor(client: Pick<InfluxClient, 'query'>) {
    this.client = client;
  }

  /** Oldest first, at most `limit`. @throws InfluxError */
  async readings(point: ArchivedPoint, range: Range, limit: number): Promise<StoredReading[]> {
    const readings: StoredReading[] = [];
    for (const [ts, value, quality, reason] of await this.rows(point, range, limit)) {
      // Of a device whose class or site has changed the same moment may stand in two series.
      if (readings.at(-1)?.ts === ts) readings.pop();
      readings.push({
        ts,
        ...(Number.isNaN(value) ? {} : { value }),
        quality: QUALITIES[quality] as Quality,
        ...(reason === '' ? {} : { reason: reason as Reason }),
      });
    }
    return readings;
  }

  /**
   * Slots of `stepMs` from `range.from` on. Up to {@link EXACT_READINGS_MAX} readings as the local store makes them; beyond,
   * `mean` counts readings alike, and nothing is held over a slot without readings.
   */
  async buckets(point: ArchivedPoint, range: Range, stepMs: number, maxSilenceMs: number): Promise<readonly Bucket[]> {
    const wider = { from: Math.floor(range.from - maxSilenceMs), to: range.to };
    const [counted] = await this.ask(`SELECT count(quality) ${fromWhere(point, wider)}`);
    const count = Number(counted?.[0]?.values[0]?.[1] ?? 0);
    if (count > EXACT_READINGS_MAX) return this.summed(point, range, stepMs);
    const slots = new SlotBuilder(range, stepMs, maxSilenceMs);
    for (const [ts, value, quality] of await this.rows(point, wider, EXACT_READINGS_MAX)) slots.add(ts, value, quality);
    return fillBuckets(slots.end(), range, stepMs, maxSilenceMs);
  }

  /** Plain aggregates per step from `from` on, of readings that are not bad: by point, and by the start of the step. */
  async series(
    points: readonly ArchivedPoint[],
    { from, to, stepMs, aggregate }: Omit<SeriesQuery, 'points' | 'across'>,
  ): Promise<Map<ArchivedPoint, Map<Millis, ArchivedValue>>> {
    const found = new Map<ArchivedPoint, Map<Millis, ArchivedValue>>();
    const byMeasurement = new Map<string, ArchivedPoint[]>();
    for (const point of points) {
      const list = byMeasurement.get(point.measurement);
      if (list === undefined) byMeasurement.set(point.measurement, [point]);
      else list.push(point);
    }
    for (const [measurement, all] of byMeasurement)
      for (let first = 0; first < all.length; first += DEVICES_AT_ONCE) {
        const some = all.slice(first, first + DEVICES_AT_ONCE);
        const where = `FROM ${identifier(measurement)} WHERE ${devices(some)} AND ${times({ from, to })}`;
        const grouped = `GROUP BY ${slotted(from, stepMs)}, device fill(none)`;
        const [values = [], doubtful = []] = await this.ask(
          `SELECT ${aggregate === 'count' ? 'count' : aggregate}(value) AS a, count(value) AS n ${where} AND quality != 'bad' ${grouped};` +
            `SELECT count(value) AS n ${where} AND quality = 'uncertain' ${grouped}`,
        );
        const uncertain = new Set(
          doubtful.flatMap(({ tags, values: rows }) => rows.map(([at]) => `${tags?.device}@${at}`)),
        );
        const byDevice = new Map(some.map((point) => [point.device, point]));
        for (const { tags, values: rows } of values) {
          const point = byDevice.get(tags?.device ?? '');
          if (point === undefined) continue;
          const steps = new Map<Millis, ArchivedValue>();
          for (const [at, value, count] of rows)
            if (typeof value === 'number')
              steps.set(at as number, {
                value,
                count: Number(count),
                worstQuality: uncertain.has(`${point.device}@${at}`) ? 'uncertain' : 'good',
              });
          found.set(point, steps);
        }
      }
    return found;
  }

  private async summed(point: ArchivedPoint, range: Range, stepMs: number): Promise<Bucket[]> {
    const where = fromWhere(point, range);
    const grouped = `GROUP BY ${slotted(range.from, stepMs)} fill(none)`;
    const [all = [], valued = [], bad = [], doubtful = []] = await this.ask(
      `SELECT count(quality) ${where} ${grouped};` +
        `SELECT min(value), max(value), mean(value) ${where} AND quality != 'bad' ${grouped};` +
        `SELECT count(quality) ${where} AND quality = 'bad' ${grouped};` +
        `SELECT count(quality) ${where} AND quality = 'uncertain' ${grouped}`,
    );
    const sums = new Map(rowsOf(valued).map(([at, min, max, mean]) => [at, { min, max, mean }]));
    const [hasBad, hasDoubtful] = [bad, doubtful].map((series) => new Set(rowsOf(series).map(([at]) => at)));
    return rowsOf(all).map(([at, count]) => ({
      ts: at as number,
      count: count as number,
      worstQuality: QUALITIES[hasBad?.has(at) ? BAD : hasDoubtful?.has(at) ? UNCERTAIN : GOOD] as Quality,
      ...(sums.get(at) as { min: number; max: number; mean: number } | undefined),
    }));
  }

  private async rows(
    point: ArchivedPoint,
    range: Range,
    limit: number,
  ): Promise<(readonly [ts: Millis, value: number, quality: QualityCode, reason: string])[]> {
    const [series] = await this.ask(
      `SELECT value, quality, reason, "empty" ${fromWhere(point, range)} ORDER BY time LIMIT ${Math.max(1, Math.floor(limit))}`,
    );
    return (series ?? []).flatMap(({ values }) =>
      values.map(([ts, value, quality, reason, empty]) => {
        const code = Math.max(0, QUALITIES.indexOf(quality as Quality)) as QualityCode;
        // A value that was taken back stays in its field; only of bad readings `empty` means anything.
        const isVoid = typeof value !== 'number' || (code === BAD && empty === true);
        return [ts as number, isVoid ? Number.NaN : (value as number), code, String(reason ?? '')] as const;
      }),
    );
  }

  private ask(q: string): Promise<readonly (readonly InfluxSeries[])[]> {
    return this.client.query(q);
  }
}

function rowsOf(series: readonly InfluxSeries[]) {
  return series.flatMap(({ values }) => values);
}

function fromWhere({ device, measurement }: ArchivedPoint, range: Range): string {
  return `FROM ${identifier(measurement)} WHERE device = ${literal(device)} AND ${times(range)}`;
}

function times({ from, to }: Range): string {
  return `time >= ${Math.round(from)}ms AND time < ${Math.round(to)}ms`;
}

/** Ids hold nothing but letters, digits and `. _ -`. */
function devices(points: readonly ArchivedPoint[]): string {
  const [first, ...more] = points;
  if (first !== undefined && more.length === 0) return `device = ${literal(first.device)}`;
  return `device =~ /^(?:${points.map(({ device }) => device.replaceAll('.', '\\.')).join('|')})$/`;
}

function slotted(from: Millis, stepMs: number): string {
  return `time(${stepMs}ms, ${from % stepMs}ms)`;
}
