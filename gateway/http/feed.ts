import { formatTime, type Millis } from '../../contract/time.ts';
import type { PointInfo } from '../domain/plant.ts';
import type { Committed } from '../ingest.ts';
import type { Counter, Family, Metrics } from '../metrics.ts';
import type { LastValue, Registry } from '../registry.ts';
import { converted } from './asset-points.ts';
import { FeedEvents } from './feed-events.ts';
import { PointQueue } from './point-queue.ts';
import { isStale, viewReading } from './views.ts';

/** Bytes waiting in one stream's socket above which we write no more until it has read some. */
const STREAM_BYTES_MAX = 256 * 1024;
/** Text made for one stream before the loop turns, some 2 ms of alarms: more than a socket takes at once, so it says when it wants more. */
const PUMP_TEXT_MAX = 96 * 1024;
/** Readings written to one stream per flush; what is over stays marked and goes with the next. */
const READINGS_PER_FLUSH = 2000;
/** Points looked at per flush for a stream's first picture: some 10 ms. */
const SCAN_POINTS = 20_000;
/** A stream that reads nothing for so long is dropped. */
const STALL_MAX_MS = 30_000;
/** A subscription without a stream lives so long: a reload, a tunnel, a laptop lid. */
const UNUSED_MAX_MS = 5 * 60_000;
export const SUBSCRIPTIONS_MAX = 500;
export const SUBSCRIPTIONS_PER_OWNER_MAX = 50;
/** Readings go out this often, so one point at most four times a second. */
export const FLUSH_EVERY_MS = 250;
export const HEARTBEAT_MS = 10_000;

/** Where a stream's text goes: one browser's socket. */
export interface Sink {
  write(text: string): void;
  /** Bytes written and not yet taken by the network. */
  buffered(): number;
  end(): void;
}

/** A point as it is told: `scale * value + offset` under this id. */
export interface PointName {
  readonly id: string;
  readonly scale: number;
  readonly offset: number;
}

export interface Wishes {
  /** Under which names a point is wished for: its own, those of the assets it measures, none. Its being wished is remembered. */
  readonly names: (point: PointInfo) => readonly PointName[];
  /** Dense ids of all points that may be wished for, when they are few: spares the walk over the whole plant. */
  readonly candidates?: () => Iterable<number>;
  readonly alarms: boolean;
  readonly devices: boolean;
}

export interface Subscription {
  readonly id: string;
  /** User name. */
  readonly owner: string;
}

interface Held extends Subscription {
  readonly wishes: Wishes;
  /** Per dense point id: 0 not asked yet, 1 wanted, 2 not. */
  known: Uint8Array;
  /** Points with a newer value than the stream was told. */
  readonly changed: PointQueue;
  /** Points not looked at yet for the first picture, or for what changed while there was no stream. */
  scan: Iterator<number> | undefined;
  /** What changed after this step belongs to that picture; -1 = everything. */
  scanAfter: number;
  /** Last alarm or device event written. */
  sentEvent: number;
  /** All readings up to this step are written. */
  sentStep: number;
  stream: { readonly sink: Sink; readonly session: string | undefined; stalledSince: Millis | undefined } | undefined;
  unusedSince: Millis;
}

/**
 * Tells the screens what changed, after each commit: newest values per point, alarms, devices.
 * A stream that reads slowly gets fewer readings, never a growing queue.
 */
export class Feed {
  private readonly registry: Registry;
  private readonly now: () => Millis;
  /** Names this run: positions of another run mean nothing. */
  private readonly run: string;
  private readonly newId: () => string;
  private readonly subscriptions = new Map<string, Held>();
  private readonly events: FeedEvents;
  /** Counts commits; and up to which of them the changes are handed to the subscriptions. */
  private step = 0;
  private handedOut = 0;
  /** Per dense point id: 0 not asked yet, 1 somebody wants it, 2 nobody. */
  private wanted = new Uint8Array(1024);
  /** Per dense point id: the step of its last change, for streams that come back. */
  private changedAt = new Float64Array(1024);
  private readonly pending = new PointQueue();
  private readonly dropped: Family<Counter>;

