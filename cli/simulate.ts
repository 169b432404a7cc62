import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { parseNumber, parseTimeSpan } from './options.ts';
import { PACKAGE_ROOT } from './root.ts';

interface SimulateOptions {
  readonly config?: string;
  readonly withPast: boolean;
  readonly scenario?: string;
  readonly speed: number;
  readonly control: string;
  readonly points?: number;
  readonly every: number;
  readonly gateway?: string;
  readonly url?: string;
  readonly passwords?: string;
  readonly seed: number;
  readonly history?: number;
}

/** Edges that a load plays against a gateway on this machine. */
const LOAD_EDGES = 4;
const DEFAULT_BROKER = 'mqtt://127.0.0.1:1883';
const PASSWORD_FILES = ['edge-passwords.json', 'mqtt-passwords.json'];
const DEFAULT_CONTROL = '127.0.0.1:15080';

const print = (line: string) => void process.stdout.write(`${line}\n`);

/**
 * `hanfeng simulate`: a district on real protocols, a scenario or a fault in it, or a load.
 *
 * @param runDistrict - runs `--config` as a process of its own
 */
export function defineSimulateCommands(
  hanfeng: Command,
  runDistrict: (configFile: string, options: Pick<SimulateOptions, 'withPast'>) => Promise<void>,
): void {
  const simulate = hanfeng
    .command('simulate')
    .description('serve a simulated district on real protocols; or play a scenario in it; or send a load')
    .option('--config <file>', 'simulate.yaml: start a district')
    .option('--with-past', 'it has a past (--history): what was not repaired in it goes on from the start', false)
    .option('--scenario <name>', 'play a scenario in the district that runs')
    .option('--speed <factor>', 'how much faster than time the scenario plays', parseNumber, 1)
    .option('--control <address>', 'control address of the running district', DEFAULT_CONTROL)
    .option('--points <number>', 'send realistic series of so many points through MQTT', parseNumber)
    .option('--every <time>', 'how often each of these points gives a value', parseTimeSpan, 10_000)
    .option('--gateway <file>', 'gateway.yaml of the gateway on this machine that gets the load; its edges are made')
    .option('--url <address>', 'the broker that gets the load or the history; a load needs --passwords with it')
    .option(
      '--passwords <file>',
      'JSON {"<edge or device>": "<password>"}: the edges to play; for --history those of npm start when absent',
    )
    .option('--seed <number>', 'the same seed gives the same series', parseNumber, 1)
    .option(
      '--history <time>',
      'write so much of the past of --config into the gateway that runs, at one minute',
      parseTimeSpan,
    )
    .action(async (options: SimulateOptions) => {
      if (options.history !== undefined) return sendHistory(options, options.history);
      if (options.points !== undefined) return sendLoad(options, options.points);
      const { scenario, control, speed, config, withPast } = options;
      if (scenario !== undefined) {
        const { runScenario } = await import('../simulators/control.ts');
        print(await runScenario({ control, name: scenario, speed }));
        return;
      }
      if (config === undefined)
        throw new CommanderError(
          2,
          'simulate',
          "one of '--config <file>', '--scenario <name>' and '--points <number>' is needed",
        );
      await runDistrict(config, { withPast });
    });

  simulate
    .command('fault <name>')
    .description('switch a fault of the running simulation on or off')
    .requiredOption('--device <id>', 'the simulated device')
    .option('--value <number>', 'size of the fault, where it has one', parseNumber)
    .option('--off', 'end the fault', false)
    .option('--control <address>', 'control address of the simulation', DEFAULT_CONTROL)
    .action(async (name: string, options: { device: string; value?: number; off: boolean; control: string }) => {
      const { runFault } = await import('../simulators/control.ts');
      const { off, value, ...rest } = options;
      print(await runFault({ ...rest, name, on: !off, ...(value === undefined ? {} : { value }) }));
    });
}

