import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pino } from 'pino';
import type { Alarm, JournalEntry } from '../contract/alarm.ts';
import { openAccounts } from '../gateway/accounts.ts';
import { createJudge } from '../gateway/domain/judge.ts';
import type { Rule } from '../gateway/domain/plant.ts';
import { ReadingBuffer } from '../gateway/domain/readings.ts';
import { createHttpServer } from '../gateway/http/server.ts';
import { IngestPath } from '../gateway/ingest.ts';
import { createMetrics } from '../gateway/metrics.ts';
import { planNotifications } from '../gateway/notify/plan.ts';
import type { PlantCatalog } from '../gateway/plant-growth.ts';
import { PlantRegistry } from '../gateway/registry.ts';
import { DuckDbStore } from '../gateway/store/duckdb.ts';
import { removeFolder } from './folders.ts';

const PER_BATCH = 1000;
const MEASUREMENTS = 10;
const REPEATS = 15;
/** Points that show no alarm, beside those that do: a batch of an edge each. */
const OTHER_BATCHES = 50;
const OTHERS_AT_ONCE = 5;
/** Between what is made and what is measured. */
const REST_MS = 500;
const DAY_MS = 86_400_000;

/** One limit on every point; places and titles differ, so that a search for text has something to find. */
const CATALOG: PlantCatalog = {
  declared: [],
  describeDevice: (id, { edge, line }) => ({
    id,
    class: 'generic',
    origin: 'discovered',
    attributes: {},
    location: `Street ${Number(id.slice(2)) % 97}`,
    ...(edge === undefined ? {} : { edge }),
    ...(line === undefined ? {} : { line }),
  }),
  describePoint: ({ id }, measurement) => ({ device: id, measurement, maxSilenceMs: 300_000, reportingDelayMs: 0 }),
  rulesFor: (point, device): Rule[] => [
    {
      key: `${device.id}/${point.measurement}#high`,
      kind: 'high',
      asset: device.id,
      assetClass: 'generic',
      point: point.id,
      pointId: `${device.id}/${point.measurement}`,
      priority: (1 + (point.id % 4)) as Rule['priority'],
      setpoint: 80,
      deadband: 2,
      onDelayMs: 0,
      offDelayMs: 0,
      latch: false,
      title: 'Value high',
      response: 'Look at it.',
      ...(device.location === undefined ? {} : { location: device.location }),
    },
  ],
};

