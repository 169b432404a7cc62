import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Outbox } from '../../../edge/outbox.ts';
import { Uplink, type UplinkOptions } from '../../../edge/uplink.ts';
import { UPLINK_DEFAULTS } from '../../../edge/uplink-settings.ts';
import { startBroker } from '../../support/edge-broker.ts';
import { FakeClock, numbered, openOutbox, temporaryFolder } from '../../support/outbox.ts';
import { until } from '../../support/ports.ts';

let folder: ReturnType<typeof temporaryFolder>;
let clock: FakeClock;
let outbox: Outbox;
let broker: Awaited<ReturnType<typeof startBroker>>;
let uplink: Uplink | undefined;
let commands: string[];

beforeEach(async () => {
  folder = temporaryFolder();
  clock = new FakeClock();
  outbox = await openOutbox(folder.path, clock);
  broker = await startBroker();
  commands = [];
});
afterEach(async () => {
  await uplink?.stop(200);
  uplink = undefined;
  await broker.close();
  await outbox.close();
  folder.remove();
});

function start(more: Partial<UplinkOptions> = {}): Uplink {
  uplink = new Uplink({
    edge: 'edge-1',
    mqtt: { url: broker.url, username: 'edge-1', password: 'secret' },
    gateways: ['gw'],
    settings: UPLINK_DEFAULTS,
    outbox,
    clock,
    state: () => ({ version: '1.2.3', devices: [{ id: 'fm-12' }], lines: [{ id: 'l', open: true }] }),
    onCommand: (payload) => commands.push(payload),
    // The shortest wait between attempts.
    random: () => 0,
    log: pino({ level: 'silent' }),
    ...more,
  });
  uplink.start();
  return uplink;
}

async function put(...values: number[]): Promise<void> {
  for (const value of values) {
    outbox.append([numbered(value)], {});
    await outbox.settled();
  }
}

const announce = (marks: Record<string, number>, store = 's') =>
  broker.say('hf/v1/edge/edge-1/stored/gw', JSON.stringify({ store, marks, at: 0 }), true);