  constructor(options: {
    readonly registry: Registry;
    readonly now: () => Millis;
    readonly run: string;
    readonly newId: () => string;
    readonly metrics: Metrics;
  }) {
    this.dropped = options.metrics.counters('hanfeng_live_ended_total', 'Streams we ended, by reason.', ['reason']);
    this.registry = options.registry;
    this.now = options.now;
    this.run = options.run;
    this.newId = options.newId;
    this.events = new FeedEvents(options.registry.edges());
  }

  get size(): { readonly subscriptions: number; readonly streams: number } {
    let streams = 0;
    for (const { stream } of this.subscriptions.values()) if (stream !== undefined) streams++;
    return { subscriptions: this.subscriptions.size, streams };
  }

  /** @returns undefined when there are too many with an open stream */
  subscribe(owner: string, wishes: Wishes): Subscription | undefined {
    const own = [...this.subscriptions.values()].filter((held) => held.owner === owner);
    const full = this.subscriptions.size >= SUBSCRIPTIONS_MAX;
    if (full || own.length >= SUBSCRIPTIONS_PER_OWNER_MAX) {
      const idle = (full ? [...this.subscriptions.values()] : own)
        .filter((held) => held.stream === undefined)
        .sort((a, b) => a.unusedSince - b.unusedSince);
      if (idle[0] === undefined) return undefined;
      this.forget(idle[0]);
    }
    const held: Held = {
      id: this.newId(),
      owner,
      wishes,
      known: new Uint8Array(this.wanted.length),
      changed: new PointQueue(),
      scan: undefined,
      scanAfter: -1,
      sentEvent: this.events.newest,
      sentStep: this.step,
      stream: undefined,
      unusedSince: this.now(),
    };
    this.subscriptions.set(held.id, held);
    this.wanted.fill(0);
    return held;
  }

  find(id: string): Subscription | undefined {
    return this.subscriptions.get(id);
  }

  /**
   * Begins a stream: says hello, then what it missed. Only the newest stream of a subscription lives.
   *
   * @param lastEventId - where an earlier stream of the same subscription ended
   * @returns what to call when the socket has room again, and when it is gone
   */
  open(id: string, sink: Sink, session: string | undefined, lastEventId: string | undefined): StreamHandle {
    const held = this.subscriptions.get(id);
    if (held === undefined) throw new Error(`subscription ${id} is gone`);
    this.drop(held, 'replaced');
    const resumed = this.position(held, lastEventId);
    const stream = { sink, session, stalledSince: undefined };
    held.stream = stream;
    sink.write(this.hello(held, resumed));
    this.pump(held);
    return {
      drained: () => {
        if (held.stream !== stream) return;
        held.stream.stalledSince = undefined;
        this.pump(held);
      },
      closed: () => {
        if (held.stream !== stream) return;
        held.stream = undefined;
        held.unusedSince = this.now();
      },
    };
  }

  /** The listener of ingest: notes what changed; alarms and devices go out at once. */
  committed(committed: Committed): void {
    this.step++;
    if (this.subscriptions.size > 0) this.noteReadings(committed);
    const before = this.events.newest;
    this.events.note(committed);
    if (this.events.newest === before) return;
    for (const held of this.subscriptions.values()) this.pump(held);
  }

  /** Every FLUSH_EVERY_MS: hands the changed points to the streams. */
  flush(): void {
    this.handedOut = this.step;
    const changed = [];
    for (let point = this.pending.take(); point !== undefined; point = this.pending.take()) changed.push(point);
    for (const held of this.subscriptions.values()) {
      if (held.stream === undefined) continue;
      for (const point of changed) if (this.wants(held, point)) held.changed.add(point);
      this.pump(held);
    }
  }

