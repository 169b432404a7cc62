import { formatTime } from '../contract/time.ts';
import type { PointValue } from './acquire.ts';

/** Where a point lies in its device, as the model says. */
export interface SheetPoint {
  readonly table: string;
  readonly address: number;
  readonly type: string;
}

const COLUMNS = [
  'device',
  'measurement',
  'table',
  'address',
  'type',
  'value',
  'unit',
  'quality',
  'reason',
  'time',
  'instrument shows',
  'checked by',
  'remark',
] as const;

/**
 * The commissioning sheet: one row per point with what is read now, and empty columns for the person who compares it with
 * the instrument.
 *
 * @returns CSV (RFC 4180), times in UTC
 */
export function commissioningSheet(
  values: Iterable<PointValue>,
  point: (device: string, measurement: string) => SheetPoint | undefined,
): string {
  const rows: string[] = [COLUMNS.join(',')];
  for (const { device, measurement, value, unit, quality, reason, ts } of values) {
    const place = point(device, measurement);
    const cells = [device, measurement, place?.table, place?.address, place?.type, value, unit, quality, reason];
    rows.push([...cells, formatTime(ts), '', '', ''].map(cell).join(','));
  }
  return `${rows.join('\r\n')}\r\n`;
}

function cell(content: string | number | undefined): string {
  if (content === undefined) return '';
  const text = String(content);
  // A spreadsheet would run a text that begins so; numbers may begin with a minus.
  const safe = typeof content === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
