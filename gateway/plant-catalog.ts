import type { DeviceInfo, PointInfo } from './domain/plant.ts';
import type { Place } from './domain/schedule/sun.ts';
import type { DeviceHint, PlantCatalog, PointHint } from './plant-growth.ts';
import { type DownstreamDevice, given, KIND_WORDS_ZH, ruleOf } from './plant-rules.ts';
import type { AssetClass, ClassAlarm, DeviceAlarm, DeviceFileEntry, PointSettings } from './plant-schema.ts';
import { sheetsOf } from './plant-sheets.ts';
import type { PointDescription } from './registry.ts';
import type { Timetable } from './schedule-config.ts';

/** What the files of a site say, read and checked. */
export interface PlantDescription {
  readonly site: string;
  readonly classes: ReadonlyMap<string, AssetClass>;
  readonly devices: ReadonlyMap<string, DeviceFileEntry>;
  /** Limits of gateway.yaml; `point` is `<device>/<measurement>`. */
  readonly rules: readonly DeviceAlarm[];
  /** Where the site is, for what has no place of its own. */
  readonly place?: Place;
  readonly timetable: Timetable;
}

/** How far up a chain of "hangs on" a schedule or a place is looked for. */
const UPSTREAM_MAX = 16;

/** Silence after which a point is stale when nobody says how often it is read. */
const MAX_SILENCE_MS = 5 * 60_000;
/** Missed readings after which a point is stale (fault-rules, 6: three times the interval). */
const MISSED_MAX = 3;
/** Below this, jitter of polling and batching alone would make points stale: a heartbeat of 10 s and half as much again. */
const MAX_SILENCE_FLOOR_MS = 15_000;

/** What an edge agent calls itself, and the class that watches its outbox, disk and clock without being declared. */
const EDGE_MODEL = 'hanfeng-edge';
const EDGE_CLASS = 'edge-agent';

/** Puts class defaults, device files and what devices say of themselves together. */
export function catalogOf(plant: PlantDescription): PlantCatalog {
  const ruleOverrides = byPoint(plant.rules);
  const downstream = downstreamOf(plant);
  const catalog: PlantCatalog = {
    declared: declaredOf(plant, downstream),
    describeDevice: (id, hint) => describeDevice(plant, id, hint),
    describePoint(device, measurement, hint) {
      return describePoint(device, measurement, settingsOf(plant, device, measurement), hint);
    },
    rulesFor(point, device, measuredBy = device.id) {
      const { alarms = [], points = {} } = plant.devices.get(device.id) ?? {};
      const assetClass = plant.classes.get(device.class);
      const measured = {
        measurements: [...Object.keys(assetClass?.points ?? {}), ...Object.keys(points), point.measurement],
      };
      const overrides = [
        ...alarms.filter((alarm) => alarm.point === point.measurement),
        ...(ruleOverrides.get(`${point.device}/${point.measurement}`) ?? []),
      ];
      return effectiveAlarms(assetClass, point.measurement, overrides).flatMap((alarm) => {
        const rule = ruleOf(alarm, {
          point,
          device,
          ...measured,
          assetClass,
          downstream: [
            ...(downstream.get(device.id) ?? []),
            ...(measuredBy === device.id ? [] : (downstream.get(measuredBy) ?? [])),
          ],
          unitOf: (measurement) =>
            point.measurement === measurement ? point.unit : settingsOf(plant, device, measurement).unit,
          timetable: plant.timetable,
          ...given('place', placeOf(plant, device)),
          ...given('schedule', plant.timetable.schedules.get(device.schedule ?? '')),
        });
        return typeof rule === 'string' ? [] : [rule];
      });
    },
  };
  const hasOwn = ({ device, measurement }: PointInfo) =>
    plant.devices.get(device)?.alarms.some(({ point }) => point === measurement) === true ||
    (ruleOverrides.size > 0 && ruleOverrides.has(`${device}/${measurement}`));
  return { ...catalog, sheetFor: sheetsOf(plant, catalog.rulesFor, hasOwn) };
}

/** Devices by what they hang on. */
function downstreamOf(plant: PlantDescription): Map<string, DownstreamDevice[]> {
  const map = new Map<string, DownstreamDevice[]>();
  for (const { id, upstream, attributes } of plant.devices.values()) {
    if (upstream === undefined) continue;
    const on = map.get(upstream) ?? [];
    on.push({ id, attributes });
    map.set(upstream, on);
  }
  return map;
}

/** The first of a device and what it hangs on that says something. */
function firstUpstream<T>(
  plant: PlantDescription,
  start: string | undefined,
  said: (entry: DeviceFileEntry) => T | undefined,
): T | undefined {
  let entry = start === undefined ? undefined : plant.devices.get(start);
  for (let depth = 0; entry !== undefined && depth < UPSTREAM_MAX; depth++) {
    const found = said(entry);
    if (found !== undefined) return found;
    entry = entry.upstream === undefined ? undefined : plant.devices.get(entry.upstream);
  }
  return undefined;
}

export function placeOf(plant: PlantDescription, device: DeviceInfo): Place | undefined {
  const placed = ({
    latitude,
    longitude,
  }: {
    readonly latitude?: number | undefined;
    readonly longitude?: number | undefined;
  }) => (latitude === undefined || longitude === undefined ? undefined : { latitude, longitude });
  return placed(device) ?? firstUpstream(plant, device.upstream, placed) ?? plant.place;
}

