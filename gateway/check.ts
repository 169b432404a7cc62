import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Mistake } from '../contract/mistakes.ts';
import { formatDuration } from '../contract/time.ts';
import { runTimeChanges } from './check-changes.ts';
import { type GatewayConfig, parseGatewayConfig, readGatewayConfig, twice } from './config.ts';
import { type Desk, openDesk } from './desk.ts';
import { whyNoBalance, type ZoneModel } from './domain/leakage/network.ts';
import { Almanac } from './domain/schedule/almanac.ts';
import { localDays } from './domain/schedule/local-days.ts';
import { changesOf, needsSun, type Schedule } from './domain/schedule/schedule.ts';
import type { Place } from './domain/schedule/sun.ts';
import { modelSettings, zonesOf } from './leakage-config.ts';
import { openModels } from './locate/models.ts';
import { catalogOf } from './plant-catalog.ts';
import { checkAlarms, withoutPlace } from './plant-checks.ts';
import { parseClassFile, parseDeviceFile, readPlant, shippedPlant } from './plant-files.ts';
import type { PlantCatalog } from './plant-growth.ts';

/** Days on which a schedule is shown: the longest and the shortest, and a night between. */
const SHOWN_DAYS = ['2026-03-20', '2026-06-21', '2026-12-22'];
/** Devices named in a note; the count says the rest. */
const NAMES_MAX = 5;

export interface Findings {
  readonly mistakes: readonly Mistake[];
  /** Figures worth knowing that are no mistakes. */
  readonly notes: readonly string[];
}
type Env = Readonly<Record<string, string | undefined>>;

/** What people changed at a gateway, over what these files say; absent: what the data folder of the configuration holds. */
export type OpenChanges = (files: PlantCatalog) => Desk;

/** Checks a gateway's configuration with every class and device file it names; all mistakes in one report. */
export function checkGateway(file: string, root: string, env: Env, openChanges?: OpenChanges): Findings {
  const { config, mistakes } = readGatewayConfig(file, env);
  if (config === undefined) return { mistakes: [...mistakes, ...mistakesOfNamed(file, root)], notes: [] };
  const { plant, mistakes: more } = readPlant(config, root);
  const all = [...mistakes, ...more];
  if (all.length > 0) return { mistakes: all, notes: [] };
  try {
    const files = catalogOf(plant);
    const desk = openChanges === undefined ? openDesk(files, config.dataDir) : openChanges(files);
    return { mistakes: [], notes: [...notesOf(config, plant), ...runTimeChanges(files, desk)] };
  } catch (error) {
    // A gateway would not start with it either.
    const found = (error as Error).message.slice(0, 300);
    const allowed = 'rules.json and assets.json as the gateway wrote them';
    return { mistakes: [{ file: config.dataDir, path: '', found, allowed }], notes: [] };
  }
}

/** As {@link checkGateway}, and solves every hydraulic model once. */
export async function checkGatewayAndModels(
  file: string,
  root: string,
  env: Env,
  openChanges?: OpenChanges,
): Promise<Findings> {
  const found = checkGateway(file, root, env, openChanges);
  const { config } = readGatewayConfig(file, env);
  if (config === undefined) return found;
  const { leakage } = config;
  const { mistakes, notes: models } = await openModels(modelSettings(leakage, file), leakage.zones, file);
  const notes = [...zoneNotes(zonesOf(leakage)), ...models];
  return { mistakes: [...found.mistakes, ...mistakes], notes: [...found.notes, ...notes] };
}

/** Zones that have no balance of their own, and how complete what is known of the others is. */
function zoneNotes(zones: readonly ZoneModel[]): string[] {
  return zones.flatMap((zone) => {
    const why = whyNoBalance(zone);
    if (why !== undefined) return [`zone ${zone.id} has no balance of its own: ${why}`];
    const lacks = (['population', 'mainsKm', 'connections'] as const).filter((key) => zone[key] === undefined);
    const meters = (zone.registered ?? zone.customers).length === 0 ? ['customers'] : [];
    const all = [...meters, ...lacks];
    return all.length === 0 ? [] : [`zone ${zone.id}: without ${all.join(', ')} some figures are absent`];
  });
}

