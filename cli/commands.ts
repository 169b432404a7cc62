import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../contract/mistakes.ts';
import { createLog } from './log.ts';
import { describeMistakes } from './mistakes.ts';
import { parseNumber } from './options.ts';
import { PACKAGE_ROOT } from './root.ts';

/** Exit codes: 0 done, 1 failed at run time, 2 bad usage or configuration. */
const FAILED = 1;
const BAD_USAGE = 2;

interface ProcessOptions {
  readonly configFile: string;
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly log: ReturnType<typeof createLog>;
}

/**
 * Runs one long-lived process until SIGTERM or SIGINT, then lets it end in order; also when the signal comes while its
 * code is still being loaded.
 */
async function runProcess(
  name: string,
  configFile: string,
  load: () => Promise<(options: ProcessOptions) => Promise<void>>,
): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  const heldOpen = process.env.HANFENG_END_WITH_STDIN === '1';
  if (heldOpen) {
    process.stdin
      .on('end', () => stop.abort())
      .on('error', () => stop.abort())
      .resume();
  }
  try {
    const run = await load();
    await run({
      configFile,
      root: PACKAGE_ROOT,
      env: process.env,
      signal: stop.signal,
      log: createLog(name, process.env),
    });
  } finally {
    // Otherwise the open pipe alone would keep a process alive that could not start.
    if (heldOpen) process.stdin.destroy();
  }
}

const { version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string };
const hanfeng = new Command('hanfeng')
  .description("Watches a city's infrastructure: acquisition, zero-loss delivery, alarms, leakage.")
  .version(version)
  .exitOverride()
  .showHelpAfterError()
  .addHelpText('after', '\nExit codes: 0 done, 1 failed at run time, 2 bad usage or configuration.');

hanfeng
  .command('gateway')
  .description('run the gateway: broker, store, alarms, API and page')
  .requiredOption('--config <file>', 'gateway.yaml')
  .action(async ({ config }: { config: string }) => {
    await runProcess('gateway', config, async () => (await import('../gateway/run.ts')).runGateway);
  });

const edge = hanfeng
  .command('edge')
  .description('run an edge agent: reads devices, keeps readings until they are stored')
  .option('--config <file>', 'edge.yaml')
  .action(async ({ config }: { config?: string }) => {
    if (config === undefined)
      throw new CommanderError(BAD_USAGE, 'edge', "required option '--config <file>' not specified");
    await runProcess('edge', config, async () => (await import('../edge/main.ts')).runEdge);
  });

const { defineSimulateCommands } = await import('./simulate.ts');
defineSimulateCommands(hanfeng, async (configFile, { withPast }) => {
  await runProcess('simulate', configFile, async () => {
    const { runSimulator } = await import('../simulators/main.ts');
    return (options) => runSimulator({ ...options, withPast });
  });
});

hanfeng
  .command('check')
  .description('validate configuration, device, class and scenario files; every mistake in one report')
  .argument('<file...>')
  .option(
    '--against <gateway>',
    "show what was changed at run time beside gateway.yaml: a running gateway's address, or a data folder (default: its own)",
  )
  .option('--token-file <file>', 'file with an API token of that gateway (hanfeng token add)')
  .action(async (files: string[], against: { against?: string; tokenFile?: string }) => {
    const { checkFiles } = await import('./check.ts');
    process.exitCode = await checkFiles(files, PACKAGE_ROOT, process.env, against);
  });

const { defineAccountCommands } = await import('./accounts.ts');
defineAccountCommands(hanfeng);
const { defineDataCommands } = await import('./data.ts');
defineDataCommands(hanfeng);

hanfeng
  .command('replay')
  .description('feed recorded readings through the judging path in event time')
  .requiredOption('--config <file>', 'gateway.yaml, with columns: for wide input')
  .requiredOption('--input <csv...>', 'CSV or CSV.gz; several are merged by time')
  .requiredOption('--alarms <file>', 'one JSON object per alarm raised is written here')
  .action(async ({ config, input, alarms }: { config: string; input: string[]; alarms: string }) => {
    const { runReplay } = await import('../gateway/replay.ts');
    const log = createLog('replay', process.env);
    await runReplay({
      configFile: config,
      inputs: input,
      alarmsFile: alarms,
      root: PACKAGE_ROOT,
      env: process.env,
      log,
    });
  });

hanfeng
  .command('demo')
  .description('the demo district: simulators, edge agents and gateway with one log and one Ctrl-C (npm start)')
  .option('--webhook <url>', 'also send alarms to this address')
  .option('--no-history', 'a first start does not write the last 60 days into the store')
  .action(async (options: { webhook?: string; history: boolean }) => {
    const { runDemo } = await import('./demo.ts');
    process.exitCode = await runDemo({ ...options, root: PACKAGE_ROOT, env: process.env });
  });

hanfeng
  .command('probe <url>')
  .description(
    'read a real device once; every point decoded, raw registers beside. URL: tcp://host:502, rtu:///dev/ttyUSB0?baud=9600&parity=none, rtu+tcp://host:port',
  )
  .requiredOption('--model <model>', 'device model: a file of edge/devices, without .yaml')
  .option('--unit <id>', 'unit id', parseNumber, 1)
  .action(async (url: string, { model, unit }: { model: string; unit: number }) => {
    const { runProbe } = await import('../edge/probe.ts');
    process.exitCode = await runProbe({ url, model, unit, root: PACKAGE_ROOT, stdout: process.stdout });
  });

const { defineEdgeFace } = await import('./edge-face.ts');
defineEdgeFace(edge);

hanfeng
  .command('bench <name> [args...]')
  .description("one of the project's benchmarks; prints a table and JSON (bench/README.md lists them)")
  .allowUnknownOption()
  .action(async (name: string, args: string[]) => {
    const { runBench } = await import('../bench/index.ts');
    process.exitCode = await runBench({ name, args, root: PACKAGE_ROOT });
  });

/** Codes of errors that mean: asked wrongly. */
const USAGE_CODES = new Set([
  'username-invalid',
  'password-weak',
  'gateway-unknown',
  'token-missing',
  'edge-unknown',
  'replay-input',
]);

try {
  await hanfeng.parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // commander has printed its own errors; ours carry only the text.
    if (!error.code.startsWith('commander.')) process.stderr.write(`error: ${error.message}\n`);
    return BAD_USAGE;
  }
  if (error instanceof ConfigError) {
    process.stderr.write(`${describeMistakes(error.mistakes).join('\n')}\n`);
    return BAD_USAGE;
  }
  const { code, message, stack } = error as Error & { code?: string };
  process.stderr.write(code === undefined ? `${stack ?? message}\n` : `error: ${message} (${code})\n`);
  return code !== undefined && USAGE_CODES.has(code) ? BAD_USAGE : FAILED;
}
