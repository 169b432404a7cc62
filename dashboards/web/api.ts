import type { Alarm, AlarmAction, JournalEntry } from '../../contract/alarm.ts';
import type { Millis } from '../../contract/time.ts';
import { type Figures, type LeakZone, type Period, readFigures, readWhatIf, readZone, type WhatIf } from './leakage.ts';
import { type MapData, readMapData } from './map/data.ts';
import type { Device, Point } from './model.ts';
import { POINTS_MAX } from './model.ts';
import { type Flood, type Performance, readFlood, readPerformance } from './performance.ts';
import {
  type Bucket,
  cursorOf,
  listOf,
  readAlarm,
  readBucket,
  readDevice,
  readJournal,
  readPoint,
  readSession,
  type Session,
} from './wire.ts';

/** An answer that is no success. `status` 0: no answer at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** The gateway's answer must be there after this; then we say so. */
export const ANSWER_MAX_MS = 10_000;
/** Most pages of one list; 20 x 1,000 rows is POINTS_MAX. */
const PAGES_MAX = POINTS_MAX / 1_000;

/** Of each kind that a search asks for. */
const FOUND_MAX = 20;

/** What reads months of history may take so long. */
const LONG_ANSWER_MAX_MS = 120_000;

async function ask(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  withinMs: number = ANSWER_MAX_MS,
): Promise<unknown> {
  const timeout = AbortSignal.timeout(withinMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError(0, timeout.aborted ? 'no-answer' : 'unreachable', (error as Error).message);
  }
  const answer = parse(text);
  if (response.ok) return answer;
  const problem = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
  const word = (key: string) => (typeof problem[key] === 'string' ? (problem[key] as string) : undefined);
  throw new ApiError(
    response.status,
    word('code') ?? String(response.status),
    word('detail') ?? word('title') ?? `${response.status} ${response.statusText}`,
  );
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function everyPage(path: string, name: string): Promise<readonly unknown[]> {
  const rows: unknown[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await ask('GET', cursor === undefined ? path : `${path}&cursor=${encodeURIComponent(cursor)}`);
    rows.push(...listOf(answer, name));
    cursor = cursorOf(answer);
    if (cursor === undefined) break;
  }
  return rows;
}

const present = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);
/** Where the figures come from; with `format=csv` the same for a table calculation. */
export const figuresPath = (range: { readonly from: Millis; readonly to: Millis; readonly period: Period }) =>
  `/api/v1/leakage/figures?period=${range.period}&from=${Math.round(range.from)}&to=${Math.round(range.to)}`;
const pathOf = (point: string) => `/api/v1/points/${point.split('/').map(encodeURIComponent).join('/')}`;

