import type { Logger } from 'pino';
import type { Ingest } from '../ingest.ts';
import { type Metrics, WAIT_BUCKETS_S } from '../metrics.ts';
import type { Notification, Store } from '../store/store.ts';
import { type Channel, ChannelError, type Receipt } from './channel.ts';
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

  const pump = (channel: string) => {
    const queue = queues.get(channel) ?? [];
    while (queue.length > 0 && (sending.get(channel) ?? 0) < CHANNEL_SENDING_MAX && !stopping.signal.aborted) {
      const notification = queue.shift() as Notification;
      sending.set(channel, (sending.get(channel) ?? 0) + 1);
      const task = attempt(notification).finally(() => {
        sending.set(channel, (sending.get(channel) ?? 1) - 1);
        tasks.delete(task);
        pump(channel);
      });
      tasks.add(task);
    }
  };

  async function attempt(notification: Notification): Promise<void> {
    const started = performance.now();
    const result = await send(channels.get(notification.channel), notification, stopping.signal);
    if (result instanceof ChannelError && stopping.signal.aborted) return;
    lasted.observe((performance.now() - started) / 1000);
    const outcome = outcomeOf(notification, result, now(), random());
    outcomes.with(notification.channel, result instanceof ChannelError ? outcome.state : 'sent').value += 1;
    if (outcome.state === 'failed')
      log.warn({ notification: notification.id, reason: outcome.lastError }, 'notification given up');
    else if (outcome.state === 'due') log.debug({ notification: notification.id, reason: outcome.lastError }, 'retry');
    await record(outcome);
    taken.delete(notification.id);
    if (outcome.state === 'due') lookAt(outcome.dueAt);
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
      stopping.abort(new ChannelError('stopping', { retryable: true }));
      const settled = new AbortController();
      const all = Promise.allSettled(tasks).then(() => settled.abort());
      await Promise.race([all, pause(STOP_TIMEOUT_MS, settled.signal)]);
    },
  };
}

async function send(
  channel: Channel | undefined,
  notification: Notification,
  signal: AbortSignal,
): Promise<Receipt | ChannelError> {
  if (channel === undefined) return new ChannelError('this channel is not configured any more', { retryable: false });
  try {
    return await channel.send(readMessage(notification), signal);
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
