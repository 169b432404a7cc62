import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { runReplay } from '../gateway/replay.ts';
import { removeFolder } from './folders.ts';
import type { BenchOptions } from './index.ts';
import { customerMeters } from './leakage/customer-meters.ts';
import { withFaults } from './leakage/faults.ts';
import { type LTownPlan, makeLTownYear } from './leakage/l-town-years.ts';
import { madeYears, randomYears } from './leakage/made-years.ts';
import { type AlarmLine, alarmPicture } from './leakage/picture.ts';

/** Years of L-Town that nothing was tuned with; made by EPANET once and kept in the folder for temporary files. */
const HELD_OUT: readonly LTownPlan[] = [
  { tag: 'h1', year: 2041, seed: 201, leaks: 19 },
  { tag: 'h2', year: 2042, seed: 202, leaks: 19 },
  { tag: 'h3', year: 2043, seed: 203, leaks: 17 },
  { tag: 'h0', year: 2045, seed: 205, leaks: 0 },
];

interface ScoredYear {
  readonly tag: string;
  readonly year: number;
  readonly data: string;
  /** Where its readings are, when not with the leaks. */
  readonly scada?: string;
  readonly isPublic: boolean;
}

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

/**
 * `hanfeng bench leakage [made|places|random|customers]`: the public L-Town years through the gateway's judge, scored, each
 * alarm drawn; with `made` also years of L-Town made by EPANET, with `places` also years of other places, with `random` of
 * villages and towns drawn by lot, with `customers` what customers' meters cost.
 */
export async function runLeakageBench({ root, args }: BenchOptions): Promise<number> {
  const shared = resolve(root, '../shared');
  const data = join(shared, 'data/leakage');
  if (!existsSync(data)) {
    process.stderr.write(`error: no ${data}; it holds the years to be scored\n`);
    return 2;
  }
  const folder = await mkdtemp(join(tmpdir(), 'hanfeng-leakage-'));
  const pictures = join(tmpdir(), 'hanfeng-leakage-alarms');
  mkdirSync(pictures, { recursive: true });
  let isMissed = false;
  try {
    const worse = join(folder, 'worse_scada.csv.gz');
    withFaults(join(data, '2018_scada.csv.gz'), worse, 1);
    const years: ScoredYear[] = [
      { tag: '2018', year: 2018, data, isPublic: true },
      { tag: '2022clean', year: 2022, data, isPublic: true },
      { tag: '2018', year: 2018, data, scada: worse, isPublic: true },
    ];
    if (args.includes('made')) {
      const made = join(tmpdir(), 'hanfeng-leakage-years');
      for (const plan of HELD_OUT) {
        await makeLTownYear(plan, data, made);
        years.push({ tag: plan.tag, year: plan.year, data: made, isPublic: false });
      }
    }
    for (const year of years) {
      const { seconds, score } = await scoreYear(root, shared, folder, pictures, year);
      const { onset, chance } = score;
      const name = year.scada === undefined ? year.tag : `${year.tag}+faults`;
      process.stdout.write(
        `${name.padEnd(12)} found ${onset.detected}/${onset.new_leaks}  abrupt ${onset.abrupt}  incipient ${onset.incipient}` +
          `  false ${onset.false_alarms}  nuisance ${onset.nuisance}  delay ${onset.median_ttd_abrupt_h ?? '-'} h / ` +
          `${onset.median_ttd_incipient_h === null ? '-' : (onset.median_ttd_incipient_h / 24).toFixed(1)} d` +
          `  saved ${onset.saved_pct ?? '-'} %  chance p ${chance?.p_detected ?? '-'}  replay ${seconds.toFixed(1)} s\n`,
      );
      if (!year.isPublic) continue;
      isMissed ||= seconds > 60 || onset.false_alarms > (year.tag === '2018' ? 1 : 0);
      isMissed ||= year.tag === '2018' && (onset.detected < 12 || Number(onset.abrupt.split('/')[0]) < 5);
    }
  } finally {
    removeFolder(folder);
  }
  process.stdout.write(`a picture of each alarm: ${pictures}\n`);
  if (args.includes('places')) for (const line of madeYears()) process.stdout.write(`${line}\n`);
  if (args.includes('random')) for (const line of randomYears()) process.stdout.write(`${line}\n`);
  if (args.includes('customers')) for (const line of customerMeters()) process.stdout.write(`${line}\n`);
  return isMissed ? 1 : 0;
}

async function scoreYear(root: string, shared: string, folder: string, pictures: string, scored: ScoredYear) {
  const { tag, year, data, scada } = scored;
  const alarmsFile = join(folder, `${tag}.jsonl`);
  const { seconds } = await runReplay({
    configFile: join(root, 'bench/leakage/l-town.yaml'),
    inputs: [scada ?? join(data, `${tag}_scada.csv.gz`), join(data, `${tag}_amrtotal.csv.gz`)],
    alarmsFile,
    root,
    env: {},
    log: pino({ level: 'silent' }),
  });
  draw(alarmsFile, pictures, scada === undefined ? tag : `${tag}-faults`);
  const script = join(shared, 'tools/score-leaks.mjs');
  const chance = scored.isPublic && tag === '2018' ? ['--null', '2000'] : [];
  const about = ['--year', String(year), '--tag', tag, '--data', data];
  const options = { maxBuffer: 1 << 24 };
  const args = [script, ...about, '--alarms', alarmsFile, '--json', ...chance];
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return { seconds, score: JSON.parse(stdout) as Score };
}

function draw(alarmsFile: string, pictures: string, tag: string): void {
  const lines = readFileSync(alarmsFile, 'utf8').trimEnd().split('\n').filter(Boolean);
  for (const line of lines) {
    const alarm = JSON.parse(line) as AlarmLine;
    const picture = alarmPicture(alarm);
    const name = `${tag}-${alarm.time.slice(0, 16).replaceAll(':', '')}-${alarm.location}.svg`;
    if (picture !== undefined) writeFileSync(join(pictures, name), picture);
  }
}