/** Store, ingest, judge, feed and HTTP door as a gateway joins them: lists of many alarms, and a second of many transitions. */
export async function wholeGateway(atLeast: number, yearLines: number) {
  const dataDir = mkdtempSync(join(tmpdir(), 'hanfeng-alarms-'));
  const store = await DuckDbStore.open({ dataDir, newId: randomUUID });
  const registry = new PlantRegistry();
  const metrics = createMetrics();
  const log = pino({ level: 'warn' });
  const accounts = await openAccounts(dataDir, Date.now);
  const { token } = await accounts.addToken({ name: 'bench', role: 'admin' });
  const ingest = await IngestPath.open({
    store,
    registry,
    judge: createJudge({ timezone: 'Asia/Shanghai', device: (id) => registry.device(id) }),
    catalog: CATALOG,
    discovery: 'accept',
    planNotifications: (...step) =>
      planNotifications({ channels: [{ name: 'desk' }] }, step[0], step[1], { id: 'b' }, step[2]),
    now: Date.now,
    newId: randomUUID,
    log,
    onBroken: (error) => log.error(error),
  });
  const site = { id: 'bench', name: 'bench', timezone: 'Asia/Shanghai' };
  const app = await createHttpServer({
    ...{ config: {}, ingest, store, registry, accounts, metrics, site, version: '0', now: Date.now, log },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const api = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/api/v1`;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const told = await listen(api, headers);
  const batches = new Batches(ingest, Math.max(1, Math.ceil(atLeast / PER_BATCH)));
  const alarms = batches.count * PER_BATCH;
  try {
    await batches.send(50);
    for (let n = 0; n < OTHER_BATCHES; n++) await batches.other(n, 1)();
    const floodStartedAt = performance.now();
    await batches.send(95);
    const raiseAllMs = performance.now() - floodStartedAt;
    const lists = await listFigures(api, headers, alarms);
    const second = await transitionsInASecond(batches, told);
    const year = await yearFigures(store, api, headers, yearLines);
    const { items: stored } = await store.alarms({ states: ['rtn-unacknowledged'], limit: 10_000 });
    return { activeAlarms: alarms, raiseAllMs, ...lists, ...second, transitionsStored: stored.length, ...year };
  } finally {
    told.stop();
    await app.close();
    await ingest.close();
    await store.close();
    removeFolder(dataDir);
  }
}

/** Batches of an edge each, one lane and number after the other. */
class Batches {
  readonly count: number;
  readonly ingest: IngestPath;
  private seq = 0;

  constructor(ingest: IngestPath, count: number) {
    this.ingest = ingest;
    this.count = count;
  }

  /** Every point shows this value now. */
  async send(value: number): Promise<void> {
    await Promise.all(this.made(value, this.count).map((send) => send()));
  }

  /** Batches in which every point of the first edges shows this value now: made, and sent when they are called. */
  made(value: number, edges: number): (() => Promise<unknown>)[] {
    this.seq++;
    return Array.from({ length: edges }, (_, edge) => this.batch(edge, value));
  }

  /** A batch of points that stay within their limits. */
  other(n: number, seq: number): () => Promise<unknown> {
    return this.batch(1000 + n, 50, seq);
  }

  private batch(edge: number, value: number, seq = this.seq): () => Promise<unknown> {
    const at = Date.now();
    const readings = Array.from({ length: PER_BATCH / MEASUREMENTS }, (_, n) => ({
      device: `d-${edge * (PER_BATCH / MEASUREMENTS) + n}`,
      ts: at,
      values: Object.fromEntries(Array.from({ length: MEASUREMENTS }, (_v, m) => [`m${m}`, value])),
    }));
    const envelope = {
      ...{ outbox: 'lane', seq, made: seq * PER_BATCH, sentAt: at, clock: 'synced' as const },
      ...{ upTo: { line: at }, readings },
    };
    return () => this.ingest.batch(`e-${edge}`, envelope, at);
  }
}

/** A screen that listens: alarm events by their kind. */
async function listen(api: string, headers: Record<string, string>) {
  const answer = await fetch(`${api}/live/subscriptions`, { method: 'POST', headers, body: '{"alarms": true}' });
  const { subscription } = (await answer.json()) as { subscription: string };
  const ending = new AbortController();
  const stream = await fetch(`${api}/live?subscription=${subscription}`, { headers, signal: ending.signal });
  const counts = { events: 0, hellos: 0 };
  const reading = (async () => {
    let rest = '';
    for await (const part of stream.body as unknown as AsyncIterable<Uint8Array>) {
      const text = rest + Buffer.from(part).toString('latin1');
      counts.events += text.split('event: alarm\n').length - 1;
      counts.hellos += text.split('event: hello\n').length - 1;
      // A line may be cut between two parts.
      rest = text.slice(text.lastIndexOf('\n') + 1);
    }
  })().catch(() => {});
  return {
    counts,
    stop() {
      ending.abort();
      void reading;
    },
  };
}

async function listFigures(api: string, headers: Record<string, string>, alarms: number) {
  const timed = async (query: string) => {
    const costs: number[] = [];
    let total = 0;
    const cpuBefore = process.cpuUsage();
    for (let n = 0; n < REPEATS; n++) {
      const startedAt = performance.now();
      const answer = await fetch(`${api}/alarms?${query}`, { headers });
      ({ total } = (await answer.json()) as { total: number });
      costs.push(performance.now() - startedAt);
    }
    costs.sort((a, b) => a - b);
    const { user, system } = process.cpuUsage(cpuBefore);
    const cpu = (user + system) / 1000 / REPEATS;
    return { median: costs[Math.floor(REPEATS / 2)] as number, worst: costs.at(-1) as number, cpu, total };
  };
  const first = await timed('limit=500');
  const state = await timed('state=unacknowledged&limit=500');
  const priority = await timed('priority=1&limit=500');
  const asset = await timed('asset=d-77');
  const text = await timed('q=street%2042&limit=500');
  const large = await timed('limit=5000');
  if (first.total !== alarms) throw new Error(`${first.total} alarms listed, ${alarms} made`);
  return {
    listFirst500Ms: first.median,
    listFirst500WorstMs: first.worst,
    listFirst500CpuMs: first.cpu,
    listByStateMs: state.median,
    listByPriorityMs: priority.median,
    listByAssetMs: asset.median,
    listByTextMs: text.median,
    listByTextCpuMs: text.cpu,
    listFirst5000Ms: large.median,
  };
}

/** 10,000 points (all, when there are fewer) come back within their limits in one second, while other points go on being read. */
async function transitionsInASecond(batches: Batches, told: Awaited<ReturnType<typeof listen>>) {
  const before = told.counts.events;
  const flooded = Math.min(10, batches.count);
  const transitions = flooded * PER_BATCH;
  // Made beforehand: the loop is the gateway's.
  const returning = batches.made(50, flooded);
  const others = Array.from({ length: OTHER_BATCHES }, (_, n) => batches.other(n, 2));
  await new Promise((turn) => setTimeout(turn, REST_MS));
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  const startedAt = performance.now();
  const flood = Promise.all(returning.map((send) => send()));
  const latencies: number[] = [];
  const calm = (async () => {
    for (let n = 0; n < OTHER_BATCHES; n += OTHERS_AT_ONCE) {
      const sentAt = performance.now();
      await Promise.all(others.slice(n, n + OTHERS_AT_ONCE).map((send) => send()));
      latencies.push(performance.now() - sentAt);
    }
  })();
  await flood;
  const transitionsMs = performance.now() - startedAt;
  await calm;
  loop.disable();
  for (
    const deadline = performance.now() + 20_000;
    told.counts.events - before < transitions && told.counts.hellos < 2 && performance.now() < deadline;
  )
    await new Promise((turn) => setTimeout(turn, 20));
  return {
    transitions,
    transitionsStoredMs: transitionsMs,
    transitionsOnTheFeed: told.counts.events - before,
    feedOverruns: told.counts.hellos - 1,
    otherReadingsWorstMs: Math.max(...latencies),
    loopMaxMs: loop.max / 1e6,
  };
}

/** A year of alarms as the store keeps them, and the page of figures over it. */
async function yearFigures(store: DuckDbStore, api: string, headers: Record<string, string>, lines: number) {
  const to = Date.now();
  const from = to - 365 * DAY_MS;
  const perCommit = 15_000;
  let number = (await store.recover()).lastCommit;
  for (let first = 0; first < lines; first += perCommit) {
    const journal: JournalEntry[] = [];
    const alarms: Alarm[] = [];
    for (let n = first; n < Math.min(lines, first + perCommit); n++) {
      const id = `y-${Math.floor(n / 3)}`;
      const at = from + Math.floor((n / lines) * 365 * DAY_MS);
      const event = (['raise', 'acknowledge', 'return'] as const)[n % 3] as 'raise';
      const who = event === 'raise' || n % 3 === 2 ? 'system' : `person-${n % 7}`;
      journal.push({ alarm: id, at, recordedAt: at, from: 'normal', to: 'normal', event, who, told: event });
      const asset = `d-${Math.floor(n / 3) % 3000}`;
      alarms.push({
        ...{ id, rule: `${asset}/m1#high`, kind: 'high', asset, point: `${asset}/m1`, priority: 3, state: 'normal' },
        ...{ holds: [], latched: false, active: false, message: 'Value high', since: at, raisedAt: at, changedAt: at },
        ...{ raisedLate: false, evidence: {} },
      });
    }
    number++;
    const newest = [...new Map(alarms.map((alarm) => [alarm.id, alarm])).values()];
    await store.commit({
      number: number + 1e6,
      at: to,
      readings: new ReadingBuffer(1),
      inputs: [],
      journal,
      alarms: newest,
    });
  }
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  const startedAt = performance.now();
  const answer = await fetch(`${api}/alarms/performance?from=${from}&to=${to - DAY_MS}`, { headers });
  const { raised } = (await answer.json()) as { raised: number };
  const yearMs = performance.now() - startedAt;
  loop.disable();
  return { yearLines: lines, yearRaised: raised, yearMs, yearLoopMaxMs: loop.max / 1e6 };
}
