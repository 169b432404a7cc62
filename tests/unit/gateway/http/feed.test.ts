import { beforeEach, describe, expect, it } from 'vitest';
import type { PointInfo } from '../../../../gateway/domain/plant.ts';
import { Feed, SUBSCRIPTIONS_PER_OWNER_MAX } from '../../../../gateway/http/feed.ts';
import type { Wishes } from '../../../../gateway/http/feed-subscription.ts';
import { createMetrics } from '../../../../gateway/metrics.ts';
import { type FakeGateway, fakeGateway } from '../../../support/fakes-gateway.ts';
import { NOON } from '../../../support/http-door.ts';

interface Event {
  readonly name: string;
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  readonly data: any;
}

/** A socket that takes everything, or nothing while `full`. */
class TestSink {
  text = '';
  waiting = 0;
  full = false;
  ended = false;
  write(text: string): void {
    this.text += text;
    if (this.full) this.waiting += text.length;
  }
  buffered(): number {
    return this.waiting;
  }
  end(): void {
    this.ended = true;
  }
  /** What came since the last call. */
  take(): Event[] {
    const events = this.text.split('\n\n').flatMap((block) => {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (name === undefined || data === undefined) return [];
      return [{ name, id: /^id: (.*)$/m.exec(block)?.[1], data: JSON.parse(data) as unknown }];
    });
    this.text = '';
    return events;
  }
}

let gateway: FakeGateway;
let feed: Feed;
let clock: number;
let ids: number;

function newFeed(run: string): Feed {
  const made = new Feed({
    registry: gateway.registry,
    now: () => clock,
    run,
    newId: () => `s${ids++}`,
    metrics: createMetrics(),
  });
  gateway.ingest.onCommitted((committed) => made.committed(committed));
  return made;
}

beforeEach(() => {
  clock = NOON;
  ids = 1;
  gateway = fakeGateway(() => clock);
  gateway.addDevice({ id: 'fm-12' }, { measurement: 'flow' }, { measurement: 'pressure' });
  feed = newFeed('r1');
});

const ownName = ({ device, measurement }: PointInfo) => ({ id: `${device}/${measurement}`, scale: 1, offset: 0 });
const everything: Wishes = { names: (point) => [ownName(point)], alarms: true, devices: true };
const only = (id: string): Wishes => ({
  names: (point) => [ownName(point)].filter((name) => name.id === id),
  alarms: false,
  devices: false,
});

function open(wishes: Wishes, lastEventId?: string, id = feed.subscribe('ada', wishes)?.id as string) {
  const sink = new TestSink();
  const stream = feed.open(id, sink, 'session-1', lastEventId);
  return { sink, stream, id };
}
const points = (events: readonly Event[]) =>
  events.filter(({ name }) => name === 'reading').map(({ data }) => [data.point, data.value]);

