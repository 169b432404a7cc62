import type { Logger } from 'pino';
import type { DeviceReadings, Reason, WireValue } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import type { Clock } from '../clock.ts';
import { keepOpen, sleep } from '../connection.ts';
import { scaleValue, toWire } from '../decode.ts';
import type { PolledDevice } from '../device.ts';
import { type Counters, createCounters, createRoundTrips, type RoundTrips } from '../health.ts';
import type { Wire } from '../modbus/port.ts';
import type { DeviceModel } from '../model.ts';
import { nextDueMs } from '../schedule.ts';

/** Longest line of text we look for an end in; more is noise. */
const LINE_MAX = 4096;
/** A quiet instrument says at least this often that nothing is missing. */
const IDLE_MS = 5000;

/** `\r`, `\n`, `\t`, `\\` and `\x02` of a model file to the characters they mean. */
export function unescaped(text: string): string {
  const named: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '\\': '\\' };
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (whole, hex?: string, letter?: string) =>
    hex === undefined ? (named[letter ?? ''] ?? whole) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** A line of text to the model's values under the device's names; undefined if it is not such a line. */
export function parseLine(
  text: string,
  pattern: RegExp,
  model: DeviceModel,
  names: ReadonlyMap<string, string>,
): Record<string, WireValue> | undefined {
  const groups = pattern.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const values: Record<string, WireValue> = {};
  for (const point of model.points) {
    const name = names.get(point.id);
    if (name === undefined) continue;
    const written = groups[point.id.replaceAll(/[-.]/g, '_')];
    // An instrument prints stars or nothing where it has no value.
    const number = written === undefined || written.trim() === '' ? Number.NaN : Number(written.replace(/^\s*\+/, ''));
    values[name] = toWire(Number.isFinite(number) ? scaleValue(point, number, new Map()) : { reason: 'not-a-number' });
  }
  return values;
}

/** What an ASCII line needs of its surroundings. */
export interface AsciiOptions {
  readonly id: string;
  readonly timeoutMs: number;
  readonly open: (signal: AbortSignal) => Promise<Wire>;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly random: () => number;
  readonly log: Logger;
  readonly onReadings: (readings: readonly DeviceReadings[], upTo: Readonly<Record<string, Millis>>) => void;
}

/** Reads one instrument that speaks lines of text: on a prompt at its rate, or the stream it sends, thinned to its rate. */
export class AsciiReader {
  devices: PolledDevice[] = [];
  readonly counters: Counters = createCounters();
  readonly roundTrips: RoundTrips = createRoundTrips();
  lastError = '';
  readonly #options: AsciiOptions;
  readonly #stop = new AbortController();
  #running: Promise<unknown> | undefined;
  #wire: Wire | undefined;
  #failures = 0;
  #text = '';
  #onLine: (text: string) => void = () => {};

  constructor(options: AsciiOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#wire !== undefined;
  }

  start(): void {
    const { open, random, log, id } = this.#options;
    const connecting = keepOpen(
      {
        open,
        use: (wire) => this.#use(wire),
        isWanted: () => true,
        onFailed: (reason, wasOpen) => {
          if (reason !== this.lastError) log.warn({ line: id, reason }, 'line is not open');
          this.lastError = reason;
          this.#failures++;
          if (!wasOpen) this.#handBad('disconnected');
          return this.#failures;
        },
        random,
      },
      this.#stop.signal,
    );
    this.#running = Promise.all([connecting, this.#work()]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wire?.destroy();
    await this.#running;
  }

  async #use(wire: Wire): Promise<string> {
    return new Promise((resolve) => {
      this.#text = '';
      wire.onClose((reason) => {
        this.#wire = undefined;
        resolve(reason);
      });
      wire.onData((chunk) => this.#receive(chunk));
      this.#wire = wire;
    });
  }

  #receive(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString('latin1')).slice(-LINE_MAX);
    const terminator = unescaped(this.devices[0]?.model.ascii?.terminator ?? '\\r\\n');
    const lines = this.#text.split(terminator);
    this.#text = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
  }

  async #work(): Promise<void> {
    const { clock, timeoutMs, id, onReadings } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const [device] = this.devices;
      const [polled] = device?.blocks ?? [];
      const nowMs = clock.monotonicMs();
      if (device === undefined || polled === undefined || this.#wire === undefined || polled.dueMs > nowMs) {
        const waitMs = polled === undefined || this.#wire === undefined ? 100 : Math.min(IDLE_MS, polled.dueMs - nowMs);
        if (waitMs >= 1000) onReadings([], { [id]: clock.now() });
        await sleep(Math.max(1, waitMs), signal);
        continue;
      }
      const { prompt } = device.model.ascii ?? {};
      // A stream comes at its own rate: a line may take as long as the instrument likes to be read.
      const waitMs = prompt === undefined ? Math.max(timeoutMs, polled.everyMs) : timeoutMs;
      await this.#read(device, prompt, waitMs);
      const next = nextDueMs(polled, clock.monotonicMs());
      polled.dueMs = next.dueMs;
      device.missed += next.missed;
    }
  }

  async #read(device: PolledDevice, prompt: string | undefined, waitMs: number): Promise<void> {
    const { clock, id, onReadings } = this.#options;
    const pattern = new RegExp(device.model.ascii?.pattern ?? '$^');
    const startMs = clock.monotonicMs();
    let unreadable = false;
    const found = new Promise<Record<string, WireValue> | undefined>((resolve) => {
      const waiting = new AbortController();
      const done = (values: Record<string, WireValue> | undefined) => {
        this.#onLine = () => {};
        this.#stop.signal.removeEventListener('abort', stopped);
        waiting.abort();
        resolve(values);
      };
      const stopped = () => done(undefined);
      this.#stop.signal.addEventListener('abort', stopped, { once: true });
      this.#onLine = (text) => {
        const values = parseLine(text, pattern, device.model, device.names);
        if (values === undefined) unreadable ||= text.trim() !== '';
        else done(values);
      };
      void sleep(waitMs, waiting.signal).then(() => done(undefined));
    });
    this.counters.requests++;
    device.counters.requests++;
    if (prompt !== undefined) {
      // The rest of an earlier answer must not become the beginning of this one.
      this.#text = '';
      this.#wire?.write(Buffer.from(unescaped(prompt), 'latin1'));
    }
    const values = await found;
    if (this.#stop.signal.aborted) return;
    if (values === undefined) {
      this.counters.timeouts++;
      device.counters.timeouts++;
      device.failures++;
      return this.#handBad(unreadable ? 'parse' : 'timeout');
    }
    const roundTripMs = clock.monotonicMs() - startMs;
    this.counters.answered++;
    device.counters.answered++;
    if (prompt !== undefined) {
      this.roundTrips.add(roundTripMs);
      device.roundTrips.add(roundTripMs);
    }
    device.failures = 0;
    device.lastReason = '';
    this.#failures = 0;
    this.lastError = '';
    const ts = Math.round(clock.now() - (prompt === undefined ? 0 : roundTripMs / 2));
    for (const polled of device.blocks) polled.last = { ts, values };
    onReadings([{ device: device.config.id, ts, values }], { [id]: clock.now() });
  }

  #handBad(reason: Reason): void {
    const { clock, id, onReadings } = this.#options;
    const ts = clock.now();
    const readings = this.devices.map((device) => {
      device.lastReason = reason;
      const values: Record<string, WireValue> = {};
      for (const name of device.names.values()) values[name] = { quality: 'bad', reason };
      for (const polled of device.blocks) polled.last = { ts, values };
      return { device: device.config.id, ts, values };
    });
    onReadings(readings, { [id]: ts });
  }
}
