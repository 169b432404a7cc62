import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Checked, ConfigError, checkedAgainst, type Mistake } from '../contract/mistakes.ts';
import { parseYaml, readYaml } from '../contract/yaml.ts';
import { type GatewayConfig, twice } from './config.ts';
import { parseCsvTable } from './csv.ts';
import { inWgs84 } from './domain/coordinates.ts';
import { COPY_CLASS, COPY_DEVICE } from './influxdb/settings.ts';
import { catalogOf, type PlantDescription } from './plant-catalog.ts';
import {
  alarmFault,
  checkAlarms,
  checkTimes,
  checkUpstream,
  expressionFault,
  namesOf,
  testFault,
} from './plant-checks.ts';
import type { PlantCatalog } from './plant-growth.ts';
import { type AssetClass, classSchema, type DeviceFileEntry, deviceSchema } from './plant-schema.ts';
import { timetableOf } from './schedule-config.ts';

/** What the files of a site say, with every mistake in them. */
export interface ReadPlant {
  readonly plant: PlantDescription;
  readonly mistakes: readonly Mistake[];
}

/**
 * Reads asset classes (shipped and own) and device files of a configuration.
 *
 * @param root - folder of package.json, where the shipped classes are
 * @throws ConfigError with every mistake of all files
 */
export function loadPlant(config: GatewayConfig, root: string): PlantCatalog {
  const { plant, mistakes } = readPlant(config, root);
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return catalogOf(plant);
}

/** As {@link loadPlant}, with the mistakes as a value. */
export function readPlant(
  config: Pick<
    GatewayConfig,
    'file' | 'site' | 'crs' | 'devices' | 'classes' | 'calendars' | 'schedules' | 'alarms'
  > & {
    readonly history?: { readonly kind: string };
  },
  root: string,
): ReadPlant {
  const ours = shippedPlant(root);
  const own = readClasses(config.classes, config.file);
  const classes = new Map([...ours.classes, ...own.classes]);
  const mistakes = [...ours.mistakes, ...own.mistakes];
  const devices = new Map<string, DeviceFileEntry>();
  const fileOf = new Map<string, string>();
  const names: { name: string; file: string; path: string }[] = [];
  for (const pattern of config.devices) {
    const files = expand(pattern);
    if (files.length === 0)
      mistakes.push({
        file: config.file,
        path: 'devices',
        found: pattern,
        allowed: 'a file that exists, or a pattern that fits one',
      });
    for (const file of files) {
      const found = parseDeviceFile(readFileSync(file, 'utf8'), file);
      mistakes.push(...found.mistakes);
      for (const [index, device] of found.devices.entries()) {
        names.push({ name: device.id, file, path: found.places[index] as string });
        if (!devices.has(device.id)) {
          devices.set(device.id, inWgs84(device, config.crs));
          fileOf.set(device.id, file);
        }
        mistakes.push(...checkAlarms(device, classes, file));
      }
    }
  }
  mistakes.push(...twice(names));
  if (config.history?.kind === 'influxdb' && !devices.has(COPY_DEVICE))
    devices.set(COPY_DEVICE, deviceSchema.parse({ id: COPY_DEVICE, class: COPY_CLASS }));
  const { id: site, latitude, longitude } = inWgs84({ ...config.site }, config.crs);
  // What is wrong with calendars and schedules themselves was said when the configuration was read.
  const { timetable } = timetableOf(config.calendars, config.schedules, config.file);
  const plant: PlantDescription = {
    site,
    classes,
    devices,
    rules: config.alarms.rules,
    timetable,
    ...(latitude === undefined || longitude === undefined ? {} : { place: { latitude, longitude } }),
  };
  const whose = (device: string) => fileOf.get(device) ?? config.file;
  mistakes.push(...checkTimes(plant, whose), ...checkUpstream(plant, whose));
  return { plant, mistakes };
}

/** One class of a YAML file, or every mistake in it. */
export function parseClassFile(text: string, file: string): Checked<AssetClass> {
  const { value, mistakes } = readYaml(classSchema, text, file);
  if (value === undefined) return { mistakes };
  const more = classMistakes(value, file);
  return more.length > 0 ? { mistakes: more } : { value, mistakes };
}

interface DeviceFile {
  readonly devices: DeviceFileEntry[];
  /** Where in the file each is named. */
  readonly places: readonly string[];
  readonly mistakes: Mistake[];
}

/** Devices of a YAML list, a `devices:` list or a CSV table; what is right is returned beside what is wrong. */
export function parseDeviceFile(text: string, file: string): DeviceFile {
  if (/\.csv$/i.test(file)) return parseRows(file, csvDevices(text));
  const { input, mistakes } = parseYaml(text, file);
  if (mistakes.length > 0) return { devices: [], places: [], mistakes };
  const isWrapped = typeof input === 'object' && input !== null && 'devices' in input;
  const list: unknown = isWrapped ? (input as { devices: unknown }).devices : input;
  if (!Array.isArray(list))
    return {
      devices: [],
      places: [],
      mistakes: [{ file, path: '', found: typeof list, allowed: 'a list of devices' }],
    };
  return parseRows(
    file,
    list.map((entry, index) => ({ entry, at: `${isWrapped ? 'devices' : ''}[${index}]` })),
  );
}