describe('the live feed', () => {
  it('says hello and the newest value of each wished point, then what changes', () => {
    gateway.reading(0, NOON, 90);
    gateway.reading(1, NOON, 400);
    const { sink } = open(only('fm-12/flow'));
    const [hello, ...first] = sink.take();
    expect(hello).toMatchObject({ name: 'hello', data: { server: 'r1', resumed: false } });
    expect(points(first)).toEqual([['fm-12/flow', 90]]);
    gateway.reading(0, NOON + 1000, 91);
    gateway.reading(1, NOON + 1000, 401);
    feed.flush();
    const later = sink.take();
    expect(points(later)).toEqual([['fm-12/flow', 91]]);
    expect(later[0]?.data).toMatchObject({ ts: '2026-11-23T12:00:01.000Z', quality: 'good', stale: false });
  });

  it('many readings of a point between two flushes are one event with the newest value', () => {
    const { sink } = open(everything);
    sink.take();
    for (let n = 0; n < 100; n++) gateway.reading(0, NOON + n, n);
    expect(sink.take()).toEqual([]);
    feed.flush();
    expect(points(sink.take())).toEqual([['fm-12/flow', 99]]);
    feed.flush();
    expect(sink.take()).toEqual([]);
  });

  it('a bad reading has no value and says why it has none', () => {
    const { sink } = open(everything);
    gateway.reading(0, NOON, undefined, 'bad');
    feed.flush();
    const reading = sink.take().find(({ name }) => name === 'reading');
    expect(reading?.data).toMatchObject({ quality: 'bad' });
    expect(reading?.data).not.toHaveProperty('value');
  });

  it('a point that comes into being later is told to who wished for it', () => {
    const { sink } = open(only('new-1/level'));
    gateway.addDevice({ id: 'new-1' }, { measurement: 'level' });
    gateway.reading(2, NOON, 7);
    feed.flush();
    expect(points(sink.take())).toEqual([['new-1/level', 7]]);
  });

  it('alarms go out at once, each transition, with who and why', async () => {
    const { sink } = open(everything);
    const deaf = open(only('fm-12/flow'));
    sink.take();
    deaf.sink.take();
    gateway.addAlarm({ id: 'a1' });
    await gateway.ingest.operate({ action: 'acknowledge', alarm: 'a1', who: 'olga', at: NOON, comment: 'seen' });
    expect(sink.take()).toMatchObject([
      { name: 'alarm', data: { id: 'a1', state: 'acknowledged', event: 'acknowledge', who: 'olga', why: 'seen' } },
    ]);
    expect(deaf.sink.take()).toEqual([]);
  });

  it('an edge is news when it goes or comes, not with every batch', () => {
    const { sink } = open(everything);
    sink.take();
    const edge = { id: 'e1', changedAt: NOON, lastHeardAt: NOON, state: '{}' };
    gateway.announce({ edges: [{ ...edge, online: true }] });
    gateway.announce({ edges: [{ ...edge, online: true, lastHeardAt: NOON + 1 }] });
    gateway.announce({ edges: [{ ...edge, online: false }] });
    expect(sink.take().map(({ data }) => data.edge.online)).toEqual([true, false]);
  });

  it('goes on where the stream ended: missed alarms in order, and points that changed since', () => {
    const { sink, stream, id } = open(everything);
    gateway.reading(0, NOON, 1);
    gateway.reading(1, NOON, 2);
    feed.flush();
    const lastId = sink.take().at(-1)?.id;
    stream.closed();
    gateway.reading(1, NOON + 1, 3);
    gateway.announce({ alarms: [gateway.addAlarm({ id: 'a1' })] });
    gateway.announce({ alarms: [gateway.addAlarm({ id: 'a2' })] });
    const again = open(everything, lastId, id).sink.take();
    expect(again[0]).toMatchObject({ name: 'hello', data: { resumed: true } });
    expect(again.filter(({ name }) => name === 'alarm').map(({ data }) => data.id)).toEqual(['a1', 'a2']);
    expect(points(again)).toEqual([['fm-12/pressure', 3]]);
  });

  it('an event id never claims a reading that was not written yet', () => {
    const { sink, stream, id } = open(everything);
    gateway.reading(0, NOON, 1);
    gateway.announce({ alarms: [gateway.addAlarm({ id: 'a1' })] });
    const alarm = sink.take().at(-1);
    expect(alarm?.name).toBe('alarm');
    stream.closed();
    expect(points(open(everything, alarm?.id, id).sink.take())).toEqual([['fm-12/flow', 1]]);
  });

  it('an id of another run, or nonsense, begins anew', () => {
    gateway.reading(0, NOON, 1);
    const { stream, id } = open(everything);
    stream.closed();
    for (const lastId of ['r0.5.5', 'r1.999.999', 'r1.-1.0', 'r1', 'x.y.z', '']) {
      const [hello, ...rest] = open(everything, lastId, id).sink.take();
      expect(hello?.data.resumed, lastId).toBe(false);
      expect(points(rest), lastId).toEqual([['fm-12/flow', 1]]);
    }
  });

  it('a screen that was away for too many alarms is told to read the list again', () => {
    const { sink, stream, id } = open(everything);
    gateway.announce({ alarms: [gateway.addAlarm({ id: 'first' })] });
    const lastId = sink.take().at(-1)?.id;
    stream.closed();
    for (let n = 0; n < 13; n++)
      gateway.announce({ alarms: Array.from({ length: 1000 }, (_, k) => gateway.addAlarm({ id: `a${n}-${k}` })) });
    const again = open(everything, lastId, id).sink.take();
    expect(again).toMatchObject([{ name: 'hello', data: { resumed: false } }]);
  });

  it('a screen that was away for a flood of ten thousand is told every one of them, in order', () => {
    const { sink, stream, id } = open(everything);
    gateway.announce({ alarms: [gateway.addAlarm({ id: 'first' })] });
    const lastId = sink.take().at(-1)?.id;
    stream.closed();
    const flood = Array.from({ length: 10_000 }, (_, n) => gateway.addAlarm({ id: `a${n}` }));
    gateway.announce({ alarms: flood.slice(0, 5000) });
    gateway.announce({ alarms: flood.slice(5000) });
    const again = open(everything, lastId, id);
    const told: unknown[] = [];
    for (let part = again.sink.take(); part.length > 0; part = again.sink.take()) {
      told.push(...part.filter(({ name }) => name === 'alarm').map(({ data }) => (data as { id: string }).id));
      again.stream.drained();
    }
    expect(told).toEqual(flood.map((alarm) => alarm.id));
  });

  it('a slow screen costs no memory: it gets the newest values when it reads again', () => {
    const { sink, stream } = open(everything);
    sink.take();
    sink.full = true;
    sink.waiting = 1_000_000;
    for (let n = 0; n < 1000; n++) {
      gateway.reading(0, NOON + n, n);
      feed.flush();
    }
    expect(sink.text).toBe('');
    sink.full = false;
    sink.waiting = 0;
    stream.drained();
    expect(points(sink.take())).toEqual([['fm-12/flow', 999]]);
  });

  it('a slow screen in an alarm flood is told once to read the list again', () => {
    const { sink, stream } = open(everything);
    sink.take();
    sink.waiting = 1_000_000;
    for (let n = 0; n < 13; n++)
      gateway.announce({ alarms: Array.from({ length: 1000 }, (_, k) => gateway.addAlarm({ id: `a${n}-${k}` })) });
    sink.waiting = 0;
    stream.drained();
    expect(sink.take()).toMatchObject([{ name: 'hello', data: { resumed: false } }]);
  });

  it('a screen that reads nothing for half a minute is dropped, with a last word', () => {
    const { sink } = open(everything);
    sink.take();
    sink.waiting = 1_000_000;
    gateway.reading(0, NOON, 1);
    feed.flush();
    clock += 31_000;
    feed.beat(() => true);
    expect(sink.ended).toBe(true);
    expect(sink.take()).toMatchObject([{ name: 'bye', data: { reason: 'slow' } }]);
    expect(feed.size).toEqual({ subscriptions: 1, streams: 0 });
  });

  it('the heartbeat keeps the line alive and ends who signed out', () => {
    const { sink } = open(everything);
    sink.take();
    feed.beat(() => true);
    expect(sink.text).toBe(': alive\n\n');
    feed.beat(() => false);
    expect(sink.take()).toMatchObject([{ name: 'bye', data: { reason: 'signed-out' } }]);
    expect(sink.ended).toBe(true);
  });

  it('ends the streams of a session with the session', () => {
    const { sink } = open(everything);
    feed.sessionEnded('another');
    expect(sink.ended).toBe(false);
    feed.sessionEnded('session-1');
    expect(sink.ended).toBe(true);
  });

  it('only the newest stream of a subscription lives', () => {
    const first = open(everything);
    first.sink.take();
    const second = open(everything, undefined, first.id);
    expect(first.sink.take()).toMatchObject([{ name: 'bye', data: { reason: 'replaced' } }]);
    first.stream.closed();
    second.sink.take();
    gateway.reading(0, NOON, 5);
    feed.flush();
    expect(points(second.sink.take())).toEqual([['fm-12/flow', 5]]);
  });

  it('subscriptions are bounded and go away unused', () => {
    for (let n = 0; n < SUBSCRIPTIONS_PER_OWNER_MAX + 20; n++) expect(feed.subscribe('ada', everything)).toBeDefined();
    expect(feed.size.subscriptions).toBe(SUBSCRIPTIONS_PER_OWNER_MAX);
    clock += 5 * 60_000 + 1;
    feed.beat(() => true);
    expect(feed.size.subscriptions).toBe(0);
    for (let n = 0; n < SUBSCRIPTIONS_PER_OWNER_MAX; n++) open(everything);
    expect(feed.subscribe('ada', everything)).toBeUndefined();
    expect(feed.subscribe('olga', everything)).toBeDefined();
  });

  it('sends a large first picture in parts', () => {
    for (let n = 0; n < 9000; n++) {
      gateway.addDevice({ id: `d${n}` });
      gateway.points.push({
        id: n + 2,
        device: `d${n}`,
        measurement: 'x',
        maxSilenceMs: 1000,
        reportingDelayMs: 0,
      });
      gateway.last.set(n + 2, { ts: NOON, receivedAt: NOON, value: n, quality: 'good' });
    }
    const { sink, stream } = open(everything);
    let told = points(sink.take()).length;
    expect(told).toBeLessThan(9000);
    for (let n = 0; n < 20 && told < 9000; n++) {
      stream.drained();
      feed.flush();
      told += points(sink.take()).length;
    }
    expect(told).toBe(9000);
  });
});
