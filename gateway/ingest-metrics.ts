import type { IngestPath } from './ingest.ts';
import { missingReadings } from './lanes.ts';
import { type Metrics, WAIT_BUCKETS_S } from './metrics.ts';
import type { Registry } from './registry.ts';
import type { DuckDbStore } from './store/duckdb.ts';

/** Shows the path's counts, asked at each scrape: the path itself only increments numbers. */
export function showIngest(metrics: Metrics, ingest: IngestPath, registry: Registry, store?: DuckDbStore): void {
  const { counts } = ingest;
  const show = (name: string, help: string, read: () => number) => metrics.gauge(`hanfeng_ingest_${name}`, help, read);
  show('stored_readings', 'Readings stored since the start.', () => counts.stored);
  show('duplicate_readings', 'Readings that came again at a door without lanes.', () => counts.duplicates);
  show('corrected_readings', 'Readings whose moment was stored with another value before.', () => counts.corrected);
  show('duplicate_batches', 'Batches that came again and were not stored again.', () => counts.duplicateBatches);
  show(
    'refused_batches',
    'Batches too far ahead of their lane; the edge sends them again.',
    () => counts.refusedBatches,
  );
  show('rejected_readings', 'Readings and messages kept as dead letters.', () =>
    [...counts.rejected.values()].reduce((sum, n) => sum + n, 0),
  );
  show('listener_errors', 'Failures of those who are told of commits.', () => counts.listenerErrors);
  show('judge_errors', 'Failures of the judge; its input is stored all the same.', () => counts.judgeErrors);
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
  show('commits', 'Commits since the start.', () => ingest.commits.done);
  show('commit_retries', 'Commits that had to be repeated.', () => ingest.commits.retries);
  show('last_commit_seconds', 'How long the last commit took.', () => ingest.commits.lastMs / 1000);
  show('snapshot_failures', 'Snapshots of the judge that could not be saved.', () => ingest.snapshotFailures);
  const seconds = metrics.histogram('hanfeng_ingest_commit_seconds', 'How long commits took.', WAIT_BUCKETS_S);
  const rejected = metrics.counters('hanfeng_ingest_rejected_total', 'Readings and messages kept as dead letters.', [
    'reason',
  ]);
  ingest.onCommitted(() => {
    seconds.observe(ingest.commits.lastMs / 1000);
    for (const [reason, count] of counts.rejected) rejected.with(reason).value = count;
  });
  if (store !== undefined) showStore(metrics, store);
}

function showStore(metrics: Metrics, store: DuckDbStore): void {
  const show = (name: string, help: string, read: () => number) => metrics.gauge(`hanfeng_store_${name}`, help, read);
  show('hot_tables', 'Tables of readings that are not sealed yet.', () => store.sizes.hotTables);
  show('hot_readings', 'Readings in the newest of them.', () => store.sizes.hotReadings);
  show('sealed_files', 'Parquet files of sealed readings.', () => store.sizes.sealedFiles);
  show('sealed_readings', 'Readings in them.', () => store.sizes.sealedReadings);
  show('sealed_bytes', 'Their size, with the sums of quarters.', () => store.sizes.sealedBytes);
  show('reads_active', 'Queries under way.', () => store.reads.active);
  show('reads_waiting', 'Queries that wait for a connection.', () => store.reads.waiting);
  show('reads_cut_off', 'Queries that took too long and were ended.', () => store.reads.cutOff);
  show('reads_refused', 'Queries refused because too many waited.', () => store.reads.refused);
  show('checkpoints', 'Times the log was folded into the file.', () => store.checkpoints.done);
  show(
    'checkpoints_put_off',
    'Times it could not be: no room on the disk, or a long write.',
    () => store.checkpoints.putOff,
  );
  show('last_checkpoint_seconds', 'How long the last one took.', () => store.checkpoints.lastMs / 1000);
  show('problems', 'Damaged files set aside, and maintenance that does not work.', () => store.problems.length);
}
