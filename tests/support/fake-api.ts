import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, resolve } from 'node:path';
import { fakeFigures, fakePerformance, fakeWhatIf, fakeZones } from './fake-figures.ts';

/**
 * A small stand-in for the gateway's API, with the same shapes: for the page's own browser tests, which need faults,
 * losses and restarts at a word. The plant is a set of formulas of time, so history and live agree.
 */

const WEB = resolve(import.meta.dirname, '../../dist/web');
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

interface FakePoint {
  readonly id: string;
  readonly device: string;
  readonly measurement: string;
  readonly unit: string;
  readonly label: string;
  readonly labelZh: string;
  readonly class: string;
  readonly everyMs: number;
  readonly maxSilenceMs: number;
  readonly reportingDelayMs: number;
  readonly normal?: readonly [number, number];
  readonly limits: readonly { readonly kind: string; readonly setpoint: number; readonly priority: number }[];
  at(timeMs: number): number;
}

interface FakeDevice {
  readonly id: string;
  readonly name: string;
  readonly nameZh: string;
  readonly class: string;
  readonly location: string;
}

const HOUR = 3_600_000;
const wobble = (timeMs: number, seed: number) =>
  Math.sin(timeMs / 61_000 + seed * 3.1) * 0.5 +
  Math.sin(timeMs / 17_000 + seed * 7.7) * 0.3 +
  Math.sin(timeMs / 5_300 + seed) * 0.2;
const daily = (timeMs: number) => {
  const hour = ((timeMs / HOUR + 8) % 24) - 3;
  return 0.6 + 0.28 * Math.sin(((hour - 5) / 24) * 2 * Math.PI) + 0.2 * Math.sin(((hour - 6) / 12) * 2 * Math.PI);
};

const DEVICES: FakeDevice[] = [];
const POINTS: FakePoint[] = [];

function device(id: string, name: string, nameZh: string, kind: string, location: string): void {
  DEVICES.push({ id, name, nameZh, class: kind, location });
}

function point(
  owner: string,
  measurement: string,
  [label, labelZh]: readonly [string, string],
  unit: string,
  options: {
    readonly normal?: readonly [number, number];
    readonly high?: readonly [number, number];
    readonly low?: readonly [number, number];
    readonly everyMs?: number;
  },
  at: (timeMs: number) => number,
): void {
  const everyMs = options.everyMs ?? 1_000;
  POINTS.push({
    id: `${owner}/${measurement}`,
    device: owner,
    measurement,
    unit,
    label,
    labelZh,
    class: DEVICES.find(({ id }) => id === owner)?.class ?? 'generic',
    everyMs,
    maxSilenceMs: everyMs * 5,
    reportingDelayMs: 0,
    ...(options.normal === undefined ? {} : { normal: options.normal }),
    limits: [
      ...(options.high === undefined ? [] : [{ kind: 'high', setpoint: options.high[0], priority: options.high[1] }]),
      ...(options.low === undefined ? [] : [{ kind: 'low', setpoint: options.low[0], priority: options.low[1] }]),
    ],
    at,
  });
}

