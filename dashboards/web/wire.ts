import { ALARM_STATES, type Alarm, type AlarmHold, type JournalEntry, type Priority } from '../../contract/alarm.ts';
import type { Quality } from '../../contract/reading.ts';
import { type Millis, parseTime } from '../../contract/time.ts';
import { isObject, maybe, numberOf, textOf } from './json.ts';
import type { Change, Device, LastValue, Limit, LiveReading, Point } from './model.ts';

/** One time slot of a trend as the API answers it; absent slots hold no data and nothing held over. */
export interface Bucket {
  readonly ts: Millis;
  readonly min?: number;
  readonly max?: number;
  readonly mean?: number;
  readonly count: number;
  readonly worstQuality: Quality;
  readonly held: boolean;
}

/** Who is signed in where. */
export interface Session {
  readonly username: string;
  readonly role: string;
  /** The printed password still stands: the administrator must be set. */
  readonly firstRun: boolean;
  readonly site: { readonly id: string; readonly name: string; readonly nameZh?: string; readonly timezone: string };
  readonly settings: { readonly language?: string; readonly pressureUnit?: string };
  readonly version: string;
}

const qualityOf = (value: unknown): Quality => (value === 'good' || value === 'uncertain' ? value : 'bad');

/** The list of a page of answers, under `items` or the resource's own name; never throws. */
export function listOf(answer: unknown, name: string): readonly unknown[] {
  if (Array.isArray(answer)) return answer;
  if (!isObject(answer)) return [];
  const list = answer.items ?? answer[name];
  return Array.isArray(list) ? list : [];
}

export function cursorOf(answer: unknown): string | undefined {
  return isObject(answer) ? textOf(answer.cursor) : undefined;
}

export function readSession(answer: unknown): Session | undefined {
  if (!isObject(answer)) return undefined;
  const username = textOf(answer.username);
  if (username === undefined) return undefined;
  const site = isObject(answer.site) ? answer.site : {};
  const settings = isObject(answer.settings) ? answer.settings : {};
  const id = textOf(site.id) ?? 'site';
  return {
    username,
    role: textOf(answer.role) ?? 'viewer',
    firstRun: answer.firstRun === true,
    site: {
      id,
      name: textOf(site.name) ?? id,
      timezone: textOf(site.timezone) ?? 'UTC',
      ...maybe('nameZh', textOf(site.nameZh)),
    },
    settings: {
      ...maybe('language', textOf(settings.language)),
      ...maybe('pressureUnit', textOf(settings.pressureUnit)),
    },
    version: textOf(answer.version) ?? '',
  };
}

export function readDevice(answer: unknown): Device | undefined {
  if (!isObject(answer)) return undefined;
  const id = textOf(answer.id);
  if (id === undefined) return undefined;
  return {
    id,
    class: textOf(answer.class) ?? 'generic',
    ...maybe('name', textOf(answer.name)),
    ...maybe('nameZh', textOf(answer.nameZh)),
    ...maybe('model', textOf(answer.model)),
    ...maybe('location', textOf(answer.location)),
    ...maybe('locationZh', textOf(answer.locationZh)),
    ...maybe('edge', textOf(answer.edge)),
    ...maybe('latitude', numberOf(answer.latitude)),
    ...maybe('longitude', numberOf(answer.longitude)),
  };
}

export function readLast(answer: unknown): LastValue | undefined {
  if (!isObject(answer)) return undefined;
  const ts = parseTime(answer.ts);
  if (ts === undefined) return undefined;
  return {
    ts,
    quality: qualityOf(answer.quality),
    ...maybe('receivedAt', parseTime(answer.receivedAt)),
    ...maybe('value', numberOf(answer.value)),
    ...maybe('reason', textOf(answer.reason)),
  };
}

const MAX_SILENCE_DEFAULT_MS = 5 * 60_000;

