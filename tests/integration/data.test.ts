import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAccounts } from '../../gateway/accounts.ts';
import { removeFolder } from '../support/folders.ts';
import { freePort, until } from '../support/ports.ts';

const root = resolve(import.meta.dirname, '../..');
const command = join(root, 'dist/cli/hanfeng.js');
const TS = 1_790_000_000_000;

describe('backup, restore and export', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-data-'));
  const config = join(folder, 'gateway.yaml');
  let env: Record<string, string | undefined>;
  let gateway: ChildProcess;

  const hanfeng = (args: readonly string[], more: Record<string, string> = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 120_000,
      env: { ...env, ...more },
    });
    return { status, stdout, stderr };
  };
  const stop = async () => {
    if (gateway.exitCode !== null) return;
    const ended = new Promise((done) => gateway.once('exit', done));
    gateway.kill('SIGTERM');
    await ended;
  };

  beforeAll(async () => {
    const tls = join(root, 'tests/fixtures/tls');
    const [certFile, keyFile] = [join(tls, 'localhost.cert.pem'), join(tls, 'localhost.key.pem')];
    const listener = JSON.stringify({ port: await freePort(), certFile, keyFile });
    writeFileSync(config, `site: backup-test\nmqtt: {embedded: {tls: ${listener}}}\n`);
    const dataDir = join(folder, 'data');
    env = {
      ...process.env,
      HANFENG_HTTP_PORT: String(await freePort()),
      HANFENG_MQTT_PORT: String(await freePort()),
      HANFENG_DATA_DIR: dataDir,
      HANFENG_LOG_LEVEL: 'warn',
    };
    const base = `http://127.0.0.1:${env.HANFENG_HTTP_PORT}`;
    gateway = spawn(process.execPath, [command, 'gateway', '--config', config], { cwd: folder, env, stdio: 'ignore' });
    await until('the gateway answers', async () => (await fetch(`${base}/readyz`).catch(() => undefined))?.ok);
    const { token } = await (await openAccounts(dataDir, Date.now)).addToken({ name: 'test', role: 'admin' });
    const post = () =>
      fetch(`${base}/api/v1/readings`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify([1, 2, 3].map((n) => ({ device: 'fm-1', ts: TS - n * 1000, values: { flow: n } }))),
      });
    await until('the readings are stored', async () => (await post()).status === 204);
  });
  afterAll(async () => {
    await stop();
    removeFolder(folder);
  });

  const range = ['--from', String(TS - 60_000), '--to', String(TS), '--points', 'fm-1/flow'];
  const rows = (text: string) =>
    text
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')[2]);

  it('backs up a running gateway, puts it back elsewhere, and exports from the stopped copy', () => {
    expect(rows(hanfeng(['export', '--config', config, ...range]).stdout)).toEqual(['3', '2', '1']);
    const backup = hanfeng(['backup', 'copy', '--config', config]);
    expect(backup.stderr).toBe('');
    expect(backup.status).toBe(0);

    const elsewhere = { HANFENG_DATA_DIR: join(folder, 'restored'), HANFENG_HTTP_PORT: '1' };
    expect(hanfeng(['restore', 'copy'], elsewhere)).toMatchObject({ status: 0, stderr: '' });
    expect(rows(hanfeng(['export', '--config', config, ...range], elsewhere).stdout)).toEqual(['3', '2', '1']);
    expect(rows(hanfeng(['export', ...range], elsewhere).stdout)).toEqual(['3', '2', '1']);
    const users = readFileSync(join(folder, 'restored/users.json'), 'utf8');
    expect(users).not.toContain('hanfeng-command');
    const file = join(folder, 'out.parquet');
    expect(
      hanfeng(['export', '--config', config, ...range, '--format', 'parquet', '--output', file], elsewhere).status,
    ).toBe(0);
    expect(readFileSync(file).subarray(0, 4).toString('latin1')).toBe('PAR1');
  });

  it('reads a stopped data folder while another gateway has every port of its configuration', () => {
    const stopped = { HANFENG_DATA_DIR: join(folder, 'restored') };
    const out = hanfeng(['export', '--config', config, ...range], stopped);
    expect(out).toMatchObject({ status: 0, stderr: '' });
    expect(rows(out.stdout)).toEqual(['3', '2', '1']);
    expect(hanfeng(['backup', 'second-copy', '--config', config], stopped)).toMatchObject({ status: 0, stderr: '' });
  });

  it('never writes over what is there', () => {
    const over = hanfeng(['backup', 'copy', '--config', config]);
    expect(over).toMatchObject({ status: 1 });
    expect(over.stderr).toContain('is not empty');
    expect(hanfeng(['restore', 'copy', '--config', config]).stderr).toContain('is not empty');
    expect(hanfeng(['restore', folder, '--config', config], { HANFENG_DATA_DIR: join(folder, 'x') }).stderr).toContain(
      'no backup',
    );
  });

  it('says which point nobody knows and which time is none', () => {
    expect(hanfeng(['export', '--config', config, ...range.slice(0, 4), '--points', 'fm-9/flow']).stderr).toContain(
      'fm-9/flow',
    );
    expect(
      hanfeng(['export', '--config', config, '--from', 'yesterday', '--to', '1', '--points', 'a/b']),
    ).toMatchObject({ status: 2 });
  });
});
