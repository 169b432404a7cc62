import { batch, computed, effect, signal } from '@preact/signals';
import type { Alarm, AlarmAction } from '../../contract/alarm.ts';
import type { Millis } from '../../contract/time.ts';
import { indexAlarms } from './alarms.ts';
import { ApiError, api } from './api.ts';
import { type Feed, openFeed } from './feed.ts';
import { type Language, type SiteTime, siteTime } from './format.ts';
import type { LeakZone } from './leakage.ts';
import {
  ALARMS_MAX,
  applyChanges,
  type Change,
  cameMeanwhile,
  EMPTY_MODEL,
  type LiveReading,
  newestTime,
  POINTS_MAX,
} from './model.ts';
import { groupPlant } from './plant.ts';
import { loadPreferences, type Preferences, savePreferences } from './preferences.ts';
import { boundsOf, lengthOf, type Range } from './range.ts';
import { parseRoute } from './route.ts';
import { extendShape, SHAPE_SLOTS, type Shape, shapeOf } from './shape.ts';
import { type FeedNews, type Link, retryAfterMs } from './stream.ts';
import { en, type Text } from './text/en.ts';
import { zh } from './text/zh.ts';
import { readChange, type Session } from './wire.ts';

/** The one place where what the page knows changes: network on one side, views on the other. */

export const preferences = signal<Preferences>(loadPreferences());
/** `unreachable`: nobody could tell yet who is signed in; it is asked for again and again. */
export const session = signal<Session | undefined | 'asking' | 'unreachable'>('asking');
/** Why the sign-in page is shown again. */
export const endedByGateway = signal(false);
export const model = signal(EMPTY_MODEL);
export const link = signal<Link>({ state: 'connecting' });
export const shapes = signal<ReadonlyMap<string, Shape>>(new Map());
export const route = signal(parseRoute(location.hash));
/** A zoom or shift away from the chosen relative range; undefined = the preference, ending now. */
export const fixedRange = signal<Range | undefined>(undefined);
/** What came while the connection was lost; shown until it is read. */
export const meanwhile = signal<{ readonly alarms: readonly Alarm[]; readonly at: Millis } | undefined>(undefined);
/** Moves when the feed tells of a flood: it began, grew or is over. */
export const floodNews = signal(0);
/** Metered areas in which leaks are looked for; alarms name them as their asset. */
export const leakZones = signal<readonly LeakZone[]>([]);
export const loadError = signal<ApiError | undefined>(undefined);
/** How often the connection came back: what was asked for in vain meanwhile is asked for again. */
export const returns = signal(0);
export const prefersDark = signal(matchMedia('(prefers-color-scheme: dark)').matches);
/** This computer's clock; moves once a second and only for what is written on the screen. */
const localNow = signal(Date.now());
/** How far the gateway's clock is ahead of this computer's. */
const clockOffsetMs = signal(0);

export const now = computed(() => localNow.value + clockOffsetMs.value);
/** For comparing with times of this computer, such as when the link was lost. */
export const wallNow = computed(() => localNow.value);
export const language = computed<Language>(() => {
  const chosen = preferences.value.language;
  if (chosen !== undefined) return chosen;
  // A phone speaks its owner's language; the site's is for browsers in a language we don't have.
  const own = navigator.language.slice(0, 2).toLowerCase();
  if (own === 'zh' || own === 'en') return own;
  const current = session.value;
  return typeof current === 'object' && current.settings.language === 'zh' ? 'zh' : 'en';
});
export const text = computed<Text>(() => (language.value === 'zh' ? zh : en));
export const theme = computed<'light' | 'dark'>(() =>
  preferences.value.theme === 'system' ? (prefersDark.value ? 'dark' : 'light') : preferences.value.theme,
);
export const connected = computed(() => link.value.state === 'live');
/** Values are shown as stale only after a loss, not while the first connection is being made. */
export const believed = computed(() => link.value.state !== 'lost');
/** Parts of the model by themselves: a view that reads one is drawn again only when that one changed. */
export const alarms = computed(() => model.value.alarms);
export const devices = computed(() => model.value.devices);
export const loaded = computed(() => model.value.loaded);
const revision = computed(() => model.value.revision);
/** Points by class and device. Their values in here are old: views take each point by its id. */
export const plant = computed(() => {
  revision.value;
  const { points, devices: known } = model.peek();
  return groupPlant(points.values(), known);
});
export const alarmIndex = computed(() => indexAlarms(alarms.value.values()));
export const range = computed<Range>(() => fixedRange.value ?? { kind: 'relative', name: preferences.value.range });
export const pressureUnit = computed(() => {
  const current = session.value;
  return typeof current === 'object' ? current.settings.pressureUnit : undefined;
});
const timezone = computed(() => {
  const current = session.value;
  return typeof current === 'object' ? current.site.timezone : 'UTC';
});
/** Site time is remade once an hour: the offset of a zone may change. */
const hour = computed(() => Math.floor(now.value / 3_600_000));
export const site = computed<SiteTime>(() => siteTime(timezone.value, language.value, hour.value * 3_600_000));

