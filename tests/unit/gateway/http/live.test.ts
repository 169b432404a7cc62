import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOON, type TestDoor, testDoor } from '../../../support/http-door.ts';
import { until } from '../../../support/ports.ts';

let door: TestDoor;
let base: string;
let cookie: string;
const open: AbortController[] = [];

beforeEach(async () => {
  door = await testDoor();
  door.gateway.addDevice({ id: 'fm-12', class: 'flow-meter' }, { measurement: 'flow' });
  base = await door.app.listen({ host: '127.0.0.1', port: 0 });
  cookie = await door.signIn('vera');
});
afterEach(async () => {
  for (const controller of open.splice(0)) controller.abort();
  await door.app.close();
});

async function subscribe(wishes: unknown, as = cookie): Promise<string> {
  const { status, body } = await door.post('/api/v1/live/subscriptions', wishes, as);
  expect(status).toBe(201);
  return body.subscription as string;
}

/** A real connection; `text` grows while it is read. */
async function stream(subscription: string, headers: Record<string, string> = {}) {
  const controller = new AbortController();
  open.push(controller);
  const response = await fetch(`${base}/api/v1/live?subscription=${subscription}`, {
    headers: { cookie, ...headers },
    signal: controller.signal,
  });
  const live = { response, text: '', ended: false, controller };
  if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
    void (async () => {
      const decoder = new TextDecoder();
      try {
        for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
          live.text += decoder.decode(chunk, { stream: true });
      } catch {
        // The test closed it.
      }
      live.ended = true;
    })();
  }
  return live;
}

describe('the live stream over a socket', () => {
  it('tells readings and alarms, and goes on after a break', async () => {
    const subscription = await subscribe({ points: ['fm-12/flow'], alarms: true });
    const first = await stream(subscription);
    expect(first.response.headers.get('cache-control')).toBe('no-store');
    await until('hello', () => first.text.includes('event: hello'));
    door.gateway.reading(0, NOON, 92.4);
    await until('the reading', () => first.text.includes('"value":92.4'));
    const lastId = [...first.text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] as string;
    first.controller.abort();
    door.gateway.announce({ alarms: [door.gateway.addAlarm({ id: 'a1' })] });
    const second = await stream(subscription, { 'last-event-id': lastId });
    await until('the alarm', () => second.text.includes('"id":"a1"'));
    expect(second.text).toContain('"resumed":true');
    expect(second.text).not.toContain('92.4,');
  });

  it('takes a star, a class, or nothing but alarms', async () => {
    for (const points of ['*', { class: 'flow-meter' }]) {
      const live = await stream(await subscribe({ points }));
      door.gateway.reading(0, NOON, 5);
      await until('the reading', () => live.text.includes('event: reading'));
    }
    const deaf = await stream(await subscribe({ alarms: true }));
    door.gateway.reading(0, NOON, 6);
    door.gateway.announce({ alarms: [door.gateway.addAlarm({ id: 'a2' })] });
    await until('the alarm', () => deaf.text.includes('event: alarm'));
    expect(deaf.text).not.toContain('event: reading');
  });

  it('tells a point of an asset under its name and in its units, before and after the meter is replaced', async () => {
    const ada = await door.signIn('ada');
    door.gateway.addDevice({ id: 'fm-99' }, { measurement: 'flow' });
    await door.post('/api/v1/assets', { id: 'inlet-7' }, ada);
    const bind = (body: object) => door.post('/api/v1/assets/inlet-7/bindings', { measurement: 'flow', ...body }, ada);
    const live = await stream(await subscribe({ points: ['inlet-7/flow'] }));
    await until('hello', () => live.text.includes('event: hello'));
    await bind({ point: 'fm-12/flow', from: NOON - 1000, scale: 0.1 });
    door.gateway.reading(0, NOON, 500);
    await until('the first meter', () =>
      live.text.includes('"point":"inlet-7/flow","ts":"2026-11-23T12:00:00.000Z","value":50,'),
    );
    await bind({ point: 'fm-99/flow', from: NOON });
    door.gateway.reading(0, NOON + 1, 666);
    door.gateway.reading(1, NOON + 1, 51);
    await until('the second meter', () => live.text.includes('"value":51,'));
    // Of the values and points alone: ids in the text are random and may hold anything.
    expect(live.text).not.toMatch(/"value":6/);
    expect(live.text).not.toContain('"fm-');
  });

  it("another person's subscription, and none, are not found", async () => {
    const subscription = await subscribe({ points: '*' }, await door.signIn('olga'));
    expect((await stream(subscription)).response.status).toBe(404);
    expect((await stream('nonsense')).response.status).toBe(404);
    expect((await door.get(`/api/v1/live?subscription=${subscription}`)).status).toBe(401);
  });

  it('ends when the person signs out, and when the gateway closes', async () => {
    const live = await stream(await subscribe({ points: '*' }));
    await until('hello', () => live.text.includes('event: hello'));
    await door.app.inject({ method: 'DELETE', url: '/api/v1/session', headers: { cookie } });
    await until('the end', () => live.ended);
    expect(live.text).toContain('"reason":"signed-out"');

    cookie = await door.signIn('vera');
    const last = await stream(await subscribe({ points: '*' }));
    await until('hello', () => last.text.includes('event: hello'));
    await door.app.close();
    await until('the end', () => last.ended);
    expect(last.text).toContain('"reason":"closing"');
  });

  it('wishes that make no sense are errors', async () => {
    for (const wishes of [{ points: 7 }, { points: [1] }, { point: '*' }, [], { alarms: 'yes' }, null])
      expect((await door.post('/api/v1/live/subscriptions', wishes, cookie)).status, JSON.stringify(wishes)).toBe(400);
  });
});
