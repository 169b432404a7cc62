import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Alarm } from '../../contract/alarm.ts';
import type { BatchEnvelope } from '../../contract/batch.ts';
import type { Judge, Verdict } from '../../gateway/domain/judge.ts';
import type { JudgeInput, PointInfo, Rule, SourceInfo } from '../../gateway/domain/plant.ts';
import type { Readings } from '../../gateway/domain/readings.ts';
import { type IngestOptions, IngestPath } from '../../gateway/ingest.ts';
import type { PlantCatalog } from '../../gateway/plant-growth.ts';
import { PlantRegistry } from '../../gateway/registry.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import type { Store } from '../../gateway/store/store.ts';
import { removeFolder } from './folders.ts';

/** Remembers what it was told and raises an alarm for every value of 100 or more. */
export class FakeJudge implements Judge {
  readonly told: string[] = [];
  readonly points = new Map<number, { point: PointInfo; source: number; rules: readonly Rule[] }>();
  readonly sources = new Map<number, SourceInfo>();
  private sum = 0;
  private inputs = 0;
  private clock = 0;

  reserve(): void {}

  addPoint(point: PointInfo, source: number, rules: readonly Rule[]): void {
    this.points.set(point.id, { point, source, rules });
  }

  addSource(source: SourceInfo): void {
    this.sources.set(source.id, source);
  }

  apply(input: JudgeInput, readings: Readings, verdict: Verdict) {
    if (input.kind === 'operator' && input.command.alarm === 'unknown')
      return { code: 'alarm-unknown' as const, message: 'no such alarm' };
    this.inputs++;
    this.told.push(this.describe(input, readings));
    if (input.kind === 'tick') this.clock = input.at;
    if (input.kind === 'operator') verdict.alarms.push(fakeAlarm(input.command.alarm, 'acknowledged', this.clock));
    if (input.kind === 'readings') {
      for (let row = input.from; row < input.to; row++) {
        const value = readings.value[row] as number;
        if (!Number.isNaN(value)) this.sum += value;
        if (value >= 100) {
          const id = `high-${readings.point[row]}-${readings.tsMs[row]}`;
          verdict.alarms.push(fakeAlarm(id, 'unacknowledged', readings.tsMs[row] as number));
          verdict.journal.push({
            alarm: id,
            at: readings.tsMs[row] as number,
            recordedAt: input.receivedAt,
            from: 'normal',
            to: 'unacknowledged',
            event: 'raise',
            who: 'system',
          });
        }
      }
    }
    return undefined;
  }

  snapshot(): string {
    return JSON.stringify({ sum: this.sum, inputs: this.inputs, clock: this.clock });
  }

  freeze(): Iterable<string> {
    return [this.snapshot()];
  }

  readonly adopted: string[] = [];

  adopt(open: readonly Alarm[]): void {
    this.adopted.push(...open.map(({ id }) => id));
  }

  reconcile(): void {}

  restore(state: string): void {
    ({ sum: this.sum, inputs: this.inputs, clock: this.clock } = JSON.parse(state));
  }

  private describe(input: JudgeInput, readings: Readings): string {
    const source = (id: number) => this.sources.get(id)?.key ?? `unknown source ${id}`;
    switch (input.kind) {
      case 'readings': {
        const rows = [];
        for (let row = input.from; row < input.to; row++) {
          const info = this.points.get(readings.point[row] as number)?.point;
          rows.push(`${info?.device}/${info?.measurement}@${readings.tsMs[row]}=${readings.value[row]}`);
        }
        return `${source(input.source)}: ${rows.join(' ')}`;
      }
      case 'up-to':
        return `${source(input.source)} up to ${input.upTo}`;
      case 'tick':
        return `tick ${input.at}`;
      case 'edge':
        return `${input.edge} ${input.online ? 'online' : 'offline'}`;
      case 'heard':
        return `heard ${input.edge}`;
      case 'delivery':
        return `${input.edge} misses ${input.missing}`;
      case 'taught':
        return `taught at ${input.at}`;
      case 'operator':
        return `${input.command.action} ${input.command.alarm}`;
      case 'rules':
        return `${input.keys.join(' ')} changed by ${input.by.who}`;
      case 'located':
        return `located ${input.alarm}`;
    }
  }
}

export function fakeAlarm(id: string, state: Alarm['state'], at: number): Alarm {
  return {
    id,
    kind: 'high',
    asset: 'a',
    priority: 2,
    state,
    holds: [],
    latched: false,
    active: true,
    message: 'high',
    since: at,
    raisedAt: at,
    changedAt: at,
    raisedLate: false,
    evidence: {},
  };
}