function parseRows(file: string, rows: readonly { readonly entry: unknown; readonly at: string }[]): DeviceFile {
  const devices: DeviceFileEntry[] = [];
  const places: string[] = [];
  const mistakes: Mistake[] = [];
  for (const { entry, at } of rows) {
    const parsed = checkedAgainst(deviceSchema, file, entry);
    if (parsed.value === undefined) mistakes.push(...placed(parsed.mistakes, at));
    else {
      devices.push(parsed.value);
      places.push(`${at}.id`);
    }
  }
  return { devices, places, mistakes };
}

/** Columns are named like the keys: `id`, `attributes.ratedKVA`, `points.flow.unit`; a limit is `alarms.flow.high`. */
function csvDevices(text: string): { readonly entry: unknown; readonly at: string }[] {
  return parseCsvTable(text).map(({ row, line }) => {
    const entry: Record<string, unknown> = {};
    const alarms: unknown[] = [];
    for (const [column, cell] of Object.entries(row)) {
      if (cell === '') continue;
      const [first = '', second = '', third = ''] = column.split('.');
      if (first === 'alarms') alarms.push({ point: second, kind: third, setpoint: cell });
      else if (first === 'attributes')
        entry.attributes = { ...(entry.attributes as object), [column.slice(11)]: scalar(cell) };
      else if (first === 'points') {
        const points = (entry.points ?? {}) as Record<string, Record<string, unknown>>;
        const value = third === 'normal' ? cell.split(/[;~]|\.\./).map(Number) : cell;
        entry.points = { ...points, [second]: { ...points[second], [third]: value } };
      } else entry[column] = first === 'latitude' || first === 'longitude' ? scalar(cell) : cell;
    }
    return { entry: alarms.length === 0 ? entry : { ...entry, alarms }, at: `line ${line}` };
  });
}

function scalar(cell: string): string | number | boolean {
  if (cell === 'true' || cell === 'false') return cell === 'true';
  const number = Number(cell);
  return Number.isFinite(number) ? number : cell;
}

function classMistakes(value: AssetClass, file: string): Mistake[] {
  const mistakes: Mistake[] = [];
  if (basename(file).replace(/\.ya?ml$/, '') !== value.class)
    mistakes.push({ file, path: 'class', found: value.class, allowed: `the name of the file, ${basename(file)}` });
  value.alarms.forEach((alarm, index) => {
    const { point } = alarm;
    const allNames = namesOf(value);
    const fault =
      alarmFault(alarm, value.points[point]?.unit) ??
      expressionFault(alarm, allNames) ??
      testFault(alarm.test, allNames);
    if (fault !== undefined) mistakes.push({ file, ...fault, path: `alarms[${index}].${fault.path}` });
    if (value.points[point] === undefined)
      mistakes.push({
        file,
        path: `alarms[${index}].point`,
        found: point,
        allowed: `one of ${Object.keys(value.points).join(', ') || 'points:'}`,
      });
  });
  const keys = value.alarms.map(({ point, kind, name }, index) => ({
    name: `${point} ${kind} ${name ?? ''}`.trim(),
    file,
    path: `alarms[${index}]`,
  }));
  return [...mistakes, ...twice(keys)];
}

/** The classes that come with the product. */
export function shippedPlant(root: string): ReturnType<typeof readClasses> {
  const folder = shippedClasses(root);
  const known = shipped.get(folder) ?? readClasses([folder], folder);
  shipped.set(folder, known);
  return known;
}

/** They don't change while a process runs. */
const shipped = new Map<string, ReturnType<typeof readClasses>>();

function readClasses(folders: readonly string[], configFile: string) {
  const mistakes: Mistake[] = [];
  const classes = new Map<string, AssetClass>();
  for (const folder of folders) {
    for (const file of yamlFilesIn(folder, configFile, mistakes)) {
      const found = parseClassFile(readFileSync(file, 'utf8'), file);
      mistakes.push(...found.mistakes);
      if (found.value !== undefined) classes.set(found.value.class, found.value);
    }
  }
  return { classes, mistakes };
}

function shippedClasses(root: string): string {
  return join(root, 'gateway/classes');
}

function yamlFilesIn(folder: string, configFile: string, mistakes: Mistake[]): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    mistakes.push({
      file: configFile,
      path: 'classes',
      found: (error as Error).message,
      allowed: 'a folder with class files',
    });
    return [];
  }
}

/** Files that fit a path with `*` in its last part, in the order of their names. */
function expand(pattern: string): string[] {
  const name = basename(pattern);
  if (!name.includes('*')) return statSync(pattern, { throwIfNoEntry: false })?.isFile() ? [pattern] : [];
  const fits = new RegExp(
    `^${name
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('[^/]*')}$`,
  );
  try {
    return readdirSync(dirname(pattern))
      .filter((candidate) => fits.test(candidate))
      .sort()
      .map((candidate) => join(dirname(pattern), candidate));
  } catch {
    return [];
  }
}

function placed(mistakes: readonly Mistake[], at: string): Mistake[] {
  return mistakes.map((mistake) => ({
    ...mistake,
    path: mistake.path === '' ? at : `${at}${mistake.path.startsWith('[') ? '' : '.'}${mistake.path}`,
  }));
}
