import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Child, startChild } from '../../cli/children.ts';
import { openAccounts } from '../../gateway/accounts.ts';
import { removeFolder } from '../support/folders.ts';
import { freePort, until } from '../support/ports.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const WELLS = 40;
const ROUNDS = 4;
/** Of priority 1: told by itself whatever happens. */
const CRITICAL = 'well-00';

interface Line {
  readonly alarm: string;
  readonly event: string;
  readonly at: string;
  readonly flood?: string;
}
interface Told {
  readonly event: string;
  readonly alarm?: { readonly id: string; readonly asset: string };
  readonly flood?: { readonly id: string; readonly state: string };
  readonly lines?: readonly { readonly alarm: string }[];
}

describe('a flood of alarms while the gateway is killed again and again', () => {
  let folder: string;
  let gateway: Child | undefined;
  let api: string;
  let start: () => Promise<void>;
  let headers: Record<string, string>;
  const told: Told[] = [];
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part.toString();
    });
    request.on('end', () => {
      told.push(JSON.parse(body) as Told);
      response.end();
    });
  });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hanfeng-flood-'));
    await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));
    const webhookPort = (receiver.address() as AddressInfo).port;
    const [http, mqtt] = [await freePort(), await freePort()];
    const accounts = await openAccounts(folder, Date.now);
    const { token } = await accounts.addToken({ name: 'flood', role: 'admin' });
    headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    api = `http://127.0.0.1:${http}`;
    const wells = Array.from({ length: WELLS }, (_, n) => `well-${String(n).padStart(2, '0')}`);
    const config = join(folder, 'gateway.yaml');
    writeFileSync(
      config,
      stringify({
        site: 'flood',
        http: { port: http },
        mqtt: { embedded: { port: mqtt } },
        notify: {
          allowHosts: ['127.0.0.1'],
          channels: [{ name: 'desk', type: 'webhook', url: `http://127.0.0.1:${webhookPort}/` }],
        },
        alarms: wells.map((well) => ({
          point: `${well}/level`,
          kind: 'high',
          setpoint: 2,
          priority: well === CRITICAL ? 1 : 3,
          title: 'Level high',
          response: 'Look at it.',
        })),
      }),
    );
    start = async () => {
      gateway = startChild({
        name: 'gateway',
        root: ROOT,
        args: ['gateway', '--config', config],
        env: { ...process.env, HANFENG_DATA_DIR: folder, HANFENG_LOG_LEVEL: 'warn' },
        onLine: () => {},
      });
      await until(
        'the gateway is ready',
        async () => (await fetch(`${api}/readyz`).catch(() => undefined))?.ok,
        60_000,
      );
    };
    await start();
  }, 120_000);

  afterAll(async () => {
    await gateway?.stop(8000);
    receiver.close();
    removeFolder(folder);
  });

  /** Like a collector: again until it is answered. */
  async function send(body: unknown): Promise<void> {
    const sent = async () => {
      const answer = await fetch(`${api}/api/v1/readings`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      }).catch(() => undefined);
      return answer?.status === 204;
    };
    await until('the readings are stored', sent, 60_000);
  }

  it('loses no transition, repeats none, and tells it in digests but for priority 1', {
    timeout: 180_000,
  }, async () => {
    const from = Date.now();
    for (let round = 0; round < ROUNDS; round++) {
      const sending = Promise.all(
        Array.from({ length: WELLS }, (_, n) =>
          send({
            device: `well-${String(n).padStart(2, '0')}`,
            ts: from + round,
            values: { level: round % 2 === 0 ? 3 : 1 },
          }),
        ),
      );
      // Somewhere between the first and the last of them: what is at hand differs from round to round.
      await new Promise((turn) => setTimeout(turn, 20 + round * 35));
      await gateway?.kill();
      await start();
      await sending;
    }
    const get = async <T>(path: string) => (await (await fetch(`${api}${path}`, { headers })).json()) as T;
    const { journal } = await get<{ journal: Line[] }>('/api/v1/alarms/journal?limit=5000');
    const transitions = journal.filter(({ event }) => ['raise', 're-raise', 'return'].includes(event));
    // Each well went up and down in turn: nothing missing, nothing twice.
    expect(transitions).toHaveLength(WELLS * ROUNDS);
    expect(new Set(transitions.map(({ alarm, event, at }) => `${alarm} ${event} ${at}`)).size).toBe(WELLS * ROUNDS);
    const { floods } = await get<{ floods: { id: string; state: string; alarms: number }[] }>('/api/v1/alarms/floods');
    // Up in every second round, from the first on.
    expect(floods).toMatchObject([{ state: 'active', alarms: WELLS * Math.ceil(ROUNDS / 2) }]);
    expect(new Set(transitions.map(({ flood }) => flood ?? 'by itself'))).toEqual(
      new Set(['by itself', floods[0]?.id]),
    );
    const { alarms } = await get<{ alarms: { id: string; asset: string }[] }>('/api/v1/alarms?limit=5000');
    const isCritical = new Set(alarms.filter(({ asset }) => asset === CRITICAL).map(({ id }) => id));
    const critical = transitions.filter(({ alarm }) => isCritical.has(alarm));
    const digests = () => told.filter(({ event }) => event === 'flood');
    await until('a digest', () => digests().length > 0, 60_000);
    const ofCritical = told.filter((message) => message.alarm?.asset === CRITICAL);
    for (const { event, at } of critical)
      expect(ofCritical.some((message) => message.event === event && (message as { at?: string }).at === at)).toBe(
        true,
      );
    expect(digests().every(({ flood }) => flood?.id === floods[0]?.id)).toBe(true);
    // Ten by themselves, those of priority 1, and some of either again after a crash in the middle of sending.
    const single = told.filter((message) => message.alarm !== undefined && message.alarm.asset !== CRITICAL);
    expect(new Set(single.map((message) => JSON.stringify([message.alarm?.id, message.event]))).size).toBeLessThan(
      WELLS,
    );
  });
});
