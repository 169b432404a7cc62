import { DROPPED_COUNTS_MAX } from '../contract/batch.ts';

/** Most messages sent and not yet covered by a stored mark, over all lanes (contract, Delivery). */
export const UNACKNOWLEDGED_MAX = 16;
/** Places of the window that the backlog leaves to live readings. */
const LIVE_RESERVE = 2;
/** Backlog messages the broker has not confirmed yet: a live one never waits behind more than these on a slow link. */
const BACKLOG_ON_WIRE_MAX = 3;
/** Without progress for so long, everything above the mark is sent again; doubled each time, up to the longest. */
export const STALL_MS = 10_000;
const STALL_LONGEST_MS = 300_000;
/** A gateway that is alive and stores nothing through so many stalls, while another does, is no longer waited for. */
const STALLS_MAX = 3;
/** A connection that confirms nothing for so long is dead, whatever TCP believes. */
const WIRE_DEAD_MS = 60_000;
/** After connecting, the retained marks are on their way; without them the last known ones do. */
const MARKS_WAIT_MS = 2000;

/** A lane as the outbox shows it; numbers 1..last exist, those in `gone` (ascending) are no longer on disk. */
export interface LaneState {
  readonly id: string;
  readonly last: number;
  readonly gone: readonly { readonly from: number; readonly to: number }[];
}

export type DeliveryEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected' }
  /** The outbox changed; oldest lane first, the last one is live. */
  | { readonly kind: 'lanes'; readonly lanes: readonly LaneState[] }
  /** What a gateway says is on its disk. `retained`: the broker's copy, no sign that the gateway is alive. */
  | {
      readonly kind: 'marks';
      readonly gateway: string;
      readonly store: string;
      readonly marks: Readonly<Record<string, number>>;
      readonly retained: boolean;
    }
  /** The broker has the message that ended with this number. */
  | { readonly kind: 'confirmed'; readonly lane: string; readonly to: number }
  /** A backlog message took so many bytes of the link. */
  | { readonly kind: 'sent-bytes'; readonly bytes: number }
  | { readonly kind: 'tick' };

export type DeliveryAction =
  | { readonly kind: 'send'; readonly lane: string; readonly seq: number; readonly live: boolean }
  /** Send a tombstone for numbers that are gone. */
  | { readonly kind: 'explain'; readonly lane: string; readonly from: number; readonly to: number }
  /** Give live readings a new lane. */
  | { readonly kind: 'roll' }
  | { readonly kind: 'reconnect' };

interface Message {
  readonly from: number;
  readonly to: number;
  readonly sentAtMs: number;
  readonly live: boolean;
  confirmed: boolean;
}

interface Gateway {
  store: string;
  marks: Readonly<Record<string, number>>;
  /** Not waited for until it gives a sign of life after this moment; undefined = it counts. */
  awayUntilMs: number | undefined;
  aliveSince: boolean;
  awayForMs: number;
  /** Last sign of life, and stalls since its marks last moved. */
  aliveAtMs: number;
  /** When its marks moved last. */
  movedAtMs: number;
  stalls: number;
}

export interface DeliveryOptions {
  /** Gateways that must store everything; none = every gateway that is heard. */
  readonly gateways: readonly string[];
  /** What they said before the restart. */
  readonly known: Readonly<
    Record<string, { readonly store: string; readonly marks: Readonly<Record<string, number>> }>
  >;
  /** Most bytes a second for the backlog; undefined = what the link carries. */
  readonly backlogBytesPerSecond?: number | undefined;
}

/**
 * Decides what is sent when: a sliding window over the lanes that moves with the stored marks, live lane first, going
 * back to the mark after a stall. Pure but for its own state: no clock, no I/O; times are monotonic milliseconds.
 */
export class Delivery {
  private readonly options: DeliveryOptions;
  private readonly gateways = new Map<string, Gateway>();
  private lanes: readonly LaneState[] = [];
  /** Per lane, what was sent above its low mark, in order. */
  private readonly sent = new Map<string, Message[]>();
  private readonly next = new Map<string, number>();
  private connected = false;
  private heardThisTime = new Set<string>();
  private startSendingAtMs = 0;
  private lastProgressMs = 0;
  private stallMs = STALL_MS;
  private backlogNotBeforeMs = 0;
  /** Set by a disconnect or stall: the live lane may have a backlog; looked at when a gateway goes on storing. */
  private contactLost = true;
  private contactRegained = false;
  private rolledFrom = '';