const DMAS: readonly (readonly [string, string, string, number])[] = [
  ['fm-07', 'DMA 07 Binhu East', '滨湖东', 98],
  ['fm-01', 'DMA 01 Hanfeng', '汉丰', 142],
  ['fm-03', 'DMA 03 Wenfeng', '文峰', 121],
  ['fm-15', 'DMA 15 Zhendong', '镇东', 76],
];
for (const [index, [id, name, nameZh, mean]] of DMAS.entries()) {
  device(id, name, nameZh, 'flow-meter', name);
  const normal = [Math.round(mean * 0.55), Math.round(mean * 1.25)] as const;
  point(
    id,
    'flow',
    ['Flow', '流量'],
    'm3/h',
    { normal, high: [Math.round(mean * 1.6), 2] },
    (timeMs) => mean * (0.55 + 0.55 * daily(timeMs)) + mean * 0.03 * wobble(timeMs, index),
  );
  point(
    id,
    'pressure',
    ['Pressure', '压力'],
    'MPa',
    { normal: [0.26, 0.38], low: [0.14, 2] },
    (timeMs) => 0.32 - 0.03 * daily(timeMs) + 0.004 * wobble(timeMs, index + 4),
  );
  point(
    id,
    'volume',
    ['Forward volume', '正向累计'],
    'm3',
    {},
    (timeMs) => 412_000 + index * 31_000 + ((timeMs / HOUR) % 100_000) * mean * 0.01,
  );
}
const LOGGERS: readonly (readonly [string, string, string])[] = [
  ['pl-0712', 'P-0712 Binhu East Road', '滨湖东路'],
  ['pl-0102', 'P-0102 Hanfeng Square', '汉丰广场'],
  ['pl-0305', 'P-0305 Wenfeng Street', '文峰街'],
  ['pl-1504', 'P-1504 Zhendong', '镇东街道'],
  ['pl-0901', 'P-0901 Anzhen', '安镇'],
];
for (const [index, [id, name, nameZh]] of LOGGERS.entries()) {
  device(id, name, nameZh, 'pressure-logger', name);
  point(
    id,
    'pressure',
    ['Pressure', '压力'],
    'MPa',
    { normal: [0.26, 0.38], low: [0.14, 2] },
    (timeMs) => 0.3 + index * 0.012 - 0.03 * daily(timeMs) + 0.005 * wobble(timeMs, index + 20),
  );
}
for (const [index, [id, name, nameZh]] of (
  [
    ['lc-0231', 'LC-0231 Yingbin Avenue', '迎宾大道'],
    ['lc-0187', 'LC-0187 Kaizhou Avenue', '开州大道'],
  ] as const
).entries()) {
  device(id, name, nameZh, 'lighting-cabinet', name);
  point(
    id,
    'currentC1',
    ['Circuit 1 current', '回路 1 电流'],
    'A',
    { normal: [28, 36], low: [10, 3] },
    (timeMs) => 32 + wobble(timeMs, index + 30),
  );
  point(
    id,
    'voltage',
    ['Supply voltage', '电压'],
    'V',
    { normal: [207, 235], low: [198, 3] },
    (timeMs) => 224 + 2 * wobble(timeMs, index + 33),
  );
}
device('tn-03', 'Nanshan Tunnel, section 3', '南山隧道', 'tunnel-section', 'Nanshan Tunnel');
point(
  'tn-03',
  'co',
  ['CO', '一氧化碳'],
  '[ppm]',
  { normal: [0, 70], high: [100, 1] },
  (timeMs) => 40 + 9 * daily(timeMs) + 4 * wobble(timeMs, 41),
);
point(
  'tn-03',
  'visibility',
  ['Visibility K', '能见度 K'],
  '1/m',
  { normal: [0, 0.005], high: [0.007, 2] },
  (timeMs) => 0.0026 + 0.0004 * wobble(timeMs, 43),
);
point(
  'tn-03',
  'airSpeed',
  ['Air speed', '风速'],
  'm/s',
  { normal: [1, 5] },
  (timeMs) => 2.4 + 0.3 * wobble(timeMs, 44),
);
device('bs-042', 'BS-042 Fengle', '丰乐箱变', 'box-substation', 'Fengle');
point(
  'bs-042',
  'load',
  ['Load', '负荷'],
  'kV.A',
  { normal: [80, 600], high: [640, 3] },
  (timeMs) => 360 + 200 * (daily(timeMs) - 0.6) + 12 * wobble(timeMs, 51),
);
point(
  'bs-042',
  'windingB',
  ['Winding B', 'B 相绕组温度'],
  'Cel',
  { normal: [40, 105], high: [110, 3] },
  (timeMs) => 84 + 12 * (daily(timeMs) - 0.6) + wobble(timeMs, 52),
);
point(
  'bs-042',
  'powerFactor',
  ['Power factor', '功率因数'],
  '1',
  { normal: [0.9, 1], low: [0.85, 4] },
  (timeMs) => 0.94 + 0.012 * wobble(timeMs, 53),
);

interface FakeAlarm {
  id: string;
  kind: string;
  asset: string;
  point?: string;
  assetClass: string;
  location: string;
  priority: number;
  state: string;
  holds: string[];
  latched: boolean;
  active: boolean;
  message: string;
  since: string;
  raisedAt: string;
  changedAt: string;
  acknowledgedAt?: string;
  acknowledgedBy?: string;
  value?: number;
  setpoint?: number;
  unit?: string;
  raisedLate: boolean;
  response?: string;
  rule?: string;
  messageZh?: string;
  responseZh?: string;
  explainedBy?: string;
  flood?: string;
  returnedAt?: string;
  cause?: string;
  causeZh?: string;
  consequence?: string;
  consequenceZh?: string;
  timeToRespondMs?: number;
  shelvedUntil?: string;
  evidence: Record<string, unknown>;
}

