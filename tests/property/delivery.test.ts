import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Delivery, type DeliveryAction, type DeliveryEvent, UNACKNOWLEDGED_MAX } from '../../edge/delivery.ts';

/** The outbox as far as delivery sees it: `counts[n - 1]` values in number n; the first `goneTo` numbers have left the disk. */
interface ModelLane {
  readonly id: string;
  readonly counts: number[];
  goneTo: number;
}

interface ModelMessage {
  readonly lane: string;
  readonly from: number;
  readonly to: number;
  /** Set on a tombstone. */
  readonly counts?: readonly number[];
  readonly values: number;
}

interface LedgerOfLane {
  mark: number;
  readonly ahead: Set<number>;
  stored: number;
  dropped: number;
  /** How often each number was stored as data. */
  readonly times: Map<number, number>;
}

/** The gateway's rule: up to the mark or ahead of it = already there. */
class ModelGateway {
  store = 'store-0';
  lanes = new Map<string, LedgerOfLane>();
  private saved: { lanes: Map<string, LedgerOfLane> } | undefined;
  private restores = 0;

  take({ lane, from, to, counts, values }: ModelMessage): void {
    const ledger = this.lane(lane);
    const has = (seq: number) => seq <= ledger.mark || ledger.ahead.has(seq);
    if (counts !== undefined) {
      for (let seq = from; seq <= to; seq++) {
        if (has(seq)) continue;
        ledger.dropped += counts[seq - from] as number;
        ledger.ahead.add(seq);
      }
    } else if (!has(to)) {
      ledger.stored += values;
      ledger.times.set(to, (ledger.times.get(to) ?? 0) + 1);
      ledger.ahead.add(to);
    }
    while (ledger.ahead.delete(ledger.mark + 1)) ledger.mark++;
  }

  backup(): void {
    this.saved = { lanes: copyLedgers(this.lanes) };
  }

  restore(): void {
    if (this.saved === undefined) return;
    this.lanes = copyLedgers(this.saved.lanes);
    this.store = `store-${++this.restores}`;
  }

  lane(id: string): LedgerOfLane {
    let ledger = this.lanes.get(id);
    if (ledger === undefined) {
      ledger = { mark: 0, ahead: new Set(), stored: 0, dropped: 0, times: new Map() };
      this.lanes.set(id, ledger);
    }
    return ledger;
  }

  marks(): Record<string, number> {
    return Object.fromEntries([...this.lanes].map(([id, { mark }]) => [id, mark]));
  }
}

function copyLedgers(lanes: Map<string, LedgerOfLane>): Map<string, LedgerOfLane> {
  return new Map(
    [...lanes].map(([id, ledger]) => [id, { ...ledger, ahead: new Set(ledger.ahead), times: new Map(ledger.times) }]),
  );
}

type Step =
  | { readonly kind: 'seal'; readonly counts: readonly number[] }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'pass'; readonly messages: number; readonly fate: 'whole' | 'lost' | 'twice' | 'reordered' }
  | { readonly kind: 'announce'; readonly gateway: number }
  | { readonly kind: 'disconnect'; readonly stillArrive: number }
  | { readonly kind: 'connect' }
  | { readonly kind: 'gateway-down'; readonly gateway: number; readonly down: boolean }
  | { readonly kind: 'backup'; readonly gateway: number }
  | { readonly kind: 'restore'; readonly gateway: number }
  | { readonly kind: 'broker-forgets' }
  | { readonly kind: 'free'; readonly numbers: number; readonly force: boolean }
  | { readonly kind: 'edge-crash'; readonly newLane: boolean };

class World {
  readonly lanes: ModelLane[] = [{ id: 'lane-1', counts: [], goneTo: 0 }];
  readonly gateways: ModelGateway[];
  private readonly down: boolean[];
  private readonly retained = new Map<number, { store: string; marks: Record<string, number> }>();
  private known: Record<string, { store: string; marks: Record<string, number> }> = {};
  private delivery: Delivery;
  private wire: ModelMessage[] = [];
  private connected = false;
  nowMs = 0;
  mostInFlight = 0;
  private readonly configured: boolean;

