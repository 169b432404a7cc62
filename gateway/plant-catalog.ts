import type { Mistake } from '../contract/mistakes.ts';
import { convert, isUnit, UNITS, type UnitSymbol } from '../contract/units.ts';
import type { DeviceInfo, PointInfo, Rule } from './domain/plant.ts';
import type { DeviceHint, PlantCatalog, PointHint } from './plant-growth.ts';
import type { AssetClass, ClassAlarm, DeviceAlarm, DeviceFileEntry, PointSettings, Quantity } from './plant-schema.ts';

/** What the files of a site say, read and checked. */
export interface PlantDescription {
  readonly site: string;
  readonly classes: ReadonlyMap<string, AssetClass>;
  readonly devices: ReadonlyMap<string, DeviceFileEntry>;
  /** Limits of gateway.yaml; `point` is `<device>/<measurement>`. */
  readonly rules: readonly DeviceAlarm[];
}

/** Silence after which a point is stale when nobody says how often it is read. */
const MAX_SILENCE_MS = 5 * 60_000;
/** Missed readings after which a point is stale (fault-rules, 6: three times the interval). */
const MISSED_MAX = 3;
/** Below this, jitter of polling and batching alone would make points stale: a heartbeat of 10 s and half as much again. */
const MAX_SILENCE_FLOOR_MS = 15_000;

/** Puts class defaults, device files and what devices say of themselves together. */
export function catalogOf(plant: PlantDescription): PlantCatalog {
  const ruleOverrides = byPoint(plant.rules);
  return {
    declared: declaredOf(plant),
    describeDevice: (id, hint) => describeDevice(plant, id, hint),
    describePoint(device, measurement, hint) {
      return describePoint(device, measurement, settingsOf(plant, device, measurement), hint);
    },
    rulesFor(point, device) {
      const { alarms = [] } = plant.devices.get(device.id) ?? {};
      const overrides = [
        ...alarms.filter((alarm) => alarm.point === point.measurement),
        ...(ruleOverrides.get(`${point.device}/${point.measurement}`) ?? []),
      ];
      return effectiveAlarms(plant.classes.get(device.class), point.measurement, overrides).flatMap((alarm) => {
        const rule = ruleOf(alarm, point, device);
        return typeof rule === 'string' ? [] : [rule];
      });
    },
  };
}

/** Mistakes that need class and device together: unknown class, an own alarm without setpoint, units that don't fit. */
export function checkAlarms(
  device: DeviceFileEntry,
  classes: ReadonlyMap<string, AssetClass>,
  file: string,
): Mistake[] {
  const assetClass = classes.get(device.class);
  if (assetClass === undefined) {
    const allowed = `one of ${[...classes.keys()].sort().join(', ')}`;
    return [{ file, path: `${device.id}.class`, found: device.class, allowed }];
  }
  return device.alarms.flatMap((alarm, index): Mistake[] => {
    const path = `${device.id}.alarms[${index}]`;
    const unit = device.points[alarm.point]?.unit ?? assetClass.points[alarm.point]?.unit;
    const [merged] = effectiveAlarms(assetClass, alarm.point, [alarm]).filter((other) => sameAlarm(other, alarm));
    if (merged === undefined) return [];
    const fault = setpointFault(merged, unit);
    return fault === undefined ? [] : [{ file, path: `${path}.setpoint`, ...fault }];
  });
}

function setpointFault(
  alarm: ClassAlarm | DeviceAlarm,
  unit: string | undefined,
): { found: string; allowed: string } | undefined {
  const { setpoint } = alarm;
  if (setpoint === undefined) return { found: 'nothing', allowed: 'a setpoint, since the class has no such alarm' };
  const written = setpoint.unit;
  if (unit === undefined || written === undefined || !isUnit(unit)) return undefined;
  const fits = UNITS[written as UnitSymbol].dimension === UNITS[unit].dimension;
  return fits ? undefined : { found: written, allowed: `a unit that converts into ${unit}` };
}

function declaredOf(plant: PlantDescription): PlantCatalog['declared'] {
  return [...plant.devices.values()].map(({ id, points }) => ({ device: id, measurements: Object.keys(points) }));
}

function describeDevice(plant: PlantDescription, id: string, hint: DeviceHint): DeviceInfo {
  const file = plant.devices.get(id);
  const { edge = hint.edge, line = hint.line, model = hint.model } = file ?? {};
  return {
    id,
    class: file?.class ?? 'generic',
    site: file?.site ?? plant.site,
    origin: file === undefined ? 'discovered' : 'declared',
    attributes: file?.attributes ?? {},
    ...given('name', file?.name),
    ...given('nameZh', file?.nameZh),
    ...given('location', file?.location),
    ...given('latitude', file?.latitude),
    ...given('longitude', file?.longitude),
    ...given('model', model),
    ...given('edge', edge),
    ...given('line', line),
  };
}