/** Everything is discovered as it comes; nothing is declared. */
export function openCatalog(declared: PlantCatalog['declared'] = []): PlantCatalog {
  return {
    declared,
    describeDevice: (id, { edge, line, model }) => ({
      id,
      class: 'generic',
      origin: declared.some(({ device }) => device === id) ? 'declared' : 'discovered',
      attributes: {},
      ...(edge === undefined ? {} : { edge }),
      ...(line === undefined ? {} : { line }),
      ...(model === undefined ? {} : { model }),
    }),
    describePoint: (device, measurement, { unit, everyMs }) => ({
      device: device.id,
      measurement,
      maxSilenceMs: everyMs === undefined ? 300_000 : 3 * everyMs,
      reportingDelayMs: 0,
      ...(unit === undefined ? {} : { unit }),
      ...(everyMs === undefined ? {} : { everyMs }),
    }),
    rulesFor: () => [],
  };
}

/** Takes everything; a `flow` above 80 rings at once. */
export function flowHighCatalog(): PlantCatalog {
  return {
    ...openCatalog(),
    rulesFor: (point) =>
      point.measurement !== 'flow'
        ? []
        : [
            {
              key: `${point.device}/flow#high`,
              kind: 'high',
              asset: point.device,
              point: point.id,
              pointId: `${point.device}/flow`,
              priority: 2,
              setpoint: 80,
              deadband: 2,
              onDelayMs: 0,
              offDelayMs: 0,
              latch: false,
              title: 'Flow high',
            },
          ],
  };
}

export interface IngestRig {
  readonly dataDir: string;
  readonly judge: FakeJudge;
  readonly registry: PlantRegistry;
  readonly store: Store;
  readonly ingest: IngestPath;
  readonly errors: unknown[];
  /** Orderly stop and a new start on the same data. */
  restart(): Promise<void>;
  /** A start from the same data without an orderly stop: the old one never snapshots. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

/** A whole ingest path over a store in a temporary folder. */
export async function openRig(
  more: Partial<Pick<IngestOptions, 'discovery' | 'catalog' | 'now' | 'planNotifications'>> & {
    readonly wrapStore?: (store: Store) => Store;
    /** Instead of a temporary folder. */
    readonly dataDir?: string;
    readonly ballastBytes?: number;
  } = {},
): Promise<IngestRig> {
  const dataDir = more.dataDir ?? join(mkdtempSync(join(tmpdir(), 'hanfeng-ingest-')), 'data');
  const ballast = more.ballastBytes === undefined ? {} : { ballastBytes: more.ballastBytes };
  const errors: unknown[] = [];
  let ids = 0;
  const start = async () => {
    const real = await DuckDbStore.open({ dataDir, newId: () => `store-${++ids}`, ...ballast });
    const store = more.wrapStore?.(real) ?? real;
    const judge = new FakeJudge();
    const registry = new PlantRegistry();
    const ingest = await IngestPath.open({
      store,
      judge,
      registry,
      catalog: more.catalog ?? openCatalog(),
      discovery: more.discovery ?? 'accept',
      planNotifications: more.planNotifications ?? (() => []),
      now: more.now ?? Date.now,
      newId: () => `id-${++ids}`,
      log: {
        info: () => {},
        warn: (...line: unknown[]) => errors.push(line),
        error: (...line: unknown[]) => errors.push(line),
      },
      onBroken: (error) => errors.push(error),
    });
    return { judge, registry, store, real, ingest };
  };
  let parts = await start();
  return {
    dataDir,
    errors,
    get judge() {
      return parts.judge;
    },
    get registry() {
      return parts.registry;
    },
    get store() {
      return parts.store;
    },
    get ingest() {
      return parts.ingest;
    },
    async restart() {
      await parts.ingest.close();
      await parts.real.close();
      parts = await start();
    },
    async crash() {
      await parts.real.close();
      parts = await start();
    },
    async close() {
      await parts.ingest.close();
      await parts.real.close();
      removeFolder(more.dataDir ?? join(dataDir, '..'));
    },
  };
}

/** A batch as it comes off the wire. */
export function envelope(seq: number, readings: readonly unknown[], more: Partial<BatchEnvelope> = {}): BatchEnvelope {
  return {
    outbox: 'lane-1',
    seq,
    made: seq,
    sentAt: more.sentAt ?? 0,
    clock: 'synced',
    upTo: {},
    readings: [...readings],
    ...more,
  };
}