  constructor(gateways: number, configured: boolean) {
    this.gateways = Array.from({ length: gateways }, () => new ModelGateway());
    this.down = this.gateways.map(() => false);
    this.configured = configured;
    this.delivery = this.newDelivery();
  }

  run(step: Step): void {
    switch (step.kind) {
      case 'seal':
        this.live().counts.push(...step.counts);
        this.lanesChanged();
        break;
      case 'wait':
        this.wait(step.ms);
        break;
      case 'pass':
        this.pass(step.messages, step.fate);
        break;
      case 'announce':
        this.announce(step.gateway % this.gateways.length);
        break;
      case 'disconnect':
        this.pass(step.stillArrive, 'whole');
        this.disconnect();
        break;
      case 'connect':
        this.connect();
        break;
      case 'gateway-down':
        this.down[step.gateway % this.gateways.length] = step.down;
        if (!step.down) this.announce(step.gateway % this.gateways.length);
        break;
      case 'backup':
        this.gateways[step.gateway % this.gateways.length]?.backup();
        break;
      case 'restore':
        this.gateways[step.gateway % this.gateways.length]?.restore();
        this.announce(step.gateway % this.gateways.length);
        break;
      case 'broker-forgets':
        this.disconnect();
        this.retained.clear();
        break;
      case 'free':
        this.free(step.numbers, step.force);
        break;
      case 'edge-crash':
        this.connected = false;
        this.wire = [];
        if (step.newLane) this.lanes.push({ id: `lane-${this.lanes.length + 1}`, counts: [], goneTo: 0 });
        this.delivery = this.newDelivery();
        this.lanesChanged();
        break;
    }
  }

  /** Everything works again, for as long as the longest waits of the sender need. */
  heal(): void {
    this.down.fill(false);
    this.connect();
    for (let round = 0; round < 3000 && !this.isComplete(); round++) {
      this.pass(1000, 'whole');
      for (const index of this.gateways.keys()) this.announce(index);
      this.wait(1000);
    }
  }

  isComplete(): boolean {
    return this.gateways.every((gateway) =>
      this.lanes.every(({ id, counts }) => counts.length === 0 || gateway.lane(id).mark === counts.length),
    );
  }

  private newDelivery(): Delivery {
    const gateways = this.configured ? this.gateways.map((_, index) => `gw-${index}`) : [];
    return new Delivery({ gateways, known: this.known });
  }

  private live(): ModelLane {
    return this.lanes.at(-1) as ModelLane;
  }

  private lanesChanged(): void {
    const lanes = this.lanes.map(({ id, counts, goneTo }) => ({
      id,
      last: counts.length,
      gone: goneTo === 0 ? [] : [{ from: 1, to: goneTo }],
    }));
    this.event({ kind: 'lanes', lanes });
  }

  private event(event: DeliveryEvent): void {
    const actions = this.delivery.on(event, this.nowMs);
    this.mostInFlight = Math.max(this.mostInFlight, this.delivery.inFlight());
    for (const action of actions) this.act(action);
  }

  private act(action: DeliveryAction): void {
    if (action.kind === 'roll') {
      this.lanes.push({ id: `lane-${this.lanes.length + 1}`, counts: [], goneTo: 0 });
      this.lanesChanged();
    } else if (action.kind === 'reconnect') {
      this.disconnect();
      this.connect();
    } else if (this.connected) {
      const lane = this.lanes.find(({ id }) => id === action.lane) as ModelLane;
      if (action.kind === 'explain') {
        const counts = lane.counts.slice(action.from - 1, action.to);
        this.wire.push({ lane: lane.id, from: action.from, to: action.to, counts, values: 0 });
      } else {
        expect(action.seq).toBeGreaterThan(lane.goneTo);
        const values = lane.counts[action.seq - 1] as number;
        this.wire.push({ lane: lane.id, from: action.seq, to: action.seq, values });
      }
    }
  }

  private pass(messages: number, fate: Extract<Step, { kind: 'pass' }>['fate']): void {
    if (!this.connected) return;
    const passing = this.wire.splice(0, messages);
    if (fate === 'reordered') passing.reverse();
    for (const message of passing) {
      // The broker confirms what it took, whether or not it ever reaches a gateway.
      this.event({ kind: 'confirmed', lane: message.lane, to: message.to });
      for (const [index, gateway] of this.gateways.entries()) {
        if (this.down[index] || fate === 'lost') continue;
        gateway.take(message);
        if (fate === 'twice') gateway.take(message);
      }
    }
  }

