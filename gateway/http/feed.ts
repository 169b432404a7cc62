import type { Millis } from '../../contract/time.ts';
import type { Committed } from '../ingest.ts';
import type { Counter, Family, Metrics } from '../metrics.ts';
import type { Registry } from '../registry.ts';
import { ChangeSteps } from './change-steps.ts';
import { FeedEvents } from './feed-events.ts';
import {
  type FeedSource,
  FeedSubscription,
  type OpenStream,
  type Sink,
  type Subscription,
  type Wishes,
} from './feed-subscription.ts';
import { PointQueue } from './point-queue.ts';

/** A stream that reads nothing for so long is dropped. */
const STALL_MAX_MS = 30_000;
/** A subscription without a stream lives so long: a reload, a tunnel, a laptop lid. */
const UNUSED_MAX_MS = 5 * 60_000;
export const SUBSCRIPTIONS_MAX = 500;
export const SUBSCRIPTIONS_PER_OWNER_MAX = 50;
/** Readings go out this often, so one point at most four times a second. */
export const FLUSH_EVERY_MS = 250;

/**
 * Tells the screens what changed, after each commit: newest values per point, alarms, devices.
 * A stream that reads slowly gets fewer readings, never a growing queue.
 */
export class Feed {
  private readonly source: FeedSource;
  private readonly newId: () => string;
  private readonly subscriptions = new Map<string, FeedSubscription>();
  /** Per dense point id: 0 not asked yet, 1 somebody wants it, 2 nobody. */
  private wanted = new Uint8Array(1024);
  private readonly pending = new PointQueue();
  private readonly dropped: Family<Counter>;

  constructor(options: {
    readonly registry: Registry;
    readonly now: () => Millis;
    /** Names this run: positions of another run mean nothing. */
    readonly run: string;
    readonly newId: () => string;
    readonly metrics: Metrics;
  }) {
    this.dropped = options.metrics.counters('hanfeng_live_ended_total', 'Streams we ended, by reason.', ['reason']);
    const { registry, now, run } = options;
    this.newId = options.newId;
    this.source = { registry, now, run, events: new FeedEvents(registry.edges()), steps: new ChangeSteps() };
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
    const held = new FeedSubscription({ id: this.newId(), owner }, wishes, this.source);
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
    const stream: OpenStream = { sink, session, stalledSince: undefined };
    held.open(stream, lastEventId);
    return {
      drained: () => {
        if (held.stream !== stream) return;
        stream.stalledSince = undefined;
        held.pump();
      },
      closed: () => {
        if (held.stream !== stream) return;
        held.stream = undefined;
        held.unusedSince = this.source.now();
      },
    };
  }

  /** The listener of ingest: notes what changed; alarms and devices go out at once. */
  committed(committed: Committed): void {
    this.source.steps.now++;
    if (this.subscriptions.size > 0) this.noteReadings(committed);
    const before = this.source.events.newest;
    this.source.events.note(committed);
    if (this.source.events.newest === before) return;
    for (const held of this.subscriptions.values()) held.pump();
  }

  /** Every FLUSH_EVERY_MS: hands the changed points to the streams. */
  flush(): void {
    this.source.steps.handedOut = this.source.steps.now;
    const changed = [];
    for (let point = this.pending.take(); point !== undefined; point = this.pending.take()) changed.push(point);
    for (const held of this.subscriptions.values()) {
      if (held.stream === undefined) continue;
      for (const point of changed) if (held.wants(point)) held.changed.add(point);
      held.pump();
    }
  }

  /**
   * Every HEARTBEAT_MS: shows that the line lives, drops who does not read and who signed out.
   *
   * @param isSignedIn - whether the stream's owner and session still hold
   */
  beat(isSignedIn: (owner: string, session: string | undefined) => boolean): void {
    const now = this.source.now();
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
    for (const held of this.subscriptions.values()) held.askAgain();
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
        if (this.source.registry.point(point) !== undefined) this.wanted[point] = wish;
      }
      if (wish === 2) continue;
      this.source.steps.changed(point);
      this.pending.add(point);
    }
  }

  private drop(held: FeedSubscription, reason: 'slow' | 'signed-out' | 'replaced' | 'closing'): void {
    const { stream } = held;
    if (stream === undefined) return;
    held.stream = undefined;
    held.unusedSince = this.source.now();
    this.dropped.with(reason).value++;
    stream.sink.write(`event: bye\ndata: ${JSON.stringify({ reason })}\n\n`);
    stream.sink.end();
  }

  private forget(held: FeedSubscription): void {
    this.subscriptions.delete(held.id);
    this.wanted.fill(0);
  }

  private somebodyWants(point: number): boolean {
    for (const held of this.subscriptions.values()) if (held.wants(point)) return true;
    return false;
  }

  private grow(point: number): void {
    const wanted = new Uint8Array(Math.max(point + 1, this.wanted.length * 2));
    wanted.set(this.wanted);
    this.wanted = wanted;
  }
}

export interface StreamHandle {
  /** The socket has room again. */
  drained(): void;
  /** The browser is gone. */
  closed(): void;
}
