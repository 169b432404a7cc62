import type { Priority } from '../contract/alarm.ts';
import { convert, isUnit, UNITS, type UnitSymbol } from '../contract/units.ts';
import { LEVEL, namesIn, SUN } from './domain/condition/expression.ts';
import type { DeviceInfo, ExpressionTest, PointInfo, Rule, RuleTest } from './domain/plant.ts';
import type { Schedule } from './domain/schedule/schedule.ts';
import type { Place } from './domain/schedule/sun.ts';
import type { When } from './domain/schedule/when.ts';
import {
  type AssetClass,
  type ClassAlarm,
  type DeviceAlarm,
  LIMIT_KINDS,
  type Quantity,
  type TestSettings,
} from './plant-schema.ts';
import { DARK_HOURS, type Timetable, type WhenSettings } from './schedule-config.ts';

const DEFAULT_PRIORITY = { 'high-high': 2, 'low-low': 2, high: 3, low: 3 } as const;
/** How long people have where an alarm does not say it: call now, within the shift, this week, when there is time. */
const TIME_TO_RESPOND_MS: Readonly<Record<Priority, number>> = {
  1: 10 * 60_000,
  2: 4 * 3_600_000,
  3: 7 * 86_400_000,
  4: 30 * 86_400_000,
};
const KIND_WORDS = { 'high-high': 'very high', 'low-low': 'very low', high: 'high', low: 'low' } as const;
export const KIND_WORDS_ZH = { 'high-high': '过高', 'low-low': '过低', high: '偏高', low: '偏低' } as const;

/** What a rule is made for. */
export interface RulePlace {
  readonly point: PointInfo;
  readonly device: DeviceInfo;
  readonly assetClass: AssetClass | undefined;
  /** All that the device may measure, for expressions. */
  readonly measurements: readonly string[];
  /** Devices that hang on this one. */
  readonly downstream: readonly DownstreamDevice[];
  /** Unit of another measurement of the device. */
  readonly unitOf: (measurement: string) => string | undefined;
  /** Where the sun is looked at. */
  readonly place?: Place;
  /** When it should be on. */
  readonly schedule?: Schedule;
  readonly timetable: Timetable;
}

