import type { IngestPath } from './ingest.ts';
import { type Ledger, ledgersOf, missingReadings } from './lanes.ts';
import { type Metrics, WAIT_BUCKETS_S } from './metrics.ts';
import type { Registry } from './registry.ts';
import type { DuckDbStore } from './store/duckdb.ts';

/** Shows the path's counts, asked at each scrape: the path itself only increments numbers. */
export function showIngest(metrics: Metrics, ingest: IngestPath, registry: Registry, store?: DuckDbStore): void {
  const { counts } = ingest;
  const show = (name: string, help: string, read: () => number) => metrics.gauge(`hanfeng_ingest_${name}`, help, read);
  const count = (name: string, help: string, read: () => number) =>
    metrics.counter(`hanfeng_ingest_${name}_total`, help, read);
  count('stored_readings', 'Readings stored since the start.', () => counts.stored);
  count('duplicate_readings', 'Readings that came again at a door without lanes.', () => counts.duplicates);
  count('corrected_readings', 'Readings whose moment was stored with another value before.', () => counts.corrected);
  count('duplicate_batches', 'Batches that came again and were not stored again.', () => counts.duplicateBatches);
  count(
    'refused_batches',
    'Batches too far ahead of their lane; the edge sends them again.',
    () => counts.refusedBatches,
  );
  count('listener_errors', 'Failures of those who are told of commits.', () => counts.listenerErrors);
  count('judge_errors', 'Failures of the judge; its input is stored all the same.', () => counts.judgeErrors);
  show('queued', 'Messages waiting for room in the next commit.', () => ingest.queued);
  show(
    'missing_readings',
    'Readings the edges made and the store has not (made - stored - rejected - dropped).',
    () => {
      let missing = 0;
      for (const mark of registry.marks()) missing += missingReadings(mark);
      return missing;
    },
  );
  count('commits', 'Commits since the start.', () => ingest.commits.done);
  count('commit_retries', 'Commits that had to be repeated.', () => ingest.commits.retries);
  show('last_commit_seconds', 'How long the last commit took.', () => ingest.commits.lastMs / 1000);
  count('snapshot_failures', 'Snapshots of the judge that could not be saved.', () => ingest.snapshotFailures);
  const seconds = metrics.histogram('hanfeng_ingest_commit_seconds', 'How long commits took.', WAIT_BUCKETS_S);
  const rejected = metrics.counters('hanfeng_ingest_rejected_total', 'Readings and messages kept as dead letters.', [
    'reason',
  ]);
  ingest.onCommitted(() => {
    seconds.observe(ingest.commits.lastMs / 1000);
    for (const [reason, count] of counts.rejected) rejected.with(reason).value = count;
  });
  showDelivery(metrics, registry);
  showAlarms(metrics, ingest);
  if (store !== undefined) showStore(metrics, store);
}

/** The ledger of each edge, as `GET /api/v1/delivery` has it. */
function showDelivery(metrics: Metrics, registry: Registry): void {
  const numbers = {
    made: metrics.counters('hanfeng_delivery_made_total', 'Readings the edge ever put into its outbox.', ['edge']),
    stored: metrics.counters('hanfeng_delivery_stored_total', 'Of those, on disk here.', ['edge']),
    rejected: metrics.counters('hanfeng_delivery_rejected_total', 'Of those, in the dead letters.', ['edge']),
    dropped: metrics.counters('hanfeng_delivery_dropped_total', 'Of those, dropped for lack of space.', ['edge']),
    duplicate: metrics.counters('hanfeng_delivery_duplicate_total', 'Came again, not stored again.', ['edge']),
    missing: metrics.gauges('hanfeng_delivery_missing_readings', 'On their way, or lost.', ['edge']),
  };
  const online = metrics.gauges('hanfeng_edge_online', '1 while the edge is connected.', ['edge']);
  metrics.beforeScrape(() => {
    for (const [edge, ledger] of ledgersOf(registry.marks()))
      for (const [name, family] of Object.entries(numbers)) family.with(edge).value = ledger[name as keyof Ledger];
    for (const edge of registry.edges()) online.with(edge.id).value = edge.online ? 1 : 0;
  });
}

function showAlarms(metrics: Metrics, ingest: IngestPath): void {
  const transitions = metrics.counters('hanfeng_alarm_transitions_total', 'Entries of the alarm journal.', ['event']);
  ingest.onCommitted(({ journal }) => {
    for (const { event } of journal) transitions.with(event).value++;
  });
}

function showStore(metrics: Metrics, store: DuckDbStore): void {
  const show = (name: string, help: string, read: () => number) => metrics.gauge(`hanfeng_store_${name}`, help, read);
  const count = (name: string, help: string, read: () => number) =>
    metrics.counter(`hanfeng_store_${name}_total`, help, read);
  show('hot_tables', 'Tables of readings that are not sealed yet.', () => store.sizes.hotTables);
  show('hot_readings', 'Readings in the newest of them.', () => store.sizes.hotReadings);
  show('sealed_files', 'Parquet files of sealed readings.', () => store.sizes.sealedFiles);
  show('sealed_readings', 'Readings in them.', () => store.sizes.sealedReadings);
  show('sealed_bytes', 'Their size, with the sums of quarters.', () => store.sizes.sealedBytes);
  show('reads_active', 'Queries under way.', () => store.reads.active);
  show('reads_waiting', 'Queries that wait for a connection.', () => store.reads.waiting);
  count('reads_cut_off', 'Queries that took too long and were ended.', () => store.reads.cutOff);
  count('reads_refused', 'Queries refused because too many waited.', () => store.reads.refused);
  count('checkpoints', 'Times the log was folded into the file.', () => store.checkpoints.done);
  count(
    'checkpoints_put_off',
    'Times it could not be: no room on the disk, or a long write.',
    () => store.checkpoints.putOff,
  );
  show('last_checkpoint_seconds', 'How long the last one took.', () => store.checkpoints.lastMs / 1000);
  show('problems', 'Damaged files set aside, and maintenance that does not work.', () => store.problems.length);
}
