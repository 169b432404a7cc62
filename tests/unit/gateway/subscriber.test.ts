import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMetrics } from '../../../gateway/metrics.ts';
import { createSubscriber, LETTER_LENGTH_MAX } from '../../../gateway/subscriber.ts';
import { FakeIngest, laneMark } from '../../support/fake-ingest.ts';
import { eventually } from '../../support/ports.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  const ingest = new FakeIngest();
  const published: { topic: string; payload: unknown }[] = [];
  const results: unknown[] = [];
  let id = 0;
  const subscriber = createSubscriber({
    ingest,
    marks: () => [laneMark('e1', 'a', 7), laneMark('e2', 'b', 9)],
    store: 's1',
    gateway: 'gw',
    now: Date.now,
    newId: () => `id-${++id}`,
    metrics: createMetrics(),
    log: pino({ level: 'silent' }),
    onCommandResult: async (edge, result) => {
      results.push({ edge, result });
    },
  });
  const out = {
    publish: async (topic: string, payload: string) => {
      published.push({ topic, payload: JSON.parse(payload) });
    },
  };
  const take = (topic: string, payload: string | Buffer) => subscriber.take(topic, Buffer.from(payload), 'sender');
  return { ingest, subscriber, out, published, take, results };
}
const batch = (seq: number) => JSON.stringify({ outbox: 'a', seq, made: 1, sentAt: 1_767_225_600_000 });

