import { parseArgs } from 'node:util';
import { createJudge, type Judge, type Verdict } from '../gateway/domain/judge.ts';
import type { Rule } from '../gateway/domain/plant.ts';
import { ReadingBuffer } from '../gateway/domain/readings.ts';
import { wholeGateway } from './alarms-whole.ts';
import type { BenchOptions } from './index.ts';

const PER_SOURCE = 1000;
const START = Date.UTC(2026, 10, 23);

/** `hanfeng bench alarms`: what limits cost a reading, what a flood and a snapshot cost; then a whole gateway with many alarms. */
export async function runAlarmsBench({ args }: BenchOptions): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      points: { type: 'string', default: '329000' },
      seconds: { type: 'string', default: '10' },
      active: { type: 'string', default: '50000' },
      year: { type: 'string', default: '300000' },
    },
  });
  const points = Number(values.points);
  const sources = Math.ceil(points / PER_SOURCE);
  const judge = buildJudge(points, sources);
  const messages = Array.from({ length: sources }, (_, source) => message(source, points));
  const verdict: Verdict = { alarms: [], journal: [] };

  const calm = calmSeconds(judge, messages, verdict, Number(values.seconds));
  const flood = floodSecond(judge, messages, verdict, START + Number(values.seconds) * 1000);
  const snapshot = snapshotCost(judge, points, sources);
  const whole = await wholeGateway(Number(values.active), Number(values.year));
  const results = { points, rules: points * 2, ...calm, ...flood, ...snapshot, ...whole };
  for (const [name, value] of Object.entries(results))
    process.stdout.write(`${name.padEnd(28)} ${Number.isInteger(value) ? value : value.toFixed(1)}\n`);
  process.stdout.write(`${JSON.stringify(results)}\n`);
  const isLost = flood.floodTransitions !== flood.floodExpected || whole.transitionsStored !== whole.transitions;
  if (isLost) process.stderr.write('error: the flood lost or repeated transitions\n');
  return isLost || calm.nsPerReadingMedian > 50 ? 1 : 0;
}

/** Time of our own threads: the machine may be busy with others. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function buildJudge(points: number, sources: number): Judge {
  const judge = createJudge({ timezone: 'Asia/Shanghai' });
  for (let id = 0; id < sources; id++) judge.addSource({ id, key: `edge/e${id}/line`, edge: `e${id}`, hasUpTo: true });
  for (let id = 0; id < points; id++) {
    const device = `d-${Math.floor(id / 10)}`;
    const measurement = `m${id % 10}`;
    const rule: Rule = {
      key: `${device}/${measurement}#high`,
      kind: 'high',
      asset: device,
      point: id,
      pointId: `${device}/${measurement}`,
      priority: 2,
      unit: 'm3/h',
      setpoint: 80,
      deadband: 2,
      onDelayMs: 0,
      offDelayMs: 0,
      latch: false,
      title: 'High',
      response: 'Look at it.',
    };
    const low: Rule = { ...rule, key: `${device}/${measurement}#low`, kind: 'low', setpoint: 10, title: 'Low' };
    const info = { id, device, measurement, maxSilenceMs: 60_000, reportingDelayMs: 0 };
    judge.addPoint(info, Math.floor(id / PER_SOURCE), [rule, low]);
  }
  return judge;
}

function message(source: number, points: number): ReadingBuffer {
  const buffer = new ReadingBuffer(PER_SOURCE);
  for (let id = source * PER_SOURCE; id < Math.min(points, (source + 1) * PER_SOURCE); id++)
    buffer.push(id, START, 20 + ((id * 7) % 50), 0, 0);
  return buffer;
}

/** Every point once a second, all values inside their limits. */
function calmSeconds(judge: Judge, messages: readonly ReadingBuffer[], verdict: Verdict, seconds: number) {
  const costs: number[] = [];
  for (let second = 0; second < seconds; second++) {
    const at = START + second * 1000;
    let readings = 0;
    for (const buffer of messages) {
      buffer.tsMs.fill(at);
      readings += buffer.length;
    }
    const startedAt = cpuMs();
    play(judge, messages, at, verdict);
    costs.push(((cpuMs() - startedAt) * 1e6) / readings);
  }
  costs.sort((a, b) => a - b);
  return { nsPerReadingMedian: costs[Math.floor(costs.length / 2)] ?? 0, nsPerReadingWorst: costs.at(-1) ?? 0 };
}

/** Ten thousand points leave their limits in the same second, and come back in the next. */
function floodSecond(judge: Judge, messages: readonly ReadingBuffer[], verdict: Verdict, from: number) {
  const flooded = messages.slice(0, 10);
  const expected = 2 * flooded.reduce((sum, buffer) => sum + buffer.length, 0);
  const before = verdict.journal.length;
  const startedAt = cpuMs();
  for (const [step, change] of [61, -61].entries()) {
    const at = from + step * 1000;
    for (const buffer of messages) buffer.tsMs.fill(at);
    for (const buffer of flooded) for (let row = 0; row < buffer.length; row++) buffer.value[row]! += change;
    play(judge, messages, at, verdict);
  }
  const floodMs = (cpuMs() - startedAt) / 2;
  return { floodTransitions: verdict.journal.length - before, floodExpected: expected, floodMsPerSecond: floodMs };
}

function play(judge: Judge, messages: readonly ReadingBuffer[], at: number, verdict: Verdict): void {
  messages.forEach((buffer, source) => {
    judge.apply({ kind: 'readings', source, from: 0, to: buffer.length, receivedAt: at }, buffer, verdict);
    judge.apply({ kind: 'up-to', source, upTo: at }, buffer, verdict);
    judge.apply({ kind: 'heard', edge: `e${source}`, at }, buffer, verdict);
  });
  judge.apply({ kind: 'tick', at }, messages[0] as ReadingBuffer, verdict);
}

function snapshotCost(judge: Judge, points: number, sources: number) {
  let startedAt = cpuMs();
  const state = judge.snapshot();
  const snapshotMs = cpuMs() - startedAt;
  const other = buildJudge(points, sources);
  startedAt = cpuMs();
  other.restore(state);
  return { snapshotMs, snapshotBytes: state.length, restoreMs: cpuMs() - startedAt };
}
