import { InvalidArgumentError } from 'commander';
import { type Millis, parseDuration, parseTime } from '../contract/time.ts';

/** Parsers of option values; what they refuse becomes commander's usage error, exit 2. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number');
  return value;
}

/** @returns milliseconds, above 0 */
export function parseTimeSpan(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs === undefined || durationMs <= 0) throw new InvalidArgumentError('expected a time such as 2h or 30m');
  return durationMs;
}

export function parseMoment(text: string): Millis {
  const timeMs = parseTime(text);
  if (timeMs === undefined) throw new InvalidArgumentError('expected ISO 8601 or epoch milliseconds');
  return timeMs;
}
