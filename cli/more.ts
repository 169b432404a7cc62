import { type Command, InvalidArgumentError } from 'commander';
import { defineEdgeFace } from './edge-face.ts';
import { PACKAGE_ROOT } from './root.ts';

interface Parents {
  readonly hanfeng: Command;
  readonly edge: Command;
  readonly simulate: Command;
}

const parseNumber = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number');
  return value;
};

/** The commands for technicians and engineers: probing devices, faults of the simulator, benchmarks. */
export function defineMoreCommands({ hanfeng, edge, simulate }: Parents): void {
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

  defineEdgeFace(edge);

  simulate
    .command('fault <name>')
    .description('switch a fault of the running simulation on or off')
    .requiredOption('--device <id>', 'the simulated device')
    .option('--value <number>', 'size of the fault, where it has one', parseNumber)
    .option('--off', 'end the fault', false)
    .option('--control <url>', 'control address of the simulation', '127.0.0.1:15080')
    .action(async (name: string, options: { device: string; value?: number; off: boolean; control: string }) => {
      const { runFault } = await import('../simulators/control.ts');
      const { off, value, ...rest } = options;
      const said = await runFault({ ...rest, name, on: !off, ...(value === undefined ? {} : { value }) });
      process.stdout.write(`${said}\n`);
    });

  hanfeng
    .command('bench <name> [args...]')
    .description("one of the project's benchmarks; prints a table and JSON (bench/README.md lists them)")
    .allowUnknownOption()
    .action(async (name: string, args: string[]) => {
      const { runBench } = await import('../bench/index.ts');
      process.exitCode = await runBench({ name, args, root: PACKAGE_ROOT });
    });
}
