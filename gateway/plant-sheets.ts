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
  const byClass = new Map<string, Map<string, PlantSheet | undefined>>();
  return (point, device) => {
    if (hasOwn(point, device)) return undefined;
    let sheets = byClass.get(device.class);
    if (sheets === undefined) {
      sheets = new Map();
      byClass.set(device.class, sheets);
    }
    const kind = `${point.measurement} ${point.unit ?? ''}`;
    if (sheets.has(kind)) return sheets.get(kind);
    const alarms = classes.get(device.class)?.alarms ?? [];
    const isPlain = alarms.every((alarm) => alarm.point !== point.measurement || isFixedLimit(alarm));
    const limits = isPlain ? limitsOf(rulesFor(point, device)) : undefined;
    const sheet =
      limits === undefined ? undefined : { limits, make: (...of: [PointInfo, DeviceInfo]) => rulesFor(...of) };
    sheets.set(kind, sheet);
    return sheet;
  };
}

function isFixedLimit({ test, when, setpoint }: ClassAlarm): boolean {
  const isLimit = test === undefined || ('limit' in test && !('shareOf' in test) && !('runOf' in test));
  return isLimit && when === undefined && setpoint !== undefined && !('attribute' in setpoint);
}
