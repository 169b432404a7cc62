import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMetrics } from '../../../../gateway/metrics.ts';
import { type Channel, ChannelError, type Message } from '../../../../gateway/notify/channel.ts';
import {
  AGE_MAX_MS,
  ATTEMPTS_MAX,
  CHANNEL_SENDING_MAX,
  outcomeOf,
  RETRY_FIRST_MS,
  RETRY_MAX_MS,
  startDispatch,
} from '../../../../gateway/notify/dispatch.ts';
import type { Notification } from '../../../../gateway/store/store.ts';
import { FakeIngest } from '../../../support/fake-ingest.ts';
import { aNotification } from './alarms.ts';

const START = Date.UTC(2026, 0, 1);

beforeEach(() => {
  vi.useFakeTimers({ now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A store that holds notifications; outcomes change them as a commit would. */
class Queue extends FakeIngest {
  readonly rows = new Map<string, Notification>();
  unstorable = 0;
  add(...notifications: Notification[]): void {
    for (const notification of notifications) this.rows.set(notification.id, notification);
    this.announce({ notifications });
  }
  override async notified(outcome: Notification): Promise<void> {
    if (this.unstorable-- > 0) throw new Error('disk full');
    this.rows.set(outcome.id, outcome);
    await super.notified(outcome);
  }
  async dueNotifications(now: number, limit: number): Promise<readonly Notification[]> {
    return [...this.rows.values()].filter(({ state, dueAt }) => state === 'due' && dueAt <= now).slice(0, limit);
  }
}

function setUp(send: (message: Message, signal: AbortSignal) => Promise<unknown> = async () => undefined) {
  const queue = new Queue();
  const sent: string[] = [];
  const channel: Channel = {
    name: 'ops',
    send: async (message, signal) => {
      await send(message, signal);
      sent.push(message.id);
      return { answer: 'ok' };
    },
  };
  const start = () =>
    startDispatch({
      channels: [channel],
      store: queue,
      ingest: queue,
      now: Date.now,
      random: () => 0.5,
      metrics: createMetrics(),
      log: pino({ level: 'silent' }),
    });
  return { queue, sent, start };
}
const due = (id: string, channel = 'ops', at = START) => ({ ...aNotification(id, channel, at), id });
/** The message inside carries the id it was planned with: tests look at the store's rows instead. */
const states = (queue: Queue) => Object.fromEntries([...queue.rows.values()].map(({ id, state }) => [id, state]));

describe('dispatch', () => {
  it('sends what was due before the start, and what a commit brings', async () => {
    const { queue, sent, start } = setUp();
    queue.add(due('a'));
    const dispatch = start();
    await vi.advanceTimersByTimeAsync(0);
    expect(states(queue)).toEqual({ a: 'sent' });
    queue.add(due('b'));
    await vi.advanceTimersByTimeAsync(0);
    expect(states(queue)).toEqual({ a: 'sent', b: 'sent' });
    expect(sent).toHaveLength(2);
    await dispatch.stop();
  });

  it('tries again with growing waits until it works', async () => {
    const times: number[] = [];
    const { queue, start } = setUp(async () => {
      times.push((Date.now() - START) / 1000);
      if (times.length < 5) throw new ChannelError('busy', { retryable: true });
    });
    queue.add(due('a'));
    const dispatch = start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(times).toEqual([0, 1, 3, 7, 15]);
    expect(queue.rows.get('a')).toMatchObject({ state: 'sent', attempts: 5 });
    await dispatch.stop();
  });

  it('gives up at once when trying again cannot help, and on a channel that is gone', async () => {
    const { queue, start } = setUp(async () => {
      throw new ChannelError('answered 404', { retryable: false });
    });
    queue.add(due('a'), due('b', 'gone'));
    const dispatch = start();
    await vi.advanceTimersByTimeAsync(0);
    expect(queue.rows.get('a')).toMatchObject({ state: 'failed', lastError: 'answered 404' });
    expect(queue.rows.get('b')).toMatchObject({ state: 'failed' });
    await dispatch.stop();
  });

  it('sends some at a time, each once, though commits wake it again and again', async () => {
    let open = 0;
    let most = 0;
    const { queue, sent, start } = setUp(async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 100));
      open -= 1;
    });
    const dispatch = start();
    for (let i = 0; i < 20; i++) queue.add(due(`n-${i}`));
    await vi.advanceTimersByTimeAsync(5000);
    expect(most).toBe(CHANNEL_SENDING_MAX);
    expect(sent).toHaveLength(20);
    await dispatch.stop();
  });

  it('does not let a hanging channel stop another', async () => {
    const { queue, start } = setUp();
    const hanging: Channel = { name: 'hangs', send: () => new Promise(() => undefined) };
    const dispatch = startDispatch({
      channels: [hanging, { name: 'ops', send: async () => ({ answer: 'ok' }) }],
      store: queue,
      ingest: queue,
      now: Date.now,
      random: () => 0.5,
      metrics: createMetrics(),
      log: pino({ level: 'silent' }),
    });
    expect(start).toBeDefined();
    queue.add(...Array.from({ length: 50 }, (_, i) => due(`h-${i}`, 'hangs')), due('a'));
    await vi.advanceTimersByTimeAsync(0);
    expect(queue.rows.get('a')).toMatchObject({ state: 'sent' });
    const stopped = dispatch.stop();
    await vi.advanceTimersByTimeAsync(5000);
    await stopped;
  });

  it('sends once although its outcome can be stored only later', async () => {
    const { queue, sent, start } = setUp();
    queue.unstorable = 3;
    queue.add(due('a'));
    const dispatch = start();
    await vi.advanceTimersByTimeAsync(0);
    queue.announce({ notifications: [due('a')] });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(sent).toHaveLength(1);
    expect(states(queue)).toEqual({ a: 'sent' });
    await dispatch.stop();
  });

  it('leaves what it was sending due when it stops, and sends it after the restart', async () => {
    const { queue, start } = setUp(
      (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    queue.add(due('a'));
    const dispatch = start();
    await vi.advanceTimersByTimeAsync(0);
    await dispatch.stop();
    expect(queue.rows.get('a')).toMatchObject({ state: 'due', attempts: 0 });
    const second = startDispatch({
      channels: [{ name: 'ops', send: async () => ({ answer: 'ok' }) }],
      store: queue,
      ingest: queue,
      now: Date.now,
      random: () => 0.5,
      metrics: createMetrics(),
      log: pino({ level: 'silent' }),
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(states(queue)).toEqual({ a: 'sent' });
    await second.stop();
  });

  it('picks up a retry that the last run left for later', async () => {
    const { queue, start } = setUp();
    queue.add({ ...due('a'), dueAt: START + 40_000, attempts: 6 });
    const dispatch = start();
    await vi.advanceTimersByTimeAsync(39_000);
    expect(states(queue)).toEqual({ a: 'due' });
    await vi.advanceTimersByTimeAsync(1000);
    expect(states(queue)).toEqual({ a: 'sent' });
    await dispatch.stop();
  });
});

describe('a channel with a pace', () => {
  const start = (queue: Queue, send: Channel['send']) =>
    startDispatch({
      channels: [{ name: 'ops', pace: [{ messages: 10, perMs: 60_000 }], send }],
      store: queue,
      ingest: queue,
      now: Date.now,
      random: () => 0.5,
      metrics: createMetrics(),
      log: pino({ level: 'silent' }),
    });

  it('gets a flood as digests, and loses nothing of it', async () => {
    const queue = new Queue();
    const got: Message[] = [];
    const dispatch = start(queue, async (message) => {
      got.push(message);
      return { answer: 'ok' };
    });
    for (let i = 0; i < 400; i++) {
      queue.add(due(`n-${i}`));
      await vi.advanceTimersByTimeAsync(50);
    }
    await vi.advanceTimersByTimeAsync(300_000);
    expect(got.length).toBeLessThan(25);
    expect(got.some(({ event }) => event === 'digest')).toBe(true);
    expect(Object.values(states(queue)).every((state) => state === 'sent')).toBe(true);
    await dispatch.stop();
  });

  it('is left alone as long as it asked for, then gets what waited in one', async () => {
    const queue = new Queue();
    const times: number[] = [];
    const dispatch = start(queue, async () => {
      times.push((Date.now() - START) / 1000);
      if (times.length === 1) throw new ChannelError('too fast', { retryable: true, retryAfterMs: 600_000 });
      return { answer: 'ok' };
    });
    queue.add(due('a'));
    await vi.advanceTimersByTimeAsync(1000);
    for (let i = 0; i < 20; i++) queue.add(due(`b-${i}`));
    await vi.advanceTimersByTimeAsync(700_000);
    expect(times[0]).toBe(0);
    expect(times[1]).toBeGreaterThanOrEqual(600);
    expect(times.length).toBeLessThanOrEqual(3);
    expect(Object.values(states(queue)).every((state) => state === 'sent')).toBe(true);
    await dispatch.stop();
  });
});

describe('the outcome of an attempt', () => {
  const busy = new ChannelError('busy', { retryable: true });

  it('waits twice as long each time, to a limit, spread a little', () => {
    const waits = [0, 1, 2, 8, 20].map((attempts) => {
      const { dueAt } = outcomeOf({ ...due('a'), attempts }, busy, START, 0.5);
      return dueAt - START;
    });
    expect(waits).toEqual([RETRY_FIRST_MS, 2000, 4000, 256_000, RETRY_MAX_MS]);
    expect(outcomeOf(due('a'), busy, START, 0).dueAt).toBe(START + 900);
  });

  it('waits longer when asked, but not for ever', () => {
    const asked = (retryAfterMs: number) =>
      outcomeOf(due('a'), new ChannelError('429', { retryable: true, retryAfterMs }), START, 0.5).dueAt - START;
    expect(asked(20_000)).toBe(20_000);
    expect(asked(1)).toBe(RETRY_FIRST_MS);
    expect(asked(1e12)).toBe(3_600_000);
  });

  it('ends after the last attempt, and when the message is too old', () => {
    expect(outcomeOf({ ...due('a'), attempts: ATTEMPTS_MAX - 1 }, busy, START, 0.5).state).toBe('failed');
    expect(outcomeOf(due('a'), busy, START + AGE_MAX_MS + 1, 0.5).state).toBe('failed');
    expect(outcomeOf({ ...due('a'), payload: 'damaged' }, busy, START + AGE_MAX_MS + 1, 0.5).state).toBe('due');
  });
});