interface Stream {
  readonly response: ServerResponse;
  readonly subscription: string;
}

const iso = (timeMs: number) => new Date(timeMs).toISOString();

export class FakeApi {
  readonly username = 'admin';
  password: string;
  firstRun: boolean;
  /** Points that say nothing any more, or bad values. */
  readonly silent = new Set<string>();
  readonly bad = new Map<string, string>();
  readonly uncertain = new Set<string>();
  /** What is added to a point's formula since when. */
  readonly faults = new Map<string, { readonly since: number; readonly by: number }>();
  readonly alarms = new Map<string, FakeAlarm>();
  readonly journal: Record<string, unknown>[] = [];
  readonly requests: string[] = [];
  /** Answered by 503, as `GET /alarms`. */
  readonly refused = new Set<string>();
  /** Where devices are; without it the page has no map. */
  readonly places = new Map<string, { readonly latitude: number; readonly longitude: number }>();
  map: Record<string, unknown> = { zones: [], assets: [] };
  /** Floods that go on. */
  floods: Record<string, unknown>[] = [];
  #server: Server | undefined;
  #port = 0;
  #timer: NodeJS.Timeout | undefined;
  #streams = new Set<Stream>();
  #sessions = new Set<string>();
  #subscriptions = new Set<string>();
  #events: { readonly id: number; readonly text: string }[] = [];
  #next = 1;
  readonly #silentSince = new Map<string, number>();
  readonly #startedAt: number;

