import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Alarm, Flood } from '../../contract/alarm.ts';
import { BAD, GOOD, type QualityCode, reasonCode, UNCERTAIN } from '../../contract/reading.ts';
import { parseDuration, parseTime } from '../../contract/time.ts';
import { loadGatewayConfig } from '../../gateway/config.ts';
import { pageFor } from '../../gateway/domain/alarm/paging.ts';
import { createJudge, type Judge, type Verdict } from '../../gateway/domain/judge.ts';
import { CustomerWatch } from '../../gateway/domain/leakage/customer-watch.ts';
import type { DeviceInfo, JudgeInput, OperatorCommand, PointInfo, Rule } from '../../gateway/domain/plant.ts';
import { ReadingBuffer } from '../../gateway/domain/readings.ts';
import type { RuleSheet } from '../../gateway/domain/rule-table.ts';
import { operatorGroups } from '../../gateway/operator-groups.ts';
import { loadPlant } from '../../gateway/plant-files.ts';
import type { PlantCatalog } from '../../gateway/plant-growth.ts';

/** Stories play on this day unless they say another. */
const DAY = '2026-11-23';
const DAY_MS = 86_400_000;
/** An edge sends at least an empty batch this often. */
const HEARTBEAT_MS = 10_000;

/**
 * Plays the story of a folder through configuration, classes and judge and tells what the journal says.
 *
 * Lines of `story.txt` (times are UTC; `+1_` before a time means the next day):
 * - `08:00:05 fm-1/flow 92.4` a reading, received when it was taken; `92.4~` is uncertain, `bad:timeout` has no value
 * - `08:00..09:00 every 10s fm-1/flow 60..80, fm-1/pressure 400` readings along a line from first to last value
 * - `07:30 received 08:10 fm-1/flow 92.4` a late one
 * - `08:10 alive e1` an empty batch: all sources of the edge are up to date, the edge is heard
 * - `08:10 nothing` time passes, nobody is heard; otherwise every edge that was heard sends a heartbeat each 10 s
 * - `08:10 acknowledge high fm-1/flow li checking` what a person does: action, kind, point or asset, who, words;
 *   `shelve` takes `for 2h` or `once` before the words
 * - `08:10 restart` the process ends and another goes on from the snapshot
 */
