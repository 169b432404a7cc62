import { GOOD } from '../../../contract/reading.ts';
import { formatTime, type Millis } from '../../../contract/time.ts';
import type { Detector, Finding } from '../detector.ts';
import type { DeviceInfo, Rule } from '../plant.ts';
import {
  type CustomerFinding,
  type CustomerMeterState,
  newCustomerMeter,
  readCustomerMeter,
} from './customer-meter.ts';

/** Asset class whose registers are watched. */
export const CUSTOMER_CLASS = 'water-meter';
const MEASUREMENT = '/total';
/** Findings that wait for the next step of time; beyond, meters are read on and their findings come with the next reading. */
const PENDING_MAX = 10_000;
/** Others of the same place use water: one of them ran within this time. */
const NEIGHBOURS_MS = 2 * 3_600_000;

type Kind = 'premises-leak' | 'register-backwards' | 'counter-reset' | 'meter-stopped';

const WORDS: Readonly<
  Record<Kind, Pick<Rule, 'priority' | 'title' | 'titleZh' | 'response' | 'responseZh'> & { readonly unit?: string }>
> = {
  'premises-leak': {
    priority: 3,
    unit: 'm3/h',
    title: 'Water runs without a pause for 24 h',
    titleZh: '用水24小时未间断',
    response: 'Tell the customer: a leak on the premises.',
    responseZh: '请通知用户检查户内漏水。',
  },
  'register-backwards': {
    priority: 3,
    unit: 'm3',
    title: 'Register runs backwards',
    titleZh: '表底数倒走',
    response: 'Check mounting and check valve.',
    responseZh: '请检查安装方向和止回阀。',
  },
  'counter-reset': {
    priority: 4,
    unit: 'm3',
    title: 'Register was set back',
    titleZh: '表底数归零',
    response: 'Record the exchange of the meter.',
    responseZh: '请登记换表。',
  },
  'meter-stopped': {
    priority: 4,
    title: 'Meter stands still while others run',
    titleZh: '水表停走',
    response: 'Check the meter.',
    responseZh: '请检查水表。',
  },
};

const KINDS = Object.keys(WORDS) as readonly Kind[];

interface Meter {
  readonly point: string;
  readonly device: string;
  readonly id: number;
  state: CustomerMeterState;
  /** Told of a register that went back, until it goes forward again. */
  turned: '' | 'register-backwards' | 'counter-reset';
}

/** Who ran last in one place, and who else. */
interface Place {
  meter: string;
  at: Millis;
  otherAt: Millis;
}

/** Registers of customers' meters, each by itself; some hundred bytes a meter, constant work a reading. */
export class CustomerWatch implements Detector {
  private readonly device: (id: string) => Pick<DeviceInfo, 'class' | 'location'> | undefined;
  private readonly meters = new Map<number, Meter>();
  /** Names of the points of `meters`. */
  private readonly points = new Set<string>();
  private readonly places = new Map<string, Place>();
  private readonly pending: Finding[] = [];
  /** State of meters that have not come up since the restart. */
  private readonly saved = new Map<string, Pick<Meter, 'state' | 'turned'>>();

  /** @param device - what a device is and where; undefined while nobody knows it */
  constructor(device: (id: string) => Pick<DeviceInfo, 'class' | 'location'> | undefined) {
    this.device = device;
  }

  pointKnown(pointId: string, id: number): boolean {
    if (!pointId.endsWith(MEASUREMENT)) return false;
    const device = pointId.slice(0, -MEASUREMENT.length);
    if (this.device(device)?.class !== CUSTOMER_CLASS) return false;
    if (!this.meters.has(id)) {
      const saved = this.saved.get(pointId);
      this.points.add(pointId);
      this.meters.set(id, {
        point: pointId,
        device,
        id,
        state: saved?.state ?? newCustomerMeter(),
        turned: saved?.turned ?? '',
      });
    }
    return true;
  }

