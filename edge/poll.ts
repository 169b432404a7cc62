import type { Logger } from 'pino';
import type { DeviceReadings, Reason, WireValue } from '../contract/reading.ts';
import { REASONS } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import { Asker, safeWay } from './ask.ts';
import type { Clock } from './clock.ts';
import { sleep } from './connection.ts';
import { decodePoint, type Settings, toWire } from './decode.ts';
import { type PolledBlock, type PolledDevice, REFUSED_REST_MS } from './device.ts';
import type { Line } from './line.ts';
import type { Reply } from './modbus/client.ts';
import type { PointModel, Table } from './model.ts';
import { type Block, waysToSplit } from './plan.ts';
import { firstDueMs, nextDueMs, probeDelayMs } from './schedule.ts';

/** Equal refusals (or silences, while the device answers other requests) after which a request is cut in two. */
const SPLIT_AFTER = 3;
/** A quiet line says at least this often that nothing is missing. */
const IDLE_MS = 5000;
/** Shorter waits are not worth closing a connection, or saying that nothing is missing. */
const RELEASE_AFTER_MS = 200;
const MOVE_ON_MS = 1000;
/** What a poller needs of its surroundings. */
export interface PollerOptions {
  readonly line: Line;
  /** Requests the line takes at a time. */
  readonly workers: number;
  /** Replies carry nothing that tells them from late ones: serial lines, and gateways that echo no transaction id. */
  readonly doubtful: boolean;
  readonly closeWhenIdle: boolean;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly log: Logger;
  readonly onReadings: (readings: readonly DeviceReadings[], upTo: Readonly<Record<string, Millis>>) => void;
  /** Called when a device turned out not to be readable in one request over this address. */
  readonly onCut: (device: PolledDevice, table: Table, address: number) => void;
}

/** Reads the devices of one line, each at its rate, and hands over what they say, or that they say nothing. */
export class Poller {
  devices: PolledDevice[] = [];
  readonly #options: PollerOptions;
  readonly #stop = new AbortController();
  /** Wall-clock start of each request under way, by worker: nothing older than these can still come. */
  readonly #underWay = new Map<number, Millis>();
  readonly #busy = new Set<PolledBlock>();
  readonly #asker: Asker;
  #running: Promise<unknown> | undefined;
  #wake = new AbortController();
  #failuresTold = 0;
  #upTo = 0;

  constructor(options: PollerOptions) {
    this.#options = options;
    this.#asker = new Asker(options, this.#stop.signal);
    options.line.onForeign = (unitId, functionCode, dataBytes) => {
      for (const device of this.devices) {
        if (device.config.unitId !== unitId) continue;
        if (functionCode > 0x80) device.doubt.seenException(functionCode - 0x80);
        else device.doubt.seen(`${functionCode}:${dataBytes}`);
      }
    };
  }

