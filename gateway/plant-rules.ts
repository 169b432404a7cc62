import type { Priority } from '../contract/alarm.ts';
import { convert, isUnit, UNITS, type UnitSymbol } from '../contract/units.ts';
import { namesIn } from './domain/condition/expression.ts';
import type { DeviceInfo, PointInfo, Rule, RuleTest } from './domain/plant.ts';
import {
  type AssetClass,
  type ClassAlarm,
  type DeviceAlarm,
  LIMIT_KINDS,
  type Quantity,
  type TestSettings,
} from './plant-schema.ts';

const DEFAULT_PRIORITY = { 'high-high': 2, 'low-low': 2, high: 3, low: 3 } as const;
const KIND_WORDS = { 'high-high': 'very high', 'low-low': 'very low', high: 'high', low: 'low' } as const;
const KIND_WORDS_ZH = { 'high-high': '过高', 'low-low': '过低', high: '偏高', low: '偏低' } as const;

/** What a rule is made for. */
export interface RulePlace {
  readonly point: PointInfo;
  readonly device: DeviceInfo;
  readonly assetClass: AssetClass | undefined;
  /** All that the device may measure, for expressions. */
  readonly measurements: readonly string[];
  /** Devices that hang on this one. */
  readonly downstream: readonly string[];
}

/** A rule with its setpoint in the unit of the point; a text says why there can't be one. */
export function ruleOf(alarm: ClassAlarm | DeviceAlarm, place: RulePlace): Rule | string {
  const { point, device } = place;
  const attributes = attributesOf(place);
  const test = alarm.test === undefined ? undefined : testOf(alarm.test, place, attributes);
  if (typeof test === 'string') return test;
  const limits = limitsOf(alarm, point, attributes);
  if (typeof limits === 'string') return limits;
  const { setpoint, deadband, unit } = limits;
  const { kind, name, measurement } = { ...alarm, measurement: point.measurement };
  const label = point.label ?? measurement;
  const pointId = `${point.device}/${measurement}`;
  return {
    key: `${pointId}#${kind}${name === undefined ? '' : `.${name}`}`,
    kind,
    asset: device.id,
    assetClass: device.class,
    point: point.id,
    pointId,
    priority: alarm.priority ?? (DEFAULT_PRIORITY as Record<string, Priority>)[kind] ?? 3,
    deadband,
    onDelayMs: alarm.onDelay ?? 0,
    offDelayMs: alarm.offDelay ?? 0,
    latch: alarm.latch ?? false,
    title: alarm.title ?? `${label} ${(KIND_WORDS as Record<string, string>)[kind] ?? kind}`,
    titleZh: alarm.titleZh ?? `${point.labelZh ?? label}${(KIND_WORDS_ZH as Record<string, string>)[kind] ?? kind}`,
    ...given('setpoint', setpoint),
    ...given('test', test),
    ...given('explains', alarm.explains),
    ...given('unit', point.unit ?? unit),
    ...given('location', device.location),
    ...given('reAlarmMs', alarm.reAlarm),
    ...given('response', alarm.response),
    ...given('responseZh', alarm.responseZh),
  };
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
  return isPlainLimit(test) || 'rate' in test || 'mean' in test || 'deviationFrom' in test;
}

/** Its setpoint is a quantity of the point, and not a percentage or a number of deviations. */
export function isInUnitOfPoint(test: TestSettings): boolean {
  if ('deviationFrom' in test) return !test.percent;
  return isPlainLimit(test) || 'rate' in test || 'mean' in test;
}

function isPlainLimit(test: TestSettings): boolean {
  return 'limit' in test && !('shareOf' in test);
}

/** The test in the words of the judge; a text says what is missing. */
function testOf(test: TestSettings, place: RulePlace, attributes: Readonly<Record<string, number>>): RuleTest | string {
  const { device } = place;
  const pointIdOf = (name: string) => (name.includes('/') ? name : `${device.id}/${name}`);
  if ('shareOf' in test) {
    const members = place.downstream.map((id) => `${id}/${test.shareOf}`);
    return members.length === 0
      ? 'nothing hangs on it'
      : { type: 'share', members, side: test.side, limit: test.limit };
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
  if ('deviationFrom' in test) return { type: 'deviation', from: pointIdOf(test.deviationFrom), percent: test.percent };
  if ('feedback' in test) return { type: 'discrepancy', feedback: pointIdOf(test.feedback), threshold: test.threshold };
  if ('profile' in test) return { type: 'profile', direction: test.profile, floor: test.floor };
  return expressionOf(test.cel, place, attributes);
}

function expressionOf(cel: string, place: RulePlace, attributes: Readonly<Record<string, number>>): RuleTest | string {
  const { device, measurements, assetClass } = place;
  const inputs: Record<string, string> = {};
  const constants: Record<string, number> = {};
  for (const name of namesIn(cel)) {
    if (measurements.includes(name)) inputs[name] = `${device.id}/${name}`;
    else if (attributes[name] !== undefined) constants[name] = attributes[name];
    else if (assetClass?.attributes[name] !== undefined) return `no number ${name} in its attributes`;
  }
  return {
    type: 'expression',
    cel,
    inputs,
    constants,
    ...given('latitude', device.latitude),
    ...given('longitude', device.longitude),
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