  constructor(options: DeliveryOptions) {
    this.options = options;
    for (const id of options.gateways) this.gateways.set(id, newGateway('', {}));
    for (const [id, { store, marks }] of Object.entries(options.known)) {
      if (options.gateways.length === 0 || options.gateways.includes(id))
        this.gateways.set(id, newGateway(store, marks));
    }
  }

  on(event: DeliveryEvent, nowMs: number): DeliveryAction[] {
    const actions: DeliveryAction[] = [];
    switch (event.kind) {
      case 'connected':
        this.connected = true;
        this.heardThisTime.clear();
        this.startSendingAtMs = nowMs + MARKS_WAIT_MS;
        this.stallMs = STALL_MS;
        this.lastProgressMs = nowMs;
        this.contactLost = true;
        break;
      case 'disconnected':
        this.connected = false;
        this.contactLost = true;
        this.goBack();
        break;
      case 'lanes':
        this.takeLanes(event.lanes);
        break;
      case 'marks':
        this.takeMarks(event, nowMs);
        break;
      case 'confirmed': {
        const message = this.sent.get(event.lane)?.find(({ to }) => to === event.to);
        if (message !== undefined) message.confirmed = true;
        this.lastProgressMs = nowMs;
        break;
      }
      case 'sent-bytes': {
        const rate = this.options.backlogBytesPerSecond;
        if (rate !== undefined)
          this.backlogNotBeforeMs = Math.max(nowMs, this.backlogNotBeforeMs) + (event.bytes * 1000) / rate;
        break;
      }
      case 'tick':
        if (this.connected) this.leaveBehind(nowMs);
        this.checkStall(nowMs, actions);
        break;
    }
    this.settle();
    this.fill(nowMs, actions);
    return actions;
  }

  /** Messages sent and not covered by a mark yet. */
  inFlight(): number {
    let count = 0;
    for (const messages of this.sent.values()) count += messages.length;
    return count;
  }

  /** Every gateway that counts and is not away has the numbers of this lane up to the result. */
  lowMark(lane: string): number {
    const last = this.lanes.find(({ id }) => id === lane)?.last ?? 0;
    let low = Number.POSITIVE_INFINITY;
    for (const gateway of this.gateways.values()) {
      if (gateway.awayUntilMs === undefined) low = Math.min(low, gateway.marks[lane] ?? 0);
    }
    return low === Number.POSITIVE_INFINITY ? 0 : Math.min(low, last);
  }

  /** Gateways not waited for at the moment. */
  away(): string[] {
    return [...this.gateways].filter(([, { awayUntilMs }]) => awayUntilMs !== undefined).map(([id]) => id);
  }

  private takeLanes(lanes: readonly LaneState[]): void {
    this.lanes = lanes;
    const ids = new Set(lanes.map(({ id }) => id));
    for (const id of this.next.keys()) if (!ids.has(id)) this.next.delete(id);
    for (const id of this.sent.keys()) if (!ids.has(id)) this.sent.delete(id);
  }

  private takeMarks(event: Extract<DeliveryEvent, { kind: 'marks' }>, nowMs: number): void {
    const { gateways } = this.options;
    if (gateways.length > 0 && !gateways.includes(event.gateway)) return;
    this.heardThisTime.add(event.gateway);
    let gateway = this.gateways.get(event.gateway);
    if (gateway === undefined) {
      gateway = newGateway(event.store, {});
      this.gateways.set(event.gateway, gateway);
    }
    const moved = this.lanes.some(({ id }) => (event.marks[id] ?? 0) > (gateway.marks[id] ?? 0));
    const wentBack = this.lanes.some(({ id }) => (event.marks[id] ?? 0) < (gateway.marks[id] ?? 0));
    if (wentBack) this.contactLost = true;
    if (moved || wentBack) this.contactRegained = true;
    gateway.store = event.store;
    gateway.marks = event.marks;
    if (!event.retained) {
      gateway.aliveSince = true;
      gateway.aliveAtMs = nowMs;
    }
    if (moved) {
      this.lastProgressMs = nowMs;
      this.stallMs = STALL_MS;
      gateway.awayForMs = STALL_MS;
      gateway.movedAtMs = nowMs;
      gateway.stalls = 0;
    }
    this.returnAlive(nowMs);
    if ([...this.gateways.keys()].every((id) => this.heardThisTime.has(id))) this.startSendingAtMs = 0;
  }

