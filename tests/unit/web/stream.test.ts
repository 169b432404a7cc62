import { describe, expect, it } from 'vitest';
import { type FeedNews, LiveStream, type StreamWorld } from '../../../dashboards/web/stream.ts';

/** A gateway of scripted answers; waits are recorded and pass at once. */
function world(answers: readonly ((address: string, init: RequestInit) => Response | Error)[]) {
  const asked: { readonly address: string; readonly lastId: string | null }[] = [];
  const waits: number[] = [];
  const news: FeedNews[] = [];
  const done = new AbortController();
  const rest = [...answers];
  const fake: StreamWorld = {
    fetch(address, init) {
      asked.push({ address, lastId: new Headers(init.headers).get('last-event-id') });
      const next = rest.shift();
      if (next === undefined) {
        done.abort();
        return Promise.reject(new Error('over'));
      }
      const answer = next(address, init);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    now: () => 1_000,
    wait(delayMs) {
      waits.push(delayMs);
      return Promise.resolve();
    },
    random: () => 0.5,
  };
  const stream = new LiveStream(fake, (one) => news.push(one));
  return { run: () => stream.run(done.signal), asked, waits, news };
}

const subscribed = (id: string) => () => Response.json({ subscription: id }, { status: 201 });
const events = (text: string) => () => new Response(text, { headers: { 'content-type': 'text/event-stream' } });
const links = (news: readonly FeedNews[]) => news.flatMap((one) => (one.kind === 'link' ? [one.link.state] : []));

describe('the live stream', () => {
  it('subscribes, reads, and comes back with the last event id', async () => {
    const { run, asked, news } = world([
      subscribed('s1'),
      events('event: hello\ndata: {}\n\nid: 41\nevent: reading\ndata: {"point":"a/b"}\n\n'),
      events('event: hello\ndata: {"resumed":true}\n\n'),
    ]);
    await run();
    expect(asked.map(({ lastId }) => lastId)).toEqual([null, null, '41', '41']);
    expect(asked[1]?.address).toBe('/api/v1/live?subscription=s1');
    expect(links(news)).toEqual(['connecting', 'live', 'lost', 'live', 'lost']);
    expect(news).toContainEqual({ kind: 'event', name: 'reading', data: '{"point":"a/b"}' });
  });

  it('makes a new subscription when the gateway forgot it', async () => {
    const { run, asked } = world([
      subscribed('s1'),
      () => new Response('', { status: 404 }),
      subscribed('s2'),
      events('event: hello\ndata: {}\n\n'),
    ]);
    await run();
    expect(asked.map(({ address }) => address)).toEqual([
      '/api/v1/live/subscriptions',
      '/api/v1/live?subscription=s1',
      '/api/v1/live/subscriptions',
      '/api/v1/live?subscription=s2',
      '/api/v1/live?subscription=s2',
    ]);
  });

  it('waits longer after each failure and short again after a success', async () => {
    const down = () => new TypeError('refused');
    const { run, waits } = world([down, down, down, down, down, down, subscribed('s'), events('data: x\n\n')]);
    await run();
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 1_000]);
  });

  it('says since when it is lost, not since the last try', async () => {
    const { run, news } = world([() => new TypeError('refused'), () => new TypeError('refused')]);
    await run();
    const lost = news.flatMap((one) => (one.kind === 'link' && one.link.state === 'lost' ? [one.link.since] : []));
    expect(lost).toEqual([1_000, 1_000]);
  });

  it('ends when the session has ended, at the subscription, at the stream and in the stream', async () => {
    const over = () => new Response('', { status: 401 });
    const bye = events('event: bye\ndata: {"reason":"signed-out"}\n\n');
    for (const answers of [[over], [subscribed('s'), over], [subscribed('s'), bye]]) {
      const { run, news } = world(answers);
      await run();
      expect(links(news).at(-1)).toBe('signed-out');
    }
  });
});
