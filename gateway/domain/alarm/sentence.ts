import type { Millis } from '../../../contract/time.ts';
import { unitLabel } from '../../../contract/units.ts';
import type { SiteClock } from '../site-clock.ts';

/** Longest message: one SMS (contract/alarm.ts). */
export const MESSAGE_MAX = 160;

/** What an alarm sentence is made of: what, how far, where, since when, do what. */
export interface Sentence {
  readonly title: string;
  readonly value?: number;
  readonly unit?: string;
  /** Words after the value: `limit 80`. */
  readonly against?: string;
  readonly asset: string;
  readonly location?: string;
  readonly since: Millis;
  readonly raisedAt: Millis;
  readonly response?: string;
}

/** `Flow high: 92.4 m³/h, limit 80. fm-12, Binhu East, since 03:12. Close V-0716.` At most 160 characters. */
export function sentence(parts: Sentence, clock: Pick<SiteClock, 'short'>): string {
  const { title, value, unit, against, asset, location, response } = parts;
  const label = unit === undefined ? '' : unitLabel(unit);
  const figure = value === undefined ? undefined : `${formatFigure(value)}${label === '' ? '' : ` ${label}`}`;
  const howFar = [figure, against].filter((part) => part !== undefined && part !== '').join(', ');
  const where = placesOf(asset, location).join(', ');
  const head = `${title}${howFar === '' ? '' : `: ${howFar}`}. ${where}, since ${clock.short(parts.since, parts.raisedAt)}.`;
  const first = response === undefined ? '' : firstSentence(response);
  const whole = first === '' ? head : `${head} ${first}`;
  if (whole.length <= MESSAGE_MAX) return whole;
  return head.length <= MESSAGE_MAX ? head : `${head.slice(0, MESSAGE_MAX - 1)}…`;
}

/** `疑似爆管：66 m³/h，限值 40。fm-12，滨湖东，始于 02:57。请关闭阀门 V-0716。` At most 160 characters. */
export function sentenceZh(parts: Sentence, clock: Pick<SiteClock, 'short'>): string {
  const { title, value, unit, against, asset, location, response } = parts;
  const label = unit === undefined ? '' : unitLabel(unit);
  const figure = value === undefined ? undefined : `${formatFigure(value)}${label === '' ? '' : ` ${label}`}`;
  const howFar = [figure, against].filter((part) => part !== undefined && part !== '').join('，');
  const where = placesOf(asset, location).join('，');
  const since = clock.short(parts.since, parts.raisedAt);
  const head = `${title}${howFar === '' ? '' : `：${howFar}`}。${where}，始于 ${since}。`;
  const whole = response === undefined ? head : head + firstSentence(response);
  return whole.length <= MESSAGE_MAX ? whole : head.slice(0, MESSAGE_MAX);
}

/** A sentence, English or Chinese, with another place in it. */
export function moved(words: string, asset: string, from: string | undefined, to: string): string {
  const place = (comma: string, location: string | undefined) => placesOf(asset, location).join(comma);
  const told = words
    .replace(`. ${place(', ', from)}, since `, () => `. ${place(', ', to)}, since `)
    .replace(`。${place('，', from)}，始于 `, () => `。${place('，', to)}，始于 `);
  return told.length <= MESSAGE_MAX ? told : words;
}

/** Asset and place; once where they are the same, as with a zone that leaks. */
function placesOf(asset: string, location: string | undefined): readonly string[] {
  return location === undefined || location === '' || location === asset ? [asset] : [asset, location];
}

/** At most four significant digits, whole numbers from 1000 on: nobody reads `92.38461 m³/h`. */
export function formatFigure(value: number): string {
  if (Math.abs(value) >= 1000) return String(Math.round(value));
  return String(Number(value.toPrecision(4)));
}

function firstSentence(text: string): string {
  const end = /(?:[.!](?=\s|$)|。)/u.exec(text);
  return (end === null ? text : text.slice(0, end.index + 1)).trim();
}
