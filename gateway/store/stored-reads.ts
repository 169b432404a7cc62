import type { DuckDBConnection } from '@duckdb/node-api';
import type { Millis } from '../../contract/time.ts';
import type { Database } from './database.ts';
import type { History } from './history.ts';
import type { HotTables } from './hot-tables.ts';
import { latestOf } from './latest.ts';
import { seriesOf } from './many-points.ts';
import { type Sources, segmentReadings, storedReadings } from './relation.ts';
import type { Segment } from './segments.ts';
import { bucketsOf, existingOf, newerOf, newestOf, newestTime, pieceOf, readingsOf } from './series.ts';
import { type Range, type SeriesQuery, type StoredReading, StoreError, type TellReading } from './store.ts';
import { ByPointError } from './sums-by-point.ts';

/** Pairs of one look-up statement. */
const EXISTING_PAIRS_MAX = 2000;
/** Files looked through before asking whether enough was found: a page of a year's readings must not read the year. */
const FILES_AT_ONCE = 16;
/** Files read at once for buckets: a month of days, some 3 million readings of a point that is read every second. */
const FILES_OF_BUCKETS = 32;
/** A range no segment lies in: hot tables only. */
const NOTHING: Range = { from: 0, to: 0 };

/** A query whose hot table was sealed away while it was being planned is planned again. */
const PLANS_MAX = 5;

/** Questions about readings, wherever these lie: in memory, hot tables or sealed files, which change meanwhile. */
export class StoredReads {
  private readonly database: Database;
  private readonly history: History;
  private readonly hot: HotTables;

  constructor(database: Database, history: History, hot: HotTables) {
    this.database = database;
    this.history = history;
    this.hot = hot;
  }

  /** Where readings lie at this moment. */
  sources(): Sources {
    return this.history.sources(this.hot.filled, this.hot.recent.view());
  }

  async readings(point: number, range: Range, limit: number): Promise<readonly StoredReading[]> {
    const readings: StoredReading[] = [];
    for (let { from } = range; from < range.to; ) {
      const step = { from, to: this.history.endOfFiles(point, { from, to: range.to }, FILES_AT_ONCE) };
      readings.push(
        ...(await this.readStored(step, (connection, sources) =>
          readingsOf(connection, sources, point, step, limit - readings.length),
        )),
      );
      if (readings.length >= limit) break;
      from = step.to;
    }
    return readings;
  }

  buckets(point: number, range: Range, count: number, maxSilenceMs: number) {
    return bucketsOf(range, count, maxSilenceMs, (from) => {
      const piece = { from, to: this.history.endOfFiles(point, { from, to: range.to }, FILES_OF_BUCKETS) };
      return this.readStored(piece, (connection, sources) => pieceOf(connection, sources, point, piece));
    });
  }

  query(query: SeriesQuery) {
    return this.planned(query, (plan) =>
      this.database.sum(() => seriesOf((question) => this.database.read(question), plan(), query)),
    );
  }

  async latest(points: readonly number[], tell: TellReading): Promise<void> {
    for (let plan = 1; ; plan++) {
      const { segments } = this.history;
      try {
        await this.latestIn(segments, points, tell);
        return;
      } catch (error) {
        // It is many reads: files may be merged away between two of them.
        if (plan >= PLANS_MAX || this.history.segments === segments) throw error;
      }
    }
  }

  private latestIn(segments: readonly Segment[], points: readonly number[], tell: TellReading): Promise<void> {
    return latestOf(
      points,
      {
        segments,
        hotUntil: () =>
          this.readStored(NOTHING, (connection, sources) => newestTime(connection, storedReadings(sources, NOTHING))),
        readHot: (wanted, since, take) =>
          wanted === undefined
            ? // A start asks so, of all points: it must not fail because a busy machine needs longer than a query may take.
              this.database.background(async (connection) => {
                for (const { name } of this.hot.filled) await newerOf(connection, name, since, take);
              })
            : this.readStored(NOTHING, (connection, sources) =>
                newestOf(connection, storedReadings(sources, NOTHING), wanted, since, take),
              ),
        readSegment: (segment, wanted, since, take) =>
          this.database.read((connection) =>
            newestOf(connection, segmentReadings(this.database.dataDir, segment), wanted, since, take),
          ),
      },
      tell,
    );
  }

  async existing(
    pairs: readonly { readonly point: number; readonly ts: Millis }[],
  ): Promise<readonly (StoredReading | undefined)[]> {
    const answers: (StoredReading | undefined)[] = [];
    for (let from = 0; from < pairs.length; from += EXISTING_PAIRS_MAX) {
      const slice = pairs.slice(from, from + EXISTING_PAIRS_MAX);
      const range = timesOf(slice);
      const found = await this.readStored(range, (connection, sources) => existingOf(connection, sources, slice));
      for (const { point, ts } of slice) answers.push(found.get(`${point}@${ts}`));
    }
    return answers;
  }

  private readStored<T>(range: Range, run: (connection: DuckDBConnection, sources: Sources) => Promise<T>): Promise<T> {
    return this.planned(range, (plan) => this.database.read((connection) => run(connection, plan())));
  }

  /**
   * A read of stored readings: planned again when a hot table was sealed meanwhile, and without files that turn out damaged.
   *
   * @param run - told how to ask where readings lie, once it is sure that the files stay until it is done
   */
  private async planned<T>(range: Range, run: (plan: () => Sources) => Promise<T>): Promise<T> {
    for (let plan = 1; ; plan++) {
      let used = this.sources();
      try {
        return await run(() => {
          used = this.sources();
          return used;
        });
      } catch (error) {
        if (error instanceof ByPointError) {
          // Each time with one copy less.
          await this.history.dropByPoint(error.segment);
          plan--;
          continue;
        }
        if (plan >= PLANS_MAX || error instanceof StoreError) throw error;
        const message = (error as Error).message;
        if (/hot_\d+ does not exist/.test(message)) continue;
        if (!/parquet|zstd|TProtocol|IO Error|Invalid (?:Input )?Error/i.test(message)) throw error;
        const touched = used.segments.filter(({ minTs, maxTs }) => minTs < range.to && maxTs >= range.from);
        if ((await this.history.findDamaged(touched)).length === 0) throw error;
      }
    }
  }
}

function timesOf(pairs: readonly { readonly ts: Millis }[]): Range {
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (const { ts } of pairs) {
    from = Math.min(from, ts);
    to = Math.max(to, ts + 1);
  }
  return { from, to };
}
