import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Millis } from '../../contract/time.ts';
import { type DeviceConfig, parseEdgeConfig } from '../../edge/config.ts';
import { loadModels } from '../../edge/library.ts';
import type { DeviceModel } from '../../edge/model.ts';
import { loadSimulation, type SimulationConfig } from '../../simulators/config.ts';
import { buildDistrict } from '../../simulators/district.ts';
import { pastSteps, readPast } from '../../simulators/history/past.ts';
import type { Instrument } from '../../simulators/instrument.ts';
import { PUBLISHED_MODELS } from '../../simulators/published/models.ts';
import { Simulation } from '../../simulators/simulation.ts';
import { EVERY_MS, type HistoryPlan, TAIL_MS, TAIL_STEP_MS } from './plan.ts';
import { createRegisterReader, type RegisterReader } from './register-reader.ts';

/** The hydraulics of the past are solved this often, simulated seconds: coarser than live, or they alone would take minutes. */
const SOLVE_S = 300;

/**
 * Plants that are recorded together, water first: it is the longest, and what the leak detectors learn from. The second
 * part holds what feeds on each other: the substation carries the lamps and the fans.
 */
export const PARTS: readonly ReadonlySet<string>[] = [
  new Set(['water']),
  new Set(['weather', 'lighting', 'tunnel', 'substation', 'waterlogging', 'gallery']),
];

/** Devices on a battery, and those read at leisure over a slow carrier, keep a value every quarter of an hour. */
const SLOW_MS = 15 * 60_000;
const LEISURE_MS = 30_000;

/** The past of one device: a column a measurement; NaN where there is no value. */
export interface Recording {
  readonly device: string;
  /** Edge it hangs on; undefined: it publishes by itself. */
  readonly edge: string | undefined;
  readonly measurements: readonly string[];
  /** Minutes from one row to the next. */
  readonly stride: number;
  readonly columns: readonly Float64Array[];
  /** What is read more often at the end, at other times than the rows above. */
  readonly tail?: Tail;
}

/** Rows of the columns of a {@link Recording}; its times, ascending. */
export interface Tail {
  readonly times: readonly Millis[];
  readonly columns: readonly Float64Array[];
}

export interface RecordOptions {
  readonly root: string;
  /** simulate.yaml; the `edge-*.yaml` beside it say who reads what. */
  readonly simulateFile: string;
  readonly plan: Pick<HistoryPlan, 'seed' | 'from' | 'to'>;
  readonly plants: ReadonlySet<string>;
}

interface Recorder {
  readonly instrument: Instrument;
  readonly reader: RegisterReader;
  readonly recording: Recording;
  /** Times in the tail of which there is a row already. */
  tailRows: number;
  /** Counters as the living instrument has them at its start: where its past has to end. */
  readonly countersAtEnd: Instrument['counted'] extends () => infer Totals ? Totals : never;
  readonly row: Float64Array;
}

/**
 * Lets a part of the district live through the past, a minute a step, and reads its instruments as the edges do. The same
 * plan gives the same values.
 */
export async function record({ root, simulateFile, plan, plants }: RecordOptions): Promise<readonly Recording[]> {
  const { from, to, seed } = plan;
  const living = partOf(loadSimulation(simulateFile), plants);
  const config = { ...living, seed };
  const district = await buildDistrict({
    ...config,
    root,
    start: from,
    stepS: EVERY_MS / 1000,
    solveS: SOLVE_S,
    plants,
  });
  const simulation = new Simulation(district, config);
  const minutes = Math.round((to - from) / EVERY_MS);
  const recorders = recordersOf(simulation, config, {
    root,
    simulateFile,
    minutes,
    plan,
    // The past may have another seed than the present: its counters must end where the present's began.
    began: new Simulation(district, living),
  });
  const steps = pastSteps(readPast(root), { from, to, timezone: config.timezone }).filter(
    ({ order: { device } }) => simulation.instruments.has(device) || plants.has(device.split('/')[0] as string),
  );
  let next = 0;
  for (let at = from; at < to; at += at < to - TAIL_MS ? EVERY_MS : TAIL_STEP_MS) {
    while ((steps[next]?.at ?? Number.POSITIVE_INFINITY) <= at)
      simulation.order((steps[next++] as (typeof steps)[number]).order);
    simulation.moveTo(at);
    const minute = (at - from) / EVERY_MS;
    for (const recorder of recorders) {
      const { recording } = recorder;
      if (minute % recording.stride === 0) readInto(recorder, recording.columns, minute / recording.stride);
      else if (recording.tail?.times[recorder.tailRows] === at)
        readInto(recorder, recording.tail.columns, recorder.tailRows++);
    }
  }
  for (const recorder of recorders) joinCounters(recorder);
  return recorders.map(({ recording }) => recording);
}

function readInto({ reader, row }: Recorder, columns: readonly Float64Array[], at: number): void {
  reader.read(row);
  for (let column = 0; column < row.length; column++)
    (columns[column] as Float64Array)[at] = rounded(row[column] as number);
}

/** As often as the device is read. */
function tailTimes(everyMs: number, stride: number, { from, to }: Pick<HistoryPlan, 'from' | 'to'>): Millis[] {
  const stepMs = Math.max(1, Math.round(everyMs / TAIL_STEP_MS)) * TAIL_STEP_MS;
  const times: Millis[] = [];
  for (let at = Math.max(from, to - TAIL_MS); at < to; at += stepMs)
    if ((at - from) % (stride * EVERY_MS) !== 0) times.push(at);
  return times;
}

