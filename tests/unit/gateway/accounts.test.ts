import { mkdtemp, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccounts } from '../../../gateway/accounts.ts';
import { removeFolder } from '../../support/folders.ts';

const PASSWORD = 'correct horse battery';
let folder: string;
let now = Date.UTC(2026, 0, 1);
const clock = () => now;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hf-accounts-'));
});
afterEach(() => removeFolder(folder));

describe('users', () => {
  it('makes a first administrator with a generated password once, that must be replaced', async () => {
    const accounts = await openAccounts(folder, clock);
    const first = await accounts.ensureFirstAdmin(undefined);
    expect(first?.name).toBe('admin');
    expect(await accounts.ensureFirstAdmin(undefined)).toBeUndefined();
    expect(await accounts.verify('admin', first?.password as string)).toEqual({
      name: 'admin',
      role: 'admin',
      mustChange: true,
    });
    await accounts.replaceFirst('admin', { name: 'li.wei', password: PASSWORD });
    expect(accounts.find('admin')).toBeUndefined();
    expect(await accounts.verify('li.wei', PASSWORD)).toEqual({ name: 'li.wei', role: 'admin', passwordSetAt: now });
    await expect(accounts.replaceFirst('li.wei', { name: 'x', password: PASSWORD })).rejects.toThrow('any more');
  });

  it('takes the first password from the environment without showing it', async () => {
    const accounts = await openAccounts(folder, clock);
    expect(await accounts.ensureFirstAdmin(PASSWORD)).toBeUndefined();
    expect(await accounts.verify('admin', PASSWORD)).toEqual({ name: 'admin', role: 'admin' });
  });

  it('refuses wrong passwords, unknown names and weak passwords', async () => {
    const accounts = await openAccounts(folder, clock);
    await accounts.addUser({ name: 'anna', role: 'admin', password: PASSWORD });
    expect(await accounts.verify('anna', `${PASSWORD}.`)).toBeUndefined();
    expect(await accounts.verify('nobody', PASSWORD)).toBeUndefined();
    expect(await accounts.verify('anna', 'x'.repeat(100_000))).toBeUndefined();
    for (const password of ['short', 'aaaaaaaaaaaaaaa', `hfs_${'a'.repeat(16)}${'b'.repeat(16)}`])
      await expect(accounts.setPassword('anna', password)).rejects.toMatchObject({ code: 'password-weak' });
    await expect(accounts.addUser({ name: 'anna', role: 'viewer', password: PASSWORD })).rejects.toMatchObject({
      code: 'username-taken',
    });
    await expect(accounts.addUser({ name: 'a/b', role: 'viewer', password: PASSWORD })).rejects.toMatchObject({
      code: 'username-invalid',
    });
  });

  it('never removes the last administrator', async () => {
    const accounts = await openAccounts(folder, clock);
    await accounts.addUser({ name: 'anna', role: 'admin', password: PASSWORD });
    await accounts.addUser({ name: 'bo', role: 'viewer', password: PASSWORD });
    await expect(accounts.removeUser('anna')).rejects.toMatchObject({ code: 'last-admin' });
    await accounts.removeUser('bo');
    expect(await accounts.listUsers()).toEqual([{ name: 'anna', role: 'admin' }]);
  });

  it('stores neither passwords nor tokens, in files only the owner reads', async () => {
    const accounts = await openAccounts(folder, clock);
    await accounts.addUser({ name: 'anna', role: 'admin', password: PASSWORD });
    const { token, id } = await accounts.addToken({ name: 'grafana', role: 'viewer' });
    expect(await accounts.verifyToken(token)).toEqual({ name: 'grafana', role: 'viewer' });
    expect([accounts.hasToken('grafana'), accounts.hasToken('other')]).toEqual([true, false]);
    const text = await readFile(join(folder, 'users.json'), 'utf8');
    expect(text).not.toContain(PASSWORD);
    expect(text).not.toContain(token);
    expect((await stat(join(folder, 'users.json'))).mode & 0o777).toBe(0o600);
    expect(await accounts.removeToken(id)).toBe(true);
    expect(await accounts.verifyToken(token)).toBeUndefined();
    expect(accounts.hasToken('grafana')).toBe(false);
    expect(await readdir(folder)).toEqual(['users.json']);
  });

  it('sees at once what another process added', async () => {
    const gateway = await openAccounts(folder, clock);
    const commandLine = await openAccounts(folder, clock);
    expect(await gateway.verify('anna', PASSWORD)).toBeUndefined();
    await commandLine.addUser({ name: 'anna', role: 'operator', password: PASSWORD });
    expect(await gateway.verify('anna', PASSWORD)).toEqual({ name: 'anna', role: 'operator' });
    const { secret } = await commandLine.addCredential('device', 'fm-12');
    const asked = await Promise.all([1, 2, 3].map(() => gateway.verifyCredential('fm-12', secret)));
    expect(asked.map((credential) => credential?.id)).toEqual(['fm-12', 'fm-12', 'fm-12']);
  });

  it('sees within a second what another process took away, also after the clock was set back', async () => {
    const gateway = await openAccounts(folder, clock);
    const { secret } = await gateway.addCredential('device', 'fm-12');
    const commandLine = await openAccounts(folder, clock);
    expect(await gateway.verifyCredential('fm-12', secret)).toBeDefined();
    await commandLine.removeCredential('fm-12');
    now += 1001;
    expect(await gateway.verifyCredential('fm-12', secret)).toBeUndefined();
    await commandLine.addUser({ name: 'anna', role: 'admin', password: PASSWORD });
    now -= 3_600_000;
    expect(await gateway.verify('anna', PASSWORD)).toBeDefined();
    await commandLine.setPassword('anna', `${PASSWORD}-2`);
    now -= 3_600_000;
    expect(await gateway.verify('anna', PASSWORD)).toBeUndefined();
  });

  it('loses nothing when two processes write at once', async () => {
    const [one, two] = [await openAccounts(folder, clock), await openAccounts(folder, clock)];
    await Promise.all([
      ...[1, 2, 3, 4].map((n) => one.addCredential('device', `a-${n}`)),
      ...[1, 2, 3, 4].map((n) => two.addCredential('device', `b-${n}`)),
    ]);
    expect(await one.listCredentials()).toHaveLength(8);
  });

  it('takes over a lock left by a crash', async () => {
    const accounts = await openAccounts(folder, clock);
    const lock = join(folder, 'credentials.json.lock');
    await writeFile(lock, '1');
    const old = new Date(Date.now() - 60_000);
    await utimes(lock, old, old);
    await accounts.addCredential('device', 'fm-12');
    expect(await accounts.listCredentials()).toHaveLength(1);
  });

  it('keeps what it knew when a file is damaged while it runs, and refuses to start on it', async () => {
    const damaged: string[] = [];
    const accounts = await openAccounts(folder, clock, ({ message }) => damaged.push(message));
    await accounts.addUser({ name: 'anna', role: 'admin', password: PASSWORD });
    await writeFile(join(folder, 'users.json'), '{"users": [{');
    now += 1001;
    expect(await accounts.verify('anna', PASSWORD)).toEqual({ name: 'anna', role: 'admin' });
    expect(damaged).toHaveLength(1);
    await expect(openAccounts(folder, clock)).rejects.toThrow('damaged');
  });
});

