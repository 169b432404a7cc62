import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { runReplay } from '../gateway/replay.ts';
import type { BenchOptions } from './index.ts';
import { madeYears } from './leakage/made-years.ts';

const YEARS = [
  { tag: '2018', year: '2018' },
  { tag: '2022clean', year: '2022' },
] as const;

/** What the scorer says of one year. */
interface Score {
  readonly onset: {
    readonly detected: number;
    readonly new_leaks: number;
    readonly abrupt: string;
    readonly incipient: string;
    readonly false_alarms: number;
    readonly nuisance: number;
    readonly median_ttd_abrupt_h: number | null;
    readonly median_ttd_incipient_h: number | null;
    readonly saved_pct: number | null;
  };
  readonly chance?: { readonly p_detected: number };
}

/** `hanfeng bench leakage`: the public L-Town years through the gateway's judge, scored, and years of made places. */
export async function runLeakageBench({ root }: BenchOptions): Promise<number> {
  const shared = resolve(root, '../shared');
  if (!existsSync(join(shared, 'data/leakage'))) {
    process.stderr.write(`error: no ${join(shared, 'data/leakage')}; it holds the years to be scored\n`);
    return 2;
  }
  const folder = await mkdtemp(join(tmpdir(), 'hanfeng-leakage-'));
  let isMissed = false;
  try {
    for (const { tag, year } of YEARS) {
      const { seconds, score } = await scoreYear(root, shared, folder, tag, year);
      const { onset, chance } = score;
      process.stdout.write(
        `${tag.padEnd(10)} found ${onset.detected}/${onset.new_leaks}  abrupt ${onset.abrupt}  incipient ${onset.incipient}` +
          `  false ${onset.false_alarms}  nuisance ${onset.nuisance}  delay ${onset.median_ttd_abrupt_h ?? '-'} h / ` +
          `${onset.median_ttd_incipient_h === null ? '-' : (onset.median_ttd_incipient_h / 24).toFixed(1)} d` +
          `  saved ${onset.saved_pct ?? '-'} %  chance p ${chance?.p_detected ?? '-'}  replay ${seconds.toFixed(1)} s\n`,
      );
      isMissed ||= seconds > 60 || onset.false_alarms > (tag === '2018' ? 1 : 0);
      isMissed ||= tag === '2018' && (onset.detected < 12 || onset.abrupt !== '6/6');
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  for (const line of madeYears()) process.stdout.write(`${line}\n`);
  return isMissed ? 1 : 0;
}

async function scoreYear(root: string, shared: string, folder: string, tag: string, year: string) {
  const data = join(shared, 'data/leakage');
  const alarmsFile = join(folder, `${tag}.jsonl`);
  const { seconds } = await runReplay({
    configFile: join(root, 'bench/leakage/l-town.yaml'),
    inputs: [join(data, `${tag}_scada.csv.gz`), join(data, `${tag}_amrtotal.csv.gz`)],
    alarmsFile,
    root,
    env: {},
    log: pino({ level: 'silent' }),
  });
  const script = join(shared, 'tools/score-leaks.mjs');
  const chance = tag === '2018' ? ['--null', '2000'] : [];
  const args = [script, '--year', year, '--tag', tag, '--alarms', alarmsFile, '--json', ...chance];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 24 });
  return { seconds, score: JSON.parse(stdout) as Score };
}