  start(): void {
    const workers = Array.from({ length: this.#options.workers }, (_, worker) => this.#work(worker));
    this.#running = Promise.all(workers);
  }

  /** Ends after the request under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
  }

  /** The plan has changed: look again at what is due. */
  wake(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  async #work(worker: number): Promise<void> {
    const { line, clock, closeWhenIdle } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs();
      const next = this.#next(nowMs);
      if (next === undefined || next.dueMs > nowMs) {
        const waitMs = Math.min(IDLE_MS, (next?.dueMs ?? Number.POSITIVE_INFINITY) - nowMs);
        if (closeWhenIdle && this.#busy.size === 0 && waitMs > RELEASE_AFTER_MS) line.release();
        if (worker === 0 && waitMs >= MOVE_ON_MS) this.#moveOn();
        await sleep(Math.max(1, Math.ceil(waitMs)), this.#wake.signal);
        continue;
      }
      if (!line.isOpen && !(await line.whenOpen(IDLE_MS))) {
        if (worker === 0) this.#tellUnreachable();
        else await sleep(100, signal);
        continue;
      }
      this.#failuresTold = 0;
      this.#busy.add(next.block);
      this.#underWay.set(worker, clock.now());
      await this.#poll(next.device, next.block);
      this.#underWay.delete(worker);
      this.#busy.delete(next.block);
      if (this.#options.workers > 1) this.wake();
    }
  }

  /** The request that has been due longest; of a dead device only its probe. */
  #next(nowMs: number): { device: PolledDevice; block: PolledBlock; dueMs: number } | undefined {
    let best: { device: PolledDevice; block: PolledBlock; dueMs: number } | undefined;
    for (const device of this.devices) {
      if (device.probeMs > 0) {
        const block = probeOf(device, nowMs);
        const isBusy = device.blocks.some((one) => this.#busy.has(one));
        if (block !== undefined && !isBusy && (best === undefined || device.probeMs < best.dueMs))
          best = { device, block, dueMs: device.probeMs };
        continue;
      }
      for (const block of device.blocks) {
        if (this.#busy.has(block)) continue;
        if (best === undefined || block.dueMs < best.dueMs) best = { device, block, dueMs: block.dueMs };
      }
    }
    return best === undefined || best.dueMs > nowMs + IDLE_MS ? undefined : best;
  }

  async #poll(device: PolledDevice, polled: PolledBlock): Promise<void> {
    const { clock } = this.#options;
    const parts = await this.#asker.read(device, polled.block, device.probeMs > 0 ? 0 : device.retries);
    const nowMs = clock.monotonicMs();
    const next = nextDueMs(polled, nowMs);
    const isRead = parts.length > 0 && parts.every(({ exchange }) => exchange.reply.kind === 'data');
    polled.dueMs = isRead ? next.dueMs : Math.min(next.dueMs, againMs(device, polled, nowMs));
    device.missed += next.missed;
    // A request that was held back says nothing about the device.
    if (parts.length === 0) {
      device.missed++;
      if (device.probeMs > 0) device.probeMs = Math.max(nowMs + 1, device.doubt.endsMs());
      return;
    }
    const replies = parts.map(({ exchange }) => exchange.reply);
    if (this.#stop.signal.aborted && replies.every(({ kind }) => kind === 'disconnected')) return;
    if (replies.some(isAnswer)) this.#alive(device, nowMs);
    const readings: DeviceReadings[] = [];
    for (const { block, exchange } of parts) {
      const { reply, sentMs, receivedMs } = exchange;
      const ts = Math.round(clock.now() - (nowMs - (sentMs + receivedMs) / 2));
      const isGood = reply.kind === 'data';
      const values = isGood ? decodeBlock(device, block, reply.bytes) : badValues(device, block, reasonOf(reply));
      readings.push({ device: device.config.id, ts, values });
      polled.last = { ts, values: parts.length === 1 ? values : { ...polled.last?.values, ...values } };
    }
    const failed = replies.find((reply) => reply.kind !== 'data');
    device.lastReason = failed === undefined ? '' : reasonOf(failed);
    if (failed === undefined) {
      polled.refusals = 0;
      polled.unanswered = 0;
    } else if (failed.kind === 'exception' && failed.code === 2) this.#refused(device, polled, nowMs);
    else if (failed.kind === 'timeout' || failed.kind === 'exception') {
      const answered = replies.some(isAnswer);
      if (!answered || failed.kind === 'timeout') this.#silent(device, polled, answered, nowMs);
      if (device.probeMs > 0) {
        // A dead device has no values, whatever was asked.
        const { ts = 0 } = readings[0] ?? {};
        for (const other of device.blocks)
          if (other !== polled) readings.push(this.#bad(device, other, ts, device.lastReason));
      }
    }
    this.#hand(readings);
  }

  /** Reads one point now, for the answer to a command. */
  async readBack(device: PolledDevice, point: PointModel): Promise<WireValue> {
    const block: Block = { table: point.table, address: point.address, count: point.length, points: [point] };
    const [part] = await this.#asker.read(device, block, device.retries);
    if (part === undefined) return { quality: 'bad', reason: 'timeout' };
    const { reply } = part.exchange;
    if (reply.kind !== 'data') return { quality: 'bad', reason: reasonOf(reply) };
    return toWire(decodePoint(point, reply.bytes, block, device.settings));
  }

  #alive(device: PolledDevice, nowMs: number): void {
    device.lastAnswerMs = nowMs;
    device.failures = 0;
    if (device.probeMs === 0) return;
    device.probeMs = 0;
    this.#options.log.info({ line: this.#options.line.id, device: device.config.id }, 'device answers again');
    for (const block of device.blocks) block.dueMs = firstDueMs(block.everyMs, block.phase, nowMs);
  }

  #silent(device: PolledDevice, polled: PolledBlock, answered: boolean, nowMs: number): void {
    const roundMs = 3 * polled.everyMs + device.blocks.length * (device.retries + 1) * device.timeoutMs;
    const answersOthers = answered || (device.blocks.length > 1 && nowMs - device.lastAnswerMs < roundMs);
    if (!answered) device.failures++;
    if (answersOthers && device.probeMs === 0) {
      polled.unanswered++;
      // Some devices stay silent where others answer exception 2.
      if (polled.unanswered >= SPLIT_AFTER) this.#cut(device, polled, nowMs);
    }
    const failuresMax = failuresMaxOf(device);
    if (device.failures < failuresMax) return;
    if (device.failures === failuresMax)
      this.#options.log.warn({ line: this.#options.line.id, device: device.config.id }, 'device does not answer');
    const isUsed = this.devices.some((other) => other !== device && other.probeMs === 0 && other.counters.answered > 0);
    const dead = 1 + this.devices.filter((other) => other !== device && other.probeMs > 0).length;
    const cost = isUsed ? { timeoutMs: this.#asker.timeoutMs(device, true), dead } : undefined;
    device.probeMs = nowMs + probeDelayMs(device.failures - failuresMax, cost);
  }

  #refused(device: PolledDevice, polled: PolledBlock, nowMs: number): void {
    polled.refusals++;
    if (polled.refusals >= SPLIT_AFTER && device.failures === 0) this.#cut(device, polled, nowMs);
  }

  #cut(device: PolledDevice, polled: PolledBlock, nowMs: number): void {
    polled.refusals = 0;
    polled.unanswered = 0;
    const [halves] = waysToSplit(polled.block, device.limits);
    const { log, line, onCut } = this.#options;
    const what = { line: line.id, device: device.config.id, table: polled.block.table, address: polled.block.address };
    if (halves === undefined) {
      // The next refusal will do to leave it alone again.
      polled.refusals = SPLIT_AFTER - 1;
      polled.unanswered = SPLIT_AFTER - 1;
      polled.dueMs = nowMs + REFUSED_REST_MS;
      log.warn({ ...what, points: polled.block.points.map((point) => point.id) }, 'device refuses a register');
      return;
    }
    log.info(
      { ...what, count: polled.block.count, cutAt: halves[1].address },
      'device refuses a block: reading it in two',
    );
    onCut(device, polled.block.table, halves[1].address);
    const parts = halves.map((block) => ({ ...polled, block }));
    device.blocks = device.blocks.flatMap((block) => (block === polled ? parts : [block]));
  }

  #bad(device: PolledDevice, polled: PolledBlock, ts: Millis, reason: Reason): DeviceReadings {
    const values = badValues(device, polled.block, reason);
    polled.last = { ts, values };
    return { device: device.config.id, ts, values };
  }

  #hand(readings: readonly DeviceReadings[]): void {
    const filled = readings.filter((one) => Object.keys(one.values).length > 0);
    this.#options.onReadings(filled, this.#moveUpTo());
  }

  /** Everything sampled until then has been handed over: nothing under way began earlier. */
  #moveUpTo(): Readonly<Record<string, Millis>> {
    let upTo = this.#options.clock.now();
    if (this.#options.workers > 1) for (const since of this.#underWay.values()) upTo = Math.min(upTo, since);
    this.#upTo = Math.max(this.#upTo, upTo);
    return { [this.#options.line.id]: this.#upTo };
  }

  #moveOn(): void {
    if (this.devices.length > 0) this.#options.onReadings([], this.#moveUpTo());
  }

  /** Each failed attempt to open the line is a reading of no value for everything behind it. */
  #tellUnreachable(): void {
    const { line, clock } = this.#options;
    if (line.unreachable === this.#failuresTold) return this.#moveOn();
    this.#failuresTold = line.unreachable;
    if (line.unreachable === 0) return;
    const ts = clock.now();
    const readings = this.devices.flatMap((device) => {
      device.lastReason = 'disconnected';
      return device.blocks.map((block) => this.#bad(device, block, ts, 'disconnected'));
    });
    this.#options.onReadings(
      readings.filter((one) => Object.keys(one.values).length > 0),
      this.#moveUpTo(),
    );
  }
}

/** A block's reply to values under the device's own names; keeps what others are computed from. */
export function decodeBlock(
  device: Pick<PolledDevice, 'names' | 'settingIds' | 'settings'>,
  block: Block,
  bytes: Uint8Array,
): Record<string, WireValue> {
  const values: Record<string, WireValue> = {};
  const settings: Settings = device.settings;
  for (const point of block.points) {
    if (!device.settingIds.has(point.id)) continue;
    const decoded = decodePoint(point, bytes, block, settings);
    if ('value' in decoded) device.settings.set(point.id, decoded.value);
  }
  for (const point of block.points) {
    const name = device.names.get(point.id);
    if (name !== undefined && point.type !== 'string')
      values[name] = toWire(decodePoint(point, bytes, block, settings));
  }
  return values;
}

/**
 * When a request that failed is sent again: what is read once an hour is asked for at the device's own rate until it comes.
 * Other values can't be told without it, as those whose decimals the device keeps.
 */
function againMs({ config }: PolledDevice, { everyMs }: PolledBlock, nowMs: number): number {
  return everyMs > config.every ? nowMs + config.every : Number.POSITIVE_INFINITY;
}

function badValues(device: PolledDevice, block: Block, reason: Reason): Record<string, WireValue> {
  const values: Record<string, WireValue> = {};
  for (const point of block.points) {
    const name = device.names.get(point.id);
    if (name !== undefined && point.type !== 'string') values[name] = { quality: 'bad', reason };
  }
  return values;
}

/** The device itself has spoken; 10 and 11 come from a gateway in front of it. */
function isAnswer(reply: Reply): boolean {
  return reply.kind === 'data' || (reply.kind === 'exception' && reply.code !== 10 && reply.code !== 11);
}

/** Why there is no value, in the words of our readings. */
export function reasonOf(reply: Exclude<Reply, { kind: 'data' } | { kind: 'written' }> | Reply): Reason {
  if (reply.kind === 'timeout') return reply.badCrc ? 'crc' : 'timeout';
  if (reply.kind === 'disconnected') return 'disconnected';
  if (reply.kind !== 'exception') return '';
  const reason = `exception-${reply.code}` as Reason;
  return REASONS.includes(reason) ? reason : 'other';
}

/** Polls without any answer after which a device counts as dead: its requests may be refused one by one by silence. */
function failuresMaxOf(device: PolledDevice): number {
  return Math.min(4, device.blocks.length + 1);
}

/** What to ask a dead device: the cheapest, then another each time, since a single refused block must not keep it dead. */
function probeOf(device: PolledDevice, nowMs: number): PolledBlock | undefined {
  const byCost = device.blocks.toSorted((a, b) => a.block.count - b.block.count);
  const first = device.failures % Math.max(1, byCost.length);
  const inTurn = [...byCost.slice(first), ...byCost.slice(0, first)];
  return inTurn.find(({ block }) => safeWay(device, block, nowMs).length > 0) ?? inTurn[0];
}
