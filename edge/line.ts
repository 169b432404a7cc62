import type { Logger } from 'pino';
import { keepOpen, sleep } from './connection.ts';
import { type Counters, createCounters, createRoundTrips, type RoundTrips } from './health.ts';
import { createModbusClient, type ModbusClient, type Reply, type Request } from './modbus/client.ts';
import type { Dropped } from './modbus/frame.ts';
import type { Framing, Wire } from './modbus/port.ts';

/** Writes waiting for the line; more are refused: a line slower than its commands would serve them hours late. */
const WRITES_MAX = 32;
/** Longest wait for silence after a time-out: a device that babbles on must not stop the line. */
const QUIET_WAIT_MAX_MS = 1000;

/** How one physical line is driven. */
export interface LineOptions {
  readonly id: string;
  readonly framing: Framing;
  /** Silence between two frames. */
  readonly interFrameMs: number;
  readonly pauseAfterConnectMs: number;
  /** Unanswered requests in a row, over all units, after which the connection is taken for dead. */
  readonly silentMax: () => number;
  readonly open: (signal: AbortSignal) => Promise<Wire>;
  readonly monotonicMs: () => number;
  /** 0..1, for the jitter of reconnects. */
  readonly random: () => number;
  readonly log: Logger;
}

/** A reply with the moments of its request, monotonic ms. */
export interface Exchange {
  readonly reply: Reply;
  readonly sentMs: number;
  readonly receivedMs: number;
}

interface Job {
  readonly request: Request;
  readonly timeoutMs: number;
  readonly pauseMs: number;
  /** Aborted: not sent any more if it still waits for its turn. */
  readonly signal: AbortSignal | undefined;
  readonly resolve: (exchange: Exchange) => void;
}

/**
 * The one owner of a physical line: opens it and opens it again, lets through one request at a time (or as many as the
 * line is said to take), writes before reads, and keeps the silences the devices need.
 */
export class Line {
  readonly id: string;
  readonly counters: Counters = createCounters();
  readonly roundTrips: RoundTrips = createRoundTrips();
  /** Attempts to open that failed since it was last open. */
  unreachable = 0;
  lastError = '';
  /** Told of each whole reply nobody waited for: it can do no harm any more. */
  onForeign: (unitId: number, functionCode: number, dataBytes: number) => void = () => {};
  readonly #options: LineOptions;
  readonly #stop = new AbortController();
  readonly #writes: Job[] = [];
  readonly #reads: Job[] = [];
  readonly #dropped: Dropped = { foreign: 0, badCrc: 0, echoes: 0, strayBytes: 0 };
  #client: ModbusClient | undefined;
  #inFlight = 0;
  /** Attempts that failed and connections that ended, without a reply in between. */
  #failures = 0;
  #silent = 0;
  #lastUseMs = Number.NEGATIVE_INFINITY;
  #wanted = true;
  #connecting: Promise<void> | undefined;
  #openListeners = new Set<() => void>();

  constructor(options: LineOptions) {
    this.id = options.id;
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#client?.isOpen === true;
  }