/** Writes the past of a district once; a run that was ended goes on where it stopped. */
async function sendHistory({ config, url, passwords, seed }: SimulateOptions, lengthMs: number): Promise<void> {
  if (config === undefined)
    throw new CommanderError(2, 'simulate', "a history needs '--config <file>', the simulate.yaml of the district");
  const { writeHistory } = await import('./history/run.ts');
  const folder = process.env.HANFENG_DATA_DIR ?? join('data', 'simulate');
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  if (process.env.HANFENG_END_WITH_STDIN === '1') process.stdin.on('end', () => stop.abort()).resume();
  try {
    const summary = await writeHistory({
      root: PACKAGE_ROOT,
      simulateFile: config,
      planFile: join(folder, 'history.json'),
      lengthMs,
      seed,
      url: url ?? process.env.HANFENG_MQTT_URL ?? DEFAULT_BROKER,
      passwords: readPasswords(
        passwords === undefined ? PASSWORD_FILES.map((name) => join(folder, name)) : [passwords],
      ),
      now: Date.now,
      signal: stop.signal,
      say: print,
    });
    if (summary === undefined) return;
    const { readings, before, seconds } = summary;
    const earlier = before === 0 ? '' : `, ${before} by an earlier run`;
    print(
      `history is complete: ${readings} readings in ${Math.round(seconds)} s (${Math.round(readings / seconds)} a second)${earlier}`,
    );
  } finally {
    process.stdin.destroy();
  }
}

/** What `npm start` leaves for its own processes: passwords of the edges, and of the devices that publish by themselves. */
function readPasswords(files: readonly string[]): Readonly<Record<string, string>> {
  try {
    return Object.assign({}, ...files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>));
  } catch (error) {
    throw new Error(`no MQTT passwords: ${(error as Error).message}; is npm start running?`, { cause: error });
  }
}

/** Plays edges with many points until Ctrl-C; says every ten seconds how it goes. */
async function sendLoad({ every, seed, ...options }: SimulateOptions, points: number): Promise<void> {
  const { runLoad } = await import('../simulators/load/load.ts');
  const { url, edges } = await loadTarget(options);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  print(
    `${points} points every ${every / 1000} s to ${url} as ${edges.map(({ id }) => id).join(', ')}; Ctrl-C ends it`,
  );
  await runLoad({
    url,
    points,
    everyMs: every,
    edges,
    seed,
    signal: stop.signal,
    onProgress: ({ sent, acknowledged, readingsPerS, behindMs }) =>
      print(
        `${sent} sent, ${acknowledged} acknowledged, ${Math.round(readingsPerS)} readings/s, ${Math.round(behindMs)} ms behind`,
      ),
  });
}

async function loadTarget({ gateway, url, passwords }: Pick<SimulateOptions, 'gateway' | 'url' | 'passwords'>) {
  if (gateway === undefined) {
    if (url === undefined || passwords === undefined)
      throw new CommanderError(
        2,
        'simulate',
        "a load needs '--gateway <file>', or '--url <address>' with '--passwords <file>'",
      );
    const known = JSON.parse(readFileSync(passwords, 'utf8')) as Record<string, string>;
    return { url, edges: Object.entries(known).map(([id, password]) => ({ id, password })) };
  }
  const { loadGatewayConfig } = await import('../gateway/config.ts');
  const { openAccounts } = await import('../gateway/accounts.ts');
  const { mqtt, dataDir } = loadGatewayConfig(gateway, process.env);
  if ('url' in mqtt)
    throw new CommanderError(2, 'simulate', 'that gateway has an external broker: use --url and --passwords');
  const accounts = await openAccounts(dataDir, Date.now);
  const edges: { id: string; password: string }[] = [];
  for (let n = 1; n <= LOAD_EDGES; n++) {
    const id = `load-${n}`;
    edges.push({ id, password: (await accounts.addCredential('edge', id)).secret });
  }
  return { url: `mqtt://${mqtt.embedded.host}:${mqtt.embedded.port}`, edges };
}