  private returnAlive(nowMs: number): void {
    for (const gateway of this.gateways.values()) {
      if (gateway.awayUntilMs === undefined || !gateway.aliveSince || nowMs < gateway.awayUntilMs) continue;
      gateway.awayUntilMs = undefined;
      this.contactLost = true;
      this.contactRegained = true;
    }
  }

  /** Forgets what the marks cover, and goes back where a gateway lacks something we are past. */
  private settle(): void {
    for (const { id } of this.lanes) {
      const low = this.lowMark(id);
      const sent = (this.sent.get(id) ?? []).filter(({ to }) => to > low);
      this.sent.set(id, sent);
      const next = Math.max(this.next.get(id) ?? 1, low + 1);
      const firstInFlight = sent[0]?.from ?? next;
      if (firstInFlight > low + 1) this.sent.set(id, []);
      this.next.set(id, firstInFlight > low + 1 ? low + 1 : next);
    }
  }

  private goBack(): void {
    this.sent.clear();
    this.next.clear();
  }

  private checkStall(nowMs: number, actions: DeliveryAction[]): void {
    if (!this.connected) return;
    this.returnAlive(nowMs);
    const messages = [...this.sent.values()].flat();
    if (messages.length === 0) {
      this.lastProgressMs = nowMs;
      return;
    }
    const unconfirmed = messages.filter(({ confirmed }) => !confirmed);
    if (unconfirmed.length > 0) {
      const oldestMs = Math.min(...unconfirmed.map(({ sentAtMs }) => sentAtMs));
      if (nowMs - Math.max(oldestMs, this.lastProgressMs) >= WIRE_DEAD_MS) actions.push({ kind: 'reconnect' });
      return;
    }
    const waitedMs = nowMs - Math.max(this.lastProgressMs, ...messages.map(({ sentAtMs }) => sentAtMs));
    if (waitedMs < this.stallMs) return;
    this.contactLost = true;
    this.lastProgressMs = nowMs;
    if (this.setAside(nowMs)) return;
    this.stallMs = Math.min(this.stallMs * 2, STALL_LONGEST_MS);
    this.goBack();
  }

  /** A gateway that went silent is not waited for, before the window is full and the others feel it. */
  private leaveBehind(nowMs: number): void {
    const isOld = ({ confirmed, sentAtMs }: Message) => confirmed && nowMs - sentAtMs >= STALL_MS;
    for (const gateway of this.gateways.values()) {
      if (gateway.awayUntilMs !== undefined) continue;
      if (nowMs - gateway.movedAtMs < STALL_MS || nowMs - gateway.aliveAtMs < STALL_MS) continue;
      const others = [...this.gateways.values()].filter(
        (other) => other !== gateway && other.awayUntilMs === undefined,
      );
      const isMissed = [...this.sent].some(([lane, messages]) =>
        messages.some(
          (message) =>
            isOld(message) &&
            message.to > (gateway.marks[lane] ?? 0) &&
            others.some(({ marks }) => (marks[lane] ?? 0) >= message.to),
        ),
      );
      if (isMissed) this.leave(gateway, nowMs);
    }
  }

  private leave(gateway: Gateway, nowMs: number): void {
    gateway.awayUntilMs = nowMs + gateway.awayForMs;
    gateway.awayForMs = Math.min(gateway.awayForMs * 2, STALL_LONGEST_MS);
    gateway.aliveSince = false;
  }