  /** Sends a request in its turn; never rejects. */
  request(
    request: Request,
    {
      timeoutMs,
      pauseMs = 0,
      signal,
    }: { readonly timeoutMs: number; readonly pauseMs?: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Exchange> {
    return new Promise((resolve) => {
      const queue = request.kind === 'read' ? this.#reads : this.#writes;
      if (queue === this.#writes && queue.length >= WRITES_MAX)
        return resolve(this.#unsent('too many commands wait for this line'));
      queue.push({ request, timeoutMs, pauseMs, signal, resolve });
      this.#pump();
    });
  }

  /** Opens the line if it isn't, and waits until it is or a moment has passed. */
  async whenOpen(timeoutMs: number): Promise<boolean> {
    if (this.isOpen || this.#stop.signal.aborted) return this.isOpen;
    this.#wanted = true;
    this.#connecting ??= this.#connect();
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#openListeners.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#openListeners.add(done);
    });
    return this.isOpen;
  }

  /** Ends the connection until it is wanted again, for devices that serve one at a time. */
  release(): void {
    this.#wanted = false;
    this.#client?.close();
  }

  /** What was received and not used. */
  dropped(): Dropped {
    const now = this.#client?.dropped;
    return {
      foreign: this.#dropped.foreign + (now?.foreign ?? 0),
      badCrc: this.#dropped.badCrc + (now?.badCrc ?? 0),
      echoes: this.#dropped.echoes + (now?.echoes ?? 0),
      strayBytes: this.#dropped.strayBytes + (now?.strayBytes ?? 0),
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#client?.close();
    for (const job of [...this.#writes.splice(0), ...this.#reads.splice(0)]) job.resolve(this.#unsent('stopped'));
    for (const listener of [...this.#openListeners]) listener();
    await this.#connecting;
  }

  #unsent(detail: string): Exchange {
    const nowMs = this.#options.monotonicMs();
    return { reply: { kind: 'disconnected', detail }, sentMs: nowMs, receivedMs: nowMs };
  }

  #pump(): void {
    while (this.#inFlight < this.#options.framing.maxInFlight) {
      const job = this.#writes.shift() ?? this.#reads.shift();
      if (job === undefined) return;
      this.#inFlight++;
      this.#run(job).then((exchange) => {
        this.#inFlight--;
        job.resolve(exchange);
        this.#pump();
      });
    }
  }

  async #run({ request, timeoutMs, pauseMs, signal }: Job): Promise<Exchange> {
    const { monotonicMs, interFrameMs, framing } = this.#options;
    const silenceMs = Math.max(interFrameMs, pauseMs) - (monotonicMs() - this.#lastUseMs);
    if (silenceMs > 0) await sleep(silenceMs, this.#stop.signal);
    const client = this.#client;
    if (signal?.aborted) return this.#unsent('no longer wanted');
    if (client === undefined || !client.isOpen) return this.#unsent(this.lastError || 'not connected');
    const sentMs = monotonicMs();
    this.counters.requests++;
    const reply = await client.request(request, timeoutMs);
    const receivedMs = monotonicMs();
    this.#lastUseMs = receivedMs;
    this.#count(reply, receivedMs - sentMs);
    if (reply.kind === 'timeout') {
      this.#silent = client.lastByteMs() >= sentMs ? 0 : this.#silent + 1;
      if (this.#silent >= this.#options.silentMax()) {
        this.#options.log.warn(
          { line: this.id, timeouts: this.#silent },
          'no byte from any device: opening the line again',
        );
        client.close();
      } else if (framing.kind === 'rtu') await this.#untilQuiet(client);
    } else if (reply.kind !== 'disconnected') {
      this.#silent = 0;
      this.#failures = 0;
      this.lastError = '';
    }
    return { reply, sentMs, receivedMs };
  }

  #count(reply: Reply, roundTripMs: number): void {
    const { counters } = this;
    if (reply.kind === 'timeout') {
      counters.timeouts++;
      if (reply.badCrc) counters.crcErrors++;
    } else if (reply.kind === 'disconnected') counters.disconnects++;
    else {
      counters.answered++;
      this.roundTrips.add(roundTripMs);
      if (reply.kind === 'exception') counters.exceptions[reply.code] = (counters.exceptions[reply.code] ?? 0) + 1;
    }
  }

  /** After a time-out a reply may just be arriving: sending into it would spoil both. */
  async #untilQuiet(client: ModbusClient): Promise<void> {
    const { monotonicMs, interFrameMs } = this.#options;
    const untilMs = monotonicMs() + QUIET_WAIT_MAX_MS;
    const quietMs = Math.max(interFrameMs, 5);
    do await sleep(quietMs, this.#stop.signal);
    while (monotonicMs() - client.lastByteMs() < quietMs && monotonicMs() < untilMs && !this.#stop.signal.aborted);
    this.#lastUseMs = monotonicMs();
  }

  async #connect(): Promise<void> {
    const { open, random } = this.#options;
    const connecting = {
      open,
      use: (wire: Wire) => this.#use(wire),
      isWanted: () => this.#wanted,
      onFailed: (reason: string, wasOpen: boolean) => this.#failed(reason, wasOpen),
      random,
    };
    await keepOpen(connecting, this.#stop.signal);
    this.#connecting = undefined;
  }

  async #use(wire: Wire): Promise<string> {
    const { framing, monotonicMs, log, pauseAfterConnectMs } = this.#options;
    const { signal } = this.#stop;
    const client = createModbusClient(wire, framing, monotonicMs);
    client.onForeign((...reply) => this.onForeign(...reply));
    const closed = new Promise<string>((resolve) => client.onClose(resolve));
    if (signal.aborted) client.close();
    if (pauseAfterConnectMs > 0) await sleep(pauseAfterConnectMs, signal);
    this.#client = client;
    this.#silent = 0;
    this.unreachable = 0;
    if (this.lastError !== '') log.info({ line: this.id }, 'line is open again');
    for (const listener of [...this.#openListeners]) listener();
    const reason = await closed;
    this.#client = undefined;
    this.#keepCounts(client.dropped);
    return reason;
  }

  #failed(reason: string, wasOpen: boolean): number {
    this.#failures++;
    if (reason !== this.lastError) this.#options.log.warn({ line: this.id, reason }, 'line is not open');
    this.lastError = reason;
    // A connection that ended is opened again in a moment: only a failed attempt is worth telling.
    if (!wasOpen) {
      this.unreachable++;
      for (const listener of [...this.#openListeners]) listener();
    }
    return this.#failures;
  }

  #keepCounts(dropped: Dropped): void {
    this.#dropped.foreign += dropped.foreign;
    this.#dropped.badCrc += dropped.badCrc;
    this.#dropped.echoes += dropped.echoes;
    this.#dropped.strayBytes += dropped.strayBytes;
  }
}
