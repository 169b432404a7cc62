import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
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

describe('SIGKILL of the gateway while many points give a reading a second', () => {
  it('loses nothing and stores nothing twice, by a look at every reading in its files', { timeout: TIMEOUT_MS }, () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'dist/cli/hanfeng.js'), 'bench', 'kill', '--load=full', '--points=2000', '--rounds=2', '--alive=2'],
      { encoding: 'utf8', timeout: TIMEOUT_MS - 10_000 },
    );
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    const report = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    expect(report).toMatchObject({ lost: 0, twice: 0, foreign: 0, unanswered: 0 });
    expect(report.made).toBeGreaterThan(4000);
    expect(report).toMatchObject({ stored: report.made, found: report.made });
  });
});

describeWithPeers(['mosquitto'], 'SIGKILL with a broker of its own that forgets everything', () => {
  it('of gateway, edge and mosquitto loses nothing and stores nothing twice', { timeout: TIMEOUT_MS }, async () => {
    expectNothingLost(await killed({ rounds: 5, broker: 'mosquitto', victims: ['gateway', 'broker', 'edge'] }));
  });
});
