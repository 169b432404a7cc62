import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type KillOptions, runKillRounds } from '../../bench/kill-rounds.ts';
import { describeWithPeers } from '../support/peers.ts';

const root = resolve(import.meta.dirname, '../..');
const TIMEOUT_MS = 240_000;

/** A fresh seed each run finds more than a fixed one; it stands in the output, so that a failure can be run again. */
async function killed(
  options: Pick<KillOptions, 'rounds' | 'broker' | 'victims'> & { readonly order?: KillOptions['order'] },
) {
  const seed = Date.now() % 1_000_000;
  const report = await runKillRounds({
    order: 'random',
    ...options,
    root,
    seed,
    say: (text) => console.info(`seed ${seed}: ${text}`),
  });
  console.info(JSON.stringify(report));
  return report;
}

function expectNothingLost(report: Awaited<ReturnType<typeof killed>>): void {
  expect(report.made).toBeGreaterThan(1000);
  expect(report).toMatchObject({ missing: 0, repeated: 0, unexplained: 0, acknowledgedLost: 0 });
  expect(report.found).toBe(report.stored);
}

describe('SIGKILL at random points while a source counts upwards', () => {
  it('of gateway (with its broker) and edge loses nothing and stores nothing twice', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const report = await killed({ rounds: 5, broker: 'embedded', victims: ['gateway', 'edge'] });
    expectNothingLost(report);
    expect(report.acknowledged).toBeGreaterThan(100);
  });

  it('with a torn outbox tail and a gateway that comes back from an older copy loses nothing', {
    timeout: TIMEOUT_MS,
  }, async () => {
    expectNothingLost(
      await killed({
        rounds: 4,
        broker: 'embedded',
        order: 'in-turn',
        victims: ['gateway-older-copy', 'edge-torn-tail'],
      }),
    );
  });
});

describeWithPeers(['mosquitto'], 'SIGKILL with a broker of its own that forgets everything', () => {
  it('of gateway, edge and mosquitto loses nothing and stores nothing twice', { timeout: TIMEOUT_MS }, async () => {
    expectNothingLost(await killed({ rounds: 5, broker: 'mosquitto', victims: ['gateway', 'broker', 'edge'] }));
  });
});
