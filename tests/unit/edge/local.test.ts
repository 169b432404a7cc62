import { existsSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalStatus, serveLocal } from '../../../edge/local.ts';
import { ServiceMode } from '../../../edge/service.ts';
import { commissioningSheet } from '../../../edge/sheet.ts';
import { renderStatus, runEdgeService, runEdgeStatus } from '../../../edge/status.ts';
import { FakeClock, temporaryFolder } from '../../support/outbox.ts';

const log = pino({ level: 'silent' });
let folder: ReturnType<typeof temporaryFolder>;
let clock: FakeClock;
let applied: [string | undefined, number | undefined][];
let close: (() => Promise<void>) | undefined;

beforeEach(() => {
  folder = temporaryFolder();
  clock = new FakeClock();
  applied = [];
});
afterEach(async () => {
  await close?.();
  close = undefined;
  folder.remove();
});

const serviceMode = () =>
  new ServiceMode({
    file: join(folder.path, 'service.json'),
    clock,
    apply: (device, until) => applied.push([device, until]),
    log,
  });

function status(): LocalStatus {
  return {
    edge: 'edge-1',
    version: '0.1.0',
    at: clock.now(),
    clock: 'synced',
    outbox: {
      lane: 'l',
      lanes: 1,
      bytes: 1024 * 1024,
      bytesMax: 256 * 1024 * 1024,
      made: 1000,
      unstored: 20,
      oldestUnstoredAt: clock.now() - 2000,
      dropped: 0,
      waiting: 0,
      disk: 'ok',
    },
    uplink: {
      connected: true,
      since: clock.now() - 60_000,
      reconnects: 0,
      inFlight: 1,
      away: [],
      sentBatches: 5,
      sentBytes: 9,
    },
    lines: [
      {
        id: 'line-1',
        transport: 'tcp',
        open: true,
        answered: 10,
        timeouts: 2,
        crcErrors: 0,
        roundTripMs: { p95: 12 },
        devices: [
          { id: 'fm-12', unitId: 1, state: 'answering' },
          { id: 'fm-13', unitId: 2, state: 'not-answering', lastReason: 'timeout' },
        ],
      },
    ],
    service: [],
    commandsEnabled: true,
    values: [
      {
        device: 'fm-12',
        measurement: 'flow',
        ts: clock.now() - 1000,
        value: 92.41234567,
        unit: 'm3/h',
        quality: 'good',
      },
      { device: 'fm-13', measurement: 'flow', ts: clock.now() - 1000, unit: 'm3/h', quality: 'bad', reason: 'timeout' },
    ],
  };
}

async function serve(service = serviceMode()): Promise<string> {
  const path = join(folder.path, 'edge.sock');
  close = await serveLocal({
    path,
    status,
    sheet: () => commissioningSheet(status().values, () => undefined),
    service,
    knowsDevice: (device) => device === 'fm-12',
    setCommands: () => undefined,
    log,
  });
  return path;
}

function exchange(
  socketPath: string,
  method: string,
  path: string,
  body = '',
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject).end(body);
  });
}

function configFile(): string {
  const file = join(folder.path, 'edge.yaml');
  writeFileSync(file, `edge: edge-1\ndataDir: ${folder.path}\n`);
  return file;
}

function printed() {
  const texts: string[] = [];
  return { write: (text: string) => texts.push(text), text: () => texts.join('') };
}