/** Who may acknowledge; others see the button disabled with the reason. */
export const mayOperate = computed(() => {
  const current = session.value;
  return typeof current === 'object' && (current.role === 'operator' || current.role === 'admin');
});

export function setPreferences(change: Partial<Preferences>): void {
  preferences.value = { ...preferences.value, ...change };
  savePreferences(preferences.value);
}

/** Listens to the browser: theme, address, other tabs' preferences, and the second hand. */
export function startBrowser(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', () => {
    prefersDark.value = dark.matches;
  });
  addEventListener('hashchange', () => {
    route.value = parseRoute(location.hash);
  });
  addEventListener('storage', () => {
    preferences.value = loadPreferences();
  });
  // Moves the clock and the ages; asks the gateway nothing.
  setInterval(() => {
    localNow.value = Date.now();
  }, 1_000);
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
    document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en';
    document.documentElement.classList.toggle('calm', !preferences.value.flashing);
  });
}

/** What went wrong, in the reader's language where it is the connection. */
export function problemOf(error: unknown): string {
  if (error instanceof ApiError && error.status === 0)
    return error.code === 'no-answer' ? text.value.noAnswer : text.value.unreachable;
  return error instanceof Error ? error.message : String(error);
}

/** Changes wait here at most this long before the screen is drawn again. */
const FLUSH_MS = 200;
/** More than this waiting and they are applied at once. */
const WAITING_MAX = 5_000;

let feed: Feed | undefined;
let waiting: Change[] = [];
let flushing: ReturnType<typeof setTimeout> | undefined;
let seenBeforeLoss: ReadonlyMap<string, Alarm> | undefined;

/** Opens the live feed and fetches the whole once; from then on the feed tells what changes. */
export function connect(): void {
  feed ??= openFeed(hear);
}

export function disconnect(): void {
  feed?.close();
  feed = undefined;
  batch(() => {
    waiting = [];
    clearTimeout(describing);
    forgetRetry();
    loadError.value = undefined;
    model.value = EMPTY_MODEL;
    setShapes(new Map());
    link.value = { state: 'connecting' };
    meanwhile.value = undefined;
    seenBeforeLoss = undefined;
  });
}

export function tryNow(): void {
  feed?.tryNow();
  if (loadError.value !== undefined) void loadAll();
}

export async function signOut(): Promise<void> {
  await api.signOut().catch(() => undefined);
  feed?.stop();
  leave(false);
}

function leave(byGateway: boolean): void {
  disconnect();
  endedByGateway.value = byGateway;
  session.value = undefined;
}

function hear(news: FeedNews): void {
  if (news.kind === 'link') return hearLink(news.link);
  if (news.name === 'hello') return hearHello(news.data);
  if (news.name === 'flood') {
    floodNews.value += 1;
    return;
  }
  const change = readChange(news.name, news.data);
  if (change === undefined) return;
  waiting.push(change);
  if (waiting.length >= WAITING_MAX) flush();
  else flushing ??= setTimeout(flush, FLUSH_MS);
}

function hearLink(next: Link): void {
  const before = link.value;
  if (next.state === 'signed-out') return leave(true);
  if (next.state === 'lost' && before.state !== 'lost') {
    flush();
    seenBeforeLoss ??= model.value.alarms;
  }
  if (next.state === 'live' && before.state === 'lost') returns.value += 1;
  link.value = next;
  if (next.state === 'live') void loadAll();
  else forgetRetry();
}

function hearHello(data: string): void {
  try {
    const hello = JSON.parse(data) as { serverTime?: unknown; resumed?: unknown };
    const gatewayNow = typeof hello.serverTime === 'string' ? Date.parse(hello.serverTime) : Number(hello.serverTime);
    if (Number.isFinite(gatewayNow)) clockOffsetMs.value = gatewayNow - Date.now();
    // The gateway no longer had what we missed: ask for the whole again.
    if (hello.resumed === false && model.value.loaded && loading === undefined) void loadAll();
  } catch {
    // A hello we can't read costs us the clock offset, nothing else.
  }
}

function flush(): void {
  clearTimeout(flushing);
  flushing = undefined;
  if (waiting.length === 0) return;
  const changes = waiting;
  waiting = [];
  const { revision: before } = model.value;
  batch(() => {
    model.value = applyChanges(model.value, changes);
    shapes.value = withReadings(
      shapes.value,
      changes.flatMap((change) => (change.kind === 'readings' ? change.readings : [])),
    );
  });
  if (model.value.loaded && model.value.revision !== before) describeSoon();
}

function withReadings(known: ReadonlyMap<string, Shape>, readings: readonly LiveReading[]): ReadonlyMap<string, Shape> {
  let next: Map<string, Shape> | undefined;
  for (const reading of readings) {
    const shape = (next ?? known).get(reading.point);
    if (shape === undefined) continue;
    next ??= new Map(known);
    next.set(reading.point, extendShape(shape, reading));
  }
  return next ?? known;
}

/** Moves when there are shapes of other points. */
const shapeSet = signal(0);

function setShapes(next: ReadonlyMap<string, Shape>): void {
  batch(() => {
    shapes.value = next;
    shapeSet.value += 1;
  });
}