function settingsOf(plant: PlantDescription, device: DeviceInfo, measurement: string): PointSettings {
  return {
    ...plant.classes.get(device.class)?.points[measurement],
    ...plant.devices.get(device.id)?.points[measurement],
  };
}

function describePoint(
  device: DeviceInfo,
  measurement: string,
  settings: PointSettings,
  hint: PointHint,
): Omit<PointInfo, 'id'> {
  const everyMs = settings.every ?? hint.everyMs;
  const reportingDelayMs = settings.reportingDelay ?? 0;
  const derived = everyMs === undefined ? MAX_SILENCE_MS : Math.max(MISSED_MAX * everyMs, MAX_SILENCE_FLOOR_MS);
  return {
    device: device.id,
    measurement,
    maxSilenceMs: settings.maxSilence ?? derived + reportingDelayMs,
    reportingDelayMs,
    ...given('unit', settings.unit ?? hint.unit),
    ...given('label', settings.label),
    ...given('labelZh', settings.labelZh),
    ...given('everyMs', everyMs),
    ...given('normal', settings.normal),
  };
}

const sameAlarm = (a: Pick<DeviceAlarm, 'kind' | 'name'>, b: Pick<DeviceAlarm, 'kind' | 'name'>) =>
  a.kind === b.kind && a.name === b.name;

/** The alarms of one point: those of its class as the overrides change them, and the overrides' own. */
function effectiveAlarms(
  assetClass: AssetClass | undefined,
  measurement: string,
  overrides: readonly DeviceAlarm[],
): (ClassAlarm | DeviceAlarm)[] {
  const alarms: (ClassAlarm | DeviceAlarm)[] = (assetClass?.alarms ?? []).filter(({ point }) => point === measurement);
  for (const override of overrides) {
    const place = alarms.findIndex((alarm) => sameAlarm(alarm, override));
    const said = Object.fromEntries(Object.entries(override).filter(([, value]) => value !== undefined)) as DeviceAlarm;
    if (place < 0) alarms.push(said);
    else alarms[place] = { ...alarms[place], ...said, point: measurement } as DeviceAlarm;
  }
  return alarms.filter((alarm) => !('enabled' in alarm) || alarm.enabled);
}

const DEFAULT_PRIORITY = { 'high-high': 2, 'low-low': 2, high: 3, low: 3 } as const;
const KIND_WORDS = { 'high-high': 'very high', 'low-low': 'very low', high: 'high', low: 'low' } as const;
const KIND_WORDS_ZH = { 'high-high': '过高', 'low-low': '过低', high: '偏高', low: '偏低' } as const;

/** A rule with its setpoint in the unit of the point; a text says why there can't be one. */
function ruleOf(alarm: ClassAlarm | DeviceAlarm, point: PointInfo, device: DeviceInfo): Rule | string {
  const wanted = setpointOf(alarm, device);
  if (typeof wanted === 'string') return wanted;
  const unit = point.unit !== undefined && isUnit(point.unit) ? point.unit : wanted.unit;
  const setpoint = inUnit(wanted, unit);
  if (setpoint === undefined) return `${wanted.unit} does not convert into ${unit}`;
  const deadband = deadbandOf(alarm.deadband, setpoint, unit);
  if (deadband === undefined) return `deadband ${alarm.deadband?.unit} does not convert into ${unit}`;
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
    priority: alarm.priority ?? DEFAULT_PRIORITY[kind],
    setpoint,
    deadband,
    onDelayMs: alarm.onDelay ?? 0,
    offDelayMs: alarm.offDelay ?? 0,
    latch: alarm.latch ?? false,
    title: alarm.title ?? `${label} ${KIND_WORDS[kind]}`,
    titleZh: alarm.titleZh ?? `${point.labelZh ?? label}${KIND_WORDS_ZH[kind]}`,
    ...given('unit', point.unit ?? unit),
    ...given('location', device.location),
    ...given('reAlarmMs', alarm.reAlarm),
    ...given('response', alarm.response),
  };
}

function setpointOf(alarm: ClassAlarm | DeviceAlarm, device: DeviceInfo): Quantity | string {
  const { setpoint } = alarm;
  if (setpoint === undefined) return 'no setpoint';
  if (!('attribute' in setpoint)) return setpoint;
  const attribute = device.attributes[setpoint.attribute];
  if (typeof attribute !== 'number') return `no number ${setpoint.attribute} in its attributes`;
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
  if (deadband.unit === undefined || unit === undefined) return deadband.value;
  const at = inUnit(deadband, unit);
  const zero = inUnit({ ...deadband, value: 0 }, unit);
  return at === undefined || zero === undefined ? undefined : Math.abs(at - zero);
}

function byPoint(rules: readonly DeviceAlarm[]): Map<string, DeviceAlarm[]> {
  const map = new Map<string, DeviceAlarm[]>();
  for (const rule of rules) map.set(rule.point, [...(map.get(rule.point) ?? []), rule]);
  return map;
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