describe('the subscriber', () => {
  it('names the door, the sender and the reason of what it cannot take, and cuts it', async () => {
    const { ingest, take } = setUp();
    await take('hf/v1/edge/e1/batch', '{"seq": 0}');
    await take('hf/v1/edge/e1/state', '{"online": "yes"}');
    await take('hf/v1/edge/e1/command/c1/result', '[]');
    await take('hf/v1/edge/e1/command', '{}');
    await take('elsewhere', 'x'.repeat(10_000));
    expect(ingest.letters.map(({ door, source, reason }) => ({ door, source, reason }))).toEqual([
      { door: 'mqtt', source: 'sender', reason: 'wrong-shape' },
      { door: 'mqtt', source: 'sender', reason: 'wrong-shape' },
      { door: 'mqtt', source: 'sender', reason: 'wrong-shape' },
      { door: 'mqtt', source: 'sender', reason: 'not-allowed' },
      { door: 'mqtt', source: 'sender', reason: 'not-allowed' },
    ]);
    expect(ingest.letters.at(-1)?.payload).toHaveLength(LETTER_LENGTH_MAX);
    expect(new Set(ingest.letters.map(({ id }) => id)).size).toBe(5);
  });

  it('files nothing under a device that the payload says is of another', async () => {
    const { ingest, take } = setUp();
    const named = (device: unknown) => JSON.stringify({ device, ts: 1_767_225_600_000, values: { flow: 1 } });
    await take('hf/v1/device/fm-12/readings', named('fm-13'));
    await take('hf/v1/device/fm-12/readings', `[${named('fm-12')},${named('fm-13')}]`);
    expect(ingest.letters.map(({ reason, payload }) => [reason, payload.includes('fm-13')])).toEqual([
      ['not-allowed', true],
      ['not-allowed', true],
    ]);
    for (const own of ['fm-12', undefined, { serial: 4711 }]) await take('hf/v1/device/fm-12/readings', named(own));
    expect(ingest.letters).toHaveLength(2);
    expect(ingest.entries).toEqual(
      [1, 2, 3].map(() => ({ device: 'fm-12', ts: 1_767_225_600_000, values: { flow: 1 } })),
    );
  });

  it('keeps what is nested by the thousand as a dead letter, wherever it stands', async () => {
    const { ingest, take } = setUp();
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const inBatch = (readings: string, more = '') =>
      `{"outbox":"a","seq":1,"made":1,"sentAt":1767225600000,"clock":"synced","upTo":{},"readings":${readings}${more}}`;
    const messages = [
      ['hf/v1/device/fm-12/readings', deep],
      ['hf/v1/device/fm-12/readings', `{"values":{"flow":${deep}}}`],
      ['hf/v1/device/fm-12/readings', `{"ts":${deep},"values":{"flow":1}}`],
      ['hf/v1/edge/e1/batch', inBatch(`[{"device":"fm-12","ts":1767225600000,"values":{"flow":${deep}}}]`)],
      ['hf/v1/edge/e1/batch', inBatch('[]', `,"more":${deep}`)],
      ['hf/v1/edge/e1/batch', `{"more":${deep},"readings":[]}`],
      ['hf/v1/edge/e1/state', `{"online":true,"more":${deep}}`],
      ['hf/v1/edge/e1/command/c1/result', `{"id":"c1","status":"done","more":${deep}}`],
    ] as const;
    for (const [topic, payload] of messages) await take(topic, payload);
    expect(ingest.letters.map(({ reason }) => reason)).toEqual(messages.map(() => 'wrong-shape'));
    expect([ingest.entries, ingest.batches, ingest.states]).toEqual([[], [], []]);
  });

  it('keeps the order of a sender while something is unpacked, and does not wait for its commit', async () => {
    const { ingest, take } = setUp();
    ingest.held = true;
    const all = [take('hf/v1/edge/e1/batch', gzipSync(batch(1))), take('hf/v1/edge/e1/batch', batch(2))];
    await eventually(() => expect(ingest.batches.map(({ envelope }) => envelope.seq)).toEqual([1, 2]));
    ingest.commit();
    await Promise.all(all);
  });

  it('rejects when the store could not take it, packed or not', async () => {
    const { ingest, take } = setUp();
    ingest.failure = new Error('disk full');
    await expect(take('hf/v1/edge/e1/batch', batch(1))).rejects.toThrow('disk full');
    await expect(take('hf/v1/edge/e1/batch', gzipSync(batch(1)))).rejects.toThrow('disk full');
    await expect(take('hf/v1/edge/e1/batch', 'no json')).rejects.toThrow('disk full');
    ingest.failure = undefined;
    await take('hf/v1/edge/e1/batch', batch(1));
  });

  it('hands on what an edge answered to a command', async () => {
    const { take, results } = setUp();
    await take('hf/v1/edge/e1/command/c1/result', '{"id":"c1","status":"done","readBack":4}');
    expect(results).toEqual([{ edge: 'e1', result: { id: 'c1', status: 'done', readBack: 4 } }]);
  });

  it('takes no result of a command under the topic of another', async () => {
    const { ingest, take, results } = setUp();
    await take('hf/v1/edge/e1/command/c1/result', '{"id":"c2","status":"done"}');
    expect(results).toEqual([]);
    expect(ingest.letters.map(({ reason }) => reason)).toEqual(['wrong-shape']);
  });

  it('publishes the marks of all known edges at the start, and again when the broker came back', async () => {
    const { subscriber, out, published } = setUp();
    subscriber.start(out);
    await vi.advanceTimersByTimeAsync(0);
    expect(published).toEqual([
      { topic: 'hf/v1/edge/e1/stored/gw', payload: { store: 's1', marks: { a: 7 }, at: Date.now() } },
      { topic: 'hf/v1/edge/e2/stored/gw', payload: { store: 's1', marks: { b: 9 }, at: Date.now() } },
    ]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(published).toHaveLength(2);
    subscriber.start(out);
    await vi.advanceTimersByTimeAsync(0);
    expect(published).toHaveLength(4);
    subscriber.close();
  });

  it('publishes a mark after commits, at most once a second', async () => {
    const { subscriber, out, published, ingest } = setUp();
    subscriber.start(out);
    await vi.advanceTimersByTimeAsync(0);
    for (let seq = 8; seq < 38; seq++) {
      ingest.announce({ marks: [laneMark('e1', 'a', seq)] });
      await vi.advanceTimersByTimeAsync(100);
    }
    await vi.advanceTimersByTimeAsync(1000);
    const marks = published.slice(2).map(({ payload }) => (payload as { marks: { a: number } }).marks.a);
    expect(marks.length).toBeLessThanOrEqual(4);
    expect(marks.at(-1)).toBe(37);
    subscriber.close();
    ingest.announce({ marks: [laneMark('e1', 'a', 40)] });
    await vi.advanceTimersByTimeAsync(5000);
    expect(published.slice(2).at(-1)?.payload).toMatchObject({ marks: { a: 37 } });
  });

  it('tells an edge its mark again when it says it is online, and takes no notice of a cleared state', async () => {
    const { subscriber, out, published, ingest, take } = setUp();
    subscriber.start(out);
    await vi.advanceTimersByTimeAsync(2000);
    await take('hf/v1/edge/e2/state', '{"online":true,"outbox":"b"}');
    await take('hf/v1/edge/e2/state', '');
    await vi.advanceTimersByTimeAsync(0);
    expect(ingest.states).toEqual([{ edge: 'e2', state: { online: true, outbox: 'b' } }]);
    expect(published.slice(2)).toMatchObject([{ topic: 'hf/v1/edge/e2/stored/gw', payload: { marks: { b: 9 } } }]);
  });
});
