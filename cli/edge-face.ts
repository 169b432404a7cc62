import { hostname, userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { formatDuration } from '../contract/time.ts';
import { parseTimeSpan } from './options.ts';
import { PACKAGE_ROOT } from './root.ts';

const SERVICE_DEFAULT_MS = 2 * 3_600_000;

interface FaceOptions {
  readonly config?: string;
  readonly who: string;
}

const parseSwitch = (text: string): boolean => {
  if (text !== 'on' && text !== 'off') throw new InvalidArgumentError('expected on or off');
  return text === 'on';
};

/** What a technician at the cabinet does with the edge that runs on this machine. */
export function defineEdgeFace(edge: Command): void {
  // Otherwise `edge status --config F` gives the option to `edge` itself.
  edge.enablePositionalOptions();
  edge.parent?.enablePositionalOptions();
  const who = `${userInfo().username}@${hostname()}`;
  const face = (name: string, description: string) =>
    edge
      .command(name)
      .description(description)
      .option(
        '--config <file>',
        'edge.yaml of the running edge (default: the one edge below HANFENG_DATA_DIR or ./data)',
      );
  const common = (config: string | undefined) => ({
    configFile: config,
    root: PACKAGE_ROOT,
    env: process.env,
    stdout: process.stdout,
  });

  for (const [name, watch, description] of [
    ['status', false, 'live values, line health and outbox fill of an edge on this machine, once'],
    ['watch', true, 'the same, renewed every second'],
  ] as const) {
    face(name, description).action(async ({ config }: { config?: string }) => {
      const { runEdgeStatus } = await import('../edge/status.ts');
      process.exitCode = await runEdgeStatus({ ...common(config), watch });
    });
  }

  face('sheet', 'commissioning sheet as CSV: every point with what is read now').action(
    async ({ config }: { config?: string }) => {
      const { runEdgeSheet } = await import('../edge/status.ts');
      process.exitCode = await runEdgeSheet(common(config));
    },
  );

  face('service', 'service mode: readings are marked as maintenance and raise no alarms')
    .argument('<on|off>', '', parseSwitch)
    .option('--device <id>', 'one device; the whole cabinet without')
    .option('--for <time>', 'ends by itself after this', parseTimeSpan)
    .option('--who <name>', 'for the journal', who)
    .option('--why <text>', 'for the journal')
    .addHelpText(
      'after',
      `\nWithout --for it ends after ${formatDuration(SERVICE_DEFAULT_MS)}, never later than a day.`,
    )
    .action(async (on: boolean, options: FaceOptions & { device?: string; for?: number; why?: string }) => {
      const { runEdgeService } = await import('../edge/status.ts');
      const { config, device, who: by, why } = options;
      const forMs = on ? (options.for ?? SERVICE_DEFAULT_MS) : undefined;
      process.exitCode = await runEdgeService({ ...common(config), device, forMs, who: by, why });
    });

  face('commands', 'take commands from outside, or refuse them all until the edge restarts')
    .argument('<on|off>', '', parseSwitch)
    .option('--who <name>', 'for the journal', who)
    .action(async (enabled: boolean, { config, who: by }: FaceOptions) => {
      const { runEdgeCommands } = await import('../edge/status.ts');
      process.exitCode = await runEdgeCommands({ ...common(config), enabled, who: by });
    });
}