describe('MQTT credentials', () => {
  it('checks generated secrets and chosen passwords', async () => {
    const accounts = await openAccounts(folder, clock);
    const { secret } = await accounts.addCredential('edge', 'edge-1');
    await accounts.addCredential('device', 'fm-12', PASSWORD);
    expect(await accounts.verifyCredential('edge-1', secret)).toMatchObject({ id: 'edge-1', kind: 'edge' });
    expect(await accounts.verifyCredential('fm-12', PASSWORD)).toMatchObject({ id: 'fm-12', kind: 'device' });
    expect(await accounts.verifyCredential('fm-12', secret)).toBeUndefined();
    expect(await accounts.verifyCredential('edge-1', PASSWORD)).toBeUndefined();
    expect(await accounts.verifyCredential('nobody', secret)).toBeUndefined();
    expect(await accounts.verifyCredential('__proto__', '')).toBeUndefined();
    expect(await readFile(join(folder, 'credentials.json'), 'utf8')).not.toContain(secret);
  });

  it('checks ten thousand generated secrets in seconds', async () => {
    const accounts = await openAccounts(folder, clock);
    const { secret } = await accounts.addCredential('edge', 'edge-1');
    const started = process.cpuUsage();
    for (let i = 0; i < 10_000; i++) await accounts.verifyCredential(i % 2 === 0 ? 'edge-1' : 'nobody', secret);
    // Processor time, not the clock's: at a password's price of some 50 ms each it would be minutes.
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1e6).toBeLessThan(20);
  });

  it('names the credentials that were removed or replaced, also by another process', async () => {
    const gateway = await openAccounts(folder, clock);
    await gateway.addCredential('edge', 'edge-1');
    await gateway.addCredential('edge', 'edge-2');
    const revoked: string[] = [];
    gateway.onRevoked((ids) => revoked.push(...ids));
    await gateway.addCredential('edge', 'edge-3');
    expect(revoked).toEqual([]);
    await gateway.removeCredential('edge-1');
    expect(revoked).toEqual(['edge-1']);
    await (await openAccounts(folder, clock)).addCredential('edge', 'edge-2');
    now += 1001;
    await gateway.refresh();
    expect(revoked).toEqual(['edge-1', 'edge-2']);
  });
});