/** More digits than any of our instruments has: it keeps the messages short. */
function rounded(value: number): number {
  return Math.abs(value) < 10 ? Math.round(value * 1e6) / 1e6 : Math.round(value * 1e3) / 1e3;
}

/** The simulation without what looks at other plants. */
function partOf(config: SimulationConfig, plants: ReadonlySet<string>): SimulationConfig {
  const looksHere = ({ place }: { readonly place: string }) => plants.has(place.split('/')[0] as string);
  return {
    ...config,
    lines: config.lines
      .map((line) => ({ ...line, devices: line.devices.filter(looksHere) }) as typeof line)
      .filter(({ devices }) => devices.length > 0),
    publishers: config.publishers.filter(looksHere),
  };
}

function recordersOf(
  simulation: Simulation,
  config: SimulationConfig,
  options: {
    readonly root: string;
    readonly simulateFile: string;
    readonly minutes: number;
    readonly plan: Pick<HistoryPlan, 'from' | 'to'>;
    readonly began: Simulation;
  },
): Recorder[] {
  const readAs = edgeDevices(options.simulateFile);
  const models = loadModels([join(options.root, 'edge', 'devices')]);
  const recorderOf = (
    id: string,
    { edge, isSlow, everyMs }: { readonly edge?: string; readonly isSlow: boolean; readonly everyMs?: number },
    readerFor: (instrument: Instrument) => RegisterReader,
  ) => {
    const instrument = simulation.instruments.get(id) as Instrument;
    const reader = readerFor(instrument);
    const stride = isSlow ? SLOW_MS / EVERY_MS : 1;
    const columns = reader.measurements.map(() => new Float64Array(Math.ceil(options.minutes / stride)));
    const times = everyMs === undefined ? [] : tailTimes(everyMs, stride, options.plan);
    const recording = {
      device: id,
      edge,
      measurements: reader.measurements,
      stride,
      columns,
      tail: { times, columns: reader.measurements.map(() => new Float64Array(times.length)) },
    };
    return {
      tailRows: 0,
      instrument,
      reader,
      recording,
      countersAtEnd: (options.began.instruments.get(id) as Instrument).counted(),
      row: new Float64Array(columns.length),
    };
  };
  return [
    ...config.lines.flatMap(({ devices }) =>
      devices.flatMap(({ id }) => {
        const known = readAs.get(id);
        if (known === undefined) return [];
        const model = models.get(known.device.model) as DeviceModel;
        const { edge, device } = known;
        return [
          recorderOf(id, { edge, isSlow: device.every >= LEISURE_MS, everyMs: device.every }, (instrument) =>
            createRegisterReader(instrument, device, model),
          ),
        ];
      }),
    ),
    ...config.publishers.map(({ id, model }) =>
      recorderOf(id, { isSlow: true }, (instrument) => publishedReader(instrument, model)),
    ),
  ];
}

/** What a device that publishes by itself would say. */
function publishedReader(instrument: Instrument, name: string): RegisterReader {
  const model = PUBLISHED_MODELS.get(name);
  if (model === undefined) throw new RangeError(`${instrument.id}: no model ${name}`);
  const measurements = Object.keys(model.measure(instrument.of));
  return {
    measurements,
    read(into) {
      const values = model.measure(instrument.of);
      for (let at = 0; at < measurements.length; at++) into[at] = values[measurements[at] as string] ?? Number.NaN;
    },
  };
}

/** Devices of the edges beside the simulation, by id. */
function edgeDevices(
  simulateFile: string,
): ReadonlyMap<string, { readonly edge: string; readonly device: DeviceConfig }> {
  const devices = new Map<string, { edge: string; device: DeviceConfig }>();
  for (const { text, file } of edgeFilesBeside(simulateFile)) {
    const { value } = parseEdgeConfig(text, file);
    for (const line of value?.lines ?? [])
      for (const device of line.devices) devices.set(device.id, { edge: value?.edge as string, device });
  }
  return devices;
}

export function edgeFilesBeside(simulateFile: string): readonly { readonly file: string; readonly text: string }[] {
  const folder = dirname(simulateFile);
  return readdirSync(folder)
    .filter((name) => /^edge-.*\.yaml$/.test(name))
    .sort()
    .map((name) => ({ file: join(folder, name), text: readFileSync(join(folder, name), 'utf8') }));
}

/**
 * Moves what counts so that its past ends where the living instrument began: a totalizer goes on over the seam. Which
 * measurements count shows when only the counters are changed.
 */
function joinCounters({ instrument, reader, recording, countersAtEnd, row }: Recorder): void {
  reader.read(row);
  const ended = Float64Array.from(row);
  instrument.setCounters(countersAtEnd);
  reader.read(row);
  for (const columns of [recording.columns, recording.tail?.columns ?? []])
    columns.forEach((column, index) => {
      const shift = (row[index] as number) - (ended[index] as number);
      if (!(Math.abs(shift) > 0)) return;
      for (let at = 0; at < column.length; at++) column[at] = rounded((column[at] as number) + shift);
    });
}