  /**
   * Every HEARTBEAT_MS: shows that the line lives, drops who does not read and who signed out.
   *
   * @param isSignedIn - whether the stream's owner and session still hold
   */
  beat(isSignedIn: (owner: string, session: string | undefined) => boolean): void {
    const now = this.now();
    for (const held of this.subscriptions.values()) {
      const { stream } = held;
      if (stream === undefined) {
        if (now - held.unusedSince > UNUSED_MAX_MS) this.forget(held);
      } else if (!isSignedIn(held.owner, stream.session)) this.drop(held, 'signed-out');
      else if (stream.stalledSince !== undefined && now - stream.stalledSince > STALL_MAX_MS) this.drop(held, 'slow');
      else if (stream.stalledSince === undefined) stream.sink.write(': alive\n\n');
    }
  }

  /** A session ended: its streams end now, not with the next beat. */
  sessionEnded(session: string): void {
    for (const held of this.subscriptions.values()) {
      if (held.stream?.session === session) this.drop(held, 'signed-out');
    }
  }

  /** Instruments were bound or replaced: who wishes for what is asked again. */
  rebound(): void {
    this.wanted.fill(0);
    for (const held of this.subscriptions.values()) held.known.fill(0);
  }

  close(): void {
    for (const held of this.subscriptions.values()) this.drop(held, 'closing');
    this.subscriptions.clear();
  }

  private noteReadings({ readings }: Committed): void {
    const { length, point: points } = readings;
    for (let row = 0; row < length; row++) {
      const point = points[row] as number;
      if (point >= this.wanted.length) this.grow(point);
      let wish = this.wanted[point];
      if (wish === 0) {
        wish = this.somebodyWants(point) ? 1 : 2;
        if (this.registry.point(point) !== undefined) this.wanted[point] = wish;
      }
      if (wish === 2) continue;
      this.changedAt[point] = this.step;
      this.pending.add(point);
    }
  }

  /** Sets where the stream goes on. @returns false when it missed events we no longer have, or is new */
  private position(held: Held, lastEventId: string | undefined): boolean {
    const [run, event, step] = (lastEventId ?? '').split('.');
    const sentEvent = Number(event);
    const sentStep = Number(step);
    const ours =
      run === this.run && sentEvent >= 0 && sentEvent <= this.events.newest && sentStep >= 0 && sentStep <= this.step;
    const resumed = ours && sentEvent >= this.events.keptAfter;
    held.sentEvent = resumed ? sentEvent : this.events.newest;
    held.sentStep = ours ? sentStep : -1;
    held.changed.clear();
    held.scan = (held.wishes.candidates?.() ?? idsOf(this.registry.points()))[Symbol.iterator]();
    held.scanAfter = ours ? sentStep : -1;
    return resumed;
  }

  private hello(held: Held, resumed: boolean): string {
    const now = formatTime(this.now());
    const data = { server: this.run, now, serverTime: now, subscription: held.id, resumed, heartbeatMs: HEARTBEAT_MS };
    return `event: hello\ndata: ${JSON.stringify(data)}\n\n`;
  }

  /** Writes what the stream has not been told yet: events first, in order, then newest values, as far as its socket takes it. */
  private pump(held: Held): void {
    const { stream } = held;
    if (stream === undefined) return;
    let readings = 0;
    let text = '';
    this.lookOn(held);
    while (stream.sink.buffered() + text.length < STREAM_BYTES_MAX) {
      const next = this.nextEvent(held) ?? (readings < READINGS_PER_FLUSH ? this.nextReading(held) : undefined);
      if (next === undefined) {
        if (text !== '') stream.sink.write(text);
        return;
      }
      readings++;
      text += next;
      if (text.length >= PUMP_TEXT_MAX) {
        stream.sink.write(text);
        return;
      }
    }
    if (text !== '') stream.sink.write(text);
    stream.stalledSince ??= this.now();
  }

