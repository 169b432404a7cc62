import type { Clock } from './clock.ts';
import { sleep } from './connection.ts';
import type { PolledDevice } from './device.ts';
import { type Doubt, shapeOf } from './doubt.ts';
import type { Exchange, Line } from './line.ts';
import { TABLES } from './model.ts';
import { type Block, waysToSplit } from './plan.ts';
import { shortTimeoutMs } from './schedule.ts';

/** A device that has answered before is probed at its own pace; each so-many-th time it may take the full time-out. */
const PATIENT_PROBE_EACH = 4;
/** How long a busy device is left before it is asked again. */
const BUSY_PAUSE_MS = 200;

/** A request and what became of it. */
export interface Part {
  readonly block: Block;
  readonly exchange: Exchange;
}

/** Asks devices for blocks of registers: with retries, and never so that a late reply could pass for the answer. */
export class Asker {
  readonly #options: {
    readonly line: Line;
    /** Replies carry nothing that tells them from late ones. */
    readonly doubtful: boolean;
    readonly clock: Pick<Clock, 'monotonicMs'>;
  };
  readonly #signal: AbortSignal;
  /** On a doubtful line a unit is asked one thing at a time: what is safe to ask is known only after the answer. */
  readonly #turns = new WeakMap<Doubt, Promise<unknown>>();

  constructor(
    options: { readonly line: Line; readonly doubtful: boolean; readonly clock: Pick<Clock, 'monotonicMs'> },
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#signal = signal;
  }

  /** A block with its retries; what was asked and what came, empty if nothing could be asked safely. */
  read(device: PolledDevice, block: Block, retries: number): Promise<Part[]> {
    if (!this.#options.doubtful) return this.#try(device, block, retries);
    const before = this.#turns.get(device.doubt) ?? Promise.resolve();
    const turn = before.then(() => this.#try(device, block, retries));
    this.#turns.set(device.doubt, turn);
    return turn;
  }

  async #try(device: PolledDevice, block: Block, retries: number): Promise<Part[]> {
    const { clock, doubtful } = this.#options;
    const { wakeUpAfter } = device.model.quirks;
    const asleep = wakeUpAfter !== undefined && clock.monotonicMs() - device.lastAnswerMs > wakeUpAfter;
    const parts: Part[] = [];
    // A device that has never answered, or was silent just now, is not asked twice: its neighbours wait.
    const isHopeful = device.counters.answered > 0 && device.failures === 0;
    let repeats = (isHopeful ? retries : 0) + (asleep && !doubtful ? 1 : 0);
    // The request that wakes it is lost: where its reply could still come late it asks for something else.
    if (asleep && doubtful && block.count > 1)
      await this.#ask(device, { ...block, count: 1, points: [] }, device.timeoutMs);
    let isRepeat = false;
    let todo: readonly Block[] = [block];
    while (todo.length > 0) {
      const [first, ...rest] = todo as readonly [Block, ...Block[]];
      const [next, ...later] = doubtful ? safeWay(device, first, clock.monotonicMs()) : [first];
      todo = [...later, ...rest];
      if (next === undefined) continue;
      const exchange = await this.#ask(device, next, this.timeoutMs(device, isRepeat));
      isRepeat = false;
      const { reply } = exchange;
      const isBusy = reply.kind === 'exception' && (reply.code === 5 || reply.code === 6);
      const isRepeatable = (isBusy || reply.kind === 'timeout') && repeats > 0 && !this.#signal.aborted;
      if (isRepeatable && (!doubtful || safeWay(device, next, clock.monotonicMs()).length > 0)) {
        repeats--;
        isRepeat = reply.kind === 'timeout';
        if (isBusy) await sleep(BUSY_PAUSE_MS, this.#signal);
        todo = [next, ...todo];
        continue;
      }
      parts.push({ block: next, exchange });
      // A device that has been silent before is not asked for the rest; it would only cost its neighbours time.
      if (reply.kind === 'timeout' && device.failures > 0) {
        parts.push(...todo.map((left) => ({ block: left, exchange })));
        break;
      }
    }
    return parts;
  }

  /** How long to wait for a device, as things stand. */
  timeoutMs(device: PolledDevice, isRepeat: boolean): number {
    const hasAnswered = device.counters.answered > 0;
    const isPatientProbe = device.probeMs > 0 && (!hasAnswered || device.failures % PATIENT_PROBE_EACH === 0);
    if ((device.failures === 0 && !isRepeat) || isPatientProbe) return device.timeoutMs;
    const { counters, roundTrips } = hasAnswered ? device : this.#options.line;
    return shortTimeoutMs(device.timeoutMs, roundTrips.percentile(0.99), counters.answered);
  }

  /** One request on the wire, counted; keeps the book of what may still come late. */
  async #ask(device: PolledDevice, block: Block, timeoutMs: number): Promise<Exchange> {
    const { line, doubtful } = this.#options;
    const { counters, doubt, pauseMs } = device;
    counters.requests++;
    const exchange = await line.request(
      {
        kind: 'read',
        unitId: device.config.unitId,
        functionCode: TABLES[block.table],
        address: block.address,
        count: block.count,
      },
      { timeoutMs, pauseMs },
    );
    const { reply, sentMs, receivedMs } = exchange;
    if (reply.kind === 'timeout') {
      counters.timeouts++;
      if (reply.badCrc) counters.crcErrors++;
      // A reply of this shape with a wrong checksum was the reply: no other is outstanding.
      if (doubtful && !reply.badCrc) doubt.timedOut(shapeOfBlock(block), receivedMs);
    } else if (reply.kind === 'disconnected') {
      counters.disconnects++;
      // Only what has really been sent can be answered late.
      if (doubtful && receivedMs > sentMs) doubt.timedOut(shapeOfBlock(block), receivedMs);
    } else {
      counters.answered++;
      device.roundTrips.add(receivedMs - sentMs);
      if (reply.kind === 'exception') {
        counters.exceptions[reply.code] = (counters.exceptions[reply.code] ?? 0) + 1;
        doubt.refused(shapeOfBlock(block), receivedMs);
      }
    }
    return exchange;
  }
}

function shapeOfBlock(block: Block): string {
  return shapeOf(TABLES[block.table], block.count);
}

/** A block in requests whose replies no late one can be taken for: as it is, or in two; empty if there is no such way now. */
export function safeWay(device: PolledDevice, block: Block, nowMs: number): readonly Block[] {
  const isSafe = (one: Block) => device.doubt.isSafe(shapeOfBlock(one), nowMs);
  if (isSafe(block)) return [block];
  return waysToSplit(block, device.limits).find((parts) => parts.every(isSafe)) ?? [];
}