/** What is wrong in the files that a configuration names, though it can't be used itself: one report, not one after the other. */
function mistakesOfNamed(file: string, root: string): readonly Mistake[] {
  let raw: unknown;
  try {
    raw = parse(readFileSync(file, 'utf8'), { merge: true });
  } catch {
    // It was said already that this is no YAML, or no file.
    return [];
  }
  if (typeof raw !== 'object' || raw === null) return [];
  const { crs, devices, classes, calendars, schedules } = raw as Readonly<Record<string, unknown>>;
  const part = Object.entries({ crs, devices, classes, calendars, schedules }).filter(
    ([, value]) => value !== undefined,
  );
  const { value } = parseGatewayConfig(stringify(Object.fromEntries(part)), file);
  if (value === undefined) return [];
  const beside = (path: string) => resolve(dirname(file), path);
  // Its site is not among what is looked at.
  const named = {
    ...value,
    file,
    site: { id: 'site' },
    devices: value.devices.map(beside),
    classes: value.classes.map(beside),
  };
  return readPlant(named, root).mistakes;
}

/** Checks one class file or one device file, whichever its content says it is. */
export function checkDataFile(text: string, file: string, root: string): Findings {
  const isClass = !/\.csv$/i.test(file) && /^class:/m.test(text);
  if (isClass) return { mistakes: parseClassFile(text, file).mistakes, notes: [] };
  const { classes, mistakes: shipped } = shippedPlant(root);
  const { devices, mistakes, places } = parseDeviceFile(text, file);
  // Own classes are named in gateway.yaml, which is not known here: an unknown class is found when that file is checked.
  const fits = devices
    .filter((device) => classes.has(device.class))
    .flatMap((device) => checkAlarms(device, classes, file));
  const names = devices.map(({ id }, index) => ({ name: id, file, path: places[index] as string }));
  const foreign = new Set(devices.map((device) => device.class).filter((name) => !classes.has(name)));
  return {
    mistakes: [...shipped, ...mistakes, ...fits, ...twice(names)],
    notes: [...foreign].map(
      (name) => `class ${name} does not come with Hanfeng: check the gateway.yaml whose \`classes:\` bring it`,
    ),
  };
}

function notesOf(config: GatewayConfig, plant: ReturnType<typeof readPlant>['plant']): string[] {
  const delays = [...plant.classes.values()].flatMap(({ alarms }) => alarms.map(({ onDelay }) => onDelay));
  const lost = withoutPlace(plant);
  const almanac = new Almanac(localDays(config.timezone));
  return [
    `site ${config.site.id}, ${plant.devices.size} devices in ${config.devices.length} files or patterns, ${plant.classes.size} classes`,
    `longest on-delay of a class alarm: ${formatDuration(Math.max(0, ...delays))}`,
    ...[...plant.timetable.schedules.values()].map((schedule) =>
      scheduleNote(schedule, plant.place, almanac, SHOWN_DAYS),
    ),
    ...(lost.length === 0
      ? []
      : [
          `${lost.length} devices without a place (${lost.slice(0, NAMES_MAX).join(', ')}): their alarms by sun and schedule do not exist; give site: a latitude and a longitude`,
        ]),
  ];
}

/** When a schedule switches on some days, so that people see whether they wrote what they meant. */
function scheduleNote(
  schedule: Schedule,
  place: Place | undefined,
  almanac: Almanac,
  dates: readonly string[],
): string {
  if (needsSun(schedule) && place === undefined)
    return `schedule ${schedule.name} follows the sun at each device; give site: a place to see its times here`;
  const nights = dates.map((date) => {
    const day = Date.parse(`${date}T00:00:00Z`) / 86_400_000;
    const changes = changesOf(schedule, day, place, almanac.days);
    const clock = (at: number) => {
      const minute = Math.floor(almanac.days.minuteOf(at));
      return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
    };
    const told = changes.map(({ at, level }) => `${clock(at)} ${level === 0 ? 'off' : `${level} %`}`);
    return `${date.slice(5)} ${told.length === 0 ? 'stays off' : told.join(', ')}`;
  });
  return `schedule ${schedule.name}: ${nights.join('; ')}`;
}
