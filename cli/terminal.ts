import { unitLabel } from '../contract/units.ts';

export interface FeedOptions {
  readonly address: string;
  readonly token: string;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

interface Shown {
  readonly text: string;
  readonly tsMs: number;
}

const TABLE_EVERY_MS = 10_000;
const RECONNECT_MS = 2000;
const LINES_MAX = 24;
/** What people look for first; the rest follows by name. */
const FIRST = ['flow', 'pressure', 'co', 'power', 'temperatureA', 'currentA', 'no2', 'apparentPower'];
const EVENT_BYTES_MAX = 1 << 20;
/** Beyond it the one that changed longest ago may be told again. */
const ALARMS_REMEMBERED_MAX = 10_000;

interface ToldAlarm {
  readonly id: string;
  readonly priority: number;
  readonly state: string;
  readonly message: string;
  readonly raisedLate?: boolean;
}

/**
 * What a person at a terminal is told of alarms: each change of state once. One that was over before its data came (the
 * past that a first start writes has hundreds) is counted.
 */
export class AlarmLines {
  private readonly said = new Map<string, string>();
  private past = 0;

  /** A line for an alarm's event; undefined when there is nothing new in it. */
  line({ id, priority, state, message, raisedLate }: ToldAlarm): string | undefined {
    const before = this.said.get(id);
    const now = `${priority} ${state} ${message}`;
    if (before === now) return undefined;
    this.said.delete(id);
    this.said.set(id, now);
    for (const oldest of this.said.keys()) {
      if (this.said.size <= ALARMS_REMEMBERED_MAX) break;
      this.said.delete(oldest);
    }
    if (raisedLate === true && state === 'normal' && before === undefined) {
      this.past++;
      return undefined;
    }
    return `ALARM      P${priority} ${state}: ${message}`;
  }

  /** How many of the past there were since it was asked last. */
  pastLine(): string | undefined {
    const count = this.past;
    this.past = 0;
    if (count === 0) return undefined;
    return `ALARM      ${count} of the past, over before their data came: only in the journal`;
  }
}

/** Shows alarms as they come and, every 10 s, the newest values, from the gateway's live feed: what the page will show. */
export async function followFeed({ address, token, signal, say }: FeedOptions): Promise<void> {
  const units = new Map<string, string>();
  const latest = new Map<string, Shown>();
  const alarms = new AlarmLines();
  const table = setInterval(() => {
    const past = alarms.pastLine();
    if (past !== undefined) say(past);
    printTable(latest, say);
  }, TABLE_EVERY_MS);
  signal.addEventListener('abort', () => clearInterval(table), { once: true });
  while (!signal.aborted) {
    try {
      await followOnce();
    } catch {
      // The gateway is restarting or we are stopping: its own log lines say why.
    }
    if (!signal.aborted) await new Promise((wake) => setTimeout(wake, RECONNECT_MS));
  }

  async function followOnce(): Promise<void> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const made = await fetch(`${address}/api/v1/live/subscriptions`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ points: '*', alarms: true }),
      signal,
    });
    const { subscription } = (await made.json()) as { subscription: string };
    const stream = await fetch(`${address}/api/v1/live?subscription=${subscription}`, { headers, signal });
    if (!stream.ok || stream.body === null) throw new Error(`live feed: ${stream.status}`);
    let buffer = '';
    const decoder = new TextDecoder();
    for await (const chunk of stream.body) {
      buffer += decoder.decode(chunk as Uint8Array, { stream: true });
      const events = buffer.split('\n\n');
      buffer = (events.pop() as string).slice(0, EVENT_BYTES_MAX);
      for (const event of events) await show(event, headers);
    }
  }

  async function show(event: string, headers: Readonly<Record<string, string>>): Promise<void> {
    const field = (name: string) =>
      event
        .split('\n')
        .find((line) => line.startsWith(`${name}: `))
        ?.slice(name.length + 2);
    const data = field('data');
    if (data === undefined) return;
    const body = JSON.parse(data) as Record<string, unknown>;
    if (field('event') === 'alarm') {
      const line = alarms.line((body.alarm ?? body) as unknown as ToldAlarm);
      if (line !== undefined) say(line);
    } else if (field('event') === 'reading') {
      const point = String(body.point);
      if (!units.has(point)) await learnUnits(headers);
      const value =
        typeof body.value === 'number' ? `${round(body.value)} ${unitLabel(units.get(point) ?? '')}`.trim() : '-';
      const quality =
        body.quality === 'good' ? '' : ` (${body.quality}${body.reason === undefined ? '' : `, ${body.reason}`})`;
      latest.set(point, { text: value + quality, tsMs: Date.parse(String(body.ts)) });
    }
  }

  async function learnUnits(headers: Readonly<Record<string, string>>): Promise<void> {
    const answer = await fetch(`${address}/api/v1/points?limit=1000`, { headers, signal });
    const { points } = (await answer.json()) as { points: { id: string; unit?: string }[] };
    for (const { id, unit } of points) units.set(id, unit ?? '');
  }
}

/** The first points of each device, so that every domain shows. */
function printTable(latest: ReadonlyMap<string, Shown>, say: (text: string) => void): void {
  const devices = new Map<string, string[]>();
  const rank = (point: string) => {
    const [device, measurement] = point.split('/') as [string, string];
    const place = FIRST.indexOf(measurement);
    return `${device}/${place < 0 ? FIRST.length : place}${measurement}`;
  };
  for (const [point, { text }] of [...latest].sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1))) {
    const [device, measurement] = point.split('/') as [string, string];
    // What an edge says of itself is health, not a value of the district.
    if (measurement.startsWith('outbox-') || measurement.startsWith('clock-')) continue;
    const shown = devices.get(device) ?? [];
    if (shown.length < 4) shown.push(`${measurement} ${text}`);
    devices.set(device, shown);
  }
  for (const [device, shown] of [...devices].slice(0, LINES_MAX)) say(`${device.padEnd(10)} ${shown.join(' · ')}`);
}

function round(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}
