import type { Mistake } from '../contract/mistakes.ts';
import { isUnit, UNITS, type UnitSymbol } from '../contract/units.ts';
import { ALWAYS_KNOWN, compileExpression, LEVEL } from './domain/condition/expression.ts';
import { needsSun } from './domain/schedule/schedule.ts';
import { describeDevice, effectiveAlarms, type PlantDescription, placeOf, sameAlarm } from './plant-catalog.ts';
import { isInUnitOfPoint, isLimitKind, needsSetpoint } from './plant-rules.ts';
import {
  type AssetClass,
  type ClassAlarm,
  type DeviceAlarm,
  type DeviceFileEntry,
  LIMIT_KINDS,
  type TestSettings,
} from './plant-schema.ts';

// What can be said against classes and devices once they are known together. Pure.

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
    const names = namesOf(assetClass, device);
    const fault = alarmFault(merged, unit) ?? expressionFault(merged, names);
    return fault === undefined ? [] : [{ file, ...fault, path: `${path}.${fault.path}` }];
  });
}

/** Every name an expression of this class, or of this device of it, may use. */
export function namesOf(assetClass: AssetClass, device?: DeviceFileEntry): string[] {
  const numbers = Object.entries(device?.attributes ?? {}).filter(([, value]) => typeof value === 'number');
  return [
    ...new Set([
      ...Object.keys(assetClass.points),
      ...Object.keys(device?.points ?? {}),
      ...Object.keys(assetClass.attributes),
      ...numbers.map(([name]) => name),
      ...ALWAYS_KNOWN,
    ]),
  ].filter((name) => /^[A-Za-z_]\w*$/.test(name));
}

/** Why an alarm's expression can't be used. */
export function expressionFault(
  { test }: Pick<DeviceAlarm, 'test'>,
  names: readonly string[],
): { readonly path: string; readonly found: string; readonly allowed: string } | undefined {
  if (test === undefined || !('cel' in test)) return undefined;
  const all = 'fine' in test ? { 'test.cel': test.cel, 'test.fine': test.fine } : { 'test.cel': test.cel };
  for (const [path, cel] of Object.entries(all)) {
    const compiled = compileExpression(cel, names);
    if ('fault' in compiled)
      return { path, found: compiled.fault, allowed: `CEL over ${names.join(', ')}; numbers with a point: 2.0` };
  }
  return undefined;
}

/** Measurements and attributes that a test names and that do not exist. */
export function testFault(
  test: TestSettings | undefined,
  names: readonly string[],
): { readonly path: string; readonly found: string; readonly allowed: string } | undefined {
  if (test === undefined) return undefined;
  const allowed = `one of ${names.filter((name) => !ALWAYS_KNOWN.includes(name)).join(', ')}`;
  const wrong = (path: string, name: string) =>
    !/^[A-Za-z_]\w*$/.test(name) || names.includes(name) ? undefined : { path, found: name, allowed };
  if ('deviationFrom' in test) return wrong('test.deviationFrom', test.deviationFrom);
  if ('feedback' in test) return wrong('test.feedback', test.feedback);
  if ('integralOf' in test) return wrong('test.integralOf', test.integralOf);
  if ('nights' in test) return wrong('test.against', test.against);
  if ('runOf' in test && test.current !== undefined) return wrong('test.current', test.current);
  if ('baseline' in test && test.beside !== undefined) return wrong('test.beside', test.beside);
  const instead = 'instead' in test ? Object.keys(test.instead) : [];
  return instead.map((name) => wrong(`test.instead.${name}`, name)).find((fault) => fault !== undefined);
}

