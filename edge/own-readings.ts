import type { DeviceReadings } from '../contract/reading.ts';
import type { EdgeState } from '../contract/state.ts';
import type { Clock } from './clock.ts';
import type { OutboxStatus } from './outbox.ts';

/** The edge's own values travel on this line of event time. */
export const OWN_LINE = '_edge';
/** Looked at this often, sent when something changed. */
export const OWN_LOOK_EVERY_MS = 10_000;
/** And at least this often. */
const OWN_EVERY_MS = 120_000;

const OWN_POINTS = [
  { measurement: 'outbox-fill', unit: '%' },
  { measurement: 'outbox-dropped', unit: '1' },
  { measurement: 'outbox-disk-failed', unit: '1' },
  { measurement: 'clock-free', unit: '1' },
  { measurement: 'clock-steps', unit: '1' },
] as const;

/** The edge as a device of itself, so that classes can alarm on a full disk or dropped readings. */
export function ownDevice(edge: string): NonNullable<EdgeState['devices']>[number] {
  const points = OWN_POINTS.map((point) => ({ ...point, everyMs: OWN_EVERY_MS }));
  return { id: edge, model: 'hanfeng-edge', line: OWN_LINE, points };
}

/** Remembers what was sent last; gives the edge's own values when they changed or are due. */
export function createOwnReadings(edge: string): (status: OutboxStatus, clock: Clock) => DeviceReadings | undefined {
  let sent = '';
  let sentAtMs = Number.NEGATIVE_INFINITY;
  return (status, clock) => {
    const values: Record<(typeof OWN_POINTS)[number]['measurement'], number> = {
      'outbox-fill': Math.round((100 * status.bytes) / status.bytesMax),
      'outbox-dropped': status.dropped,
      'outbox-disk-failed': status.disk === 'ok' ? 0 : 1,
      'clock-free': clock.state() === 'free' ? 1 : 0,
      'clock-steps': clock.steps(),
    };
    const text = JSON.stringify(values);
    const nowMs = clock.monotonicMs();
    if (text === sent && nowMs - sentAtMs < OWN_EVERY_MS) return undefined;
    sent = text;
    sentAtMs = nowMs;
    return { device: edge, ts: clock.now(), values };
  };
}
