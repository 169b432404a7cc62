import { existsSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../contract/mistakes.ts';
import { type ReplaySummary, runReplay } from '../../../gateway/replay.ts';
import { ReplayInputError } from '../../../gateway/replay-input.ts';
import { removeFolder } from '../../support/folders.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const MINI = resolve(ROOT, '../shared/data/leakage/mini_scada.csv.gz');
const log = pino({ level: 'silent' });
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanfeng-replay-'));
});
afterEach(() => removeFolder(folder));

async function replay(
  inputs: readonly (readonly [name: string, text: string | Buffer])[],
  config = CONFIG,
): Promise<{ summary: ReplaySummary; alarms: Record<string, unknown>[] }> {
  const configFile = join(folder, 'gateway.yaml');
  const alarmsFile = join(folder, 'alarms.jsonl');
  await writeFile(configFile, config);
  for (const [name, text] of inputs) await writeFile(join(folder, name), text);
  const paths = inputs.map(([name]) => join(folder, name));
  const summary = await runReplay({ configFile, inputs: paths, alarmsFile, root: ROOT, env: {}, log });
  const lines = (await readFile(alarmsFile, 'utf8')).split('\n').filter((line) => line !== '');
  return { summary, alarms: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

const CONFIG = `
timezone: Asia/Shanghai
columns:
  Q1: { point: fm-1/flow, scale: 3.6, unit: m3/h }
  P1: pt-1/pressure
alarms:
  - { point: fm-1/flow, kind: high, setpoint: 100 m3/h, onDelay: 5m, title: Flow high, response: Close V-1. }
  - { point: pt-1/pressure, kind: low, setpoint: 200 }
`;

describe('a replay', () => {
  it('takes wide input, maps and scales its columns, and writes one line per alarm raised', async () => {
    const { alarms, summary } = await replay([
      [
        'a.csv',
        'time,Q1,P1,other\n2026-11-23T00:00Z,20,300,1\n2026-11-23T00:05Z,30,300,1\n2026-11-23T00:10Z,31,,1\n2026-11-23T00:15Z,1,190,1\n',
      ],
    ]);
    expect(alarms).toMatchObject([
      {
        time: '2026-11-23T00:10:00.000Z',
        kind: 'high',
        point: 'fm-1/flow',
        asset: 'fm-1',
        priority: 3,
        message: 'Flow high: 111.6 m³/h, limit 100. fm-1, since 08:05. Close V-1.',
        evidence: { limit: 100 },
      },
      { time: '2026-11-23T00:15:00.000Z', kind: 'low', point: 'pt-1/pressure', value: 190 },
    ]);
    expect(summary).toMatchObject({ readings: 7, alarms: 2, unmapped: ['other'] });
  });

  it('tells once, after 26 hours, of an undeclared column that is still empty, and nothing of it once it reports', async () => {
    const begin = Date.parse('2026-11-23T00:00Z');
    const rows = Array.from({ length: 5 * 96 }, (_, row) => {
      const pressure = row < 2 * 96 ? '' : 300 + (row % 5);
      return `${new Date(begin + row * 900_000).toISOString()},${20 + (row % 7)},${pressure}`;
    });
    const { alarms } = await replay([['a.csv', `time,Q1,P1\n${rows.join('\n')}\n`]]);
    expect(alarms.map(({ time, kind, point, since }) => [time, kind, point, since])).toEqual([
      ['2026-11-24T02:00:00.000Z', 'stale', 'pt-1/pressure', '2026-11-23T00:00:00.000Z'],
    ]);
  });

  it('takes long input with qualities, gzip too, and merges several files by time', async () => {
    const flow =
      'timestamp,point,value,quality\r\n2026-11-23T00:00Z,fm-1/flow,120,good\r\n2026-11-23T00:10Z,fm-1/flow,120,\r\n';
    const pressure = 'timestamp,point,value\n2026-11-23T00:05Z,pt-1/pressure,150';
    const { alarms } = await replay([
      ['a.csv.gz', gzipSync(flow)],
      ['b.csv', pressure],
    ]);
    expect(alarms.map(({ kind, time }) => `${kind} ${time}`)).toEqual([
      'low 2026-11-23T00:05:00.000Z',
      'high 2026-11-23T00:05:00.000Z',
    ]);
  });

  it('makes an alarm of its own of every episode', async () => {
    const rows = [150, 250, 150, 250, 150].map((value, minute) => `2026-11-23T00:0${minute}Z,pt-1/pressure,${value}`);
    const { alarms } = await replay([['a.csv', ['timestamp,point,value', ...rows].join('\n')]]);
    expect(new Set(alarms.map(({ id }) => id)).size).toBe(3);
  });

  it('counts what it cannot read and goes on', async () => {
    const { summary, alarms } = await replay([
      [
        'a.csv',
        'timestamp,point,value,quality\nyesterday,pt-1/pressure,1\n2026-11-23T00:00Z,pt-1/pressure,abc\n2026-11-23T00:01Z,pt-1/pressure,,bad\n2026-11-23T00:02Z,what?,1\n2026-11-23T00:03Z,pt-1/pressure,150\n',
      ],
    ]);
    expect(summary).toMatchObject({ badTimes: 1, badCells: 1, unmapped: ['what?'], readings: 3 });
    expect(alarms.length).toBe(1);
  });

  it('says what is wrong with an input it cannot use', async () => {
    await expect(replay([['a.csv', 'a,b\n1,2\n']])).rejects.toThrow(ReplayInputError);
    await expect(replay([['a.csv', '']])).rejects.toThrow(ReplayInputError);
    const whole = gzipSync(`timestamp,point,value\n${'2026-11-23T00:00Z,pt-1/pressure,250\n'.repeat(50)}`);
    await expect(replay([['torn.csv.gz', whole.subarray(0, whole.length / 2)]])).rejects.toThrow(
      /torn\.csv\.gz: its gzip data end too soon/,
    );
    await expect(replay([['no.csv.gz', 'timestamp,point,value\n']])).rejects.toThrow(/no\.csv\.gz: .*damaged/);
    const gone = runReplay({
      configFile: join(folder, 'gateway.yaml'),
      inputs: [join(folder, 'gone.csv')],
      alarmsFile: join(folder, 'alarms.jsonl'),
      root: ROOT,
      env: {},
      log,
    });
    await expect(gone).rejects.toThrow(/gone\.csv: no such file/);
    await expect(replay([], 'sites: 1')).rejects.toThrow(ConfigError);
  });

  it('takes no row of a file without header for one', async () => {
    const rows = '2026-11-23T00:00Z,pt-1/pressure,250\n2026-11-23T00:01Z,pt-1/pressure,100\n';
    await expect(replay([['rows.csv', rows]])).rejects.toThrow(/rows\.csv: no header line/);
  });

  it('finds columns however their names are written, and takes a blank for no reading', async () => {
    const long = 'Timestamp, Point, Value\n2026-11-23T00:00Z, pt-1/pressure, 100\n';
    expect((await replay([['long.csv', long]])).alarms).toHaveLength(1);
    const { summary, alarms } = await replay([['wide.csv', 'time,P1,Q1\n 2026-11-23T00:00Z , ,1\n']]);
    expect([summary.readings, alarms]).toEqual([1, []]);
  });

  it('runs the example', async () => {
    const example = join(ROOT, 'examples/replay');
    const alarmsFile = join(folder, 'alarms.jsonl');
    await runReplay({
      configFile: join(example, 'gateway.yaml'),
      inputs: [join(example, 'readings.csv')],
      alarmsFile,
      root: ROOT,
      env: {},
      log,
    });
    expect(
      (await readFile(alarmsFile, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { message: string }).message),
    ).toEqual([
      "Inflow high: 133.4 m³/h, limit 125. fm-p235, Area A, since 19:05. Compare with the customers' meters.",
    ]);
  });

  it('runs the street: one lamp out and a cut cable, by a schedule that follows the sun', async () => {
    const example = join(ROOT, 'examples/street');
    const alarmsFile = join(folder, 'street.jsonl');
    await runReplay({
      configFile: join(example, 'gateway.yaml'),
      inputs: [join(example, 'evening.csv')],
      alarmsFile,
      root: ROOT,
      env: {},
      log,
    });
    const told = (await readFile(alarmsFile, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; asset: string; message: string })
      .filter(({ kind }) => kind !== 'stale');
    expect(told.map(({ kind, asset }) => `${kind} ${asset}`)).toEqual(['lamp-out lamp-03', 'cable-cut cir-1']);
    expect(told[1]?.message).toContain('4 of 12 from lamp-09, 12 devices behind it, explains 4 earlier alarms');
  });

  it.skipIf(!existsSync(MINI))('plays the recorded district through the example', async () => {
    const alarmsFile = join(folder, 'alarms.jsonl');
    const configFile = join(ROOT, 'examples/replay/gateway.yaml');
    const summary = await runReplay({ configFile, inputs: [MINI], alarmsFile, root: ROOT, env: {}, log });
    expect(summary).toMatchObject({ readings: 171_360, badTimes: 0, badCells: 0, unmapped: [] });
    expect(summary.alarms).toBeGreaterThan(10);
  });
});
