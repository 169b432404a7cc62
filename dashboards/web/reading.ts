import type { Alarm, Priority } from '../../contract/alarm.ts';
import type { Millis } from '../../contract/time.ts';
import { type Language, NO_VALUE, type Writing, writeNumber, writeShort, writeValue } from './format.ts';
import type { Point } from './model.ts';
import { type Standing, standingOf } from './quality.ts';
import { isOutside } from './scale.ts';

/** A point's newest value, ready to be written: no naked numbers. */
export interface ShownReading {
  /** Digits as people see them: `41.2`, `≈ 41.2`, `–`. */
  readonly digits: string;
  readonly unit: string;
  readonly standing: Standing;
  /** The value to point at; undefined draws no pointer. */
  readonly value: number | undefined;
  readonly ageMs: number | undefined;
  /** Priority whose colour the pointer takes while the value is outside; the digits never do. */
  readonly priority: Priority | undefined;
  readonly outside: boolean;
  /** How far beyond the band it is, signed: `+28`, `−0.05`; absent inside or without a band. */
  readonly beyond?: string;
  /** Ends of the normal band as written. */
  readonly band?: readonly [string, string];
}

/**
 * @param connected - false while the page hears nothing
 * @param alarm - the worst open alarm on the point
 */
export function showReading(
  point: Point,
  writing: Writing,
  alarm: Alarm | undefined,
  now: Millis,
  connected: boolean,
  language: Language = 'en',
): ShownReading {
  const standing = standingOf(point, now, connected);
  const { last, normal } = point;
  const value = standing === 'bad' || standing === 'none' ? undefined : last?.value;
  const word = value === undefined ? undefined : wordOf(point, value, language);
  const digits = value === undefined ? NO_VALUE : (word ?? writeValue(value, writing));
  const outside = value !== undefined && isOutside(value, point.normal, point.limits);
  const beyond = value === undefined ? 0 : beyondOf(value, normal);
  return {
    digits: standing === 'uncertain' ? `≈\u202f${digits}` : digits,
    unit: word === undefined ? writing.label : '',
    standing,
    value,
    ageMs: last === undefined ? undefined : Math.max(0, now - last.ts),
    priority: outside && alarm !== undefined && alarm.state !== 'rtn-unacknowledged' ? alarm.priority : undefined,
    outside,
    ...(beyond === 0 ? {} : { beyond: (beyond > 0 ? '+' : '') + writeNumber(writing.show(beyond), writing.decimals) }),
    ...(normal === undefined
      ? {}
      : {
          band: [
            writeShort(writing.show(normal[0]), writing.decimals),
            writeShort(writing.show(normal[1]), writing.decimals),
          ] as const,
        }),
  };
}

/** What a whole number of a contact or code means; undefined where nobody said. */
export function wordOf({ labels, labelsZh }: Point, value: number, language: Language): string | undefined {
  const key = String(value);
  return (language === 'zh' ? labelsZh?.[key] : undefined) ?? labels?.[key];
}

function beyondOf(value: number, normal: readonly [number, number] | undefined): number {
  if (normal === undefined) return 0;
  return value > normal[1] ? value - normal[1] : value < normal[0] ? value - normal[0] : 0;
}

/** What a device is about, by the field's measurement names: the first that fits is its headline. */
const HEADLINES: readonly RegExp[] = [
  /^(?:flow|inflow)$/i,
  /^pressure/i,
  /level/i,
  /^apparentPower$/,
  /^(?:power|load)$/,
  /^lit/i,
  /^co$/i,
  /visibility|extinction/i,
  /(?:wind|air)Speed/i,
  /temperature|winding/i,
  /^current/i,
  /^powerFactor$/,
  /^no2$/i,
  /^voltage/i,
];
/** Counters only rise: true, and of little use at a glance. */
const COUNTER = /total|volume|energy/i;
/** A value without band or limit stands behind those that can be compared, unless it matters this much more. */
const NOT_COMPARED_RANKS = 3;

const familyOf = ({ measurement }: Point): number => {
  const place = HEADLINES.findIndex((pattern) => pattern.test(measurement));
  return place < 0 ? HEADLINES.length : place;
};
const rankOf = (point: Point) =>
  familyOf(point) +
  (isCompared(point) ? 0 : NOT_COMPARED_RANKS) +
  (COUNTER.test(point.measurement) ? HEADLINES.length : 0);

/**
 * The measurements of a device that are worth a place on the overview, most telling first: one of each kind before
 * three phases of the same. Order depends on names and limits only, so nothing jumps.
 */
export function keyPoints(points: readonly Point[], most: number): readonly Point[] {
  const measured = points.filter(isMeasured).sort((one, other) => rankOf(one) - rankOf(other));
  const worth = measured.filter((point) => isCompared(point) || familyOf(point) < HEADLINES.length);
  const switched = points.filter((point) => !isMeasured(point) && isCompared(point));
  const ranked = [worth, switched, measured, points].find((list) => list.length > 0) ?? [];
  const first = ranked.filter(
    (point, index) => ranked.findIndex((other) => familyOf(other) === familyOf(point)) === index,
  );
  const rest = ranked.filter((point) => !first.includes(point));
  // Unnamed kinds share one family: as many of them as there is room.
  return [...first, ...rest].slice(0, most).sort((one, other) => rankOf(one) - rankOf(other));
}

const isCompared = ({ normal, limits, labels }: Point) =>
  normal !== undefined || limits.length > 0 || labels !== undefined;

/** A quantity on a scale; contacts, counters of events and error codes have no unit and no band. */
export function isMeasured({ unit, normal }: Point): boolean {
  return normal !== undefined || (unit !== undefined && unit !== '1');
}

/** The points with a card at the top when nobody chose: one quantity of each class, no quantity twice, then second devices. */
export function chooseWatched(
  classes: readonly { readonly devices: readonly { readonly points: readonly Point[] }[] }[],
  most: number,
  hasValue: (point: Point) => boolean,
): readonly Point[] {
  const chosen: Point[] = [];
  for (let turn = 0; turn < most && chosen.length < most; turn += 1) {
    for (const { devices } of classes) {
      const point = keyPoints(devices[turn]?.points ?? [], most).find(
        (one) =>
          isMeasured(one) &&
          hasValue(one) &&
          (turn > 0 || chosen.every(({ measurement }) => measurement !== one.measurement)),
      );
      if (point !== undefined && chosen.length < most) chosen.push(point);
    }
  }
  return chosen;
}
