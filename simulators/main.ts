import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ConfigError } from '../contract/mistakes.ts';
import { checkSimulation } from './check.ts';
import { loadSimulation, type SimulationConfig } from './config.ts';
import { serveControl } from './control-server.ts';
import { Counters } from './counters.ts';
import { buildDistrict } from './district.ts';
import { readPast, standingFaults } from './history/past.ts';
import { StandingFaults } from './history/standing.ts';
import { startPublishers } from './published/publisher.ts';
import { readScenarios } from './scenario.ts';
import { ScenarioPlayer } from './scenario-player.ts';
import { type Closing, serveLine } from './serve-line.ts';
import { Simulation } from './simulation.ts';

/** How often the district is moved on: instruments in the field refresh about once a second. */
const TICK_MS = 1000;

export interface SimulatorOptions {
  readonly configFile: string;
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** It has a past (`hanfeng simulate --history`): what nobody put right in it is there from the start. */
  readonly withPast?: boolean;
}

/**
 * Runs a simulated district until the signal aborts.
 *
 * @throws ConfigError when the file can't be used; an error of the system when a port is taken
 */
export async function runSimulator(options: SimulatorOptions): Promise<void> {
  const { configFile, root } = options;
  const config = loadSimulation(configFile);
  const { mistakes } = checkSimulation(readFileSync(configFile, 'utf8'), configFile, root);
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  const running = await startSimulation(config, options);
  await running.ended;
}

/** A district that serves; for tests and for a page that starts it. */
export interface RunningSimulation {
  readonly simulation: Simulation;
  /** Line id to the port it really listens on. */
  readonly ports: ReadonlyMap<string, number>;
  readonly controlPort?: number;
  /** Resolves when everything is closed after the signal. */
  readonly ended: Promise<void>;
}

export async function startSimulation(
  config: SimulationConfig,
  options: Pick<SimulatorOptions, 'root' | 'env' | 'signal' | 'log' | 'withPast'>,
): Promise<RunningSimulation> {
  const { root, signal, log } = options;
  const start = config.start ?? Date.now();
  const simulation = new Simulation(await buildDistrict({ ...config, root, start }), config);
  const counters = countersOf(simulation, config, options);
  const standing = standingOf(simulation, options);
  const player = new ScenarioPlayer({ simulation, scenarios: readScenarios(root), signal, now: Date.now });
  const servers: Closing[] = [];
  const ports = new Map<string, number>();
  try {
    for (const line of config.lines) {
      const served = await serveLine(simulation, line, signal);
      servers.push(served);
      if (served.port !== undefined) ports.set(line.id, served.port);
    }
    const control = config.control === undefined ? undefined : await serveControl(simulation, player, config.control);
    if (control !== undefined) servers.push(control);
    servers.push(startPublishers(simulation, config, options));
    log.info(
      {
        devices: simulation.instruments.size,
        lines: Object.fromEntries(ports),
        control: control?.port,
        seed: config.seed,
      },
      'simulated district is up',
    );
    return {
      simulation,
      ports,
      ...(control === undefined ? {} : { controlPort: control.port }),
      ended: run(simulation, { start, speed: config.speed, signal, counters, standing, log }).finally(() =>
        closeAll(servers),
      ),
    };
  } catch (error) {
    await closeAll(servers);
    throw error;
  }
}

/** Kept where there is a data folder, unless the district plays a time of its own, which begins anew each time. */
function countersOf(
  simulation: Simulation,
  config: SimulationConfig,
  { env, log }: Pick<SimulatorOptions, 'env' | 'log'>,
): Counters | undefined {
  if (env.HANFENG_DATA_DIR === undefined || config.start !== undefined) return undefined;
  const counters = new Counters(simulation, join(env.HANFENG_DATA_DIR, 'counters.json'));
  try {
    counters.restore();
  } catch (error) {
    log.warn({ err: error }, 'what the meters counted before is not readable; they begin anew');
  }
  return counters;
}

/** What the past left behind, if it has one. */
function standingOf(
  simulation: Simulation,
  { root, env, log, withPast }: Pick<SimulatorOptions, 'root' | 'env' | 'log' | 'withPast'>,
): StandingFaults | undefined {
  if (withPast !== true) return undefined;
  const folder = env.HANFENG_DATA_DIR;
  try {
    const standing = new StandingFaults(
      simulation,
      folder === undefined ? undefined : join(folder, 'standing-faults.json'),
    );
    const faults = standing.begin(standingFaults(readPast(root)));
    if (faults.length > 0) log.info({ faults }, 'not repaired in the past, so it goes on');
    return standing;
  } catch (error) {
    log.warn({ err: error }, 'what was repaired before is not readable; the past leaves nothing behind');
    return undefined;
  }
}

/** Moves the district with the wall clock, `speed` times as fast, until the signal aborts. */
async function run(
  simulation: Simulation,
  {
    start,
    speed,
    signal,
    counters,
    standing,
    log,
  }: {
    readonly start: number;
    readonly speed: number;
    readonly signal: AbortSignal;
    readonly counters: Counters | undefined;
    readonly standing: StandingFaults | undefined;
    readonly log: Logger;
  },
): Promise<void> {
  const began = performance.now();
  let kept = counters;
  let remembered = standing;
  const remember = () => {
    try {
      remembered?.remember();
    } catch (error) {
      log.warn({ err: error }, 'a repair can not be written down; it is forgotten when this ends');
      remembered = undefined;
    }
  };
  const keep = async () =>
    await kept?.save().catch((error: unknown) => {
      log.warn({ err: error }, 'what the meters count can not be written down; it is lost when this ends');
      kept = undefined;
    });
  while (!signal.aborted) {
    simulation.moveTo(Math.round(start + (performance.now() - began) * speed));
    remember();
    await keep();
    await sleep(TICK_MS, undefined, { signal }).catch(() => undefined);
  }
  remember();
  await keep();
}

async function closeAll(servers: readonly Closing[]): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
}
