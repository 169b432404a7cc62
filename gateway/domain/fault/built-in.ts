import type { DeviceInfo, PointInfo, Rule } from '../plant.ts';

/** An edge that has been silent for this long is offline: three missed heartbeats of 10 s. */
export const EDGE_SILENCE_MS = 30_000;
/** Missed heartbeats after which an edge with a slow one is offline. */
const MISSED_MAX = 3;

/** How long an edge that says its heartbeat may be silent. */
export function silenceAllowedMs(heartbeatMs: number): number {
  return Math.max(EDGE_SILENCE_MS, MISSED_MAX * heartbeatMs);
}

/** Readings may be under way for this long before they count as missing. */
export const DELIVERY_GAP_MS = 60_000;
/** Failing for less than this is no fault, however fast the polling (fault-rules, 6: 3 polls and 60 s; maxSilence is the 3 polls). */
const FAILING_MIN_MS = 60_000;

type Where = Pick<DeviceInfo, 'class' | 'location' | 'locationZh'> | undefined;

const BASE = { deadband: 0, offDelayMs: 0, onDelayMs: 0, latch: false, point: -1, pointId: '' } as const;

function labelOf({ label, measurement }: PointInfo): string {
  return label ?? `${measurement.charAt(0).toUpperCase()}${measurement.slice(1)}`;
}

function placed(where: Where): Pick<Rule, 'assetClass' | 'location' | 'locationZh'> {
  return {
    ...(where === undefined ? {} : { assetClass: where.class }),
    ...(where?.location === undefined ? {} : { location: where.location }),
    ...(where?.locationZh === undefined ? {} : { locationZh: where.locationZh }),
  };
}

/** One point is silent while its device still talks. */
export function stalePointRule(point: PointInfo, where: Where): Rule {
  const pointId = `${point.device}/${point.measurement}`;
  return {
    ...BASE,
    ...placed(where),
    key: `${pointId}#stale`,
    kind: 'stale',
    asset: point.device,
    point: point.id,
    pointId,
    priority: 4,
    title: `${labelOf(point)} not updated`,
    titleZh: `${point.labelZh ?? point.measurement}未更新`,
    response: 'Check the device and its line.',
    responseZh: '请检查设备与线路。',
  };
}

/** A whole device is silent: one alarm instead of one per point. */
export function silentDeviceRule(device: string, where: Where): Rule {
  return {
    ...BASE,
    ...placed(where),
    key: `${device}#stale`,
    kind: 'stale',
    asset: device,
    priority: 4,
    title: 'Device silent',
    titleZh: '设备无数据',
    response: 'Check its power and its link.',
    responseZh: '请检查电源与通信。',
  };
}

/** Every poll of a device fails: it does not answer. */
export function offlineDeviceRule(device: string, maxSilenceMs: number, where: Where): Rule {
  return {
    ...BASE,
    ...placed(where),
    key: `${device}#device-offline`,
    kind: 'device-offline',
    asset: device,
    onDelayMs: Math.max(FAILING_MIN_MS, maxSilenceMs),
    priority: 3,
    title: 'Device does not answer',
    titleZh: '设备无应答',
    response: 'Check its power and its line.',
    responseZh: '请检查电源与线路。',
  };
}

/** No device of a line answers: the root of all their alarms. Sooner than theirs, so that it comes first. */
export function downLineRule(edge: string, line: string): Rule {
  return {
    ...BASE,
    key: `${line}#line-down`,
    kind: 'line-down',
    asset: edge,
    location: line,
    onDelayMs: FAILING_MIN_MS / 2,
    priority: 2,
    explains: [],
    title: 'Line down',
    titleZh: '线路中断',
    response: 'Check the converter, the cable and its supply.',
    responseZh: '请检查转换器、线缆与供电。',
  };
}

/** A point delivers no usable value. */
export function badPointRule(point: PointInfo, where: Where): Rule {
  const pointId = `${point.device}/${point.measurement}`;
  return {
    ...BASE,
    ...placed(where),
    key: `${pointId}#bad-quality`,
    kind: 'bad-quality',
    asset: point.device,
    point: point.id,
    pointId,
    onDelayMs: Math.max(FAILING_MIN_MS, point.maxSilenceMs),
    priority: 4,
    title: `${labelOf(point)} has no valid value`,
    titleZh: `${point.labelZh ?? point.measurement}无有效值`,
    response: 'Check the sensor and its wiring.',
    responseZh: '请检查传感器与接线。',
  };
}

/** An edge is silent: the root; what hangs on it is unknown, not in alarm. */
export function offlineEdgeRule(edge: string): Rule {
  return {
    ...BASE,
    key: `${edge}#offline`,
    kind: 'offline',
    asset: edge,
    location: edge,
    priority: 2,
    title: 'Edge offline',
    titleZh: '边缘节点离线',
    response: 'Check its power and its uplink.',
    responseZh: '请检查电源与上行链路。',
  };
}

/** Readings of an edge are missing: neither stored, nor rejected, nor dropped with a tombstone. */
export function deliveryGapRule(edge: string): Rule {
  return {
    ...BASE,
    key: `${edge}#delivery-gap`,
    kind: 'delivery-gap',
    asset: edge,
    location: edge,
    priority: 3,
    title: 'Readings missing',
    titleZh: '数据缺失',
    response: 'Check the disk and the outbox of the edge.',
    responseZh: '请检查边缘节点的磁盘与缓存。',
  };
}

/** `12 min without data` for the sentence. */
export function silenceText(silenceMs: number): string {
  const seconds = Math.floor(silenceMs / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds} s without data`;
  return `${minutes < 60 ? '' : `${Math.floor(minutes / 60)} h `}${minutes % 60} min without data`;
}

/** `12 分钟无数据`. */
export function silenceTextZh(silenceMs: number): string {
  const seconds = Math.floor(silenceMs / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds} 秒无数据`;
  return minutes < 60 ? `${minutes} 分钟无数据` : `${Math.floor(minutes / 60)} 小时 ${minutes % 60} 分无数据`;
}