export interface DownstreamDevice {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** Sun elevations, in degrees, at which it is dark enough for lamps to be needed, and bright enough for them to be waste. */
const DARK_BELOW = -6;
const DAYLIGHT_ABOVE = 6;
const HORIZON = -0.833;

/** A rule with its setpoint in the unit of the point; a text says why there can't be one. */
export function ruleOf(alarm: ClassAlarm | DeviceAlarm, place: RulePlace): Rule | string {
  const { point, device } = place;
  const attributes = attributesOf(place);
  const test = alarm.test === undefined ? undefined : testOf(alarm.test, place, attributes);
  if (typeof test === 'string') return test;
  const when = whenOf(alarm.when, place);
  if (typeof when === 'string') return when;
  const limits = limitsOf(alarm, point, attributes);
  if (typeof limits === 'string') return limits;
  const { setpoint, deadband, unit } = limits;
  const { kind, name, measurement } = { ...alarm, measurement: point.measurement };
  const label = point.label ?? measurement;
  const pointId = `${point.device}/${measurement}`;
  const priority = alarm.priority ?? (DEFAULT_PRIORITY as Record<string, Priority>)[kind] ?? 3;
  return {
    key: `${pointId}#${kind}${name === undefined ? '' : `.${name}`}`,
    kind,
    asset: device.id,
    assetClass: device.class,
    point: point.id,
    pointId,
    priority,
    deadband,
    onDelayMs: alarm.onDelay ?? 0,
    offDelayMs: alarm.offDelay ?? 0,
    latch: alarm.latch ?? false,
    title: alarm.title ?? `${label} ${(KIND_WORDS as Record<string, string>)[kind] ?? kind}`,
    titleZh: alarm.titleZh ?? `${point.labelZh ?? label}${(KIND_WORDS_ZH as Record<string, string>)[kind] ?? kind}`,
    ...given('setpoint', setpoint),
    ...given('test', test),
    ...given('when', when),
    ...given('explains', alarm.explains),
    ...given('standsAlone', alarm.standsAlone === true ? true : undefined),
    ...given('unit', point.unit ?? unit),
    ...given('location', device.location),
    ...given('locationZh', device.locationZh),
    ...given('reAlarmMs', alarm.reAlarm),
    ...given(
      'escalate',
      alarm.escalate === undefined ? undefined : { afterMs: alarm.escalate.after, priority: alarm.escalate.priority },
    ),
    ...given('response', alarm.response),
    ...given('responseZh', alarm.responseZh),
    ...given('cause', alarm.cause),
    ...given('causeZh', alarm.causeZh),
    ...given('consequence', alarm.consequence),
    ...given('consequenceZh', alarm.consequenceZh),
    timeToRespondMs: alarm.timeToRespond ?? TIME_TO_RESPOND_MS[priority],
  };
}

/** When a rule is looked at; a text says what is missing for it. */
function whenOf(
  settings: readonly WhenSettings[] | undefined,
  { place, schedule, timetable }: RulePlace,
): readonly When[] | undefined | string {
  if (settings === undefined) return undefined;
  const all: When[] = [];
  for (const one of settings) {
    if ('lit' in one) {
      if (schedule === undefined && place === undefined) return 'no schedule and no place';
      all.push({ type: 'lit', schedule: schedule ?? DARK_HOURS, forMs: one.lit, ...given('place', place) });
    } else if ('settled' in one) {
      if (schedule !== undefined) all.push({ type: 'settled', schedule, forMs: one.settled, ...given('place', place) });
    } else if ('between' in one) all.push({ type: 'between', from: one.between[0], to: one.between[1] });
    else if ('is' in one) {
      // What a device says to take back the `when` of its class.
      if (one.is === 'always') continue;
      if (one.is === 'schedule-on' || one.is === 'schedule-off') {
        if (schedule === undefined && place === undefined) return 'no schedule and no place';
        const of = schedule ?? DARK_HOURS;
        all.push({ type: 'schedule', schedule: of, on: one.is === 'schedule-on', ...given('place', place) });
        continue;
      }
      if (place === undefined) return 'no place to look at the sun';
      const above = one.is === 'daylight' || one.is === 'sun-up';
      const degrees = one.is === 'dark' ? DARK_BELOW : one.is === 'daylight' ? DAYLIGHT_ABOVE : HORIZON;
      all.push({ type: 'sun', degrees, above, place });
    } else {
      const name = 'calendar' in one ? one.calendar : one.notCalendar;
      const calendar = timetable.calendars.get(name);
      if (calendar === undefined) return `no calendar ${name}`;
      all.push({ type: 'calendar', calendar, inside: 'calendar' in one });
    }
  }
  return all.length === 0 ? undefined : all;
}

interface Limits {
  readonly setpoint: number | undefined;
  readonly deadband: number;
  readonly unit: UnitSymbol | undefined;
}

function limitsOf(
  alarm: ClassAlarm | DeviceAlarm,
  point: PointInfo,
  attributes: Readonly<Record<string, number>>,
): Limits | string {
  const pointUnit = point.unit !== undefined && isUnit(point.unit) ? point.unit : undefined;
  if (alarm.setpoint === undefined) {
    if (needsSetpoint(alarm.test)) return 'no setpoint';
    return { setpoint: undefined, deadband: 0, unit: pointUnit };
  }
  const wanted = setpointOf(alarm.setpoint, attributes);
  if (typeof wanted === 'string') return wanted;
  if (alarm.test !== undefined && !isInUnitOfPoint(alarm.test))
    return { setpoint: wanted.value, deadband: alarm.deadband?.value ?? 0, unit: pointUnit };
  const unit = pointUnit ?? wanted.unit;
  // A rate is a difference like a deadband: 10 K a minute are 10 degC a minute.
  const isDifference = alarm.test !== undefined && ('rate' in alarm.test || 'deviationFrom' in alarm.test);
  const setpoint = isDifference ? differenceIn(wanted, unit) : inUnit(wanted, unit);
  if (setpoint === undefined) return `${wanted.unit} does not convert into ${unit}`;
  const deadband = deadbandOf(alarm.deadband, setpoint, unit);
  if (deadband === undefined) return `deadband ${alarm.deadband?.unit} does not convert into ${unit}`;
  return { setpoint, deadband, unit };
}

/** Numbers of the device, with the defaults of its class. */
function attributesOf({ device, assetClass }: RulePlace): Record<string, number> {
  const attributes: Record<string, number> = {};
  for (const [name, { default: value }] of Object.entries(assetClass?.attributes ?? {}))
    if (value !== undefined) attributes[name] = value;
  for (const [name, value] of Object.entries(device.attributes))
    if (typeof value === 'number') attributes[name] = value;
  return attributes;
}

export function isLimitKind(kind: string): boolean {
  return (LIMIT_KINDS as readonly string[]).includes(kind);
}

export function needsSetpoint(test: TestSettings | undefined): boolean {
  if (test === undefined) return true;
  if ('nights' in test || 'integralOf' in test) return true;
  return isPlainLimit(test) || 'rate' in test || 'mean' in test || 'deviationFrom' in test;
}

/** Its setpoint is a quantity of the point, and not a percentage or a number of deviations. */
export function isInUnitOfPoint(test: TestSettings): boolean {
  if ('deviationFrom' in test) return !test.percent;
  return isPlainLimit(test) || 'rate' in test || 'mean' in test;
}

function isPlainLimit(test: TestSettings): boolean {
  return 'limit' in test && !('shareOf' in test) && !('runOf' in test);
}

/** The test in the words of the judge; a text says what is missing. */
function testOf(test: TestSettings, place: RulePlace, attributes: Readonly<Record<string, number>>): RuleTest | string {
  const { device } = place;
  if ('shareOf' in test) {
    const members = place.downstream.map(({ id }) => `${id}/${test.shareOf}`);
    return members.length === 0
      ? 'nothing hangs on it'
      : { type: 'share', members, side: test.side, limit: test.limit };
  }
  if ('runOf' in test) return runOf(test, place);
  if ('baseline' in test) return baselineOf(test, place);
  if ('nights' in test) return nightsOf(test, place, attributes);
  if ('integralOf' in test) return integralOf(test, place);
  if ('evenings' in test) {
    const { evenings, held: heldMs, instead } = test;
    const out = expressionOf({ cel: test.cel, instead }, place, attributes);
    const fine = expressionOf({ cel: test.fine, instead }, place, attributes);
    if (typeof out === 'string') return out;
    return typeof fine === 'string' ? fine : { type: 'evenings', evenings, heldMs, out, fine };
  }
  if ('limit' in test) return { type: test.limit };
  if ('equals' in test) return { type: 'equals', values: test.equals };
  if ('outside' in test)
    return { type: 'outside', low: test.outside[0], high: test.outside[1], sentinels: test.sentinels };
  if ('rate' in test) return { type: 'rate', windowMs: test.rate, perMs: test.per, direction: test.direction };
  if ('mean' in test) return { type: 'mean', windowMs: test.mean, direction: test.direction };
  if ('frozen' in test) return { type: 'frozen', ...given('exemptUpTo', test.exemptUpTo) };
  if ('counter' in test)
    return { type: 'counter', ...given('maxPerHour', test.maxPerHour), ...given('wrapAt', test.wrapAt) };
  if ('count' in test)
    return { type: 'count', windowMs: test.window, count: test.count, of: test.of, threshold: test.threshold };
  if ('deviationFrom' in test) {
    const from = pointIdOf(test.deviationFrom, device);
    return from === undefined ? `no ${test.deviationFrom}` : { type: 'deviation', from, percent: test.percent };
  }
  if ('feedback' in test) {
    const feedback = pointIdOf(test.feedback, device);
    return feedback === undefined
      ? `no ${test.feedback}`
      : { type: 'discrepancy', feedback, threshold: test.threshold };
  }
  if ('profile' in test) return { type: 'profile', direction: test.profile, floor: test.floor };
  return expressionOf(test, place, attributes);
}

/** `flow`, `fm-2/flow`, or `{neighbour}/flow` with the device that an attribute names; undefined without the attribute. */
function pointIdOf(name: string, device: DeviceInfo): string | undefined {
  const attribute = /^\{(\w+)\}/.exec(name)?.[1];
  if (attribute === undefined) return name.includes('/') ? name : `${device.id}/${name}`;
  const value = device.attributes[attribute];
  return typeof value === 'string' && value !== '' ? name.replace(`{${attribute}}`, value) : undefined;
}

type Settings<K extends string> = Extract<TestSettings, Record<K, unknown>>;

/** Members in the order of their poles; those without a pole are no neighbours of anything. */
function runOf(test: Settings<'runOf'>, place: RulePlace): RuleTest | string {
  const poles = place.downstream
    .flatMap(({ id, attributes }) => {
      const { pole, phase } = attributes;
      return typeof pole === 'number' ? [{ id, pole, phase }] : [];
    })
    .sort((a, b) => a.pole - b.pole);
  if (poles.length < test.count + 1) return 'fewer devices with a pole hang on it than it takes';
  const members = poles.map(({ id, phase }) => ({
    point: `${id}/${test.runOf}`,
    ...given('phase', phase === undefined ? undefined : String(phase)),
  }));
  const current = test.current === undefined ? undefined : `${place.device.id}/${test.current}`;
  const { side, limit, count, of } = test;
  return { type: 'run', members, side, limit, count, of, ...given('current', current) };
}

function baselineOf(test: Settings<'baseline'>, place: RulePlace): RuleTest | string {
  const { baseline: factor, floor, beside, wet: above, within: withinMs } = test;
  const known = { type: 'baseline' as const, factor, floor, ...lightOf(place) };
  if (beside === undefined) return known;
  const point = pointIdOf(beside, place.device);
  return point === undefined ? `no ${beside}` : { ...known, beside: { point, above, withinMs } };
}

function nightsOf(
  test: Settings<'nights'>,
  place: RulePlace,
  attributes: Readonly<Record<string, number>>,
): RuleTest | string {
  const { nights, direction, model } = test;
  const full = attributes[test.against];
  if (full === undefined || full <= 0) return `no number ${test.against} in its attributes`;
  const schedule = place.schedule ?? (model === 'level' ? DARK_HOURS : undefined);
  if (schedule === undefined) return 'no schedule';
  const level = model === 'level' ? `${place.device.id}/level` : undefined;
  return {
    type: 'nights',
    nights,
    direction,
    full,
    schedule,
    ...given('place', place.place),
    ...given('level', level),
  };
}

/** A flow in m3/h and a counter in m3 have the factor 1; what does not fit gives no rule. */
function integralOf(test: Settings<'integralOf'>, place: RulePlace): RuleTest | string {
  const flowUnit = place.unitOf(test.integralOf);
  const totalUnit = place.point.unit;
  if (flowUnit === undefined || totalUnit === undefined || !isUnit(flowUnit) || !isUnit(totalUnit))
    return `no unit of ${test.integralOf} or of the counter`;
  const perHour = UNITS[flowUnit].dimension === UNITS['m3/h'].dimension ? convert(1, flowUnit, 'm3/h') : undefined;
  const perM3 = UNITS[totalUnit].dimension === UNITS.m3.dimension ? convert(1, 'm3', totalUnit) : undefined;
  if (perHour === undefined || perM3 === undefined) return `${flowUnit} does not add up to ${totalUnit}`;
  const { least, integralOf: flow } = test;
  return { type: 'integral', flow: `${place.device.id}/${flow}`, factor: perHour * perM3, least };
}

function lightOf({ schedule, place }: RulePlace): { readonly schedule?: Schedule; readonly place?: Place } {
  return { ...given('schedule', schedule), ...given('place', place) };
}

function expressionOf(
  {
    cel,
    instead,
  }: Pick<Settings<'cel'>, 'cel'> & { readonly instead: Readonly<Record<string, number | 'scheduleLevel'>> },
  place: RulePlace,
  attributes: Readonly<Record<string, number>>,
): ExpressionTest | string {
  const { device, measurements, assetClass, schedule } = place;
  const inputs: Record<string, string> = {};
  const constants: Record<string, number> = {};
  const names = namesIn(cel);
  for (const name of names) {
    if (measurements.includes(name)) inputs[name] = `${device.id}/${name}`;
    else if (attributes[name] !== undefined) constants[name] = attributes[name];
    else if (assetClass?.attributes[name] !== undefined) return `no number ${name} in its attributes`;
  }
  if (names.has(LEVEL) && schedule === undefined && place.place === undefined) return 'no schedule and no place';
  if (names.has(SUN) && place.place === undefined) return 'no place to look at the sun';
  const used = Object.fromEntries(Object.entries(instead).filter(([name]) => inputs[name] !== undefined));
  return {
    type: 'expression',
    cel,
    inputs,
    constants,
    ...given('instead', Object.keys(used).length === 0 ? undefined : used),
    ...given('latitude', place.place?.latitude),
    ...given('longitude', place.place?.longitude),
    ...given('schedule', schedule ?? (place.place === undefined ? undefined : DARK_HOURS)),
  };
}

function setpointOf(
  setpoint: NonNullable<ClassAlarm['setpoint']>,
  attributes: Readonly<Record<string, number>>,
): Quantity | string {
  if (!('attribute' in setpoint)) return setpoint;
  const attribute = attributes[setpoint.attribute];
  if (attribute === undefined) return `no number ${setpoint.attribute} in its attributes`;
  const value = attribute * setpoint.factor + setpoint.plus;
  return setpoint.unit === undefined ? { value } : { value, unit: setpoint.unit as UnitSymbol };
}

function inUnit(quantity: Quantity, unit: UnitSymbol | undefined): number | undefined {
  if (quantity.unit === undefined || unit === undefined || quantity.unit === unit) return quantity.value;
  if (UNITS[quantity.unit].dimension !== UNITS[unit].dimension) return undefined;
  // Twelve digits hide what converting in binary adds: 0.4 MPa is 400 kPa, not 400.00000000000006.
  return Number(convert(quantity.value, quantity.unit, unit).toPrecision(12));
}

/** A deadband is a difference: 5 degC are 5 K, and a percentage is one of the setpoint. */
function deadbandOf(
  deadband: Quantity | undefined,
  setpoint: number,
  unit: UnitSymbol | undefined,
): number | undefined {
  if (deadband === undefined) return 0;
  if (deadband.unit === '%' && unit !== '%') return (Math.abs(setpoint) * deadband.value) / 100;
  const difference = differenceIn(deadband, unit);
  return difference === undefined ? undefined : Math.abs(difference);
}

function differenceIn(quantity: Quantity, unit: UnitSymbol | undefined): number | undefined {
  if (quantity.unit === undefined || unit === undefined) return quantity.value;
  const at = inUnit(quantity, unit);
  const zero = inUnit({ ...quantity, value: 0 }, unit);
  return at === undefined || zero === undefined ? undefined : Number((at - zero).toPrecision(12));
}

export function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
