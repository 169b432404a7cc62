import { z } from 'zod';
import {
  ALARM_HOLDS,
  ALARM_NEWS,
  ALARM_STATES,
  type Alarm,
  alarmToWire,
  type JournalEntry,
} from '../../contract/alarm.ts';
import { AHEAD_MAX_MS, QUALITIES } from '../../contract/reading.ts';
import { formatTime, type Millis } from '../../contract/time.ts';
import { unitLabel } from '../../contract/units.ts';
import { CRS } from '../domain/coordinates.ts';
import type { DeviceInfo, PointInfo, Rule } from '../domain/plant.ts';
import type { LastValue } from '../registry.ts';
import type { StoredReading } from '../store/store.ts';
import { isoSchema } from './inputs.ts';

// What inside is milliseconds is ISO 8601 outside; what has no value is absent.

const quality = z.enum(QUALITIES);

export const readingView = z.object({
  ts: isoSchema,
  value: z.number().optional(),
  quality,
  reason: z.string().optional(),
});

// Thousands of these make one page: no object on the way for each thing that is absent.

export function viewReading({ ts, value, quality, reason }: StoredReading): z.infer<typeof readingView> {
  const isValued = value !== undefined && Number.isFinite(value);
  const view: z.infer<typeof readingView> = isValued
    ? { ts: formatTime(ts), value, quality }
    : { ts: formatTime(ts), quality };
  if (reason !== undefined && reason !== '') view.reason = reason;
  return view;
}

export const lastView = readingView.extend({
  receivedAt: isoSchema,
  ageMs: z.number(),
  stale: z.boolean(),
});

/** Older than the point may be silent, counted now; what is under way for long in normal operation has so long in addition. */
export function isStale(point: PointInfo, last: LastValue, now: Millis): boolean {
  return ageOf(last, now) > point.maxSilenceMs + point.reportingDelayMs;
}

/** Of what a clock that is ahead told, since it came. */
function ageOf({ ts, receivedAt }: LastValue, now: Millis): number {
  return Math.max(0, now - (ts > receivedAt + AHEAD_MAX_MS ? receivedAt : ts));
}

export function viewLast(point: PointInfo, last: LastValue, now: Millis): z.infer<typeof lastView> {
  const view = viewReading(last) as z.infer<typeof lastView>;
  view.receivedAt = formatTime(last.receivedAt);
  view.ageMs = ageOf(last, now);
  view.stale = isStale(point, last, now);
  return view;
}

export const pointView = z.object({
  id: z.string().meta({ description: '`<device>/<measurement>`' }),
  device: z.string(),
  measurement: z.string(),
  class: z.string().optional(),
  site: z.string().optional(),
  unit: z.string().optional().meta({ description: 'UCUM symbol' }),
  unitLabel: z.string().optional().meta({ description: 'what people read after the number' }),
  label: z.string().optional(),
  labelZh: z.string().optional(),
  normal: z.tuple([z.number(), z.number()]).optional().meta({ description: 'normal band, low and high' }),
  limits: z
    .array(z.object({ kind: z.string(), setpoint: z.number(), priority: z.number() }))
    .optional()
    .meta({ description: 'setpoints of the alarm rules on this point' }),
  labels: z.record(z.string(), z.string()).optional().meta({ description: 'what whole numbers mean: `{"0": "open"}`' }),
  labelsZh: z.record(z.string(), z.string()).optional(),
  everyMs: z.number().optional(),
  maxSilenceMs: z.number(),
  reportingDelayMs: z.number(),
  last: lastView.optional(),
});

export function viewPoint(
  point: PointInfo,
  device: DeviceInfo | undefined,
  last: LastValue | undefined,
  rules: readonly Rule[] | undefined,
  now: Millis,
): z.infer<typeof pointView> {
  const { unit, label, labelZh, normal, labels, labelsZh, everyMs } = point;
  const view: z.infer<typeof pointView> = {
    id: `${point.device}/${point.measurement}`,
    device: point.device,
    measurement: point.measurement,
    maxSilenceMs: point.maxSilenceMs,
    reportingDelayMs: point.reportingDelayMs,
  };
  if (device?.class !== undefined) view.class = device.class;
  if (device?.site !== undefined) view.site = device.site;
  if (unit !== undefined) {
    view.unit = unit;
    view.unitLabel = unitLabel(unit);
  }
  if (label !== undefined) view.label = label;
  if (labelZh !== undefined) view.labelZh = labelZh;
  if (normal !== undefined) view.normal = [...normal] as [number, number];
  if (labels !== undefined) view.labels = labels;
  if (labelsZh !== undefined) view.labelsZh = labelsZh;
  if (everyMs !== undefined) view.everyMs = everyMs;
  if (last !== undefined) view.last = viewLast(point, last, now);
  const limits = rules?.flatMap(({ kind, setpoint, priority }) =>
    setpoint === undefined ? [] : [{ kind, setpoint, priority }],
  );
  if (limits !== undefined && limits.length > 0) view.limits = limits;
  return view;
}

