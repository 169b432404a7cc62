import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../contract/mistakes.ts';
import { runEdge } from '../../../edge/main.ts';
import { FolderInUseError } from '../../../edge/outbox/lock.ts';
import { startBroker } from '../../support/edge-broker.ts';
import { temporaryFolder } from '../../support/outbox.ts';
import { until } from '../../support/ports.ts';

const root = resolve(import.meta.dirname, '../../..');
let folder: ReturnType<typeof temporaryFolder>;
let broker: Awaited<ReturnType<typeof startBroker>>;

beforeEach(async () => {
  folder = temporaryFolder();
  broker = await startBroker();
});
afterEach(async () => {
  await broker.close();
  folder.remove();
});

function run(yaml: string) {
  const configFile = join(folder.path, 'edge.yaml');
  writeFileSync(configFile, yaml);
  const stop = new AbortController();
  const env = { HANFENG_DATA_DIR: join(folder.path, 'data'), HANFENG_MQTT_URL: broker.url };
  const ended = runEdge({ configFile, root, env, signal: stop.signal, log: pino({ level: 'silent' }) });
  return { stop: () => stop.abort(), ended };
}

const YAML = 'edge: edge-1\noutbox: { flushEvery: 50ms, batchEvery: 50ms }\n';

describe('an edge agent', () => {
  it('says who it is, sends its own values, and leaves in order', async () => {
    const edge = run(YAML);
    await until('the birth', () => broker.states().length > 0);
    expect(broker.states()[0]).toMatchObject({
      online: true,
      devices: [
        {
          id: 'edge-1',
          model: 'hanfeng-edge',
          points: expect.arrayContaining([{ measurement: 'outbox-fill', unit: '%', everyMs: 120_000 }]),
        },
      ],
      commandsEnabled: true,
      heartbeatMs: 10_000,
    });
    await until('its own values', () => broker.batches().some(({ made }) => made === 5));
    edge.stop();
    await edge.ended;
    expect(broker.states().at(-1)).toMatchObject({ online: false });
    expect(existsSync(join(folder.path, 'data/outbox/lock'))).toBe(false);
    expect(existsSync(join(folder.path, 'data/edge.sock'))).toBe(false);
  });

  it('goes on with its lane after a restart', async () => {
    const first = run(YAML);
    await until('a batch', () => broker.batches().length > 0);
    first.stop();
    await first.ended;
    const [before] = broker.batches();
    const second = run(YAML);
    await until('the next birth', () => broker.states().filter(({ online }) => online === true).length === 2);
    expect(broker.states().at(-1)?.outbox).toBe(before?.outbox);
    second.stop();
    await second.ended;
  });

  it('runs and stops while there is no broker', async () => {
    await broker.close();
    const edge = run(YAML);
    await until('the outbox', () => existsSync(join(folder.path, 'data/outbox/lanes.json')));
    edge.stop();
    await edge.ended;
    broker = await startBroker();
  });

  it('does not start with mistakes in its file, and leaves nothing behind', async () => {
    await expect(run('edge: "not an id"\nunknown: 1\n').ended).rejects.toThrow(ConfigError);
    expect(existsSync(join(folder.path, 'data'))).toBe(false);
  });

  it('does not start on a folder that another process uses', async () => {
    mkdirSync(join(folder.path, 'data/outbox'), { recursive: true });
    // Process 1 runs for as long as the machine does.
    const started = readFileSync('/proc/1/stat', 'utf8').split(') ')[1]?.split(' ')[19];
    writeFileSync(join(folder.path, 'data/outbox/lock'), `1 ${started}`);
    await expect(run(YAML).ended).rejects.toThrow(FolderInUseError);
  });
});