export function readPoint(answer: unknown): Point | undefined {
  if (!isObject(answer)) return undefined;
  const device = textOf(answer.device);
  const measurement = textOf(answer.measurement);
  if (device === undefined || measurement === undefined) return undefined;
  const everyMs = numberOf(answer.everyMs);
  const labels = labelsOf(answer.labels);
  // Half way between two words is no place on a scale.
  const limits = labels !== undefined || !Array.isArray(answer.limits) ? [] : answer.limits.flatMap(readLimit);
  return {
    id: `${device}/${measurement}`,
    device,
    measurement,
    maxSilenceMs: numberOf(answer.maxSilenceMs) ?? (everyMs === undefined ? MAX_SILENCE_DEFAULT_MS : everyMs * 3),
    reportingDelayMs: numberOf(answer.reportingDelayMs) ?? 0,
    limits,
    ...maybe('unit', textOf(answer.unit)),
    ...maybe('label', textOf(answer.label)),
    ...maybe('labelZh', textOf(answer.labelZh)),
    ...maybe('everyMs', everyMs),
    ...maybe('normal', bandOf(answer.normal) ?? bandWithin(limits, textOf(answer.unit))),
    ...maybe('labels', labels),
    ...maybe('labelsZh', labelsOf(answer.labelsZh)),
    ...maybe('last', readLast(answer.last)),
  };
}

function readLimit(answer: unknown): readonly Limit[] {
  if (!isObject(answer)) return [];
  const setpoint = numberOf(answer.setpoint);
  const kind = textOf(answer.kind);
  // Setpoints of other kinds are changes, shares or counts: nothing on the scale of the value.
  return setpoint === undefined || kind === undefined || !LEVEL.test(kind) ? [] : [{ kind, setpoint }];
}

const LEVEL = /^(?:high|low)/;
/** Quantities that are never below nothing: then one upper limit makes a band. */
const NOT_NEGATIVE = /^(?:A|mA|kW|kV\.A|mm\/s|Hz|\[ppm\]|% LEL|m3\/h|L\/s|cm|mm|dB)$/;

/** Without a band of its own a point is normal between its innermost limits. */
function bandWithin(limits: readonly Limit[], unit: string | undefined): readonly [number, number] | undefined {
  const of = (side: RegExp) => limits.filter(({ kind }) => side.test(kind)).map(({ setpoint }) => setpoint);
  const [lows, highs] = [of(/^low/), of(/^high/)];
  const high = Math.min(...highs);
  // A limit below nothing tells when a one-way meter runs backwards: the band still begins at nothing.
  const floors = NOT_NEGATIVE.test(unit ?? '') && high > 0 ? [...lows, 0] : lows;
  const low = Math.max(...floors);
  return floors.length === 0 || highs.length === 0 || low > high ? undefined : [low, high];
}

function labelsOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isObject(value)) return undefined;
  const labels = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return labels.length === 0 ? undefined : Object.fromEntries(labels);
}

function bandOf(value: unknown): readonly [number, number] | undefined {
  if (!Array.isArray(value)) return undefined;
  const low = numberOf(value[0]);
  const high = numberOf(value[1]);
  return low === undefined || high === undefined || high < low ? undefined : [low, high];
}