/** A new device announces itself by its first values; its names and units are asked for once it has finished. */
const DESCRIBE_AFTER_MS = 3_000;
let describing: ReturnType<typeof setTimeout> | undefined;

function describeSoon(): void {
  clearTimeout(describing);
  describing = setTimeout(() => void loadAll(), DESCRIBE_AFTER_MS);
}

let loading: Promise<void> | undefined;
let loadAgain = false;
let loadTries = 0;
let retrying: ReturnType<typeof setTimeout> | undefined;

/** The stream lives and the whole did not come: it is asked for again, less and less often. */
function retryLoad(): void {
  clearTimeout(retrying);
  if (link.peek().state === 'live') retrying = setTimeout(() => void loadAll(), retryAfterMs(loadTries));
  loadTries += 1;
}

function forgetRetry(): void {
  clearTimeout(retrying);
  loadTries = 0;
}

/** Fetches the whole: at the start, after each loss and when something new announced itself; never by the clock. A request while one runs repeats it once. */
export function loadAll(): Promise<void> {
  if (loading !== undefined) {
    loadAgain = true;
    return loading;
  }
  loading = loadOnce().finally(() => {
    loading = undefined;
    if (loadAgain) {
      loadAgain = false;
      void loadAll();
    }
  });
  return loading;
}

async function loadOnce(): Promise<void> {
  try {
    const [devices, points, alarms, zones] = await Promise.all([
      api.devices(),
      api.points(),
      api.alarms(),
      // Names for alarms; without them an alarm is told by the zone's id.
      api.leakZones().catch(() => leakZones.peek()),
    ]);
    flush();
    batch(() => {
      model.value = applyChanges(model.value, [{ kind: 'snapshot', devices, points, alarms }]);
      loadError.value = undefined;
      forgetRetry();
      leakZones.value = zones;
      if (seenBeforeLoss !== undefined) {
        // Shapes have a hole where the connection was lost: they are asked for again where they are seen.
        setShapes(new Map());
        meanwhile.value = { alarms: cameMeanwhile(seenBeforeLoss, model.value.alarms), at: Date.now() };
        seenBeforeLoss = undefined;
      }
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return leave(true);
    loadError.value = error;
    retryLoad();
  }
}

/** Fetches a point the page does not hold. @returns false when there is none of this id, or nobody answered */
export async function loadPoint(id: string, signal: AbortSignal): Promise<boolean> {
  const point = await api.point(id, signal).catch(() => undefined);
  if (point === undefined || signal.aborted) return false;
  model.value = applyChanges(model.value, [{ kind: 'point', point }]);
  return true;
}

/** Whether the page holds everything the site has; a bigger site is searched by the gateway. */
export const holdsAll = computed(() => model.value.points.size < POINTS_MAX && alarms.value.size < ALARMS_MAX);

/** Newest source time of what we hold: "Values are from 03:12:26". */
export const valuesFrom = computed(() => newestTime(model.value.points.values()));

/** The points whose shape is here; the same set while shapes only grow. */
export const shaped = computed<ReadonlySet<string>>((): ReadonlySet<string> => {
  shapeSet.value;
  return new Set(shapes.peek().keys());
});

/** When the oldest shape begins: a gateway that started a minute ago has a minute to show, not an empty hour. */
export const shapesBegin = computed(() => {
  let begin: Millis | undefined;
  for (const { slots } of shapes.value.values()) {
    const first = slots[0]?.ts;
    if (first !== undefined && (begin === undefined || first < begin)) begin = first;
  }
  return begin;
});

/** Fetches the recent shapes of points that have none yet; live readings make them grow. */
export async function loadShapes(points: readonly string[], signal: AbortSignal): Promise<void> {
  const missing = points.filter((point) => !shapes.value.has(point));
  if (missing.length === 0) return;
  const bounds = boundsOf(range.value, now.peek());
  const stepMs = Math.max(1_000, Math.round(lengthOf(range.value) / SHAPE_SLOTS));
  try {
    const means = await api.means(missing, bounds, stepMs, signal);
    if (signal.aborted) return;
    const next = new Map(shapes.value);
    for (const point of missing) next.set(point, shapeOf(means.get(point) ?? [], stepMs));
    setShapes(next);
  } catch {
    // A panel without sparklines is still a panel.
  }
}

/** Sparklines belong to the range; another range starts them afresh. */
export function forgetShapes(): void {
  setShapes(new Map());
}

/** @returns what went wrong, in words, or undefined */
export async function acknowledge(alarms: readonly string[]): Promise<string | undefined> {
  let problem: string | undefined;
  for (const id of alarms) problem = (await act(id, 'acknowledge')) ?? problem;
  return problem;
}

/** Does something to an alarm. @returns what went wrong, in words, or undefined */
export async function act(
  id: string,
  action: AlarmAction,
  more: Readonly<Record<string, string | boolean>> = {},
): Promise<string | undefined> {
  try {
    const alarm = await api.act(id, action, more);
    if (alarm !== undefined) model.value = applyChanges(model.value, [{ kind: 'alarm', alarm }]);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) leave(true);
    return problemOf(error);
  }
}
