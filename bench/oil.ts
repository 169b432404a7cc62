import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import { parseTime } from '../contract/time.ts';
import { profile } from '../gateway/domain/condition/profile.ts';
import type { Rule } from '../gateway/domain/plant.ts';
import { siteClock } from '../gateway/domain/site-clock.ts';
import { runReplay } from '../gateway/replay.ts';
import { removeFolder } from './folders.ts';
import type { BenchOptions } from './index.ts';

interface Raised {
  readonly time: string;
  readonly kind: string;
  readonly message: string;
  readonly value?: number;
}

/** Days shown before and after an alarm. */
const AROUND_DAYS = 5;
const DAY_MS = 86_400_000;

/** `hanfeng bench oil`: two years of a real transformer's oil through its class; alarms per month, and a picture of why each rang. */
export async function runOilBench({ root, args }: BenchOptions): Promise<number> {
  const input = resolve(root, '../shared/data/transformer/ETTh1.csv');
  if (!existsSync(input)) {
    process.stderr.write(`error: ${input} is not there\n`);
    return 1;
  }
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-oil-'));
  const alarmsFile = join(folder, 'alarms.jsonl');
  const configFile = join(root, 'examples/transformer/gateway.yaml');
  await runReplay({ configFile, inputs: [input], alarmsFile, root, env: {}, log: pino({ level: 'silent' }) });
  const lines = readFileSync(alarmsFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  removeFolder(folder);
  const raised = lines.map((line) => JSON.parse(line) as Raised);
  const series = readSeries(input);
  const months = new Map<string, number>();
  for (const { at } of series) months.set(new Date(at).toISOString().slice(0, 7), 0);
  for (const { time } of raised) months.set(time.slice(0, 7), (months.get(time.slice(0, 7)) ?? 0) + 1);
  for (const [month, count] of months) process.stdout.write(`${month}  ${count}\n`);
  for (const { time, message } of raised) process.stdout.write(`${time}  ${message}\n`);
  const picture = args[0] ?? 'oil.svg';
  writeFileSync(picture, draw(series, raised));
  process.stdout.write(`${JSON.stringify({ months: months.size, alarms: raised.length, picture })}\n`);
  return 0;
}

interface Sample {
  readonly at: number;
  readonly value: number;
  readonly usual: number | undefined;
}

/** The recorded temperature and what the rule held for usual at each hour. */
function readSeries(file: string): Sample[] {
  const rule = { pointId: 'p', setpoint: 4, deadband: 2 } as unknown as Rule;
  const usualOf = profile(rule, { type: 'profile', direction: 'above', floor: 1.5 }, siteClock('Asia/Shanghai'));
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => {
      const cells = line.split(',');
      const at = parseTime(cells[0]) ?? 0;
      const value = Number(cells.at(-1));
      const truth = usualOf.evaluate({ ts: at, values: [value], isTripped: false, maxSilenceMs: DAY_MS });
      const { usual } = usualOf.evidence().details as { usual: number };
      return { at, value, usual: truth === undefined ? undefined : usual };
    });
}

function draw(series: readonly Sample[], raised: readonly Raised[]): string {
  const [width, height, left, gap] = [900, 200, 50, 50];
  const panels = raised.map(({ time, message }, index) => {
    const at = Date.parse(time);
    const shown = series.filter((sample) => Math.abs(sample.at - at) <= AROUND_DAYS * DAY_MS);
    const values = shown.flatMap(({ value, usual }) => (usual === undefined ? [value] : [value, usual]));
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const x = (moment: number) =>
      left + ((moment - at + AROUND_DAYS * DAY_MS) / (2 * AROUND_DAYS * DAY_MS)) * (width - left - 10);
    const y = (value: number) => height - 20 - ((value - low) / (high - low || 1)) * (height - 50);
    const path = (pick: (sample: Sample) => number | undefined) =>
      shown
        .filter((sample) => pick(sample) !== undefined)
        .map(
          (sample, step) =>
            `${step === 0 ? 'M' : 'L'}${x(sample.at).toFixed(1)} ${y(pick(sample) as number).toFixed(1)}`,
        )
        .join('');
    return `<g transform="translate(0 ${index * (height + gap) + 20})">
<text x="${left}" y="14">${time.slice(0, 16)}Z ${message.replaceAll('&', '&amp;')}</text>
<text x="4" y="${y(high) + 4}">${high.toFixed(0)} °C</text><text x="4" y="${y(low) + 4}">${low.toFixed(0)} °C</text>
<path d="${path(({ usual }) => usual)}" fill="none" stroke="#6E7B83" stroke-dasharray="5 4"/>
<path d="${path(({ value }) => value)}" fill="none" stroke="#38474F" stroke-width="1.8"/>
<line x1="${x(at)}" x2="${x(at)}" y1="22" y2="${height - 12}" stroke="#9A4A00"/><text x="${x(at) + 4}" y="34" fill="#9A4A00">rang</text>
</g>`;
  });
  const total = Math.max(1, raised.length) * (height + gap) + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" font-family="sans-serif" font-size="12" fill="#172025">
<rect width="${width}" height="${total}" fill="#F2F4F4"/>
<text x="50" y="14">solid: top oil; dashed: usual for this hour of the week</text>
${panels.join('\n')}
</svg>
`;
}