  /** Looks at some more points of the first picture; the whole of a large plant at once would hold up everything else. */
  private lookOn(held: Held): void {
    for (let looked = 0; held.scan !== undefined && looked < SCAN_POINTS; looked++) {
      const { value: id, done } = held.scan.next();
      if (done === true) {
        held.scan = undefined;
        if (held.changed.size === 0) held.sentStep = this.handedOut;
      } else if ((this.changedAt[id] ?? 0) > held.scanAfter && this.wants(held, id)) held.changed.add(id);
    }
  }

  private nextEvent(held: Held): string | undefined {
    if (held.sentEvent < this.events.keptAfter) {
      // The events overran this stream: it must read the lists again.
      held.sentEvent = this.events.newest;
      return this.hello(held, false);
    }
    for (
      let event = this.events.after(held.sentEvent);
      event !== undefined;
      event = this.events.after(held.sentEvent)
    ) {
      held.sentEvent++;
      const wished = event.kind === 'device' ? held.wishes.devices : held.wishes.alarms;
      if (wished) return `id: ${this.idOf(held)}\nevent: ${event.kind}\ndata: ${event.data}\n\n`;
    }
    return undefined;
  }

  private nextReading(held: Held): string | undefined {
    for (let id = held.changed.take(); id !== undefined; id = held.changed.take()) {
      if (held.changed.size === 0 && held.scan === undefined) held.sentStep = this.handedOut;
      const point = this.registry.point(id);
      const last = this.registry.last(id);
      if (point === undefined || last === undefined) continue;
      const text = held.wishes.names(point).map((name) => this.reading(held, name, point, last));
      if (text.length > 0) return text.join('');
    }
    return undefined;
  }

  private reading(held: Held, { id, ...conversion }: PointName, point: PointInfo, last: LastValue): string {
    const data = {
      point: id,
      ...viewReading(converted(last, conversion)),
      receivedAt: formatTime(last.receivedAt),
      stale: isStale(point, last, this.now()),
    };
    return `id: ${this.idOf(held)}\nevent: reading\ndata: ${JSON.stringify(data)}\n\n`;
  }

  private idOf(held: Held): string {
    return `${this.run}.${held.sentEvent}.${Math.max(0, held.sentStep)}`;
  }

  private drop(held: Held, reason: 'slow' | 'signed-out' | 'replaced' | 'closing'): void {
    const { stream } = held;
    if (stream === undefined) return;
    held.stream = undefined;
    held.unusedSince = this.now();
    this.dropped.with(reason).value++;
    stream.sink.write(`event: bye\ndata: ${JSON.stringify({ reason })}\n\n`);
    stream.sink.end();
  }

  private forget(held: Held): void {
    this.subscriptions.delete(held.id);
    this.wanted.fill(0);
  }

  private somebodyWants(point: number): boolean {
    for (const held of this.subscriptions.values()) if (this.wants(held, point)) return true;
    return false;
  }

  private wants(held: Held, point: number): boolean {
    if (point >= held.known.length) {
      const wider = new Uint8Array(Math.max(point + 1, held.known.length * 2));
      wider.set(held.known);
      held.known = wider;
    }
    if (held.known[point] === 0) {
      const info = this.registry.point(point);
      // A point that is not in the registry yet is asked again with its next reading.
      if (info === undefined) return false;
      held.known[point] = held.wishes.names(info).length > 0 ? 1 : 2;
    }
    return held.known[point] === 1;
  }

  private grow(point: number): void {
    const size = Math.max(point + 1, this.wanted.length * 2);
    const wanted = new Uint8Array(size);
    wanted.set(this.wanted);
    this.wanted = wanted;
    const changedAt = new Float64Array(size);
    changedAt.set(this.changedAt);
    this.changedAt = changedAt;
  }
}

function* idsOf(points: Iterable<PointInfo>): Generator<number> {
  for (const { id } of points) yield id;
}

export interface StreamHandle {
  /** The socket has room again. */
  drained(): void;
  /** The browser is gone. */
  closed(): void;
}
