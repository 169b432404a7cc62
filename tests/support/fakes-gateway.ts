import { mkdirSync, writeFileSync } from 'node:fs';
import { ALARM_NEWS, type Alarm, type JournalEntry } from '../../contract/alarm.ts';
import { QUALITIES, type Quality, type QualityCode, REASONS } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import { walkReadings } from '../../contract/wire-readings.ts';
import type { DeviceInfo, PointInfo } from '../../gateway/domain/plant.ts';
import { ReadingBuffer } from '../../gateway/domain/readings.ts';
import { KeyReusedError } from '../../gateway/door-readings.ts';
import type { Account, Accounts } from '../../gateway/http/auth.ts';
import { type Committed, type Ingest, OperatorError } from '../../gateway/ingest.ts';
import type { LastValue, Registry } from '../../gateway/registry.ts';
import type {
  AuditEntry,
  DeadLetter,
  EdgeRecord,
  LaneMark,
  Notification,
  Page,
  Store,
  StoredReading,
} from '../../gateway/store/store.ts';

/** Small stand-ins for what the HTTP door is handed; they keep what they are told in plain arrays and maps. */
export interface FakeGateway {
  readonly registry: Registry;
  readonly store: Store;
  readonly ingest: Ingest;
  readonly accounts: Accounts;
  readonly devices: Map<string, DeviceInfo>;
  readonly points: PointInfo[];
  readonly last: Map<number, LastValue>;
  readonly edges: Map<string, EdgeRecord>;
  readonly marks: LaneMark[];
  readonly stored: Map<number, StoredReading[]>;
  readonly alarms: Map<string, Alarm>;
  readonly journal: JournalEntry[];
  readonly notifications: Notification[];
  readonly letters: DeadLetter[];
  readonly audited: AuditEntry[];
  /** Devices whose rules were to be made anew. */
  readonly renewed: string[];
  readonly users: Map<string, Account & { password: string }>;
  readonly tokens: Map<string, string>;
  /** What readyz is told. */
  readiness: { ready: boolean; reason?: string };
  /** Thrown by every question to the store while set. */
  storeFault: Error | undefined;
  addDevice(device: Partial<DeviceInfo> & { readonly id: string }, ...measurements: Partial<PointInfo>[]): void;
  addAlarm(alarm: Partial<Alarm> & { readonly id: string }): Alarm;
  /** One reading, committed and announced. */
  reading(point: number, ts: Millis, value: number | undefined, quality?: Quality): void;
  announce(part: Partial<Committed>): void;
}