export function playStory(folder: string, root: string): string {
  const player = new StoryPlayer(folder, root);
  const lines = readFileSync(join(folder, 'story.txt'), 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    const text = line.replace(/#.*$/, '').trim();
    if (text === '') continue;
    try {
      player.line(text);
    } catch (error) {
      throw new Error(`${folder}/story.txt:${index + 1}: ${line}: ${(error as Error).message}`);
    }
  }
  return player.told();
}

interface Known {
  readonly info: PointInfo;
  readonly device: DeviceInfo;
  readonly source: number;
}

class StoryPlayer {
  private readonly catalog: PlantCatalog;
  private readonly timezone: string;
  private readonly config: ReturnType<typeof loadGatewayConfig>;
  private judge: Judge;
  private readonly devices = new Map<string, DeviceInfo>();
  private readonly points = new Map<string, Known>();
  private readonly sources = new Map<string, number>();
  private readonly sourceEdges: (string | undefined)[] = [];
  private wall = Number.NaN;
  private readonly alarms = new Map<string, Alarm>();
  private readonly lines: string[] = [];
  private readonly floods = new Set<string>();
  private readonly buffer = new ReadingBuffer();

  constructor(folder: string, root: string) {
    const file = join(folder, existsSync(join(folder, 'gateway.yaml')) ? 'gateway.yaml' : '../gateway.yaml');
    this.config = loadGatewayConfig(file, {});
    this.catalog = loadPlant(this.config, root);
    this.timezone = this.config.timezone;
    this.judge = this.newJudge();
    for (const { device } of this.catalog.declared) this.device(device);
    // Points that nobody measures, because they are made of those of other devices, are there from the start.
    for (const { device, made = [] } of this.catalog.declared)
      for (const measurement of made) this.point(`${device}/${measurement}`);
  }

  line(text: string): void {
    const [when = '', verb = '', ...rest] = text.split(/\s+/);
    const range = /^(\S+)\.\.(\S+)$/.exec(when);
    if (range !== null) return this.series(timeOf(range[1] as string), timeOf(range[2] as string), rest.join(' '));
    const at = timeOf(when);
    if (verb === 'received') return this.message(timeOf(rest[0] as string), [{ at, text: rest.slice(1).join(' ') }]);
    if (verb.includes('/')) return this.message(at, [{ at, text: [verb, ...rest].join(' ') }]);
    this.passUntil(at, verb !== 'nothing');
    if (verb === 'nothing') return;
    if (verb === 'restart') return this.restart();
    if (verb === 'alive') return this.alive(rest[0] as string, at);
    this.operate(verb as OperatorCommand['action'], at, rest);
  }

  told(): string {
    const open = [...this.alarms.values()]
      .filter(({ state, holds, active }) => state !== 'normal' || holds.length > 0 || active)
      .map((alarm) => `${alarm.kind} ${alarm.point ?? alarm.asset} ${stateOf(alarm)}`)
      .sort();
    return [...this.lines, '', 'open at the end:', ...(open.length === 0 ? ['nothing'] : open), ''].join('\n');
  }

  private series(from: number, to: number, text: string): void {
    const match = /^(\S+)\s+(.*)$/.exec(text);
    const everyMs = parseDuration(match?.[1] ?? '');
    if (match === null || everyMs === undefined) throw new Error('expected: <from>..<to> every <time> <point> <value>');
    const parts = (match[2] as string).split(',').map((part) => part.trim().split(/\s+/) as [string, string]);
    for (let at = from; at <= to; at += everyMs) {
      const share = to === from ? 0 : (at - from) / (to - from);
      const now = parts.map(([point, value]) => {
        const ramp = /^(-?[\d.]+)\.\.(-?[\d.]+)$/.exec(value);
        const cell =
          ramp === null
            ? value
            : String(Number((Number(ramp[1]) + share * (Number(ramp[2]) - Number(ramp[1]))).toPrecision(9)));
        return `${point} ${cell}`;
      });
      this.message(at, [{ at, text: now.join(', ') }]);
    }
  }

  /** Readings that arrive together. */
  private message(receivedAt: number, moments: readonly { readonly at: number; readonly text: string }[]): void {
    this.passUntil(receivedAt);
    const bySource = new Map<number, (() => void)[]>();
    for (const { at, text } of moments) {
      for (const part of text.split(',')) {
        const [name = '', cell = ''] = part.trim().split(/\s+/);
        const { info, source } = this.point(name);
        const [value, quality, reason] = cellOf(cell);
        const push = () => this.buffer.push(info.id, at, value, quality, reason);
        bySource.set(source, [...(bySource.get(source) ?? []), push]);
      }
    }
    for (const [source, pushes] of bySource) {
      this.buffer.clear();
      for (const push of pushes) push();
      this.apply({ kind: 'readings', source, from: 0, to: this.buffer.length, receivedAt });
      const edge = this.sourceEdges[source];
      if (edge === undefined) continue;
      this.apply({ kind: 'up-to', source, upTo: receivedAt });
      this.apply({ kind: 'heard', edge, at: receivedAt });
    }
  }

  private alive(edge: string, at: number): void {
    this.sourceEdges.forEach((of, source) => {
      if (of === edge) this.apply({ kind: 'up-to', source, upTo: at });
    });
    this.apply({ kind: 'heard', edge, at });
  }

  private passUntil(at: number, isHeard = true): void {
    if (Number.isNaN(this.wall)) {
      this.wall = at;
      this.apply({ kind: 'tick', at });
      return;
    }
    // Over long times ten seconds are fine enough.
    const stepMs = at - this.wall > 600_000 ? HEARTBEAT_MS : 1000;
    while (this.wall + stepMs <= at) {
      this.wall += stepMs;
      if (isHeard && this.wall % HEARTBEAT_MS === 0 && this.wall < at)
        for (const edge of new Set(this.sourceEdges)) if (edge !== undefined) this.alive(edge, this.wall);
      this.apply({ kind: 'tick', at: this.wall });
    }
  }

  private operate(action: OperatorCommand['action'], at: number, words: readonly string[]): void {
    const [kind = '', target = '', who = 'li', ...rest] = words;
    const found = [...this.alarms.values()].filter(
      (alarm) => alarm.kind === kind && (alarm.point === target || alarm.asset === target),
    );
    const alarm = found.at(-1)?.id ?? `${kind} ${target}`;
    let how: Pick<OperatorCommand, 'until' | 'oneShot'> = {};
    if (rest[0] === 'for') how = { until: at + (parseDuration(rest.splice(0, 2)[1] ?? '') ?? 0) };
    if (rest[0] === 'once') how = { oneShot: rest.splice(0, 1).length === 1 };
    const comment = rest.length === 0 ? {} : { comment: rest.join(' ') };
    const refusal = this.apply({ kind: 'operator', command: { action, alarm, who, at, ...how, ...comment } });
    if (refusal !== undefined)
      this.lines.push(`  ${clock(at)} ${action} ${kind} ${target} refused: ${refusal.message}`);
  }

  private apply(input: JudgeInput): ReturnType<Judge['apply']> {
    const floods: Flood[] = [];
    const verdict: Verdict = { alarms: [], journal: [], floods };
    const refusal = this.judge.apply(input, this.buffer, verdict);
    for (const alarm of verdict.alarms) this.alarms.set(alarm.id, alarm);
    for (const entry of verdict.journal) {
      const alarm = this.alarms.get(entry.alarm) as Alarm;
      // `+`: told by the digest of its flood, not by itself.
      const rings =
        pageFor(entry, alarm) === undefined ? ' ' : entry.flood === undefined || alarm.priority === 1 ? '*' : '+';
      const late = entry.recordedAt - entry.at > 60_000 ? ` (learned ${clock(entry.recordedAt)})` : '';
      const who = entry.who === 'system' ? '' : ` by ${entry.who}`;
      const why = entry.why === undefined ? '' : `: ${entry.why}`;
      const what = `${alarm.kind} ${alarm.point ?? alarm.asset} P${alarm.priority}`;
      this.lines.push(`${rings} ${clock(entry.at)} ${entry.event} ${what} -> ${entry.to}${late}${who}${why}`);
    }
    for (const flood of floods) this.tellFlood(flood);
    return refusal;
  }

  /** The beginning and the end; what is between is counted. */
  private tellFlood({ id, state, group, beganAt, endedAt, alarms, peak, standing, explained }: Flood): void {
    const isNew = !this.floods.has(id);
    this.floods.add(id);
    if (state === 'over')
      this.lines.push(
        `= ${clock(endedAt as number)} flood of ${group} over: ${alarms} alarms, peak ${peak}, ${standing} standing, ${explained} explained`,
      );
    else if (isNew) this.lines.push(`= ${clock(beganAt)} flood of ${group} begins: ${alarms} alarms`);
  }

  private restart(): void {
    const state = this.judge.snapshot();
    this.judge = this.newJudge();
    for (const [key, id] of this.sources) this.addSource(key, id);
    for (const { info, device, source } of this.points.values())
      this.judge.addPoint(info, source, this.rulesFor(info, device));
    this.judge.restore(state);
  }

  private newJudge(): Judge {
    const { timezone, config } = this;
    const device = (id: string) => this.devices.get(id);
    return createJudge({
      timezone,
      maintenance: config.maintenance,
      device,
      detectors: [new CustomerWatch(device)],
      groupOf: operatorGroups(config.alarms.groups),
    });
  }

  private device(id: string): DeviceInfo {
    const known = this.devices.get(id);
    if (known !== undefined) return known;
    const device = this.catalog.describeDevice(id, {});
    this.devices.set(id, device);
    return device;
  }

  private point(name: string): Known {
    const known = this.points.get(name);
    if (known !== undefined) return known;
    const [id, measurement] = name.split('/') as [string, string | undefined];
    if (measurement === undefined) throw new Error(`${name} is no <device>/<measurement>`);
    const device = this.device(id);
    const source = this.source(
      device.edge === undefined ? `device/${id}` : `edge/${device.edge}/${device.line ?? '_'}`,
    );
    const info = { ...this.catalog.describePoint(device, measurement, {}), id: this.points.size };
    this.judge.addPoint(info, source, this.rulesFor(info, device));
    const made = { info, device, source };
    this.points.set(name, made);
    return made;
  }

  /** As the gateway gives them to its judge. */
  private rulesFor(info: PointInfo, device: DeviceInfo): readonly Rule[] | RuleSheet {
    const sheet = this.catalog.sheetFor?.(info, device);
    if (sheet === undefined) return this.catalog.rulesFor(info, device);
    return { limits: sheet.limits, make: (point) => sheet.make(point, this.device(point.device)) };
  }

  private source(key: string): number {
    const known = this.sources.get(key);
    if (known !== undefined) return known;
    const id = this.sources.size;
    this.sources.set(key, id);
    this.sourceEdges[id] = key.startsWith('edge/') ? key.split('/')[1] : undefined;
    this.addSource(key, id);
    return id;
  }

  private addSource(key: string, id: number): void {
    const edge = this.sourceEdges[id];
    this.judge.addSource({ id, key, hasUpTo: edge !== undefined, ...(edge === undefined ? {} : { edge }) });
  }
}

function timeOf(text: string): number {
  if (text.includes('T')) return parseTime(text) ?? fail(`${text} is no time`);
  const match = /^(?:\+(\d+)_)?(\d\d:\d\d(?::\d\d)?)$/.exec(text);
  const timeMs = match === null ? undefined : parseTime(`${DAY}T${match[2]}Z`);
  if (match === null || timeMs === undefined) return fail(`${text} is no time`);
  return timeMs + Number(match[1] ?? 0) * DAY_MS;
}

function cellOf(cell: string): [number, QualityCode, number] {
  if (cell.startsWith('bad')) return [Number.NaN, BAD, reasonCode(cell.split(':')[1] ?? 'timeout')];
  const value = Number(cell.replace('~', ''));
  if (!Number.isFinite(value)) return fail(`${cell} is no value`);
  return [value, cell.endsWith('~') ? UNCERTAIN : GOOD, 0];
}

const stateOf = (alarm: Alarm): string =>
  [alarm.state, alarm.active ? 'active' : 'returned', ...alarm.holds, ...(alarm.latched ? ['latched'] : [])].join(' ');

function clock(at: number): string {
  const iso = new Date(at).toISOString();
  return iso.startsWith(DAY) ? iso.slice(11, 19) : iso.slice(5, 19).replace('T', ' ');
}

function fail(message: string): never {
  throw new Error(message);
}
