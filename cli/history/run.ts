import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { connectAsync, type MqttClient } from 'mqtt';
import type { Millis } from '../../contract/time.ts';
import { batchesOf, messagesOf } from './messages.ts';
import { type HistoryPlan, makePlan, readPlan, writePlan } from './plan.ts';
import { PARTS, type Recording } from './recorder.ts';

/** Contract, Delivery: at most 16 batches, or 50 messages of a device, without an acknowledgement. */
const IN_FLIGHT_MAX = 12;
/** A gateway that knows the lane says how far it has it soon after we subscribe. */
const MARK_WAIT_MS = 3000;
const KEEPALIVE_S = 60;

export interface HistoryOptions {
  readonly root: string;
  readonly simulateFile: string;
  /** Where the plan is kept, and with it how far it got. */
  readonly planFile: string;
  readonly lengthMs: number;
  readonly seed: number;
  readonly url: string;
  /** MQTT passwords of edges and devices, by id. */
  readonly passwords: Readonly<Record<string, string>>;
  readonly now: () => Millis;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** What was written. */
export interface HistorySummary {
  readonly readings: number;
  /** Stored by an earlier run already, not sent again. */
  readonly before: number;
  readonly seconds: number;
}

/**
 * Writes the district's past into a running gateway, through its own doors: each edge's as numbered batches of a lane of
 * its own, each self-publishing device's on its own topic. Run again after a kill it goes on where it stopped.
 *
 * @returns undefined when the history is complete already, or when the signal ended it
 * @throws Error when the gateway can't be reached or refuses the passwords
 */
export async function writeHistory(options: HistoryOptions): Promise<HistorySummary | undefined> {
  const { planFile, lengthMs, seed, now, say } = options;
  const known = readPlan(planFile);
  if (known?.isDone === true) {
    say(`the history until ${new Date(known.to).toISOString()} is complete already`);
    return undefined;
  }
  let plan = known ?? makePlan({ lengthMs, seed, now: now() });
  writePlan(planFile, plan);
  const began = performance.now();
  const counts = { readings: 0, before: 0 };
  const lanes = new Map<string, Lane>();
  try {
    for await (const recordings of recorded(options, plan)) {
      for (const edge of new Set(recordings.flatMap((recording) => recording.edge ?? []))) {
        const lane = lanes.get(edge) ?? (await openLane(edge, plan, options));
        lanes.set(edge, lane);
        await sendEdge(
          lane,
          recordings.filter((recording) => recording.edge === edge),
          { plan, counts, signal: options.signal },
        );
        if (options.signal.aborted) return undefined;
      }
      for (const recording of recordings.filter(({ edge }) => edge === undefined)) {
        if (plan.devicesDone.includes(recording.device)) continue;
        await sendDevice(recording, plan, options, counts);
        if (options.signal.aborted) return undefined;
        plan = { ...plan, devicesDone: [...plan.devicesDone, recording.device] };
        writePlan(planFile, plan);
      }
    }
  } finally {
    await Promise.all([...lanes.values()].map(({ client }) => client.endAsync(true)));
  }
  if (options.signal.aborted) return undefined;
  writePlan(planFile, { ...plan, isDone: true });
  return { ...counts, seconds: (performance.now() - began) / 1000 };
}

/** An edge's second connection, for its lane of history. */
interface Lane {
  readonly client: MqttClient;
  readonly edge: string;
  /** Up to this number the gateway has it. */
  readonly mark: number;
  seq: number;
  made: number;
}

async function openLane(edge: string, plan: HistoryPlan, { url, passwords }: HistoryOptions): Promise<Lane> {
  const client = await connect(url, edge, passwords[edge]);
  const mark = await new Promise<number>((known) => {
    const timer = setTimeout(() => known(0), MARK_WAIT_MS);
    client.on('message', (_topic, payload) => {
      const { marks } = JSON.parse(payload.toString('utf8')) as { readonly marks: Readonly<Record<string, number>> };
      clearTimeout(timer);
      known(marks[plan.lane] ?? 0);
    });
    client.subscribe(`hf/v1/edge/${edge}/stored/+`, { qos: 1 });
  });
  await client.unsubscribeAsync(`hf/v1/edge/${edge}/stored/+`);
  return { client, edge, mark, seq: 0, made: 0 };
}

async function sendEdge(
  lane: Lane,
  recordings: readonly Recording[],
  {
    plan,
    counts,
    signal,
  }: {
    readonly plan: HistoryPlan;
    readonly counts: { readings: number; before: number };
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const window = new Window(signal);
  for (const batch of batchesOf(recordings, { plan, seqBefore: lane.seq, madeBefore: lane.made })) {
    lane.seq = batch.seq;
    lane.made = batch.made;
    if (batch.seq <= lane.mark) {
      counts.before += batch.readings;
      continue;
    }
    if (!(await window.opens())) return;
    window.send(lane.client.publishAsync(`hf/v1/edge/${lane.edge}/batch`, batch.body(Date.now()), { qos: 1 }));
    counts.readings += batch.readings;
  }
  await window.drained();
}

async function sendDevice(
  recording: Recording,
  plan: HistoryPlan,
  { url, passwords, signal }: HistoryOptions,
  counts: { readings: number },
): Promise<void> {
  const { device } = recording;
  const client = await connect(url, device, passwords[device]);
  try {
    const window = new Window(signal);
    for (const message of messagesOf(recording, plan)) {
      if (!(await window.opens())) return;
      window.send(client.publishAsync(`hf/v1/device/${device}/readings`, message.body(), { qos: 1 }));
      counts.readings += message.readings;
    }
    await window.drained();
  } finally {
    await client.endAsync(true);
  }
}

/** At most {@link IN_FLIGHT_MAX} messages under way; a lost connection is ours to report, not to hide. */
class Window {
  private readonly signal: AbortSignal;
  private readonly underWay = new Set<Promise<void>>();
  private problem: unknown;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Waits for room. @returns false when it is to end */
  async opens(): Promise<boolean> {
    while (this.underWay.size >= IN_FLIGHT_MAX && !this.signal.aborted) await Promise.race(this.underWay);
    if (this.problem !== undefined) throw this.problem;
    return !this.signal.aborted;
  }

  send(publishing: Promise<unknown>): void {
    const sending = publishing.then(
      () => undefined,
      (error: unknown) => {
        this.problem ??= error;
      },
    );
    this.underWay.add(sending);
    sending.finally(() => this.underWay.delete(sending));
  }

  async drained(): Promise<void> {
    while (this.underWay.size > 0 && !this.signal.aborted) await Promise.race(this.underWay);
    if (this.problem !== undefined) throw this.problem;
  }
}

async function connect(url: string, id: string, password: string | undefined): Promise<MqttClient> {
  if (password === undefined) throw new Error(`no MQTT password for ${id}`);
  // Client ids are private to their user: the edge's own connection goes on beside this one.
  return connectAsync(url, { clientId: `${id}-history`, username: id, password, keepalive: KEEPALIVE_S });
}

/** The recordings, part by part, from a thread of its own: the next one is computed while this one is sent. */
async function* recorded(options: HistoryOptions, plan: HistoryPlan): AsyncGenerator<readonly Recording[]> {
  const { root, simulateFile, signal } = options;
  const worker = new Worker(join(dirname(new URL(import.meta.url).pathname), 'recorder-worker.js'), {
    workerData: { root, simulateFile, plan },
  });
  const ready: (readonly Recording[])[] = [];
  let wake = () => {};
  let problem: unknown;
  worker.on('message', (recordings: readonly Recording[]) => {
    ready.push(recordings);
    wake();
  });
  worker.on('error', (error) => {
    problem = error;
    wake();
  });
  const abort = () => wake();
  signal.addEventListener('abort', abort);
  try {
    for (let part = 0; part < PARTS.length; part++) {
      while (ready.length === 0 && problem === undefined && !signal.aborted)
        await new Promise<void>((woken) => {
          wake = woken;
        });
      if (problem !== undefined) throw problem;
      const next = ready.shift();
      if (next === undefined) return;
      yield next;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    await worker.terminate();
  }
}