/** Everything the page asks of the gateway outside the live feed. Each throws ApiError. */
export const api = {
  /** Undefined when nobody is signed in. */
  async session(): Promise<Session | undefined> {
    try {
      return readSession(await ask('GET', '/api/v1/session'));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return undefined;
      throw error;
    }
  },

  async signIn(username: string, password: string): Promise<Session | undefined> {
    await ask('POST', '/api/v1/session', { username, password });
    return api.session();
  },

  async signOut(): Promise<void> {
    await ask('DELETE', '/api/v1/session');
  },

  async setup(first: {
    readonly username: string;
    readonly password: string;
    readonly language: string;
    readonly pressureUnit: string;
    readonly timezone: string;
  }): Promise<void> {
    await ask('POST', '/api/v1/setup', first);
  },

  async changePassword(current: string, next: string): Promise<void> {
    await ask('POST', '/api/v1/session/password', { current, next });
  },

  /** True when the gateway answers at all; says nothing else of it. */
  async reachable(): Promise<boolean> {
    try {
      await ask('GET', '/healthz');
      return true;
    } catch (error) {
      return error instanceof ApiError && error.status !== 0 && error.status < 500;
    }
  },

  async devices(): Promise<readonly Device[]> {
    return (await everyPage('/api/v1/devices?limit=1000', 'devices')).flatMap((row) => present(readDevice(row)));
  },

  /** Background of the map, metered areas and assets with a place. */
  async mapData(signal?: AbortSignal): Promise<MapData> {
    return readMapData(await ask('GET', '/api/v1/map', undefined, signal));
  },

  async points(): Promise<readonly Point[]> {
    return (await everyPage('/api/v1/points?limit=1000', 'points')).flatMap((row) => present(readPoint(row)));
  },

  /** Alarms that are not plainly normal. */
  async alarms(): Promise<readonly Alarm[]> {
    return (await everyPage('/api/v1/alarms?limit=1000', 'alarms')).flatMap((row) => present(readAlarm(row)));
  },

  /** What has the text in its name or id: the first of each kind. */
  async search(
    text: string,
    signal: AbortSignal,
  ): Promise<{
    readonly devices: readonly Device[];
    readonly points: readonly Point[];
    readonly alarms: readonly Alarm[];
  }> {
    const few = async (name: 'devices' | 'points' | 'alarms') => {
      const path = `/api/v1/${name}?limit=${FOUND_MAX}&q=${encodeURIComponent(text)}`;
      return listOf(await ask('GET', path, undefined, signal), name);
    };
    const [devices, points, alarms] = await Promise.all([few('devices'), few('points'), few('alarms')]);
    return {
      devices: devices.flatMap((row) => present(readDevice(row))),
      points: points.flatMap((row) => present(readPoint(row))),
      alarms: alarms.flatMap((row) => present(readAlarm(row))),
    };
  },

  /** Undefined when there is none of this id. */
  async point(id: string, signal: AbortSignal): Promise<Point | undefined> {
    try {
      return readPoint(await ask('GET', pathOf(id), undefined, signal));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  },

  /** Newest first. */
  async journal(alarm: string, signal: AbortSignal): Promise<readonly JournalEntry[]> {
    const path = `/api/v1/alarms/journal?alarm=${encodeURIComponent(alarm)}&limit=200`;
    const rows = listOf(await ask('GET', path, undefined, signal), 'journal');
    return rows.flatMap((row) => present(readJournal(row))).sort((one, other) => other.at - one.at);
  },

  /** @returns the alarm as it is then */
  async act(
    alarm: string,
    action: AlarmAction,
    more: Readonly<Record<string, string | boolean>> = {},
  ): Promise<Alarm | undefined> {
    return readAlarm(await ask('POST', `/api/v1/alarms/${encodeURIComponent(alarm)}/${action}`, more));
  },

  /** Zones in which leaks are looked for. */
  async leakZones(): Promise<readonly LeakZone[]> {
    return (await everyPage('/api/v1/leakage?limit=1000', 'zones')).flatMap((row) => present(readZone(row)));
  },

  /** Leaks that are over, the newest first. */
  async pastLeaks(signal: AbortSignal): Promise<readonly Alarm[]> {
    const path = '/api/v1/alarms?state=normal&kind=leak&limit=20';
    return listOf(await ask('GET', path, undefined, signal), 'alarms').flatMap((row) => present(readAlarm(row)));
  },

  async leakFigures(
    range: { readonly from: Millis; readonly to: Millis; readonly period: Period },
    signal: AbortSignal,
  ): Promise<Figures> {
    return readFigures(await ask('GET', figuresPath(range), undefined, signal, LONG_ANSWER_MAX_MS));
  },

  async whatIf(
    question: { readonly sensitivity: number; readonly zone?: string; readonly from: Millis; readonly to: Millis },
    signal: AbortSignal,
  ): Promise<WhatIf | undefined> {
    return readWhatIf(await ask('POST', '/api/v1/leakage/what-if', question, signal, LONG_ANSWER_MAX_MS));
  },

  async performance(
    range: { readonly from: Millis; readonly to: Millis },
    signal: AbortSignal,
  ): Promise<Performance | undefined> {
    const path = `/api/v1/alarms/performance?from=${Math.round(range.from)}&to=${Math.round(range.to)}`;
    return readPerformance(await ask('GET', path, undefined, signal, LONG_ANSWER_MAX_MS));
  },

  /** Floods that go on. */
  async floods(signal: AbortSignal): Promise<readonly Flood[]> {
    const answer = await ask('GET', '/api/v1/alarms/floods?state=active', undefined, signal);
    return listOf(answer, 'floods').flatMap((row) => present(readFlood(row)));
  },

  /** Equal slots over the range, oldest first; slots without data are absent. */
  async buckets(
    point: string,
    range: { readonly from: Millis; readonly to: Millis },
    count: number,
    signal: AbortSignal,
  ): Promise<readonly Bucket[]> {
    const path = `${pathOf(point)}/readings?from=${Math.round(range.from)}&to=${Math.round(range.to)}&buckets=${count}`;
    const rows = listOf(await ask('GET', path, undefined, signal), 'buckets');
    return rows.flatMap((row) => present(readBucket(row))).sort((one, other) => one.ts - other.ts);
  },

  /** Means of many points in one request: what the sparklines are made of. */
  async means(
    points: readonly string[],
    range: { readonly from: Millis; readonly to: Millis },
    stepMs: number,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly { readonly ts: Millis; readonly value: number }[]>> {
    const body = { points, from: Math.round(range.from), to: Math.round(range.to), step: stepMs, aggregate: 'mean' };
    const answer = await ask('POST', '/api/v1/query', body, signal);
    const series = listOf(answer, 'series') as readonly { point?: unknown; values?: unknown }[];
    return new Map(
      series.flatMap(({ point, values }) =>
        typeof point === 'string' && Array.isArray(values)
          ? [[point, values.flatMap((row) => slotOf(row))] as const]
          : [],
      ),
    );
  },
};

function slotOf(row: unknown): readonly { readonly ts: Millis; readonly value: number }[] {
  const { ts, value } = (row ?? {}) as { ts?: unknown; value?: unknown };
  const at = typeof ts === 'string' ? Date.parse(ts) : typeof ts === 'number' ? ts : Number.NaN;
  return Number.isFinite(at) && typeof value === 'number' && Number.isFinite(value) ? [{ ts: at, value }] : [];
}