describe('the link to the broker', () => {
  it('says who is there, retained, and that it went, when it stops', async () => {
    start();
    await until('the birth', () => broker.states().length === 1);
    expect(broker.states()[0]).toMatchObject({
      online: true,
      outbox: outbox.liveLane,
      version: '1.2.3',
      devices: [{ id: 'fm-12' }],
      retain: true,
    });
    await uplink?.stop();
    expect(broker.states().at(-1)).toEqual({ online: false, retain: true });
  });

  it('leaves its last will when it is cut off', async () => {
    start();
    await until('the birth', () => broker.states().length === 1);
    let will: string | undefined;
    broker.broker.on('publish', (packet) => {
      if (packet.topic === 'hf/v1/edge/edge-1/state' && String(packet.payload).includes('false')) will = 'came';
    });
    broker.cut();
    await until('the last will', () => will);
  });

  it('sends what is in the outbox in order, after the marks came', async () => {
    await put(1, 2, 3);
    await announce({ [outbox.liveLane]: 1 });
    start();
    await until('two batches', () => broker.batches().length === 2);
    expect(broker.batches().map(({ seq, values }) => [seq, values])).toEqual([
      [2, [2]],
      [3, [3]],
    ]);
    await put(4);
    await until('live', () => broker.batches().length === 3);
  });

  it('frees and forgets nothing because of a PUBACK: after a cut it sends again from the mark', async () => {
    await announce({});
    start();
    await put(1, 2);
    await until('sent', () => broker.batches().length === 2);
    await until('confirmed', () => uplink?.status().inFlight === 2);
    broker.cut();
    await until('sent again', () => broker.batches().length === 4);
    expect(broker.batches().map(({ seq }) => seq)).toEqual([1, 2, 1, 2]);
    await announce({ [outbox.liveLane]: 2 });
    await until('the mark is heard', () => outbox.unstored().values === 0);
    expect(uplink?.status()).toMatchObject({ inFlight: 0, connected: true, reconnects: 1 });
  });

  it('sends nothing from the memory of the MQTT client after a reconnect', async () => {
    await announce({});
    start();
    await until('connected', () => uplink?.status().connected);
    broker.cut();
    await put(1);
    await until('sent once it is back', () => broker.batches().length > 0);
    await put(2);
    await until('two', () => broker.batches().length === 2);
    expect(broker.batches().map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it('takes no mark that makes no sense, and none of a gateway that is not configured', async () => {
    start();
    await until('connected', () => uplink?.status().connected);
    await put(1);
    const topic = 'hf/v1/edge/edge-1/stored/gw';
    const lane = outbox.liveLane;
    for (const garbage of ['', 'null', '{', '[]', `{"store":"s","marks":{"${lane}":-1},"at":0}`, '{"store":"s"}'])
      await broker.say(topic, garbage);
    await broker.say('hf/v1/edge/edge-1/stored/stranger', JSON.stringify({ store: 's', marks: { [lane]: 1 }, at: 0 }));
    await broker.say('hf/v1/edge/edge-1/stored/a/b', '{}');
    await announce({ other: 5 });
    await until('the last of them was heard', () => outbox.marksOf().gw !== undefined);
    expect(outbox.unstored().values).toBe(1);
    expect(Object.keys(outbox.marksOf())).toEqual(['gw']);
  });

  it('hands commands on, but not retained ones and not those of others', async () => {
    await broker.say('hf/v1/edge/edge-1/command', 'old', true);
    start();
    await until('connected', () => uplink?.status().connected);
    await broker.say('hf/v1/edge/edge-2/command', 'foreign');
    await broker.say('hf/v1/edge/edge-1/command', 'x'.repeat(300_000));
    await broker.say('hf/v1/edge/edge-1/command', 'mine');
    await until('the command', () => commands.length > 0);
    expect(commands).toEqual(['mine']);
    const told: string[] = [];
    expect(uplink?.publishResult({ id: 'c-1', status: 'done' }, () => told.push('confirmed'))).toBe(true);
    await until('the result', () => told.length > 0);
    expect(String(broker.payloads('hf/v1/edge/edge-1/command/c-1/result')[0])).toBe('{"id":"c-1","status":"done"}');
  });

  it('compresses where it was told to and where it pays', async () => {
    await announce({});
    start({ settings: { ...UPLINK_DEFAULTS, gzip: true } });
    await until('connected', () => uplink?.status().connected);
    await put(1);
    outbox.append(
      Array.from({ length: 100 }, (_, value) => numbered(value)),
      {},
    );
    await outbox.settled();
    await until('both', () => broker.batches().length === 2);
    const [small, large] = broker.payloads('hf/v1/edge/edge-1/batch');
    expect(small?.[0]).toBe('{'.charCodeAt(0));
    expect(large?.subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]));
    expect(large?.length).toBeLessThan(1500);
  });

  it('is not connected while the broker refuses its topics, and tries again', async () => {
    broker.broker.authorizeSubscribe = (_client, subscription, done) =>
      done(null, null as unknown as typeof subscription);
    start();
    await until('a refusal', () => uplink?.status().lastError?.includes('refuses edge-1'));
    expect(uplink?.status().connected).toBe(false);
    broker.broker.authorizeSubscribe = (_client, subscription, done) => done(null, subscription);
    await until('connected', () => uplink?.status().connected);
  });

  it('says why when there is no broker, stops all the same, and publishes nothing', async () => {
    await broker.close();
    const alone = start();
    await until('an error', () => alone.status().lastError);
    expect(alone.publishResult({ id: 'c', status: 'done' }, () => undefined)).toBe(false);
    await alone.stop();
    broker = await startBroker();
  });

  it('has its own name as client id, so that nobody else can take it', async () => {
    start();
    await until('connected', () => uplink?.status().connected);
    expect(broker.clients).toEqual(['edge-1']);
  });
});
