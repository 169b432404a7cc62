import { afterEach, beforeEach, expect, it } from 'vitest';
import { startCountedUplink } from '../support/counted-edge.ts';
import type { GatewayModel } from '../support/gateway-model.ts';
import { describeWithPeers } from '../support/peers.ts';
import { PATIENCE_MS, until } from '../support/ports.ts';

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
/** 30 s in CI; HANFENG_OUTAGE_S=600 for the ten minutes of the promise. */
const OUTAGE_S = Number(process.env.HANFENG_OUTAGE_S ?? 30);

/** Counter values by point, ascending. */
function counted(gateway: GatewayModel): Map<string, number[]> {
  const byPoint = new Map<string, number[]>();
  for (const { point, value } of gateway.values) {
    if (!point.startsWith('counter/')) continue;
    const values = byPoint.get(point) ?? [];
    values.push(value);
    byPoint.set(point, values);
  }
  for (const values of byPoint.values()) values.sort((a, b) => a - b);
  return byPoint;
}

function expectNoneTwice(gateway: GatewayModel): void {
  for (const [point, values] of counted(gateway)) expect(new Set(values).size, point).toBe(values.length);
}

/** Every read of the counter is there: the source counts each answer, so a gap is a lost reading. */
function expectNoGap(gateway: GatewayModel): void {
  expectNoneTwice(gateway);
  for (const [point, values] of counted(gateway))
    expect((values.at(-1) as number) - (values[0] as number) + 1, point).toBe(values.length);
}

describeWithPeers(['mosquitto'], 'an edge that reads a counting device', () => {
  let rig: Awaited<ReturnType<typeof startCountedUplink>>['rig'];
  let gateway: GatewayModel;

  beforeEach(async () => {
    ({ rig, gateway } = await startCountedUplink());
  });
  afterEach(async () => {
    await gateway.stop();
    await rig.close();
  });

  const complete = () => until('everything is stored', () => gateway.isComplete());

  it('stops in order, with everything read on disk and the broker told', async () => {
    // One that does not stop within its ten seconds is killed and has no exit code.
    expect(await rig.stopEdge()).toBe(0);
    await until('offline', () => gateway.online === false);
    // What the last process sealed last is sent by the next one.
    rig.startEdge();
    await until('online', () => gateway.online === true);
    await complete();
    await rig.stopEdge();
    expectNoGap(gateway);
  });

  it('loses nothing when the broker is killed and forgets marks, sessions and messages', async () => {
    for (let round = 0; round < 3; round++) {
      await wait(700 + 400 * round);
      await rig.killBroker();
      await wait(300 + 500 * round);
      rig.startBroker();
    }
    await until('values flow again', () => gateway.values.length > 2000);
    await complete();
    expectNoGap(gateway);
  });

  it('loses nothing it wrote and uses no number twice when it is killed itself', async () => {
    for (let round = 0; round < 4; round++) {
      await wait(500 + Math.random() * 1500);
      await rig.killEdge();
      if (round % 2 === 1) await rig.killBroker();
      await wait(200);
      if (round % 2 === 1) rig.startBroker();
      rig.startEdge();
    }
    await wait(3000);
    await complete();
    expectNoneTwice(gateway);
    expect(gateway.ledger()).toMatchObject({ dropped: 0, unexplained: 0 });
  });

  it('gives a gateway that comes back from an older copy what its backup lacks', async () => {
    const copy = gateway.backup();
    await wait(5000);
    await gateway.stop();
    gateway.restore(copy);
    await wait(500);
    gateway.start(rig.url);
    await until('more than before', () => gateway.values.length > copy.values.length + 1500);
    await complete();
    expectNoGap(gateway);
  });

  it(`after an outage of ${OUTAGE_S} s stores everything with its own times, once, while live stays fresh`, {
    timeout: OUTAGE_S * 1000 + 120_000,
  }, async () => {
    await wait(2000);
    const begunAt = Date.now();
    await rig.killBroker();
    await wait(OUTAGE_S * 1000);
    rig.startBroker();
    const backAt = Date.now();
    const back = performance.now();
    await until('contact', () => gateway.values.some(({ ts }) => ts > backAt));
    const contact = performance.now();
    await until('the backlog is drained', () => gateway.isComplete(), 2 * PATIENCE_MS);
    const drainedS = (performance.now() - contact) / 1000;
    // What was read since the return, as old as it was when it came: the middle one, since a machine stands still at times.
    const ages = gateway.values.flatMap(({ ts, receivedAt }) => (ts > backAt ? [receivedAt - ts] : []));
    const liveAgeMs = ages.sort((a, b) => a - b)[ages.length >> 1];
    console.info(
      JSON.stringify({
        outageS: OUTAGE_S,
        reconnectS: (contact - back) / 1000,
        drainedS,
        liveAgeMs,
        oldestLiveMs: ages.at(-1),
        duplicates: gateway.duplicates,
      }),
    );
    expectNoGap(gateway);
    const during = gateway.values.filter(({ ts }) => ts > begunAt && ts < backAt).length;
    expect(during).toBeGreaterThan(OUTAGE_S * 200 * 0.5);
    expect(drainedS).toBeLessThan(60);
    expect(liveAgeMs).toBeLessThan(5000);
  });
});