  reading(id: number, ts: Millis, value: number, quality: number): void {
    const meter = this.meters.get(id);
    if (meter === undefined || quality !== GOOD || !Number.isFinite(value) || this.pending.length >= PENDING_MAX)
      return;
    const { lastTs, lastTotal, told } = meter.state;
    if (lastTs !== null && ts <= lastTs) return;
    const place = this.device(meter.device)?.location ?? '';
    const findings = readCustomerMeter(meter.state, ts, value, this.neighboursUse(place, meter.device, ts));
    if (lastTs !== null && value > lastTotal) this.ran(place, meter.device, ts);
    if (told !== '' && meter.state.told !== told)
      this.clear(meter, told === 'premises-leak' ? 'premises-leak' : 'meter-stopped', ts);
    if (meter.turned !== '' && lastTs !== null && value >= lastTotal) {
      this.clear(meter, meter.turned, ts);
      meter.turned = '';
    }
    for (const finding of findings) this.raise(meter, finding, lastTotal, value);
  }

  advance(): readonly Finding[] {
    return this.pending.splice(0);
  }

  /** Of every meter it knows. */
  isOwn(key: string): boolean {
    const at = key.lastIndexOf('#');
    const point = key.slice(0, at);
    return KINDS.some((kind) => kind === key.slice(at + 1)) && (this.saved.has(point) || this.points.has(point));
  }

  snapshot(): unknown {
    const parts = new Map(this.saved);
    for (const { point, state, turned } of this.meters.values()) parts.set(point, { state, turned });
    return { meters: [...parts], places: [...this.places], pending: this.pending };
  }

  restore(saved: unknown): void {
    const { meters, places, pending } = saved as {
      meters: [string, Pick<Meter, 'state' | 'turned'>][];
      places: [string, Place][];
      pending: Finding[];
    };
    this.saved.clear();
    for (const [point, part] of meters) this.saved.set(point, part);
    for (const meter of this.meters.values()) {
      const part = this.saved.get(meter.point);
      if (part !== undefined) Object.assign(meter, { state: part.state, turned: part.turned });
    }
    this.places.clear();
    for (const [place, last] of places) this.places.set(place, last);
    this.pending.splice(0, this.pending.length, ...pending);
  }

  private ran(place: string, device: string, at: Millis): void {
    const last = this.places.get(place);
    if (last === undefined) this.places.set(place, { meter: device, at, otherAt: Number.MIN_SAFE_INTEGER });
    else if (last.meter === device) last.at = Math.max(last.at, at);
    else if (at >= last.at) {
      last.otherAt = last.at;
      last.at = at;
      last.meter = device;
    } else last.otherAt = Math.max(last.otherAt, at);
  }

  private neighboursUse(place: string, device: string, at: Millis): boolean {
    const last = this.places.get(place);
    if (last === undefined) return false;
    return at - (last.meter === device ? last.otherAt : last.at) <= NEIGHBOURS_MS;
  }

  private raise(meter: Meter, finding: CustomerFinding, before: number, total: number): void {
    const kind = kindOf(finding);
    if (kind === 'register-backwards' || kind === 'counter-reset') {
      // It goes on turning: one alarm.
      if (meter.turned === kind) return;
      if (meter.turned !== '') this.clear(meter, meter.turned, finding.at);
      meter.turned = kind;
    }
    const since = 'since' in finding ? finding.since : finding.at;
    const value = 'flowM3h' in finding ? finding.flowM3h : 'by' in finding ? finding.by : undefined;
    this.pending.push({
      kind: 'raise',
      rule: this.ruleOf(meter, kind),
      raise: {
        since,
        at: finding.at,
        evidence: {
          ...(value === undefined ? {} : { value: Number(value.toPrecision(4)) }),
          details: { since: formatTime(since), registerBefore: before, register: total },
        },
      },
    });
  }

  private clear(meter: Meter, kind: Kind, at: Millis): void {
    this.pending.push({ kind: 'clear', rule: keyOf(meter.point, kind), at });
  }

  private ruleOf({ point, device, id }: Meter, kind: Kind): Rule {
    const location = this.device(device)?.location;
    return {
      key: keyOf(point, kind),
      kind,
      asset: device,
      assetClass: CUSTOMER_CLASS,
      ...(location === undefined ? {} : { location }),
      point: id,
      pointId: point,
      deadband: 0,
      onDelayMs: 0,
      offDelayMs: 0,
      latch: false,
      ...WORDS[kind],
    };
  }
}

const keyOf = (point: string, kind: Kind): string => `${point}#${kind}`;

function kindOf(finding: CustomerFinding): Kind {
  switch (finding.kind) {
    case 'premises-leak':
      return 'premises-leak';
    case 'backwards':
      return 'register-backwards';
    case 'reset':
      return 'counter-reset';
    case 'stopped':
      return 'meter-stopped';
  }
}
