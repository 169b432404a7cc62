import type { Mistake } from '../contract/mistakes.ts';
import { formatDuration } from '../contract/time.ts';
import { type GatewayConfig, readGatewayConfig } from './config.ts';
import { modelSettings } from './leakage-config.ts';
import { openModels } from './locate/models.ts';
import { checkAlarms, withoutPlace } from './plant-catalog.ts';
import { parseClassFile, parseDeviceFile, readPlant, shippedPlant } from './plant-files.ts';

/** Devices named in a note; the count says the rest. */
const NAMES_MAX = 5;

export interface Findings {
  readonly mistakes: readonly Mistake[];
  /** Figures worth knowing that are no mistakes. */
  readonly notes: readonly string[];
}
type Env = Readonly<Record<string, string | undefined>>;

/** Checks a gateway's configuration with every class and device file it names; all mistakes in one report. */
export function checkGateway(file: string, root: string, env: Env): Findings {
  const { config, mistakes } = readGatewayConfig(file, env);
  if (config === undefined) return { mistakes, notes: [] };
  const { plant, mistakes: more } = readPlant(config, root);
  const all = [...mistakes, ...more];
  return { mistakes: all, notes: all.length > 0 ? [] : notesOf(config, plant) };
}

/** As {@link checkGateway}, and solves every hydraulic model once. */
export async function checkGatewayAndModels(file: string, root: string, env: Env): Promise<Findings> {
  const found = checkGateway(file, root, env);
  const { config } = readGatewayConfig(file, env);
  if (config === undefined) return found;
  const { leakage } = config;
  const { mistakes, notes } = await openModels(modelSettings(leakage, file), leakage.zones, file);
  return { mistakes: [...found.mistakes, ...mistakes], notes: [...found.notes, ...notes] };
}

/** Checks one class file or one device file, whichever its content says it is. */
export function checkDataFile(text: string, file: string, root: string): Findings {
  const isClass = !/\.csv$/i.test(file) && /^class:/m.test(text);
  if (isClass) return { mistakes: parseClassFile(text, file).mistakes, notes: [] };
  const { classes, mistakes: shipped } = shippedPlant(root);
  const { devices, mistakes } = parseDeviceFile(text, file);
  // Own classes are named in gateway.yaml, which is not known here: an unknown class is found when that file is checked.
  const fits = devices
    .filter((device) => classes.has(device.class))
    .flatMap((device) => checkAlarms(device, classes, file));
  return { mistakes: [...shipped, ...mistakes, ...fits], notes: [] };
}

function notesOf(config: GatewayConfig, plant: ReturnType<typeof readPlant>['plant']): string[] {
  const delays = [...plant.classes.values()].flatMap(({ alarms }) => alarms.map(({ onDelay }) => onDelay));
  const lost = withoutPlace(plant);
  return [
    `site ${config.site.id}, ${plant.devices.size} devices in ${config.devices.length} files or patterns, ${plant.classes.size} classes`,
    `longest on-delay of a class alarm: ${formatDuration(Math.max(0, ...delays))}`,
    ...(lost.length === 0
      ? []
      : [
          `${lost.length} devices without a place (${lost.slice(0, NAMES_MAX).join(', ')}): their alarms by sun and schedule do not exist; give site: a latitude and a longitude`,
        ]),
  ];
}
