import { expect, it } from 'vitest';
import { startCountedEdge } from '../support/counted-edge.ts';
import { GatewayModel } from '../support/gateway-model.ts';
import { describeWithPeers } from '../support/peers.ts';
import { until } from '../support/ports.ts';

/** Later than the window of 16 batches is full and the silence of the other one is noticed. */
const STALLED_MS = 20_000;

describeWithPeers(['mosquitto'], 'an edge with two gateways', () => {
  it('keeps the one fresh while the other is away, and gives that one everything when it is back', {
    timeout: 300_000,
  }, async () => {
    const rig = await startCountedEdge({ gateways: ['near', 'far'] });
    const near = new GatewayModel('near', 'edge-1');
    const far = new GatewayModel('far', 'edge-1');
    try {
      rig.startBroker();
      near.start(rig.url);
      far.start(rig.url);
      rig.startEdge();
      await until('both have readings', () => near.values.length > 500 && far.values.length > 500);
      await far.stop();
      const gone = Date.now();
      await until('the near one has what was read long after', () =>
        near.values.some(({ ts }) => ts > gone + STALLED_MS),
      );
      const had = far.values.length;
      far.start(rig.url);
      await until('the far one catches up', () => far.values.length > had + 4000 && far.isComplete());
      await until('the near one as well', () => near.isComplete());
      for (const gateway of [near, far]) {
        const values = gateway.values.filter(({ point }) => point === 'counter/count-3').map(({ value }) => value);
        values.sort((a, b) => a - b);
        expect(new Set(values).size).toBe(values.length);
        expect((values.at(-1) as number) - (values[0] as number) + 1).toBe(values.length);
        expect(gateway.ledger().dropped).toBe(0);
      }
    } finally {
      await near.stop();
      await far.stop();
      await rig.close();
    }
  });
});