  private announce(index: number): void {
    const gateway = this.gateways[index] as ModelGateway;
    if (this.down[index]) return;
    const mark = { store: gateway.store, marks: gateway.marks() };
    this.retained.set(index, mark);
    if (this.connected) this.hear(index, mark, false);
  }

  private hear(index: number, mark: { store: string; marks: Record<string, number> }, retained: boolean): void {
    this.known = { ...this.known, [`gw-${index}`]: mark };
    this.event({ kind: 'marks', gateway: `gw-${index}`, ...mark, retained });
  }

  private connect(): void {
    if (this.connected) return;
    this.connected = true;
    this.event({ kind: 'connected' });
    for (const [index, mark] of this.retained) this.hear(index, mark, true);
  }

  private disconnect(): void {
    if (!this.connected) return;
    this.connected = false;
    this.wire = [];
    this.event({ kind: 'disconnected' });
  }

  private wait(ms: number): void {
    for (let waited = 0; waited < ms; waited += 500) {
      this.nowMs += 500;
      this.event({ kind: 'tick' });
    }
  }

  /** Frees what all gateways announced as stored, or, by force, the oldest whatever it is. */
  private free(numbers: number, force: boolean): void {
    for (const lane of this.lanes) {
      const marks = this.gateways.map((_, index) => this.known[`gw-${index}`]?.marks[lane.id] ?? 0);
      const limit = force ? lane.counts.length : Math.min(...marks);
      lane.goneTo = Math.max(lane.goneTo, Math.min(lane.goneTo + numbers, limit));
    }
    this.lanesChanged();
  }
}

const gatewayIndex = fc.nat({ max: 1 });
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('seal' as const),
      counts: fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 12 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(500, 2500, 12_000) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      messages: fc.integer({ min: 1, max: 20 }),
      fate: fc.constantFrom(
        'whole' as const,
        'whole' as const,
        'lost' as const,
        'twice' as const,
        'reordered' as const,
      ),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('announce' as const), gateway: gatewayIndex }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('disconnect' as const), stillArrive: fc.nat({ max: 5 }) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('connect' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('gateway-down' as const), gateway: gatewayIndex, down: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('backup' as const), gateway: gatewayIndex }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), gateway: gatewayIndex }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('broker-forgets' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('free' as const),
      numbers: fc.integer({ min: 1, max: 20 }),
      force: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('edge-crash' as const), newLane: fc.boolean() }) },
);

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function expectAllExplained(world: World): void {
  for (const gateway of world.gateways) {
    for (const { id, counts } of world.lanes) {
      const ledger = gateway.lane(id);
      expect(ledger.mark, `mark of ${id}`).toBe(counts.length);
      expect(Math.max(0, ...ledger.times.values()), 'times a batch was stored').toBeLessThanOrEqual(1);
      expect(ledger.stored + ledger.dropped, `values of ${id}`).toBe(sum(counts));
    }
  }
  expect(world.mostInFlight).toBeLessThanOrEqual(UNACKNOWLEDGED_MAX);
}

describe('delivery over a bad wire', () => {
  it('stores every number once or explains it, whatever the wire, the broker, the gateways and the edge do', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 }),
        fc.boolean(),
        fc.array(stepArbitrary, { minLength: 10, maxLength: 120 }),
        (gateways, configured, steps) => {
          const world = new World(gateways, configured);
          for (const step of steps) world.run(step);
          world.heal();
          expectAllExplained(world);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('without forced drops every value is stored, and nothing is counted as dropped', () => {
    const harmless = stepArbitrary.filter(({ kind }) => kind !== 'free' && kind !== 'restore');
    fc.assert(
      fc.property(fc.array(harmless, { minLength: 10, maxLength: 120 }), (steps) => {
        const world = new World(1, true);
        for (const step of steps) world.run(step);
        world.heal();
        expectAllExplained(world);
        for (const { dropped } of world.gateways[0]?.lanes.values() ?? []) expect(dropped).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
