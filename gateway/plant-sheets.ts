import type { DeviceInfo, PointInfo } from './domain/plant.ts';
import { limitsOf } from './domain/rule-table.ts';
import type { PlantDescription } from './plant-catalog.ts';
import type { PlantCatalog, PlantSheet } from './plant-growth.ts';
import type { ClassAlarm } from './plant-schema.ts';

/**
 * Sheets of the points whose alarms are those of their class and nothing else, and there plain limits with fixed numbers:
 * then class, measurement and unit say all that judging needs.
 *
 * @param hasOwn - whether files say something of the alarms of this point
 */
export function sheetsOf(
  { classes }: Pick<PlantDescription, 'classes'>,
  rulesFor: PlantCatalog['rulesFor'],
  hasOwn: (point: PointInfo, device: DeviceInfo) => boolean,
): NonNullable<PlantCatalog['sheetFor']> {
  const byClass = new Map<string, Map<string, Map<string | undefined, PlantSheet | undefined>>>();
  return (point, device) => {
    if (hasOwn(point, device)) return undefined;
    const sheets = below(below(byClass, device.class), point.measurement);
    const known = sheets.get(point.unit);
    if (known !== undefined || sheets.has(point.unit)) return known;
    const alarms = classes.get(device.class)?.alarms ?? [];
    const isPlain = alarms.every((alarm) => alarm.point !== point.measurement || isFixedLimit(alarm));
    const limits = isPlain ? limitsOf(rulesFor(point, device)) : undefined;
    const sheet =
      limits === undefined ? undefined : { limits, make: (...of: [PointInfo, DeviceInfo]) => rulesFor(...of) };
    sheets.set(point.unit, sheet);
    return sheet;
  };
}

/** The map below a key, made when it is first asked for. */
function below<K, L, V>(maps: Map<K, Map<L, V>>, key: K): Map<L, V> {
  const known = maps.get(key);
  if (known !== undefined) return known;
  const fresh = new Map<L, V>();
  maps.set(key, fresh);
  return fresh;
}

function isFixedLimit({ test, when, setpoint }: ClassAlarm): boolean {
  const isLimit = test === undefined || ('limit' in test && !('shareOf' in test) && !('runOf' in test));
  return isLimit && when === undefined && setpoint !== undefined && !('attribute' in setpoint);
}
