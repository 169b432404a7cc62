import { formatDuration, formatTime } from '../contract/time.ts';
import type { Desk } from './desk.ts';
import type { Rule } from './domain/plant.ts';
import type { PlantCatalog } from './plant-growth.ts';
import type { RuleChange } from './rule-changes.ts';

const FIELDS = ['setpoint', 'deadband', 'onDelayMs', 'offDelayMs', 'priority', 'enabled'] as const;

/** Where a gateway's run-time limits differ from its files: a line per rule and field, with both values, who, when and why. */
export function runTimeChanges(files: PlantCatalog, desk: Desk): string[] {
  return desk.changes.keys().flatMap((key) => {
    const change = desk.changes.of(key) as RuleChange;
    const rule = ruleOfFiles(desk, files, key);
    if (rule === undefined) return [`changed at run time: ${key}: watches nothing by these files; ${whose(change)}`];
    return FIELDS.flatMap((field) => {
      const now = change[field];
      const before = field === 'enabled' ? true : rule[field];
      if (now === undefined || now === before) return [];
      return [
        `changed at run time: ${key} ${nameOf(field)}: file ${shown(field, before, rule)}, now ${shown(field, now, rule)}; ${whose(change)}`,
      ];
    });
  });
}

/** As the files say it, in the unit of the asset. */
function ruleOfFiles({ assets, defaults }: Desk, files: PlantCatalog, key: string): Rule | undefined {
  const [, owner = '', measurement = ''] = /^([^/#]+)\/([^#]+)#/.exec(key) ?? [];
  const binding = assets.of(owner, measurement).at(-1);
  const isBound = binding !== undefined && binding.to === undefined;
  const device = files.describeDevice(isBound ? binding.device : owner, {});
  const point = { ...files.describePoint(device, isBound ? binding.source : measurement, {}), id: 0 };
  return defaults.rulesAsWritten(point, device).find((rule) => rule.key === key);
}

function shown(field: (typeof FIELDS)[number], value: number | boolean | undefined, { unit }: Rule): string {
  if (value === undefined) return 'none';
  if (field === 'onDelayMs' || field === 'offDelayMs') return formatDuration(Number(value));
  const hasUnit = (field === 'setpoint' || field === 'deadband') && unit !== undefined && unit !== '1';
  return hasUnit ? `${value} ${unit}` : String(value);
}

const nameOf = (field: (typeof FIELDS)[number]) => field.replace(/Ms$/, '');

function whose({ who, at, reason, until }: RuleChange): string {
  return `${who}, ${formatTime(at)}${until === undefined ? '' : `, until ${formatTime(until)}`}: ${reason}`;
}
