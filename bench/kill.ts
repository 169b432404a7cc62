import { parseArgs } from 'node:util';
import type { BenchOptions } from './index.ts';
import { type KillReport, runKillRounds, VICTIMS, type Victim } from './kill-rounds.ts';

/** `hanfeng bench kill`: kills processes at random while readings flow, then counts every one of them. */
export async function runKillBench({ args, root }: BenchOptions): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      broker: { type: 'string', default: 'embedded' },
      victims: { type: 'string' },
      order: { type: 'string', default: 'random' },
    },
  });
  const victims =
    (values.victims?.split(',') as Victim[] | undefined) ??
    VICTIMS.filter((victim) => victim !== 'broker' || values.broker === 'mosquitto');
  const report = await runKillRounds({
    root,
    rounds: Number(values.rounds),
    seed: Number(values.seed),
    broker: values.broker === 'mosquitto' ? 'mosquitto' : 'embedded',
    victims,
    order: values.order === 'in-turn' ? 'in-turn' : 'random',
    say: (text) => process.stdout.write(`${text}\n`),
  });
  print(report);
  return report.missing === 0 && report.repeated === 0 && report.acknowledgedLost === 0 && report.unexplained === 0
    ? 0
    : 1;
}

function print(report: KillReport): void {
  const rows: readonly (readonly [string, string | number])[] = [
    ['rounds', report.rounds],
    ['broker', report.broker],
    ['seed', report.seed],
    ['readings put into the outbox (made)', report.made],
    ['stored, by the ledger', report.stored],
    ['rows found in the store', report.found],
    ['missing', report.missing],
    ['found more than once', report.repeated],
    ['made - stored - rejected - dropped', report.unexplained],
    ['device messages acknowledged (PUBACK)', report.acknowledged],
    ['of these not found in the store', report.acknowledgedLost],
  ];
  for (const [what, value] of rows) process.stdout.write(`${what.padEnd(42)} ${value}\n`);
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