export function readAlarm(answer: unknown): Alarm | undefined {
  if (!isObject(answer)) return undefined;
  const id = textOf(answer.id);
  const priority = numberOf(answer.priority);
  const state = ALARM_STATES.find((known) => known === answer.state);
  const raisedAt = parseTime(answer.raisedAt) ?? parseTime(answer.since);
  if (id === undefined || state === undefined || raisedAt === undefined) return undefined;
  if (priority !== 1 && priority !== 2 && priority !== 3 && priority !== 4) return undefined;
  return {
    id,
    kind: textOf(answer.kind) ?? '',
    asset: textOf(answer.asset) ?? '',
    priority: priority satisfies Priority,
    state,
    holds: Array.isArray(answer.holds) ? (answer.holds.filter((hold) => textOf(hold)) as AlarmHold[]) : [],
    latched: answer.latched === true,
    active: answer.active === true,
    message: textOf(answer.message) ?? '',
    since: parseTime(answer.since) ?? raisedAt,
    raisedAt,
    changedAt: parseTime(answer.changedAt) ?? raisedAt,
    raisedLate: answer.raisedLate === true,
    evidence: isObject(answer.evidence) ? answer.evidence : {},
    ...maybe('point', textOf(answer.point)),
    ...maybe('assetClass', textOf(answer.assetClass)),
    ...maybe('location', textOf(answer.location)),
    ...maybe('returnedAt', parseTime(answer.returnedAt)),
    ...maybe('acknowledgedAt', parseTime(answer.acknowledgedAt)),
    ...maybe('acknowledgedBy', textOf(answer.acknowledgedBy)),
    ...maybe('shelvedUntil', parseTime(answer.shelvedUntil)),
    ...maybe('value', numberOf(answer.value)),
    ...maybe('setpoint', numberOf(answer.setpoint)),
    ...maybe('unit', textOf(answer.unit)),
    ...maybe('response', textOf(answer.response)),
    ...maybe('rule', textOf(answer.rule)),
    ...maybe('messageZh', textOf(answer.messageZh)),
    ...maybe('responseZh', textOf(answer.responseZh)),
    ...maybe('explainedBy', textOf(answer.explainedBy)),
    ...maybe('cause', textOf(answer.cause)),
    ...maybe('causeZh', textOf(answer.causeZh)),
    ...maybe('consequence', textOf(answer.consequence)),
    ...maybe('consequenceZh', textOf(answer.consequenceZh)),
    ...maybe('timeToRespondMs', numberOf(answer.timeToRespondMs)),
    ...maybe('flood', textOf(answer.flood)),
  };
}

export function readJournal(answer: unknown): JournalEntry | undefined {
  if (!isObject(answer)) return undefined;
  const at = parseTime(answer.at);
  const alarm = textOf(answer.alarm);
  if (at === undefined || alarm === undefined) return undefined;
  return {
    alarm,
    at,
    recordedAt: parseTime(answer.recordedAt) ?? at,
    from: ALARM_STATES.find((state) => state === answer.from) ?? 'normal',
    to: ALARM_STATES.find((state) => state === answer.to) ?? 'normal',
    event: textOf(answer.event) ?? '',
    who: textOf(answer.who) ?? 'system',
    ...maybe('why', textOf(answer.why)),
  };
}

export function readBucket(answer: unknown): Bucket | undefined {
  if (!isObject(answer)) return undefined;
  const ts = parseTime(answer.ts);
  if (ts === undefined) return undefined;
  return {
    ts,
    count: numberOf(answer.count) ?? 0,
    worstQuality: qualityOf(answer.worstQuality),
    held: answer.held === true,
    ...maybe('min', numberOf(answer.min)),
    ...maybe('max', numberOf(answer.max)),
    ...maybe('mean', numberOf(answer.mean)),
  };
}

/** An event of the live feed to a change; undefined for one we don't know. Never throws. */
export function readChange(name: string, data: string): Change | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (name === 'reading') {
    const list = Array.isArray(answer) ? answer : isObject(answer) ? (answer.readings ?? [answer]) : [];
    const readings = (Array.isArray(list) ? list : []).flatMap(readLive);
    return readings.length === 0 ? undefined : { kind: 'readings', readings };
  }
  if (name === 'alarm') {
    const alarm = readAlarm(isObject(answer) && isObject(answer.alarm) ? answer.alarm : answer);
    return alarm === undefined ? undefined : { kind: 'alarm', alarm };
  }
  if (name === 'device') {
    const device = readDevice(isObject(answer) && isObject(answer.device) ? answer.device : answer);
    return device === undefined ? undefined : { kind: 'device', device };
  }
  return undefined;
}

function readLive(answer: unknown): readonly LiveReading[] {
  const last = readLast(answer);
  const point = isObject(answer) ? textOf(answer.point) : undefined;
  return last === undefined || point === undefined ? [] : [{ point, ...last }];
}