describe('the local face', () => {
  it('is reachable by owner and group only, and takes the place of a dead one', async () => {
    const path = await serve();
    expect(statSync(path).mode & 0o777).toBe(0o660);
    // A killed process leaves its socket behind.
    await close?.();
    writeFileSync(join(folder.path, 'other'), '');
    await serve();
    expect((await exchange(path, 'GET', '/status')).status).toBe(200);
  });

  it('says no to what it does not know, cannot read, or is too large', async () => {
    const path = await serve();
    expect((await exchange(path, 'GET', '/nothing')).status).toBe(404);
    for (const body of [
      '',
      'null',
      '{',
      '{"forMs":0,"who":"a"}',
      '{"forMs":1000}',
      '{"forMs":1e12,"who":"a"}',
      'x'.repeat(99_999),
    ]) {
      const { status: code } = await exchange(path, 'POST', '/service', body).catch(() => ({ status: 400 }));
      expect(code, body.slice(0, 40)).toBe(400);
    }
    const unknown = await exchange(
      path,
      'POST',
      '/service',
      JSON.stringify({ device: 'fm-99', forMs: 1000, who: 'a' }),
    );
    expect(unknown).toMatchObject({ status: 400, text: expect.stringContaining('fm-99') });
    expect(applied).toEqual([]);
  });

  it('refuses a path the system would cut', async () => {
    const path = join(folder.path, 'x'.repeat(100));
    await expect(
      serveLocal({
        path,
        status,
        sheet: () => '',
        service: serviceMode(),
        knowsDevice: () => true,
        setCommands: () => {},
        log,
      }),
    ).rejects.toThrow(/107/);
  });

  it('is shown by `hanfeng edge status`', async () => {
    await serve();
    const stdout = printed();
    const options = { configFile: configFile(), root: process.cwd(), env: {}, stdout };
    expect(await runEdgeStatus({ ...options, watch: false })).toBe(0);
    expect(stdout.text()).toContain('fm-12/flow');
  });

  it('is found by the data folder alone when there is one edge, and asks which one when there is none or several', async () => {
    await serve();
    const stdout = printed();
    const ask = (dataDir: string) =>
      runEdgeStatus({ root: process.cwd(), env: { HANFENG_DATA_DIR: dataDir }, stdout, watch: false });
    expect(await ask(folder.path)).toBe(0);
    expect(stdout.text()).toContain('fm-12/flow');
    await expect(ask(join(folder.path, 'elsewhere'))).rejects.toMatchObject({ code: 'edge-unknown' });
  });

  it('says so when no edge is running', async () => {
    const stdout = printed();
    const options = { configFile: configFile(), root: process.cwd(), env: {}, stdout };
    expect(await runEdgeStatus({ ...options, watch: false })).toBe(1);
    expect(stdout.text()).toContain('no edge is running');
  });

  it('switches service mode on and off', async () => {
    await serve();
    const stdout = printed();
    const options = { configFile: configFile(), root: process.cwd(), env: {}, stdout, who: 'anna' };
    expect(await runEdgeService({ ...options, device: 'fm-12', forMs: 3_600_000 })).toBe(0);
    expect(applied).toEqual([['fm-12', clock.now() + 3_600_000]]);
    expect(await runEdgeService({ ...options, device: 'fm-12', forMs: undefined })).toBe(0);
    expect(applied.at(-1)).toEqual(['fm-12', undefined]);
    expect(await runEdgeService({ ...options, device: 'nobody', forMs: 1000 })).toBe(1);
  });
});

describe('service mode', () => {
  it('survives a restart and ends by itself', async () => {
    const first = serviceMode();
    await first.begin({ device: 'fm-12', forMs: 60_000, who: 'anna', why: 'new battery' });
    await first.begin({ forMs: 30_000, who: 'bo' });
    applied = [];
    const second = serviceMode();
    expect(applied).toEqual([
      ['fm-12', clock.now() + 60_000],
      [undefined, clock.now() + 30_000],
    ]);
    expect(second.covers('anything')).toBe(true);
    clock.advance(30_000);
    expect(second.covers('anything')).toBe(false);
    expect(second.covers('fm-12')).toBe(true);
    clock.advance(30_000);
    expect(second.active()).toEqual([]);
  });

  it('never lasts longer than a day, and a damaged file is no service', async () => {
    const service = serviceMode();
    const { since, until } = await service.begin({ forMs: 99 * 86_400_000, who: 'anna' });
    expect(until - since).toBe(86_400_000);
    for (const garbage of ['', '{}', '[{"until":1}]']) {
      writeFileSync(join(folder.path, 'service.json'), garbage);
      expect(serviceMode().active()).toEqual([]);
    }
    expect(existsSync(join(folder.path, 'service.json.tmp'))).toBe(false);
  });
});

it('the page of text names link, outbox, devices in trouble and doubtful values', () => {
  const text = renderStatus({
    ...status(),
    service: [{ device: 'fm-12', since: 0, until: clock.now() + 60_000, who: 'anna' }],
  });
  expect(text).toContain('connected for 1m, 1 batches unconfirmed');
  expect(text).toContain('0.4 % of 256.0 MiB, 20 of 1000 values not stored yet, oldest 2s, 0 dropped');
  expect(text).toContain('SERVICE  fm-12 by anna, ends in 1m');
  expect(text).toContain('fm-13  unit 2  not-answering (timeout)');
  expect(text).toMatch(/fm-12\/flow {2}92\.4123 {2}m³\/h {2}1s\n/);
  expect(text).toMatch(/fm-13\/flow {8}- {2}m³\/h {2}1s {2}bad \(timeout\)/);
});

it('the commissioning sheet has a row per point and room for the person who checks', () => {
  const sheet = commissioningSheet(status().values, (device) =>
    device === 'fm-12' ? { table: 'holding-registers', address: 4, type: 'float32' } : undefined,
  );
  const [head, first, second] = sheet.split('\r\n');
  expect(head).toMatch(/^device,measurement,.*,checked by,remark$/);
  expect(first).toBe('fm-12,flow,holding-registers,4,float32,92.41234567,m3/h,good,,2026-11-23T11:59:59.000Z,,,');
  expect(second).toBe('fm-13,flow,,,,,m3/h,bad,timeout,2026-11-23T11:59:59.000Z,,,');
});
