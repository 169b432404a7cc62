import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Alarm } from '../contract/alarm.ts';
import { ConfigError } from '../contract/mistakes.ts';
import { GOOD } from '../contract/reading.ts';
import { formatTime } from '../contract/time.ts';
import { type GatewayConfig, loadGatewayConfig } from './config.ts';
import { createJudge, type Judge, type Verdict } from './domain/judge.ts';
import { CustomerWatch } from './domain/leakage/customer-watch.ts';
import { pointsWanted } from './domain/leakage/locate/locate.ts';
import type { DeviceInfo } from './domain/plant.ts';
import { ReadingBuffer } from './domain/readings.ts';
import { detectorsOf, modelSettings, zonesOf } from './leakage-config.ts';
import { RecentHistory } from './locate/histories.ts';
import type { LeakAlarm, LeakPlaces } from './locate/leak-places.ts';
import { openModels } from './locate/models.ts';
import { openLeakPlaces } from './locate/open.ts';
import { loadPlant } from './plant-files.ts';
import type { PlantCatalog } from './plant-growth.ts';
import { type InputCounts, readCsv, type Target } from './replay-input.ts';

export interface ReplayOptions {
  readonly configFile: string;
  /** CSV files, gzip or not; merged by time. */
  readonly inputs: readonly string[];
  /** One JSON object per alarm raised; written beside and moved into place at the end. */
  readonly alarmsFile: string;
  /** Folder of package.json. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
}

export interface ReplaySummary {
  readonly readings: number;
  readonly alarms: number;
  readonly seconds: number;
  readonly readingsPerSecond: number;
  readonly badTimes: number;
  readonly badCells: number;
  readonly unmapped: readonly string[];
}

const SOURCE = 0;
/** Who takes note of each alarm, so that every episode is an alarm of its own. */
const WHO = 'replay';

/**
 * Feeds recorded readings through the gateway's judge in event time, as fast as it goes; no broker, no store, no network.
 *
 * @throws ConfigError; ReplayInputError when an input has no header we understand
 */
export async function runReplay(options: ReplayOptions): Promise<ReplaySummary> {
  const { configFile, inputs, alarmsFile, root, env, log } = options;
  const config = loadGatewayConfig(configFile, env);
  const plant = new ReplayPlant(loadPlant(config, root), config);
  const { models, mistakes, notes } = await openModels(
    modelSettings(config.leakage, config.file),
    config.leakage.zones,
    config.file,
  );
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  for (const note of notes) log.info(note);
  const { history } = plant;
  const { places, close } = openLeakPlaces(config, models, { history, placeOf: (point) => plant.placeOf(point), log });
  const counts: InputCounts = { badTimes: 0, badCells: 0, unmapped: new Set() };
  const partial = `${alarmsFile}.partial`;
  const out = createWriteStream(partial);
  await once(out, 'open');
  const startedAt = performance.now();
  const player = new Player({ judge: plant.judge, history, places, write: (line) => out.write(line) });
  try {
    for await (const block of merged(inputs.map((file) => readCsv(file, (name) => plant.target(name), counts)))) {
      player.play(block);
      await player.room();
      if (out.writableNeedDrain) await once(out, 'drain');
    }
    await player.ended();
  } finally {
    await close();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  out.end();
  await once(out, 'finish');
  await rename(partial, alarmsFile);
  const summary: ReplaySummary = {
    readings: player.readings,
    alarms: player.alarms,
    seconds,
    readingsPerSecond: Math.round(player.readings / Math.max(seconds, 1e-6)),
    badTimes: counts.badTimes,
    badCells: counts.badCells,
    unmapped: [...counts.unmapped].slice(0, 50),
  };
  log.info(summary, 'replay done');
  return summary;
}

/** Devices and points of the recording, made known to the judge as they come up. */
class ReplayPlant {
  readonly judge: Judge;
  readonly history: RecentHistory;
  private readonly catalog: PlantCatalog;
  private readonly columns: Readonly<
    Record<string, { point: string; scale: number; offset: number; unit?: string | undefined }>
  >;
  private readonly devices = new Map<string, DeviceInfo>();
  private readonly points = new Map<string, number>();
  private readonly watched: ReadonlySet<string>;

  constructor(catalog: PlantCatalog, config: GatewayConfig) {
    const { columns, timezone, maintenance } = config;
    this.catalog = catalog;
    this.columns = columns;
    const detectors = [...detectorsOf(config), new CustomerWatch((id) => this.devices.get(id))];
    this.judge = createJudge({ timezone, maintenance, detectors, device: (id) => this.devices.get(id) });
    this.history = new RecentHistory((point) => this.points.get(point));
    this.watched = new Set(zonesOf(config.leakage).flatMap(pointsWanted));
    this.judge.addSource({ id: SOURCE, key: 'device/replay', hasUpTo: true });
    for (const { device, made = [] } of catalog.declared)
      for (const measurement of made) this.point(`${device}/${measurement}`, undefined);
  }

  /** Where a column or point name goes: by `columns:`, or as `<device>/<measurement>` by itself. */
  target(name: string): Target | undefined {
    const column = this.columns[name];
    const pointId = column?.point ?? name;
    if (!/^[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9._-]{1,64}$/.test(pointId)) return undefined;
    return { point: this.point(pointId, column?.unit), scale: column?.scale ?? 1, offset: column?.offset ?? 0 };
  }

  placeOf(point: string) {
    const { latitude, longitude } = this.devices.get(point.slice(0, point.indexOf('/'))) ?? {};
    return latitude === undefined || longitude === undefined ? undefined : { latitude, longitude };
  }

  private point(pointId: string, unit: string | undefined): number {
    const known = this.points.get(pointId);
    if (known !== undefined) return known;
    const [deviceId, measurement] = pointId.split('/') as [string, string];
    const device = this.devices.get(deviceId) ?? this.catalog.describeDevice(deviceId, {});
    this.devices.set(deviceId, device);
    const info = { id: this.points.size, ...this.catalog.describePoint(device, measurement, { unit }) };
    this.points.set(pointId, info.id);
    if (this.watched.has(pointId)) this.history.want(info);
    this.judge.addPoint(info, SOURCE, this.catalog.rulesFor(info, device));
    return info.id;
  }
}

/** Plays readings moment by moment: those of one timestamp, then "everything until then has been sent". */
class Player {
  readings = 0;
  alarms = 0;
  private readonly parts: PlayerParts;
  private readonly verdict: Verdict = { alarms: [], journal: [] };
  private readonly leaks = new Map<string, LeakAlarm>();
  /** Lines are written in the order of the alarms, also while a leak's place is looked for. */
  private written: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(parts: PlayerParts) {
    this.parts = parts;
  }

  /** Waits while too many leaks are being located. */
  async room(): Promise<void> {
    if (this.waiting >= LOCATING_MAX) await this.written;
  }

  ended(): Promise<void> {
    return this.written;
  }

  play(block: ReadingBuffer): void {
    const { tsMs, length } = block;
    const { judge, history } = this.parts;
    let from = 0;
    while (from < length) {
      const at = tsMs[from]!;
      let to = from + 1;
      while (to < length && tsMs[to] === at) to++;
      for (let row = from; row < to; row++)
        if (block.quality[row] === GOOD) history.take(block.point[row]!, at, block.value[row]!);
      judge.apply({ kind: 'readings', source: SOURCE, from, to, receivedAt: at }, block, this.verdict);
      judge.apply({ kind: 'up-to', source: SOURCE, upTo: at }, block, this.verdict);
      if (this.verdict.journal.length > 0) this.report(block);
      from = to;
    }
    this.readings += length;
  }

  private report(block: ReadingBuffer): void {
    const raised = this.verdict.journal.filter(({ event }) => RAISES.has(event));
    const alarms = new Map(this.verdict.alarms.map((alarm) => [alarm.id, alarm]));
    for (const alarm of alarms.values()) if (alarm.kind === 'leak') this.noteLeak(alarm);
    this.verdict.journal.length = 0;
    this.verdict.alarms.length = 0;
    for (const { alarm: id, at } of raised) {
      const alarm = alarms.get(id) as Alarm;
      this.alarms++;
      this.tell(alarm, at);
      if (!alarm.raisedLate)
        this.parts.judge.apply(
          { kind: 'operator', command: { action: 'acknowledge', alarm: id, who: WHO, at } },
          block,
          this.verdict,
        );
    }
    this.verdict.journal.length = 0;
    this.verdict.alarms.length = 0;
  }

  private noteLeak({ id, since, raisedAt, returnedAt, value, evidence }: Alarm): void {
    const { type, zone, interval } = evidence;
    this.leaks.set(id, {
      id,
      since,
      raisedAt,
      evidence: { type, zone, interval },
      ...(value === undefined ? {} : { value }),
      ...(returnedAt === undefined ? {} : { returnedAt }),
    });
    if (this.leaks.size > LEAKS_MAX) this.leaks.delete(this.leaks.keys().next().value as string);
  }

  /** Writes an alarm's line; a leak with the place that is found by what was known when it was raised. */
  private tell(alarm: Alarm, at: number): void {
    const { places, write } = this.parts;
    const line = lineOf(alarm, at);
    // Asked for now, because later readings change the history.
    const place = alarm.kind === 'leak' ? places.place(alarm, [...this.leaks.values()]) : Promise.resolve(undefined);
    this.waiting++;
    this.written = Promise.all([place, this.written]).then(([found]) => {
      this.waiting--;
      const located =
        found === undefined
          ? line
          : {
              ...line,
              location: found.location ?? line.location,
              evidence: { ...alarm.evidence, located: found.details },
            };
      write(`${JSON.stringify(located)}\n`);
    });
  }
}

interface PlayerParts {
  readonly judge: Judge;
  readonly history: RecentHistory;
  readonly places: Pick<LeakPlaces, 'place'>;
  readonly write: (line: string) => void;
}

/** Leaks whose place is looked for while the replay goes on. */
const LOCATING_MAX = 16;
/** Leaks kept as neighbours of later ones. */
const LEAKS_MAX = 500;

const RAISES: ReadonlySet<string> = new Set(['raise', 're-raise', 'raise-late']);

function lineOf(alarm: Alarm, at: number): Record<string, unknown> {
  const { id, kind, point, asset, assetClass, location, priority, message, value, setpoint, unit, evidence } = alarm;
  return {
    time: formatTime(at),
    kind,
    asset,
    point,
    assetClass,
    // Every alarm is somewhere: at its asset, where no place is known.
    location: location ?? asset,
    priority,
    message,
    value,
    setpoint,
    unit,
    since: formatTime(alarm.since),
    raisedLate: alarm.raisedLate || undefined,
    evidence,
    id,
  };
}

/** One stream of blocks in the order of time out of several; each input in the order of its file. */
async function* merged(inputs: readonly AsyncGenerator<ReadingBuffer>[]): AsyncGenerator<ReadingBuffer> {
  if (inputs.length === 1) {
    yield* inputs[0]!;
    return;
  }
  const heads = await Promise.all(inputs.map((input) => openHead(input)));
  const out = new ReadingBuffer(1 << 14);
  while (true) {
    const open = heads.filter((head) => head.block !== undefined);
    if (open.length === 0) break;
    open.sort((a, b) => headTime(a) - headTime(b));
    const first = open[0]!;
    const until = open[1] === undefined ? Number.POSITIVE_INFINITY : headTime(open[1]);
    const { block } = first;
    if (block === undefined) break;
    do {
      copyRow(block, first.row, out);
      first.row++;
    } while (first.row < block.length && block.tsMs[first.row]! <= until);
    if (first.row >= block.length) await advance(first);
    if (out.length >= 1 << 14) {
      // Readings of one moment stay together: what is still to come may share the last timestamp, which costs nothing but a second step.
      yield out;
      out.clear();
    }
  }
  if (out.length > 0) yield out;
}

interface Head {
  readonly input: AsyncGenerator<ReadingBuffer>;
  block: ReadingBuffer | undefined;
  row: number;
}

async function openHead(input: AsyncGenerator<ReadingBuffer>): Promise<Head> {
  const head: Head = { input, block: undefined, row: 0 };
  await advance(head);
  return head;
}

async function advance(head: Head): Promise<void> {
  const next = await head.input.next();
  head.block = next.done === true ? undefined : next.value;
  head.row = 0;
}

const headTime = (head: Head): number => head.block?.tsMs[head.row] ?? Number.POSITIVE_INFINITY;

function copyRow(from: ReadingBuffer, row: number, to: ReadingBuffer): void {
  to.push(from.point[row]!, from.tsMs[row]!, from.value[row]!, from.quality[row] as 0 | 1 | 2, from.reason[row]!);
}
