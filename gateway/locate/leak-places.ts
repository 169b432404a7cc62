import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Alarm } from '../../contract/alarm.ts';
import { formatTime, type Millis } from '../../contract/time.ts';
import {
  HISTORY_DAYS,
  type Located,
  type LocateTask,
  locateByPattern,
  NO_HISTORY,
  pointsWanted,
  QUARTER_MS,
} from '../domain/leakage/locate/locate.ts';
import type { Place } from '../domain/leakage/locate/pattern.ts';
import { SEARCH_RADIUS_M } from '../domain/leakage/locate/rank.ts';
import type { ZoneModel } from '../domain/leakage/network.ts';
import type { Locator } from './locator.ts';

/** A leak alarm as a place is looked for it. */
export type LeakAlarm = Pick<Alarm, 'id' | 'since' | 'raisedAt' | 'value' | 'evidence' | 'returnedAt'>;

/** Recorded means. */
export interface QuarterHistory {
  /** Means of whole quarters of an hour in [from, to), NaN where there are none; points that are not known are left out. */
  quarters(points: readonly string[], from: Millis, to: Millis): Promise<Record<string, Float64Array>>;
}

export interface LeakPlacesOptions {
  readonly zones: readonly ZoneModel[];
  /** IANA name. */
  readonly timezone: string;
  /** The model of a zone, and what its file is called. */
  readonly modelOf: (zone: string) => ZoneLocator | undefined;
  readonly placeOf: (point: string) => Place | undefined;
  readonly history: QuarterHistory;
}

export interface ZoneLocator {
  readonly locator: Pick<Locator, 'locate'>;
  readonly names: Readonly<Record<string, string>>;
  /** As evidence tells it: name and version of the file. */
  readonly label: string;
}

/** What is told of a leak's place. */
export interface LeakPlace {
  /** Pipe, when it is likely. */
  readonly location?: string;
  /** For the journal. */
  readonly why: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Name and version of a model: evidence must say which file it rests on. */
export const modelLabel = (file: string, inp: string): string =>
  `${basename(file)} ${createHash('sha256').update(inp).digest('hex').slice(0, 12)}`;

/** Leaks that began in the days before another are taken with it when the days between are too few to learn from. */
const TOGETHER_MS = 4 * 86_400_000;
const DAY_MS = 86_400_000;
const NAMED_MAX = 500;

/** Finds where leaks are: by the zone's hydraulic model if it has one, and by the pattern of its pressures. */
export class LeakPlaces {
  private readonly options: LeakPlacesOptions;
  /** Pipes that were named, by alarm, newest last. */
  private readonly named = new Map<string, string>();

  constructor(options: LeakPlacesOptions) {
    this.options = options;
  }

  /**
   * @param others - leak alarms of the network since HISTORY_DAYS before this one, this one may be among them
   * @param until - what was recorded until then counts: the longer it has run, the clearer its place
   * @returns undefined when nothing can be said of its place beyond the zone it has
   */
  async place(
    alarm: LeakAlarm,
    others: readonly LeakAlarm[],
    until: Millis = alarm.raisedAt,
  ): Promise<LeakPlace | undefined> {
    const zone = this.options.zones.find(({ id }) => id === alarm.evidence.zone);
    if (zone === undefined) return undefined;
    const pressures = this.around(zone).flatMap((part) => part.pressures);
    if (pressures.length === 0) return undefined;
    const task = await this.taskOf(alarm, { ...zone, pressures }, { others, until });
    const model = this.options.modelOf(zone.id);
    const byPattern = locateByPattern(task, this.options.placeOf);
    const about =
      byPattern === undefined
        ? undefined
        : {
            latitude: Number(byPattern.latitude.toFixed(5)),
            longitude: Number(byPattern.longitude.toFixed(5)),
            radiusM: Math.round(byPattern.radiusM),
            radiusBasis: 'distances between the sensors',
            sensors: byPattern.sensors,
          };
    const at = { at: formatTime(until), zone: zone.id };
    if (model === undefined) {
      if (about === undefined) return undefined;
      return {
        why: `about ${about.radiusM} m around ${about.latitude}, ${about.longitude}, by the pattern of the pressures`,
        details: { ...at, basis: 'pressure pattern', ...about },
      };
    }
    const { located, together } = await this.byModel(task, model, alarm, others);
    const basis = { ...at, basis: 'hydraulic model', model: model.label, ...(about && { pattern: about }) };
    if (!located.found) return { why: `not located: ${located.reason}`, details: { ...basis, reason: located.reason } };
    const place = placeOf(located, basis, together);
    const open = this.openAround(located.around, alarm, others);
    if (open !== undefined) return confounded(place, open);
    if (place.location !== undefined) this.remember(alarm.id, place.location);
    return place;
  }

  /** A leak that is open and was placed where this one seems to be. */
  private openAround(around: readonly string[], alarm: LeakAlarm, others: readonly LeakAlarm[]): LeakAlarm | undefined {
    return this.rivals(alarm, others).find((other) => {
      if (other.returnedAt !== undefined && other.returnedAt <= alarm.raisedAt) return false;
      const told = other.evidence.located as { readonly pipe?: string } | undefined;
      const pipe = this.named.get(other.id) ?? told?.pipe;
      return pipe !== undefined && around.includes(pipe);
    });
  }

