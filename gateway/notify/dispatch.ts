import type { Logger } from 'pino';
import type { Ingest } from '../ingest.ts';
import { type Metrics, WAIT_BUCKETS_S } from '../metrics.ts';
import type { Notification, Store } from '../store/store.ts';
import { type Channel, ChannelError, type Message, type Receipt } from './channel.ts';
import { digestOf, Pace } from './pace.ts';
import { readMessage } from './plan.ts';

export interface DispatchOptions {
  readonly channels: readonly Channel[];
  readonly store: Pick<Store, 'dueNotifications'>;
  readonly ingest: Pick<Ingest, 'notified' | 'onCommitted'>;
  /** UTC ms. */
  readonly now: () => number;
  /** 0 <= x < 1 */
  readonly random: () => number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

export interface Dispatch {
  /** Waits for what is being sent, at most {@link STOP_TIMEOUT_MS}; the rest stays due in the store. */
  stop(): Promise<void>;
}

/** Messages one channel sends at the same time. */
export const CHANNEL_SENDING_MAX = 4;
/** Due messages taken from the store at once. */
export const DUE_MAX = 2000;
/** The first retry comes after one second, each further one after twice the time, at most five minutes. */
export const RETRY_FIRST_MS = 1000;
export const RETRY_MAX_MS = 300_000;
/** A receiver may ask us to wait this long. */
const RETRY_AFTER_MAX_MS = 3_600_000;
/** 60 attempts are some four and a half hours. */
export const ATTEMPTS_MAX = 60;
/** What is older than this helps nobody any more. */
export const AGE_MAX_MS = 12 * 3_600_000;
/** Looked at even when nothing wakes us. */
const LOOK_EVERY_MS = 60_000;
/** An outcome that could not be stored is tried again after this. */
const RECORD_RETRY_MS = 2000;
export const STOP_TIMEOUT_MS = 5000;

/**
 * Sends due notifications after commits and at the start, and writes what became of each. The store is the queue:
 * a message sent just before a crash goes out again, with the same id.
 */
export function startDispatch(options: DispatchOptions): Dispatch {
  const { store, ingest, now, random, metrics, log } = options;
  const channels = new Map(options.channels.map((channel) => [channel.name, channel]));
  const outcomes = metrics.counters('hanfeng_notifications_total', 'Attempts to send, by outcome.', [
    'channel',
    'outcome',
  ]);
  const lasted = metrics.histogram('hanfeng_notification_seconds', 'How long an attempt took.', WAIT_BUCKETS_S);
  const stopping = new AbortController();
  /** Taken from the store and not recorded yet; each is in one queue or being sent. */
  const taken = new Set<string>();
  const queues = new Map<string, Notification[]>();
  const sending = new Map<string, number>();
  const paces = new Map(
    options.channels.flatMap(({ name, pace }) => (pace === undefined ? [] : [[name, new Pace(pace)] as const])),
  );
  /** Receivers that asked us to wait. */
  const closedUntil = new Map<string, number>();
  /** Channels that wait until their receiver takes more. */
  const paused = new Map<string, NodeJS.Timeout>();
  const tasks = new Set<Promise<void>>();
  let looking = false;
  let lookAgain = false;
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Number.POSITIVE_INFINITY;

  metrics.gauge(
    'hanfeng_notifications_waiting',
    'Notifications taken from the store and not sent yet.',
    () => taken.size,
  );

  const lookAt = (at: number) => {
    if (stopping.signal.aborted || at >= timerAt) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(look, Math.max(0, at - now()));
  };

  const look = () => {
    clearTimeout(timer);
    timerAt = Number.POSITIVE_INFINITY;
    lookAgain = looking;
    if (looking || stopping.signal.aborted) return;
    looking = true;
    take()
      .catch((error: Error) => log.error({ err: error }, 'due notifications not read'))
      .finally(() => {
        looking = false;
        lookAt(now() + LOOK_EVERY_MS);
        if (lookAgain) look();
      });
  };

  async function take(): Promise<void> {
    // A little ahead, so that retries left by the last run find their time.
    const due = await store.dueNotifications(now() + LOOK_EVERY_MS, DUE_MAX);
    for (const notification of due) {
      if (taken.has(notification.id)) continue;
      if (notification.dueAt > now()) {
        lookAt(notification.dueAt);
        continue;
      }
      taken.add(notification.id);
      const queue = queues.get(notification.channel) ?? [];
      queues.set(notification.channel, queue);
      queue.push(notification);
    }
    for (const channel of queues.keys()) pump(channel);
  }

  const pump = (name: string) => {
    const queue = queues.get(name) ?? [];
    const pace = paces.get(name);
    while (queue.length > 0 && (sending.get(name) ?? 0) < CHANNEL_SENDING_MAX && !stopping.signal.aborted) {
      const opensAt = Math.max(closedUntil.get(name) ?? 0, pace?.nextAt(now()) ?? 0);
      if (opensAt > now()) {
        // One timer is enough: the queue is looked at again when it ends.
        if (!paused.has(name)) paused.set(name, setTimeout(resume, opensAt - now(), name));
        return;
      }
      const batch = queue.splice(0, pace?.take(queue.length, now()) ?? 1);
      pace?.spend(now());
      sending.set(name, (sending.get(name) ?? 0) + 1);
      const task = attempt(name, batch).finally(() => {
        sending.set(name, (sending.get(name) ?? 1) - 1);
        tasks.delete(task);
        pump(name);
      });
      tasks.add(task);
    }
  };
  const resume = (name: string) => {
    paused.delete(name);
    pump(name);
  };

  async function attempt(name: string, batch: readonly Notification[]): Promise<void> {
    const started = performance.now();
    const result = await send(channels.get(name), batch, stopping.signal);
    if (result instanceof ChannelError && stopping.signal.aborted) return;
    lasted.observe((performance.now() - started) / 1000);
    // "Too fast" is about the channel, not this message: more of them now would keep it closed.
    if (result instanceof ChannelError && result.retryAfterMs !== undefined)
      closedUntil.set(name, now() + Math.min(result.retryAfterMs, RETRY_AFTER_MAX_MS));
    for (const notification of batch) {
      const outcome = outcomeOf(notification, result, now(), random());
      outcomes.with(name, result instanceof ChannelError ? outcome.state : 'sent').value += 1;
      const about = { notification: notification.id, reason: outcome.lastError };
      if (outcome.state === 'failed') log.warn(about, 'notification given up');
      else if (outcome.state === 'due') log.debug(about, 'notification not sent, retry later');
      await record(outcome);
      taken.delete(notification.id);
      if (outcome.state === 'due') lookAt(outcome.dueAt);
    }
  }

  /** Until the outcome is on disk the message stays taken: sending twice is better than never, but not by design. */
  async function record(outcome: Notification): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        return await ingest.notified(outcome);
      } catch (error) {
        log.error({ err: error, notification: outcome.id }, 'outcome of a notification not stored');
        await pause(RECORD_RETRY_MS, stopping.signal);
      }
    }
  }

  const stopListening = ingest.onCommitted(({ notifications }) => {
    if (notifications.some(({ state, id }) => state === 'due' && !taken.has(id))) look();
  });
  look();

  return {
    async stop() {
      stopListening();
      clearTimeout(timer);
      for (const pause of paused.values()) clearTimeout(pause);
      stopping.abort(new ChannelError('stopping', { retryable: true }));
      const settled = new AbortController();
      const all = Promise.allSettled(tasks).then(() => settled.abort());
      await Promise.race([all, pause(STOP_TIMEOUT_MS, settled.signal)]);
    },
  };
}