  constructor(options: { readonly password?: string; readonly firstRun?: boolean; readonly startedAt?: number } = {}) {
    this.password = options.password ?? 'printed-once-0815';
    this.firstRun = options.firstRun ?? true;
    this.#startedAt = options.startedAt ?? Date.now() - 2 * 24 * HOUR;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts, or starts again on the same port with what it knew. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      });
    });
    this.#server = server;
    await new Promise<void>((done) => server.listen(this.#port, '127.0.0.1', done));
    this.#port = (server.address() as AddressInfo).port;
    this.#timer = setInterval(() => this.#tick(), 1_000);
  }

  /** Like a killed process: connections break, nothing is said. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const server = this.#server;
    this.#server = undefined;
    for (const { response } of this.#streams) response.destroy();
    this.#streams.clear();
    // Subscriptions live in memory only: a new process does not know them.
    this.#subscriptions.clear();
    server?.closeAllConnections();
    await new Promise<void>((done) => (server === undefined ? done() : server.close(() => done())));
  }

  fail(id: string, by: number): void {
    this.faults.set(id, { since: Date.now(), by });
  }

  mute(id: string): void {
    this.silent.add(id);
    this.#silentSince.set(id, Date.now());
  }

  raise(alarm: Partial<FakeAlarm> & Pick<FakeAlarm, 'id' | 'asset' | 'message' | 'priority'>): void {
    const now = Date.now();
    const whole: FakeAlarm = {
      kind: 'high',
      assetClass: DEVICES.find(({ id }) => id === alarm.asset)?.class ?? 'generic',
      location: DEVICES.find(({ id }) => id === alarm.asset)?.location ?? '',
      state: 'unacknowledged',
      holds: [],
      latched: false,
      active: true,
      since: iso(now - 60_000),
      raisedAt: iso(now),
      changedAt: iso(now),
      raisedLate: false,
      evidence: {},
      ...alarm,
    };
    this.alarms.set(whole.id, whole);
    this.#write(whole.id, 'raise', 'system', 'normal', 'unacknowledged', Date.parse(whole.raisedAt));
    if (whole.state === 'acknowledged')
      this.#write(
        whole.id,
        'acknowledge',
        whole.acknowledgedBy ?? 'duty-1',
        'unacknowledged',
        'acknowledged',
        Date.parse(whole.changedAt),
      );
    this.#tell('alarm', { ...whole, event: 'raise', who: 'system', recordedAt: iso(now) });
  }

  change(id: string, change: Partial<FakeAlarm>): void {
    const alarm = this.alarms.get(id);
    if (alarm === undefined) return;
    Object.assign(alarm, change, { changedAt: iso(Date.now()) });
    this.#tell('alarm', { ...alarm, event: 'update', who: 'system', recordedAt: iso(Date.now()) });
  }

  #write(alarm: string, event: string, who: string, from: string, to: string, at: number): void {
    this.journal.push({ alarm, at: iso(at), recordedAt: iso(at), from, to, event, who });
  }

  /** Holds and comments, without the gateway's rules about who may when. */
  #act(id: string, action: string, body: Record<string, unknown>, response: ServerResponse): void {
    const alarm = this.alarms.get(id);
    if (alarm === undefined) return problem(response, 404, 'alarm-unknown', 'No such alarm.');
    const now = Date.now();
    const hold = { shelve: 'shelved', 'out-of-service': 'out-of-service' }[action];
    const release = { unshelve: 'shelved', 'return-to-service': 'out-of-service' }[action];
    if (hold !== undefined) alarm.holds = [...alarm.holds, hold];
    if (release !== undefined) alarm.holds = alarm.holds.filter((one) => one !== release);
    if (body.for === '2h') alarm.shelvedUntil = iso(now + 2 * HOUR);
    alarm.changedAt = iso(now);
    const why = String(body.reason ?? body.comment ?? '');
    this.journal.push({
      alarm: id,
      at: iso(now),
      recordedAt: iso(now),
      from: alarm.state,
      to: alarm.state,
      event: action,
      who: this.username,
      ...(why === '' ? {} : { why }),
    });
    this.#tell('alarm', { ...alarm, event: action, who: this.username, recordedAt: iso(now) });
    send(response, 200, alarm);
  }

  valueAt(point: FakePoint, timeMs: number): number {
    const fault = this.faults.get(point.id);
    const ramp = fault === undefined ? 0 : Math.min(1, Math.max(0, (timeMs - fault.since) / 4_000));
    return point.at(timeMs) + (fault?.by ?? 0) * ramp;
  }

  #last(point: FakePoint, now: number): Record<string, unknown> {
    const silentSince = this.silent.has(point.id) ? (this.#silentSince.get(point.id) ?? now) : now;
    const ts = Math.floor(Math.min(now, silentSince) / point.everyMs) * point.everyMs;
    const reason = this.bad.get(point.id);
    if (reason !== undefined) return { ts: iso(ts), receivedAt: iso(now), quality: 'bad', reason };
    const quality = this.uncertain.has(point.id) ? { quality: 'uncertain', reason: 'clock' } : { quality: 'good' };
    return { ts: iso(ts), receivedAt: iso(ts + 60), value: this.valueAt(point, ts), ...quality };
  }

  #tick(): void {
    const now = Date.now();
    for (const point of POINTS) {
      if (this.silent.has(point.id)) continue;
      this.#tell('reading', { point: point.id, ...this.#last(point, now) });
    }
  }

  #tell(name: string, data: unknown): void {
    const id = this.#next++;
    const text = `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    this.#events.push({ id, text });
    if (this.#events.length > 2_000) this.#events.splice(0, this.#events.length - 2_000);
    for (const { response } of this.#streams) response.write(text);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const { pathname } = url;
    if (pathname === '/healthz') return send(response, 200, { status: 'up' });
    if (!pathname.startsWith('/api/')) return serveFile(pathname, response);
    const body = await bodyOf(request);
    const route = `${request.method} ${pathname.replace('/api/v1', '')}`;
    this.requests.push(route);
    if (this.refused.has(route)) return problem(response, 503, 'starting', 'The gateway is starting.');
    const cookie = /hanfeng_session=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
    if (route === 'POST /session') {
      if (body.username !== this.username || body.password !== this.password)
        return problem(response, 401, 'wrong-credentials', 'User name or password is wrong.');
      const key = `s${this.#next++}-${Date.now()}`;
      this.#sessions.add(key);
      response.setHeader('set-cookie', `hanfeng_session=${key}; HttpOnly; SameSite=Strict; Path=/`);
      return send(response, 200, this.#session());
    }
    if (cookie === undefined || !this.#sessions.has(cookie))
      return problem(response, 401, 'not-signed-in', 'Sign in first.');
    if (route === 'GET /session') return send(response, 200, this.#session());
    if (route === 'DELETE /session') {
      this.#sessions.delete(cookie);
      return send(response, 204);
    }
    if (route === 'POST /setup') {
      if (!this.firstRun) return problem(response, 409, 'already-set-up', 'The administrator exists.');
      this.password = String(body.password);
      this.firstRun = false;
      return send(response, 200, this.#session());
    }
    if (route === 'POST /session/password') {
      if (body.current !== this.password)
        return problem(response, 400, 'wrong-password', 'The current password is wrong.');
      this.password = String(body.next);
      return send(response, 204);
    }
    if (route === 'GET /devices')
      return send(response, 200, { devices: DEVICES.map((one) => ({ ...one, ...this.places.get(one.id) })) });
    if (route === 'GET /map') return send(response, 200, this.map);
    if (route === 'GET /points')
      return send(response, 200, {
        points: POINTS.map((one) => ({ ...one, last: this.#last(one, Date.now()) })),
      });
    if (route === 'GET /alarms') {
      const past = url.searchParams.get('state') === 'normal';
      const kind = url.searchParams.get('kind');
      const wanted = (alarm: FakeAlarm) => (alarm.state === 'normal') === past && (kind ?? alarm.kind) === alarm.kind;
      return send(response, 200, { alarms: [...this.alarms.values()].filter(wanted) });
    }
    if (route === 'GET /alarms/floods') return send(response, 200, { floods: this.floods });
    if (route === 'GET /alarms/performance') return send(response, 200, fakePerformance());
    if (route === 'GET /leakage') return send(response, 200, { zones: fakeZones() });
    if (route === 'GET /leakage/figures') return send(response, 200, fakeFigures());
    if (route === 'POST /leakage/what-if') return send(response, 200, fakeWhatIf(Number(body.sensitivity)));
    if (route === 'GET /alarms/journal') {
      const wanted = url.searchParams.get('alarm');
      return send(response, 200, { journal: this.journal.filter(({ alarm }) => wanted === null || alarm === wanted) });
    }
    const action = /^POST \/alarms\/([^/]+)\/([a-z-]+)$/.exec(route);
    if (action?.[2] === 'acknowledge') return this.#acknowledge(decodeURIComponent(action[1] as string), response);
    if (action !== null) return this.#act(decodeURIComponent(action[1] as string), action[2] as string, body, response);
    const readings = /^GET \/points\/([^/]+)\/([^/]+)\/readings$/.exec(route);
    if (readings !== null) {
      const point = POINTS.find(({ id }) => id === `${readings[1]}/${readings[2]}`);
      if (point === undefined) return problem(response, 404, 'point-unknown', 'No such point.');
      const [from, to, count] = ['from', 'to', 'buckets'].map((key) => Number(url.searchParams.get(key)));
      return send(response, 200, { buckets: this.#buckets(point, from as number, to as number, count as number) });
    }
    if (route === 'POST /query') {
      const from = Number(body.from);
      const to = Number(body.to);
      const count = Math.round((to - from) / Number(body.step));
      return send(response, 200, {
        series: (body.points as string[]).map((id) => ({
          point: id,
          values: this.#buckets(POINTS.find((one) => one.id === id) as FakePoint, from, to, count)
            .filter(({ mean, held }) => mean !== undefined && !held)
            .map(({ ts, mean, count: rows, worstQuality }) => ({ ts, value: mean, count: rows, worstQuality })),
        })),
      });
    }
    if (route === 'POST /live/subscriptions') {
      const subscription = `sub-${this.#next++}`;
      this.#subscriptions.add(subscription);
      return send(response, 201, { subscription });
    }
    if (route === 'GET /live') return this.#live(url.searchParams.get('subscription') ?? '', request, response);
    problem(response, 404, 'not-found', route);
  }

  #session(): Record<string, unknown> {
    return {
      username: this.username,
      role: 'admin',
      firstRun: this.firstRun,
      site: { id: 'kaizhou', name: 'Kaizhou district', nameZh: '开州区', timezone: 'Asia/Shanghai' },
      settings: { language: 'en', pressureUnit: 'MPa' },
      version: '0.1.0',
    };
  }

  #acknowledge(id: string, response: ServerResponse): void {
    const alarm = this.alarms.get(id);
    if (alarm === undefined) return problem(response, 404, 'alarm-unknown', 'No such alarm.');
    const from = alarm.state;
    const to = from === 'rtn-unacknowledged' ? 'normal' : 'acknowledged';
    Object.assign(alarm, {
      state: to,
      acknowledgedBy: this.username,
      acknowledgedAt: iso(Date.now()),
      changedAt: iso(Date.now()),
    });
    this.#write(id, 'acknowledge', this.username, from, to, Date.now());
    this.#tell('alarm', { ...alarm, event: 'acknowledge', who: this.username, recordedAt: iso(Date.now()) });
    send(response, 200, alarm);
  }

  #live(subscription: string, request: IncomingMessage, response: ServerResponse): void {
    if (!this.#subscriptions.has(subscription))
      return problem(response, 404, 'subscription-unknown', 'Make a new one.');
    const lastId = Number(request.headers['last-event-id'] ?? Number.NaN);
    const oldest = this.#events[0]?.id ?? 0;
    const resumed = Number.isFinite(lastId) && lastId >= oldest - 1;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`event: hello\ndata: ${JSON.stringify({ serverTime: iso(Date.now()), resumed, subscription })}\n\n`);
    if (resumed) for (const { id, text } of this.#events) if (id > lastId) response.write(text);
    const stream = { response, subscription };
    this.#streams.add(stream);
    response.on('close', () => this.#streams.delete(stream));
  }

  #buckets(point: FakePoint, from: number, to: number, count: number): Bucket[] {
    const step = (to - from) / count;
    const now = Date.now();
    const silentSince = this.silent.has(point.id) ? (this.#silentSince.get(point.id) ?? now) : now;
    const buckets: Bucket[] = [];
    for (let index = 0; index < count; index += 1) {
      const ts = from + index * step;
      if (ts < this.#startedAt || ts >= Math.min(now, silentSince + point.maxSilenceMs)) continue;
      if (ts >= silentSince) {
        buckets.push({
          ts: iso(ts),
          mean: this.valueAt(point, silentSince),
          count: 0,
          worstQuality: 'good',
          held: true,
        });
        continue;
      }
      const story = storyOf(point, ts, now);
      if (story === 'gap') continue;
      const values = [0.1, 0.35, 0.6, 0.85].map((part) => this.valueAt(point, ts + part * step));
      if (story === 'bad') {
        buckets.push({ ts: iso(ts), mean: values[0], count: 2, worstQuality: 'bad' });
        continue;
      }
      buckets.push({
        ts: iso(ts),
        min: Math.min(...values),
        max: Math.max(...values),
        mean: values.reduce((sum, value) => sum + value, 0) / values.length,
        count: Math.max(1, Math.round(step / point.everyMs)),
        worstQuality: story,
      });
    }
    return buckets;
  }
}

interface Bucket {
  readonly ts: string;
  readonly min?: number;
  readonly max?: number;
  readonly mean?: number | undefined;
  readonly count: number;
  readonly worstQuality: string;
  readonly held?: true;
}

/** What went wrong with DMA 07's flow in the last hour, so that a trend has every quality to show. */
function storyOf(point: FakePoint, timeMs: number, now: number): 'good' | 'uncertain' | 'bad' | 'gap' {
  const minutesAgo = (now - timeMs) / 60_000;
  if (point.id === 'fm-07/flow' && minutesAgo > 38 && minutesAgo < 43) return 'gap';
  if (point.id === 'fm-07/pressure') {
    if (minutesAgo > 44 && minutesAgo < 48) return 'gap';
    if (minutesAgo > 28 && minutesAgo < 36) return 'uncertain';
    if (minutesAgo > 24 && minutesAgo <= 28) return 'bad';
  }
  return 'good';
}

function serveFile(pathname: string, response: ServerResponse): void {
  const name = pathname === '/' ? '/index.html' : pathname;
  try {
    const file = readFileSync(join(WEB, name.replaceAll('..', '')));
    response.writeHead(200, {
      'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
      'cache-control': name.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    response.end(file);
  } catch {
    response.writeHead(404).end();
  }
}

function send(response: ServerResponse, status: number, body?: unknown): void {
  response.writeHead(status, body === undefined ? {} : { 'content-type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

function problem(response: ServerResponse, status: number, code: string, detail: string): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ type: 'about:blank', title: code, status, code, detail }));
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}