/** Measurements of the files, and points that nobody measures because they are made of those of other devices. */
function declaredOf(
  plant: PlantDescription,
  downstream: ReadonlyMap<string, readonly DownstreamDevice[]>,
): PlantCatalog['declared'] {
  return [...plant.devices.values()].map(({ id, points, class: name, alarms }) => {
    const ofMembers = [...(plant.classes.get(name)?.alarms ?? []), ...alarms].filter(
      ({ test }) => test !== undefined && ('shareOf' in test || 'runOf' in test),
    );
    const made = downstream.has(id) ? ofMembers.map(({ point }) => point) : [];
    return {
      device: id,
      measurements: [...new Set([...Object.keys(points), ...made])],
      ...given('made', made.length === 0 ? undefined : [...new Set(made)]),
    };
  });
}

export function describeDevice(plant: PlantDescription, id: string, hint: DeviceHint): DeviceInfo {
  const file = plant.devices.get(id);
  const { edge = hint.edge, line = hint.line, model = hint.model } = file ?? {};
  return {
    id,
    class: file?.class ?? (model === EDGE_MODEL && plant.classes.has(EDGE_CLASS) ? EDGE_CLASS : 'generic'),
    site: file?.site ?? plant.site,
    origin: file === undefined ? 'discovered' : 'declared',
    attributes: file?.attributes ?? {},
    ...given('name', file?.name),
    ...given('nameZh', file?.nameZh),
    ...given('location', file?.location),
    ...given('locationZh', file?.locationZh),
    ...given('latitude', file?.latitude),
    ...given('longitude', file?.longitude),
    ...given('sourceCrs', file?.sourceCrs),
    ...given('model', model),
    ...given('upstream', file?.upstream),
    ...given(
      'schedule',
      firstUpstream(plant, id, ({ schedule }) => schedule),
    ),
    ...given('edge', edge),
    ...given('line', line),
  };
}

function settingsOf(plant: PlantDescription, device: DeviceInfo, measurement: string): PointSettings {
  const ofClass = plant.classes.get(device.class)?.points[measurement];
  const own = plant.devices.get(device.id)?.points[measurement];
  return own === undefined ? (ofClass ?? {}) : { ...ofClass, ...own };
}

function describePoint(
  device: DeviceInfo,
  measurement: string,
  settings: PointSettings,
  hint: PointHint,
): PointDescription {
  const everyMs = settings.every ?? hint.everyMs;
  const reportingDelayMs = settings.reportingDelay ?? 0;
  const isDeclared =
    everyMs !== undefined || settings.maxSilence !== undefined || settings.reportingDelay !== undefined;
  const derived = everyMs === undefined ? MAX_SILENCE_MS : Math.max(MISSED_MAX * everyMs, MAX_SILENCE_FLOOR_MS);
  const point: { -readonly [Field in keyof PointDescription]: PointDescription[Field] } = {
    device: device.id,
    measurement,
    maxSilenceMs: settings.maxSilence ?? derived + reportingDelayMs,
    reportingDelayMs,
  };
  // Asked for every point at a start: no object on the way for each thing that is not said.
  const unit = settings.unit ?? hint.unit;
  if (unit !== undefined) point.unit = unit;
  if (settings.label !== undefined) point.label = settings.label;
  if (settings.labelZh !== undefined) point.labelZh = settings.labelZh;
  if (everyMs !== undefined) point.everyMs = everyMs;
  if (!isDeclared) point.learnsInterval = true;
  if (settings.normal !== undefined) point.normal = settings.normal;
  if (settings.labels !== undefined) point.labels = settings.labels;
  if (settings.labelsZh !== undefined) point.labelsZh = settings.labelsZh;
  return point;
}

export const sameAlarm = (a: Pick<DeviceAlarm, 'kind' | 'name'>, b: Pick<DeviceAlarm, 'kind' | 'name'>) =>
  a.kind === b.kind && a.name === b.name;

/** The alarms of one point: those of its class as the overrides change them, and the overrides' own. */
export function effectiveAlarms(
  assetClass: AssetClass | undefined,
  measurement: string,
  overrides: readonly DeviceAlarm[],
): (ClassAlarm | DeviceAlarm)[] {
  const alarms: (ClassAlarm | DeviceAlarm)[] = (assetClass?.alarms ?? []).filter(({ point }) => point === measurement);
  for (const override of overrides) {
    const place = alarms.findIndex((alarm) => sameAlarm(alarm, override));
    const said = Object.fromEntries(Object.entries(override).filter(([, value]) => value !== undefined)) as DeviceAlarm;
    if (place < 0) alarms.push(said);
    else alarms[place] = { ...inBothLanguages(alarms[place] as DeviceAlarm, said), point: measurement };
  }
  return alarms.filter((alarm) => !('enabled' in alarm) || alarm.enabled);
}

/**
 * What a site writes in English is not told by the class's own words in Chinese: they may say something else. A title that
 * no common word can take the place of stays.
 */
function inBothLanguages(alarm: DeviceAlarm, said: DeviceAlarm): DeviceAlarm {
  const merged = { ...alarm, ...said };
  for (const [word, wordZh] of BOTH_LANGUAGES) {
    if (word in said && !(wordZh in said) && (word !== 'title' || said.kind in KIND_WORDS_ZH)) delete merged[wordZh];
  }
  return merged;
}

const BOTH_LANGUAGES = [
  ['title', 'titleZh'],
  ['response', 'responseZh'],
  ['cause', 'causeZh'],
  ['consequence', 'consequenceZh'],
] as const;

function byPoint(rules: readonly DeviceAlarm[]): Map<string, DeviceAlarm[]> {
  const map = new Map<string, DeviceAlarm[]>();
  for (const rule of rules) map.set(rule.point, [...(map.get(rule.point) ?? []), rule]);
  return map;
}