export const alarmView = z.object({
  id: z.string(),
  rule: z.string().optional().meta({ description: 'key of its rule; occurrences of one rule share it' }),
  kind: z.string(),
  asset: z.string(),
  point: z.string().optional(),
  assetClass: z.string().optional(),
  location: z.string().optional(),
  priority: z.number().int().min(1).max(4),
  state: z.enum(ALARM_STATES),
  holds: z.array(z.enum(ALARM_HOLDS)),
  latched: z.boolean(),
  active: z.boolean().meta({ description: 'the condition holds at the newest data' }),
  message: z.string(),
  messageZh: z.string().optional().meta({ description: 'the same in Chinese, where its words are known' }),
  since: isoSchema,
  raisedAt: isoSchema,
  changedAt: isoSchema,
  returnedAt: isoSchema.optional(),
  acknowledgedAt: isoSchema.optional(),
  acknowledgedBy: z.string().optional(),
  shelvedUntil: isoSchema.optional(),
  value: z.number().optional(),
  setpoint: z.number().optional(),
  unit: z.string().optional(),
  raisedLate: z.boolean().meta({ description: 'over before its data came: journalled, never paged' }),
  response: z.string().optional(),
  responseZh: z.string().optional(),
  explainedBy: z
    .string()
    .optional()
    .meta({ description: 'why it is suppressed: the rule of its root alarm, or `maintenance: ...`' }),
  cause: z.string().optional().meta({ description: 'what is usually behind it' }),
  causeZh: z.string().optional(),
  consequence: z.string().optional().meta({ description: 'what happens when nobody acts' }),
  consequenceZh: z.string().optional(),
  timeToRespondMs: z.number().optional().meta({ description: 'how long people have' }),
  firstInGroup: z.boolean().optional().meta({ description: 'nothing else of its asset was in alarm before it' }),
  flood: z.string().optional().meta({ description: 'flood in which it was last raised' }),
  evidence: z.record(z.string(), z.unknown()),
});
export type AlarmView = z.infer<typeof alarmView>;

export function viewAlarm(alarm: Alarm): AlarmView {
  return alarmToWire(alarm) as AlarmView;
}

export const journalView = z.object({
  alarm: z.string(),
  at: isoSchema,
  recordedAt: isoSchema,
  from: z.enum(ALARM_STATES),
  to: z.enum(ALARM_STATES),
  event: z.string(),
  who: z.string(),
  why: z.string().optional(),
  told: z.enum(ALARM_NEWS).optional().meta({ description: 'what people were told; absent: nothing' }),
  flood: z.string().optional().meta({ description: 'flood whose digest told it' }),
});

export function viewJournal(entry: JournalEntry): z.infer<typeof journalView> {
  return { ...entry, at: formatTime(entry.at), recordedAt: formatTime(entry.recordedAt) };
}

export const deviceView = z.object({
  id: z.string(),
  name: z.string().optional(),
  nameZh: z.string().optional(),
  class: z.string(),
  model: z.string().optional(),
  site: z.string().optional(),
  location: z.string().optional(),
  locationZh: z.string().optional(),
  latitude: z.number().optional(),
  longitude: z.number().optional().meta({ description: 'degrees, WGS-84, like latitude' }),
  sourceCrs: z.enum(CRS).optional().meta({ description: 'system the coordinates came in' }),
  edge: z.string().optional(),
  line: z.string().optional(),
  upstream: z.string().optional().meta({ description: 'what it hangs on' }),
  schedule: z.string().optional().meta({ description: 'when it should be on, by name' }),
  origin: z.enum(['declared', 'discovered']),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

export function viewDevice(device: DeviceInfo): z.infer<typeof deviceView> {
  const { attributes, id, origin, class: assetClass, ...rest } = device;
  return { id, class: assetClass, origin, attributes: { ...attributes }, ...rest };
}

export function optionalTime(timeMs: Millis | undefined): string | undefined {
  return timeMs === undefined ? undefined : formatTime(timeMs);
}
