import { parseArgs } from 'node:util';
import type { BenchOptions } from './index.ts';
import { VICTIMS, type Victim } from './kill-district.ts';
import { runFullKillRounds } from './kill-full.ts';
import { type KillReport, mulberry32, runKillRounds } from './kill-rounds.ts';

/**
 * `hanfeng bench kill`: kills processes at random while readings flow, then counts every one of them.
 * `--load full`: only the gateway, but with a reading of each of `--points` every `--every` milliseconds, and at most
 * `--alive` seconds from a start to the next SIGKILL.
 */
export async function runKillBench({ args, root }: BenchOptions): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      broker: { type: 'string', default: 'embedded' },
      victims: { type: 'string' },
      order: { type: 'string', default: 'random' },
      load: { type: 'string', default: 'light' },
      points: { type: 'string', default: '329000' },
      alive: { type: 'string', default: '10' },
      every: { type: 'string', default: '1000' },
    },
  });
  if (values.load === 'full')
    return runFullLoad({
      rounds: Number(values.rounds),
      seed: Number(values.seed),
      points: Number(values.points),
      aliveMs: Number(values.alive) * 1000,
      everyMs: Number(values.every),
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

async function runFullLoad(options: {
  readonly rounds: number;
  readonly seed: number;
  readonly points: number;
  readonly aliveMs: number;
  readonly everyMs: number;
}): Promise<number> {
  const { seed, ...rest } = options;
  const { rounds, ...report } = await runFullKillRounds({
    ...rest,
    random: mulberry32(seed),
    say: (text) => process.stdout.write(`${text}\n`),
  });
  const restarts = rounds.map(({ restartMs }) => restartMs).sort((a, b) => a - b);
  const restartMs = { median: restarts[Math.floor(restarts.length / 2)], worst: restarts.at(-1) };
  console.table(rounds);
  console.table([{ ...report, restartMedianMs: restartMs.median, restartWorstMs: restartMs.worst }]);
  const json = {
    bench: 'kill',
    load: 'full',
    node: process.version,
    points: rest.points,
    everyMs: rest.everyMs,
    seed,
    ...report,
    restartMs,
  };
  process.stdout.write(`${JSON.stringify({ ...json, rounds })}\n`);
  const { lost, twice, foreign, unanswered, made, stored, found } = report;
  return lost + twice + foreign + unanswered === 0 && made === stored && stored === found ? 0 : 1;
}