export function fakeGateway(now: () => Millis): FakeGateway {
  const devices = new Map<string, DeviceInfo>();
  const points: PointInfo[] = [];
  const last = new Map<number, LastValue>();
  const edges = new Map<string, EdgeRecord>();
  const marks: LaneMark[] = [];
  const stored = new Map<number, StoredReading[]>();
  const alarms = new Map<string, Alarm>();
  const journal: JournalEntry[] = [];
  const notifications: Notification[] = [];
  const letters: DeadLetter[] = [];
  const audited: AuditEntry[] = [];
  const keys = new Map<string, string>();
  const listeners = new Set<(committed: Committed) => void>();
  const users = new Map<string, Account & { password: string }>();
  const tokens = new Map<string, string>();
  let number = 0;

  const pointId = (device: string, measurement: string) =>
    points.find((point) => point.device === device && point.measurement === measurement)?.id;
  const registry: Registry = {
    device: (id) => devices.get(id),
    devices: () => devices.values(),
    point: (id) => points[id],
    pointId,
    points: () => points,
    pointsOf: (device) => points.filter((point) => point.device === device),
    source: () => undefined,
    last: (point) => last.get(point),
    edges: () => edges.values(),
    edge: (id) => edges.get(id),
    marks: () => marks,
  };

  const page = <T>(items: readonly T[], limit: number, cursor: string | undefined): Page<T> => {
    const from = cursor === undefined ? 0 : Number(cursor);
    const end = from + limit;
    return { items: items.slice(from, end), ...(end < items.length ? { cursor: String(end) } : {}) };
  };
  const guarded = <A extends readonly unknown[], R>(read: (...input: A) => R) => {
    return async (...input: A): Promise<R> => {
      if (gateway.storeFault !== undefined) throw gateway.storeFault;
      return read(...input);
    };
  };
  const inRange = (point: number, from: Millis, to: Millis) =>
    (stored.get(point) ?? []).filter(({ ts }) => ts >= from && ts < to);
  const store: Store = {
    id: 'fake',
    adoptNewId: async () => undefined,
    recover: async () => ({
      lastCommit: number,
      points,
      devices: [...devices.values()],
      sources: [],
      edges: [...edges.values()],
      marks,
      openAlarms: [...alarms.values()],
    }),
    replay: async function* () {},
    commit: async () => undefined,
    saveSnapshot: async () => undefined,
    readings: guarded((point, { from, to }, limit) => inRange(point, from, to).slice(0, limit)),
    buckets: guarded((point, { from, to }, count) => {
      const stepMs = (to - from) / count;
      return Array.from({ length: count }, (_, slot) => from + slot * stepMs).flatMap((ts) => {
        const values = inRange(point, ts, ts + stepMs).flatMap(({ value }) => value ?? []);
        if (values.length === 0) return [];
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        return [
          { ts, min: Math.min(...values), max: Math.max(...values), mean, count: values.length, worstQuality: 'good' },
        ];
      });
    }),
    query: guarded(({ points: ids, from, to, across }) => {
      const series = ids.map((point) => ({
        point,
        values: inRange(point, from, to).map(({ ts, value = 0 }) => ({
          ts,
          value,
          count: 1,
          worstQuality: 'good' as const,
        })),
      }));
      return across === undefined ? series : [{ values: series.flatMap(({ values }) => values) }];
    }),
    latest: guarded((ids, tell) => {
      for (const id of ids) {
        const { ts, value = Number.NaN, quality, reason } = stored.get(id)?.at(-1) ?? {};
        if (ts === undefined) continue;
        tell(
          id,
          ts,
          value,
          QUALITIES.indexOf(quality as Quality) as QualityCode,
          reason === undefined ? 0 : REASONS.indexOf(reason),
        );
      }
    }),
    existing: guarded((pairs) => pairs.map(({ point, ts }) => stored.get(point)?.find((reading) => reading.ts === ts))),
    idempotencyFingerprint: guarded((key) => keys.get(key)),
    alarms: guarded(({ states, open, priorities, asset, kind, limit, cursor }) =>
      page(
        [...alarms.values()].filter(
          (alarm) =>
            (states === undefined || states.includes(alarm.state)) &&
            (open === undefined || alarm.state !== 'normal' || alarm.holds.length > 0 || alarm.latched) &&
            (priorities === undefined || priorities.includes(alarm.priority)) &&
            (asset === undefined || alarm.asset === asset) &&
            (kind === undefined || alarm.kind === kind),
        ),
        limit,
        cursor,
      ),
    ),
    alarm: guarded((id) => alarms.get(id)),
    journal: guarded(({ alarm, limit, cursor }) =>
      page(journal.filter((entry) => alarm === undefined || entry.alarm === alarm).reverse(), limit, cursor),
    ),
    annunciations: guarded((_range, open) => {
      const known = [...alarms.values()];
      const people = [...new Set(journal.map(({ who }) => who).filter((who) => who !== 'system'))];
      const rules = known.map(({ id, asset, kind, priority }) => ({ rule: id, asset, kind, priority }));
      const lines = journal.map((entry) => ({ ...entry, row: known.findIndex(({ id }) => id === entry.alarm) }));
      open({ rules, people })({
        length: lines.length,
        alarm: lines.map(({ row }) => row),
        rule: lines.map(({ row }) => row),
        at: lines.map(({ at }) => at),
        recordedAt: lines.map(({ recordedAt }) => recordedAt),
        told: lines.map(({ told }) => (told === undefined ? 0 : ALARM_NEWS.indexOf(told) + 1)),
        who: lines.map(({ who }) => people.indexOf(who)),
      });
    }),
    floods: guarded(() => ({ items: [] })),
    dueNotifications: guarded(() => []),
    notifications: guarded(({ alarm, limit, cursor }) =>
      page(
        notifications.filter((entry) => alarm === undefined || entry.alarm === alarm),
        limit,
        cursor,
      ),
    ),
    deadLetters: guarded(({ reason, limit, cursor }) =>
      page(
        letters.filter((letter) => reason === undefined || letter.reason === reason),
        limit,
        cursor,
      ),
    ),
    deadLetter: guarded((id) => letters.find((letter) => letter.id === id)),
    audit: guarded(({ limit, cursor }) => page([...audited].reverse(), limit, cursor)),
    exportParquet: guarded((_points, _range, file) => writeFileSync(file, 'PAR1')),
    backup: guarded((folder) => void mkdirSync(folder)),
    problems: [],
    close: async () => undefined,
  };

  const announce = (part: Partial<Committed>) => {
    number++;
    const nothing = {
      readings: new ReadingBuffer(),
      alarms: [],
      journal: [],
      floods: [],
      marks: [],
      notifications: [],
      devices: [],
      edges: [],
    };
    for (const listener of [...listeners]) listener({ number, at: now(), ...nothing, ...part });
  };
  const keep = (point: number, reading: StoredReading) => {
    stored.set(point, [...(stored.get(point) ?? []), reading]);
    last.set(point, { ...reading, receivedAt: now() });
  };
  const addPoint = (device: string, measurement: string, more: Partial<PointInfo> = {}) => {
    const id = points.length;
    points.push({ id, device, measurement, maxSilenceMs: 300_000, reportingDelayMs: 0, ...more });
    return id;
  };
  const ingest: Ingest = {
    batch: async () => {
      throw new Error('the HTTP door sends no batches');
    },
    async readings(_door, entries, receivedAt, once) {
      const rejected: { reason: never; detail: string }[] = [];
      const receipt = { stored: 0, duplicate: 0, corrected: 0 };
      if (once !== undefined) {
        const used = keys.get(once.key);
        if (used !== undefined && used !== once.fingerprint) throw new KeyReusedError();
        if (used !== undefined) return { ...receipt, rejected };
        keys.set(once.key, once.fingerprint);
      }
      const columns = new ReadingBuffer();
      walkReadings(entries, {
        reading(device, measurement, ts = receivedAt, value, quality, reason) {
          if (!devices.has(device)) gateway.addDevice({ id: device, origin: 'discovered' });
          const point = pointId(device, measurement) ?? addPoint(device, measurement);
          columns.push(point, ts, value, quality, reason);
          const why = REASONS[reason];
          keep(point, {
            ts,
            ...(Number.isNaN(value) ? {} : { value }),
            quality: QUALITIES[quality],
            ...(why === undefined || why === '' ? {} : { reason: why }),
          });
          receipt.stored++;
        },
        rejected: (reason, detail) => void rejected.push({ reason: reason as never, detail }),
      });
      announce({ readings: columns });
      return { ...receipt, rejected };
    },
    edgeState: async () => undefined,
    async operate({ action, alarm: id, who, at, comment, until }) {
      const alarm = alarms.get(id);
      if (alarm === undefined) throw new OperatorError('alarm-unknown', `no alarm ${id}`);
      if (action === 'shelve' && until === undefined) throw new OperatorError('action-invalid', 'shelve until when?');
      if (action === 'acknowledge' && alarm.state !== 'unacknowledged')
        throw new OperatorError('action-not-possible', `${id} is ${alarm.state}`);
      const next: Alarm = {
        ...alarm,
        changedAt: at,
        ...(action === 'acknowledge' ? { state: 'acknowledged', acknowledgedBy: who, acknowledgedAt: at } : {}),
        ...(action === 'shelve' && until !== undefined ? { holds: ['shelved'], shelvedUntil: until } : {}),
      };
      alarms.set(id, next);
      const entry: JournalEntry = {
        alarm: id,
        at,
        recordedAt: at,
        from: alarm.state,
        to: next.state,
        event: action,
        who,
        ...(comment === undefined ? {} : { why: comment }),
      };
      journal.push(entry);
      announce({ alarms: [next], journal: [entry] });
      return next;
    },
    notified: async () => undefined,
    deadLetter: async (letter) => void letters.push(letter),
    audit: async (entry) => void audited.push(entry),
    tick: async () => undefined,
    renewRules: async (devices) => void gateway.renewed.push(...devices),
    ready: () => gateway.readiness,
    onCommitted(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => undefined,
  };

  const accounts: Accounts = {
    find: (name) => users.get(name),
    verify: async (name, password) => {
      const user = users.get(name);
      return user?.password === password ? user : undefined;
    },
    hasToken: () => false,
    verifyToken: (token) => users.get(tokens.get(token) ?? ''),
    async replaceFirst(current, next) {
      if (next.password.length < 8) throw Object.assign(new Error('at least 8 characters'), { code: 'password-weak' });
      if (next.name !== current && users.has(next.name))
        throw Object.assign(new Error(`${next.name} is taken`), { code: 'username-taken' });
      const user = { name: next.name, role: 'admin' as const, password: next.password };
      users.delete(current);
      users.set(next.name, user);
      return user;
    },
    async setPassword(name, password) {
      if (password.length < 8) throw Object.assign(new Error('at least 8 characters'), { code: 'password-weak' });
      const user = users.get(name);
      if (user !== undefined) users.set(name, { ...user, password });
    },
  };

  const gateway: FakeGateway = {
    registry,
    store,
    ingest,
    accounts,
    devices,
    points,
    last,
    edges,
    marks,
    stored,
    alarms,
    journal,
    notifications,
    letters,
    audited,
    renewed: [],
    users,
    tokens,
    readiness: { ready: true },
    storeFault: undefined,
    addDevice(device, ...measurements) {
      devices.set(device.id, { class: 'generic', origin: 'declared', attributes: {}, ...device });
      for (const more of measurements) addPoint(device.id, more.measurement ?? 'value', more);
    },
    addAlarm(part) {
      const alarm: Alarm = {
        kind: 'high',
        asset: 'fm-12',
        priority: 2,
        state: 'unacknowledged',
        holds: [],
        latched: false,
        active: true,
        message: 'Flow high: 92.4 m³/h, limit 80.',
        since: now(),
        raisedAt: now(),
        changedAt: now(),
        raisedLate: false,
        evidence: {},
        ...part,
      };
      alarms.set(alarm.id, alarm);
      return alarm;
    },
    reading(point, ts, value, quality = 'good') {
      keep(point, { ts, quality, ...(value === undefined ? {} : { value }) });
      const columns = new ReadingBuffer();
      columns.push(point, ts, value ?? Number.NaN, QUALITIES.indexOf(quality) as 0 | 1 | 2, 0);
      announce({ readings: columns });
    },
    announce,
  };
  return gateway;
}