/** What can be said against an alarm by itself; `path` is within the alarm. */
export function alarmFault(
  alarm: ClassAlarm | DeviceAlarm,
  unit: string | undefined,
): { readonly path: string; readonly found: string; readonly allowed: string } | undefined {
  const { setpoint, test, kind } = alarm;
  if (test === undefined && !isLimitKind(kind))
    return { path: 'kind', found: kind, allowed: `${LIMIT_KINDS.join(', ')}, or another name with a test` };
  if (setpoint === undefined) {
    if (!needsSetpoint(test)) return undefined;
    return { path: 'setpoint', found: 'nothing', allowed: 'a setpoint, since the class has no such alarm' };
  }
  const written = setpoint.unit;
  if (test !== undefined && !isInUnitOfPoint(test)) return undefined;
  if (unit === undefined || written === undefined || !isUnit(unit)) return undefined;
  const fits = UNITS[written as UnitSymbol].dimension === UNITS[unit].dimension;
  return fits ? undefined : { path: 'setpoint', found: written, allowed: `a unit that converts into ${unit}` };
}

/** What can be said against devices and their alarms once calendars, schedules and places are known. */
export function checkTimes(plant: PlantDescription, fileOf: (device: string) => string): Mistake[] {
  const { timetable } = plant;
  const allowed = (kind: string, known: ReadonlyMap<string, unknown>) =>
    `one of ${[...known.keys()].join(', ') || `${kind}: of gateway.yaml, where there is none`}`;
  const mistakes: Mistake[] = [];
  for (const [id, { schedule, alarms, class: name }] of plant.devices) {
    const file = fileOf(id);
    const device = describeDevice(plant, id, {});
    if (schedule !== undefined && !timetable.schedules.has(schedule))
      mistakes.push({
        file,
        path: `${id}.schedule`,
        found: schedule,
        allowed: allowed('schedules', timetable.schedules),
      });
    const follows = timetable.schedules.get(device.schedule ?? '');
    if (follows !== undefined && needsSun(follows) && placeOf(plant, device) === undefined)
      mistakes.push({
        file,
        path: `${id}.latitude`,
        found: 'nothing',
        allowed: `latitude and longitude of it, of what it hangs on or of the site, since schedule ${follows.name} follows the sun`,
      });
    const own = alarms.map(({ when = [] }, index) => ({ when, path: `${id}.alarms[${index}].when` }));
    const ofClass = (plant.classes.get(name)?.alarms ?? []).map(({ when = [], point, kind }) => ({
      when,
      path: `${id}.class: alarm ${kind} of ${point}`,
    }));
    for (const { when, path } of [...own, ...ofClass])
      for (const one of when) {
        const calendar = 'calendar' in one ? one.calendar : 'notCalendar' in one ? one.notCalendar : undefined;
        if (calendar !== undefined && !timetable.calendars.has(calendar))
          mistakes.push({ file, path, found: calendar, allowed: allowed('calendars', timetable.calendars) });
      }
  }
  return mistakes;
}

/** Devices that hang on each other in a circle: each would explain the other away, and nobody would be told. */
export function checkUpstream(plant: PlantDescription, fileOf: (device: string) => string): Mistake[] {
  return [...plant.devices.keys()].flatMap((id): Mistake[] => {
    const way = [id];
    let above = plant.devices.get(id)?.upstream;
    while (above !== undefined && above !== id && !way.includes(above)) {
      way.push(above);
      above = plant.devices.get(above)?.upstream;
    }
    if (above !== id) return [];
    const found = [...way, id].join(' on ');
    return [{ file: fileOf(id), path: `${id}.upstream`, found, allowed: 'what it hangs on, and no circle' }];
  });
}

/** Devices of which alarms by sun or schedule do not exist, because nobody said where they are. */
export function withoutPlace(plant: PlantDescription): string[] {
  const needs = (name: string) =>
    (plant.classes.get(name)?.alarms ?? []).some(
      ({ when, test }) =>
        when?.some((one) => 'lit' in one || ('is' in one && one.is !== 'always')) === true ||
        (test !== undefined && 'cel' in test && ALWAYS_KNOWN.some((word) => word !== LEVEL && test.cel.includes(word))),
    );
  return [...plant.devices.keys()].filter((id) => {
    const device = describeDevice(plant, id, {});
    return needs(device.class) && placeOf(plant, device) === undefined;
  });
}