async function send(
  channel: Channel | undefined,
  batch: readonly Notification[],
  signal: AbortSignal,
): Promise<Receipt | ChannelError> {
  if (channel === undefined) return new ChannelError('this channel is not configured any more', { retryable: false });
  try {
    const messages = batch.map(readMessage);
    return await channel.send(messages.length === 1 ? (messages[0] as Message) : digestOf(messages), signal);
  } catch (error) {
    if (error instanceof ChannelError) return error;
    return new ChannelError((error as Error).message, { retryable: false, cause: error });
  }
}

/**
 * What to write after an attempt. Pure.
 *
 * @param random - 0..1: retries of many messages spread over a fifth of the wait
 */
export function outcomeOf(
  notification: Notification,
  result: Receipt | ChannelError,
  now: number,
  random: number,
): Notification {
  const attempts = notification.attempts + 1;
  if (!(result instanceof ChannelError)) return { ...notification, attempts, state: 'sent', sentAt: now };
  const lastError = result.message.slice(0, 500);
  const recordedAt = recordedAtOf(notification);
  const old = recordedAt !== undefined && now - recordedAt > AGE_MAX_MS;
  if (!result.retryable || attempts >= ATTEMPTS_MAX || old)
    return { ...notification, attempts, state: 'failed', lastError };
  const doubled = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (attempts - 1));
  const asked = Math.min(result.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
  const waitMs = Math.max(asked, Math.round(doubled * (0.9 + random * 0.2)));
  return { ...notification, attempts, state: 'due', dueAt: now + waitMs, lastError };
}

/** When the alarm changed, from the message itself: `dueAt` moves with every retry. */
function recordedAtOf(notification: Notification): number | undefined {
  const recordedAt = /"recordedAt":"([^"]{1,40})"/.exec(notification.payload)?.[1];
  const time = recordedAt === undefined ? Number.NaN : Date.parse(recordedAt);
  return Number.isFinite(time) ? time : undefined;
}

async function pause(afterMs: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, afterMs);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
