import { afterEach, beforeEach, expect, it } from 'vitest';
import { showIngest } from '../../../gateway/ingest-metrics.ts';
import { createMetrics, type Metrics } from '../../../gateway/metrics.ts';
import { envelope, type IngestRig, openRig } from '../../support/ingest-rig.ts';

const T0 = Date.UTC(2026, 10, 23, 8);
const flow = (ts: number, value: unknown) => ({ device: 'fm-1', ts, values: { flow: value } });

let rig: IngestRig;
let metrics: Metrics;
beforeEach(async () => {
  rig = await openRig();
  metrics = createMetrics();
  showIngest(metrics, rig.ingest, rig.registry);
});
afterEach(() => rig.close());

it('metrics show the ledger of each edge as it is at the scrape', async () => {
  await rig.ingest.batch('e1', envelope(1, [flow(T0, 1), flow(T0 + 1, 'a')], { sentAt: T0, made: 5 }), T0);
  await rig.ingest.batch('e1', envelope(1, [flow(T0, 1), flow(T0 + 1, 'a')], { sentAt: T0, made: 5 }), T0);
  const text = metrics.render();
  expect(text).toContain('hanfeng_delivery_made_total{edge="e1"} 5\n');
  expect(text).toContain('hanfeng_delivery_stored_total{edge="e1"} 1\n');
  expect(text).toContain('hanfeng_delivery_rejected_total{edge="e1"} 1\n');
  expect(text).toContain('hanfeng_delivery_missing_readings{edge="e1"} 3\n');
  expect(text).toContain('hanfeng_ingest_duplicate_batches_total 1\n');
  await rig.ingest.batch('e1', envelope(2, [flow(T0 + 2, 1), flow(T0 + 3, 1), flow(T0 + 4, 1)], { made: 5 }), T0);
  expect(metrics.render()).toContain('hanfeng_delivery_missing_readings{edge="e1"} 0\n');
});

it('metrics count the transitions of alarms by event', async () => {
  await rig.ingest.batch('e1', envelope(1, [flow(T0, 150)], { sentAt: T0, made: 1 }), T0);
  expect(metrics.render()).toContain('hanfeng_alarm_transitions_total{event="raise"} 1\n');
});