  /** While one gateway stores, another that does not is not waited for. */
  private setAside(nowMs: number): boolean {
    const present = [...this.gateways.values()].filter(({ awayUntilMs }) => awayUntilMs === undefined);
    const lacks = (gateway: Gateway) =>
      [...this.sent].reduce((sum, [lane, messages]) => {
        const mark = gateway.marks[lane] ?? 0;
        return sum + messages.filter(({ to }) => to > mark).length;
      }, 0);
    const fewest = Math.min(...present.map(lacks));
    const behind = present.filter((gateway) => {
      if (lacks(gateway) <= fewest) return false;
      gateway.stalls++;
      // One that is alive only missed something: it gets that again before it is left behind.
      return nowMs - gateway.aliveAtMs > this.stallMs || gateway.stalls >= STALLS_MAX;
    });
    for (const gateway of behind) this.leave(gateway, nowMs);
    return behind.length > 0;
  }

  private fill(nowMs: number, actions: DeliveryAction[]): void {
    if (!this.connected || nowMs < this.startSendingAtMs) return;
    const live = this.lanes.at(-1);
    if (live === undefined) return;
    this.rollIfBehind(live, actions);
    const backlog = this.lanes.slice(0, -1).filter(({ id, last }) => (this.next.get(id) ?? 1) <= last);
    const liveMax = UNACKNOWLEDGED_MAX - (backlog.length > 0 ? LIVE_RESERVE : 0);
    this.fillLane(live, true, nowMs, () => (this.sent.get(live.id)?.length ?? 0) < liveMax, actions);
    const backlogMay = () =>
      this.inFlight() < UNACKNOWLEDGED_MAX - LIVE_RESERVE &&
      this.backlogOnWire() < BACKLOG_ON_WIRE_MAX &&
      nowMs >= this.backlogNotBeforeMs;
    for (const lane of backlog) {
      this.fillLane(lane, false, nowMs, backlogMay, actions);
      if ((this.next.get(lane.id) ?? 1) <= lane.last) return;
    }
  }

  private fillLane(
    lane: LaneState,
    live: boolean,
    nowMs: number,
    mayMore: () => boolean,
    actions: DeliveryAction[],
  ): void {
    const sent = this.sent.get(lane.id) ?? [];
    this.sent.set(lane.id, sent);
    for (;;) {
      const from = this.next.get(lane.id) ?? 1;
      // A wide tombstone travels alone: nothing above it may be stored before it is.
      const blocked = sent.some((message) => message.to > message.from);
      if (from > lane.last || blocked || this.inFlight() >= UNACKNOWLEDGED_MAX || !mayMore()) return;
      const gone = lane.gone.find((range) => range.from <= from && from <= range.to);
      const to = gone === undefined ? from : Math.min(gone.to, from + DROPPED_COUNTS_MAX - 1);
      if (to > from && sent.length > 0) return;
      sent.push({ from, to, sentAtMs: nowMs, live, confirmed: false });
      this.next.set(lane.id, to + 1);
      if (gone === undefined) actions.push({ kind: 'send', lane: lane.id, seq: from, live });
      else actions.push({ kind: 'explain', lane: lane.id, from, to });
    }
  }

  /** A live lane that fell behind by more than a window becomes backlog, once per loss of contact. */
  private rollIfBehind(live: LaneState, actions: DeliveryAction[]): void {
    if (!this.contactRegained) return;
    this.contactRegained = false;
    const isBehind = live.last - this.lowMark(live.id) > UNACKNOWLEDGED_MAX;
    if (this.contactLost && isBehind && this.rolledFrom !== live.id) {
      this.rolledFrom = live.id;
      actions.push({ kind: 'roll' });
    }
    this.contactLost = false;
  }

  private backlogOnWire(): number {
    let count = 0;
    for (const messages of this.sent.values())
      for (const { live, confirmed } of messages) if (!live && !confirmed) count++;
    return count;
  }
}

function newGateway(store: string, marks: Readonly<Record<string, number>>): Gateway {
  return {
    store,
    marks,
    awayUntilMs: undefined,
    aliveSince: false,
    awayForMs: STALL_MS,
    aliveAtMs: Number.NEGATIVE_INFINITY,
    movedAtMs: Number.NEGATIVE_INFINITY,
    stalls: 0,
  };
}
