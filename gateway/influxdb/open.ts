import type { Logger } from 'pino';
import type { Millis } from '../../contract/time.ts';
import type { Ingest } from '../ingest.ts';
import type { Metrics } from '../metrics.ts';
import { openOutgoing } from '../notify/outgoing.ts';
import type { Registry } from '../registry.ts';
import type { DuckDbStore } from '../store/duckdb.ts';
import type { Store } from '../store/store.ts';
import { Archive } from './archive.ts';
import { archivedStore } from './archived-store.ts';
import { InfluxClient } from './client.ts';
import { seriesKey } from './lines.ts';
import { Outlet, type OutletStatus } from './outlet.ts';
import type { PositionFile } from './position.ts';
import { allowedHosts, COPY_DEVICE, type HistoryConfig, targetName } from './settings.ts';

const CONNECT_TIMEOUT_MS = 5000;
/** How often it tells. */
const TELL_EVERY_MS = 30_000;
const STATES: readonly OutletStatus['state'][] = ['new', 'ok', 'behind', 'away', 'refused', 'failed'];

/** The copy to InfluxDB, as the rest of the gateway knows it. */
export interface InfluxCopy {
  status(): OutletStatus;
  resend(lines: string): Promise<number>;
  close(): Promise<void>;
}

/** A client whose addresses are checked like those of other outgoing requests. */
export function openInfluxClient(
  { target, allowHosts: own }: Pick<Influxdb, 'target' | 'allowHosts'>,
  { allowHosts, proxy }: { readonly allowHosts: readonly string[]; readonly proxy?: string | undefined },
): InfluxClient & { close(): Promise<void> } {
  const outgoing = openOutgoing({
    allowHosts: allowedHosts(target.url, [...allowHosts, ...own]),
    proxy,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  });
  const client = new InfluxClient({
    ...target,
    dispatcher: outgoing.dispatcher,
    checkUrl: (url) => outgoing.check(url),
  });
  return Object.assign(client, { close: () => outgoing.close() });
}

/** The local store, and InfluxDB for what retention has taken from it. */
export function withArchive(local: DuckDbStore, client: InfluxClient, registry: Registry): Store {
  return archivedStore(local, {
    archive: new Archive(client),
    registry,
    forgotten: () => ({ before: local.forgotten.before, ofClass: local.forgotten.byName }),
  });
}

type Influxdb = Extract<HistoryConfig, { kind: 'influxdb' }>;

export interface InfluxParts extends Pick<Influxdb, 'target' | 'bufferBytes'> {
  readonly client: InfluxClient;
  readonly position: PositionFile;
  readonly store: DuckDbStore;
  readonly registry: Registry;
  /** Of devices that name none. */
  readonly site: string;
  readonly ingest: Pick<Ingest, 'readings' | 'deadLetter'>;
  readonly metrics: Metrics;
  readonly now: () => Millis;
  readonly newId: () => string;
  readonly log: Logger;
}

/** Begins to copy every committed reading to InfluxDB, and shows how that goes. */
export function openInfluxCopy(parts: InfluxParts): InfluxCopy {
  const { target, client, position, store, registry, site, ingest, metrics, now, newId, log, bufferBytes } = parts;
  const feed = store.copyFeed;
  if (feed === undefined) throw new Error('the store was opened without a feed for copies');
  position.inStore(store.id);
  const outlet = new Outlet({
    target: targetName(target),
    client,
    feed,
    position,
    keyOf: keysOf(registry, site),
    bytesMax: bufferBytes,
    deadLetter: (letter) => ingest.deadLetter(letter),
    now,
    newId,
    log,
  });
  showCopy(metrics, () => outlet.status);
  const tell = () => {
    const { lagS, lost, rejected } = outlet.status;
    const values = { 'copy-lag': lagS, 'copy-lost': lost, 'copy-rejected': rejected };
    ingest
      .readings('http', [{ device: COPY_DEVICE, ts: now(), values }], now())
      .catch((error: unknown) => log.warn({ err: error }, 'state of the copy not stored'));
  };
  tell();
  const telling = setInterval(tell, TELL_EVERY_MS);
  return {
    status: () => outlet.status,
    resend: (lines) => outlet.resend(lines),
    async close() {
      clearInterval(telling);
      await outlet.stop();
    },
  };
}

/** Beginnings of lines, made once for each point and again when its device is described anew. */
export function keysOf(
  registry: Pick<Registry, 'point' | 'device'>,
  site: string,
): (point: number) => Uint8Array | undefined {
  const keys: { readonly device: unknown; readonly key: Uint8Array }[] = [];
  return (id) => {
    const point = registry.point(id);
    if (point === undefined) return undefined;
    const device = registry.device(point.device);
    const known = keys[id];
    if (known !== undefined && known.device === device) return known.key;
    const { device: name, measurement } = point;
    const key = Buffer.from(seriesKey({ device: name, measurement, class: device?.class, site: device?.site ?? site }));
    keys[id] = { device, key };
    return key;
  };
}

function showCopy(metrics: Metrics, status: () => OutletStatus): void {
  const show = (name: string, help: string, read: () => number) =>
    metrics.gauge(`hanfeng_influxdb_${name}`, help, read);
  show('written_readings', 'Readings written to InfluxDB since the start.', () => status().written);
  show('lag_seconds', 'Since everything was there; 0 while it is.', () => status().lagS);
  show('waiting_commits', 'Commits that are not there yet.', () => status().commitsWaiting);
  show('waiting_bytes', 'Disk taken by what waits.', () => status().bytesWaiting);
  show('lost_readings', 'Readings given up for lack of room, ever.', () => status().lost);
  show('rejected_readings', 'Readings that InfluxDB did not take, ever.', () => status().rejected);
  show('state', `Place in ${STATES.join(', ')}, from 0.`, () => STATES.indexOf(status().state));
}