  private remember(alarm: string, pipe: string): void {
    this.named.set(alarm, pipe);
    if (this.named.size > NAMED_MAX) this.named.delete(this.named.keys().next().value as string);
  }

  private async byModel(
    task: LocateTask,
    { locator, names }: ZoneLocator,
    alarm: LeakAlarm,
    others: readonly LeakAlarm[],
  ): Promise<{ readonly located: Located; readonly together?: readonly LeakAlarm[] }> {
    const located = await locator.locate({ ...task, names });
    if (located.found || located.reason !== NO_HISTORY) return { located };
    // It grew out of, or came upon, a leak that is younger than what has to be learned: then both as one.
    const recent = this.rivals(alarm, others).filter(
      ({ since, returnedAt }) => returnedAt === undefined && alarm.since - since < TOGETHER_MS,
    );
    if (recent.length === 0) return { located };
    const more = recent.reduce((sum, { value = 0 }) => sum + value, 0);
    const both = await locator.locate({
      ...task,
      names,
      since: Math.min(task.since, ...recent.map(({ since }) => since)),
      sizeM3PerH: task.sizeM3PerH + more,
      interval: [task.interval[0] + more, task.interval[1] + more],
      others: this.spans(
        this.rivals(alarm, others).filter((other) => !recent.includes(other)),
        alarm,
      ),
    });
    return { located: both, together: recent };
  }

  private async taskOf(
    alarm: LeakAlarm,
    zone: LocateTask['zone'],
    { others, until }: { readonly others: readonly LeakAlarm[]; readonly until: Millis },
  ): Promise<LocateTask> {
    const { since, value = 0, evidence } = alarm;
    const historyFrom = Math.floor((since - HISTORY_DAYS * DAY_MS) / QUARTER_MS) * QUARTER_MS;
    const to = Math.floor(until / QUARTER_MS) * QUARTER_MS;
    const [low, high] = (evidence.interval ?? [value, value]) as [number, number];
    const { inlets, outlets, tanks, customers, pressures } = zone;
    return {
      zone: { inlets, outlets, tanks, customers, pressures },
      timezone: this.options.timezone,
      names: {},
      kind: evidence.type === 'slow' ? 'slow' : 'abrupt',
      since,
      at: to,
      sizeM3PerH: value,
      interval: [low, high],
      others: this.spans(this.rivals(alarm, others), alarm),
      historyFrom,
      history: await this.options.history.quarters(pointsWanted(zone), historyFrom, to),
    };
  }

  /** Earlier leaks of the same metered zone. */
  private rivals(alarm: LeakAlarm, others: readonly LeakAlarm[]): LeakAlarm[] {
    return others.filter(
      (other) =>
        other.id !== alarm.id && other.raisedAt <= alarm.raisedAt && other.evidence.zone === alarm.evidence.zone,
    );
  }

  private spans(others: readonly LeakAlarm[], alarm: LeakAlarm): LocateTask['others'] {
    return others.map(({ since, returnedAt }) => ({
      since,
      ...(returnedAt === undefined || returnedAt > alarm.raisedAt ? {} : { until: returnedAt }),
    }));
  }

  /** The zone and all that lie within it. */
  private around(zone: ZoneModel): ZoneModel[] {
    const found = [zone];
    for (const part of found)
      for (const inner of this.options.zones) if (inner.within === part.id && !found.includes(inner)) found.push(inner);
    return found;
  }
}

/** What came on top of an open leak can't be told apart from it: its zone is all that is sure. */
function confounded({ why, details }: LeakPlace, open: LeakAlarm): LeakPlace {
  const doubt = `the pressures are those of the leak of alarm ${open.id}, which is open`;
  return { why: `not sure: ${doubt}; best ${why}`, details: { ...details, doubt, openNearby: open.id } };
}

function placeOf(
  located: Extract<Located, { found: true }>,
  basis: Readonly<Record<string, unknown>>,
  together: readonly LeakAlarm[] | undefined,
): LeakPlace {
  const { pipe, radiusM, confidence, isSure, doubt } = located;
  const radius = Math.round(radiusM);
  const details = {
    ...basis,
    pipe,
    radiusM: radius,
    radiusBasis: 'holds 80 % of the probability, along the pipes',
    probability: Number(confidence.toFixed(2)),
    within: `${SEARCH_RADIUS_M} m of ${pipe}`,
    ...(doubt === undefined ? {} : { doubt }),
    explained: Number(located.explained.toFixed(2)),
    sizeByPressure: Number(located.sizeFactor.toFixed(2)),
    sensors: located.sensors,
    ...(located.faulty.length === 0 ? {} : { leftOut: located.faulty }),
    ...(together === undefined ? {} : { togetherWith: together.map(({ id }) => id) }),
    window: { from: formatTime(located.windowFrom), to: formatTime(located.windowTo) },
    pipes: located.pipes.map(({ pipe: id, probability, distanceM }) => ({
      pipe: id,
      probability: Number(probability.toPrecision(2)),
      ...(Number.isFinite(distanceM) ? { distanceM: Math.round(distanceM) } : {}),
    })),
  };
  const likely = `${pipe}, within ${radius} m, ${Math.round(100 * confidence)} % within ${SEARCH_RADIUS_M} m`;
  return isSure ? { location: pipe, why: likely, details } : { why: `not sure: ${doubt}; best ${likely}`, details };
}
