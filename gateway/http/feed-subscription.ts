import { formatTime, type Millis } from '../../contract/time.ts';
import type { PointInfo } from '../domain/plant.ts';
import type { LastValue, Registry } from '../registry.ts';
import { converted } from './asset-points.ts';
import type { ChangeSteps } from './change-steps.ts';
import type { FeedEvents } from './feed-events.ts';
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
/** A live stream shows at least this often that its line lives. */
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

/** What every subscription is told of. */
export interface FeedSource {
  readonly registry: Registry;
  readonly events: FeedEvents;
  readonly steps: ChangeSteps;
  readonly now: () => Millis;
  /** Names this run: positions of another run mean nothing. */
  readonly run: string;
}

export interface OpenStream {
  readonly sink: Sink;
  readonly session: string | undefined;
  stalledSince: Millis | undefined;
}

/** What one screen wishes for, how far it was told, and its stream while it has one. */
export class FeedSubscription implements Subscription {
  readonly id: string;
  readonly owner: string;
  /** Points with a newer value than the stream was told. */
  readonly changed = new PointQueue();
  stream: OpenStream | undefined;
  unusedSince: Millis;
  private readonly wishes: Wishes;
  private readonly source: FeedSource;
  /** Per dense point id: 0 not asked yet, 1 wanted, 2 not. */
  private known = new Uint8Array(1024);
  /** Points not looked at yet for the first picture, or for what changed while there was no stream. */
  private scan: Iterator<number> | undefined;
  /** What changed after this step belongs to that picture; -1 = everything. */
  private scanAfter = -1;
  /** Last alarm or device event written. */
  private sentEvent: number;
  /** All readings up to this step are written. */
  private sentStep: number;

  constructor({ id, owner }: Subscription, wishes: Wishes, source: FeedSource) {
    this.id = id;
    this.owner = owner;
    this.wishes = wishes;
    this.source = source;
    this.sentEvent = source.events.newest;
    this.sentStep = source.steps.now;
    this.unusedSince = source.now();
  }

  /**
   * A stream begins: hello, then what it missed.
   *
   * @param lastEventId - where an earlier stream of this subscription ended
   */
  open(stream: OpenStream, lastEventId: string | undefined): void {
    const resumed = this.position(lastEventId);
    this.stream = stream;
    stream.sink.write(this.hello(resumed));
    this.pump();
  }

  /** The wishes may be others: they are asked again. */
  askAgain(): void {
    this.known.fill(0);
  }

  /** Writes what the stream has not been told yet: events first, in order, then newest values, as far as its socket takes it. */
  pump(): void {
    const { stream } = this;
    if (stream === undefined) return;
    let readings = 0;
    let text = '';
    this.lookOn();
    while (stream.sink.buffered() + text.length < STREAM_BYTES_MAX) {
      const next = this.nextEvent() ?? (readings < READINGS_PER_FLUSH ? this.nextReading() : undefined);
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
    stream.stalledSince ??= this.source.now();
  }

  /** Whether its values are wished for. */
  wants(point: number): boolean {
    if (point >= this.known.length) {
      const wider = new Uint8Array(Math.max(point + 1, this.known.length * 2));
      wider.set(this.known);
      this.known = wider;
    }
    if (this.known[point] === 0) {
      const info = this.source.registry.point(point);
      // A point that is not in the registry yet is asked again with its next reading.
      if (info === undefined) return false;
      this.known[point] = this.wishes.names(info).length > 0 ? 1 : 2;
    }
    return this.known[point] === 1;
  }

  /** Sets where the stream goes on. @returns false when it missed events we no longer have, or is new */
  private position(lastEventId: string | undefined): boolean {
    const [run, event, step] = (lastEventId ?? '').split('.');
    const sentEvent = Number(event);
    const sentStep = Number(step);
    const ours =
      run === this.source.run &&
      sentEvent >= 0 &&
      sentEvent <= this.source.events.newest &&
      sentStep >= 0 &&
      sentStep <= this.source.steps.now;
    const resumed = ours && sentEvent >= this.source.events.keptAfter;
    this.sentEvent = resumed ? sentEvent : this.source.events.newest;
    this.sentStep = ours ? sentStep : -1;
    this.changed.clear();
    this.scan = (this.wishes.candidates?.() ?? idsOf(this.source.registry.points()))[Symbol.iterator]();
    this.scanAfter = ours ? sentStep : -1;
    return resumed;
  }

  private hello(resumed: boolean): string {
    const now = formatTime(this.source.now());
    const data = {
      server: this.source.run,
      now,
      serverTime: now,
      subscription: this.id,
      resumed,
      heartbeatMs: HEARTBEAT_MS,
    };
    return `event: hello\ndata: ${JSON.stringify(data)}\n\n`;
  }

  /** Looks at some more points of the first picture; the whole of a large plant at once would hold up everything else. */
  private lookOn(): void {
    for (let looked = 0; this.scan !== undefined && looked < SCAN_POINTS; looked++) {
      const { value: id, done } = this.scan.next();
      if (done === true) {
        this.scan = undefined;
        if (this.changed.size === 0) this.sentStep = this.source.steps.handedOut;
      } else if (this.source.steps.of(id) > this.scanAfter && this.wants(id)) this.changed.add(id);
    }
  }

  private nextEvent(): string | undefined {
    if (this.sentEvent < this.source.events.keptAfter) {
      // The events overran this stream: it must read the lists again.
      this.sentEvent = this.source.events.newest;
      return this.hello(false);
    }
    for (
      let event = this.source.events.after(this.sentEvent);
      event !== undefined;
      event = this.source.events.after(this.sentEvent)
    ) {
      this.sentEvent++;
      const wished = event.kind === 'device' ? this.wishes.devices : this.wishes.alarms;
      if (wished) return `id: ${this.idOf()}\nevent: ${event.kind}\ndata: ${event.data}\n\n`;
    }
    return undefined;
  }

  private nextReading(): string | undefined {
    for (let id = this.changed.take(); id !== undefined; id = this.changed.take()) {
      if (this.changed.size === 0 && this.scan === undefined) this.sentStep = this.source.steps.handedOut;
      const point = this.source.registry.point(id);
      const last = this.source.registry.last(id);
      if (point === undefined || last === undefined) continue;
      const text = this.wishes.names(point).map((name) => this.reading(name, point, last));
      if (text.length > 0) return text.join('');
    }
    return undefined;
  }

  private reading({ id, ...conversion }: PointName, point: PointInfo, last: LastValue): string {
    const data = {
      point: id,
      ...viewReading(converted(last, conversion)),
      receivedAt: formatTime(last.receivedAt),
      stale: isStale(point, last, this.source.now()),
    };
    return `id: ${this.idOf()}\nevent: reading\ndata: ${JSON.stringify(data)}\n\n`;
  }

  private idOf(): string {
    return `${this.source.run}.${this.sentEvent}.${Math.max(0, this.sentStep)}`;
  }
}

function* idsOf(points: Iterable<PointInfo>): Generator<number> {
  for (const { id } of points) yield id;
}
