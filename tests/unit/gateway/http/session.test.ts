import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LoginLimit } from '../../../../gateway/http/login-limit.ts';
import { IDLE_MAX_MS, SESSIONS_MAX, Sessions } from '../../../../gateway/http/sessions.ts';
import { NOON, type TestDoor, testDoor } from '../../../support/http-door.ts';

let door: TestDoor;
beforeEach(async () => {
  door = await testDoor();
});
afterEach(() => door.app.close());

const signInAs = (username: string, password: string) => door.post('/api/v1/session', { username, password });

describe('signing in', () => {
  it('sets a cookie that scripts and other sites can not use, and says who and where one is', async () => {
    const { status, body, headers } = await signInAs('ada', 'ada-password');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      username: 'ada',
      role: 'admin',
      firstRun: false,
      site: { id: 'demo', timezone: 'Asia/Shanghai' },
      settings: { language: 'en', pressureUnit: 'MPa' },
    });
    const cookie = String(headers['set-cookie']);
    expect(cookie).toMatch(/^hanfeng_session=[\w-]{43};/);
    for (const part of ['HttpOnly', 'SameSite=Strict', 'Path=/']) expect(cookie).toContain(part);
    expect(cookie).not.toContain('Secure');
    expect(door.gateway.audited).toMatchObject([{ who: 'ada', what: 'sign-in' }]);
  });

  it('the cookie stays on https where the public address is', async () => {
    await door.app.close();
    door = await testDoor({ config: { publicUrl: 'https://hanfeng.example.org' } });
    expect(String((await signInAs('ada', 'ada-password')).headers['set-cookie'])).toContain('Secure');
  });

  it('says the same for a wrong password and for a name nobody has', async () => {
    const wrong = await signInAs('ada', 'nope');
    const unknown = await signInAs('nobody', 'nope');
    expect(wrong.status).toBe(401);
    expect(unknown.body).toEqual(wrong.body);
    expect(wrong.headers['set-cookie']).toBeUndefined();
  });

  it('is slowed down after ten failures, for this name only, and goes on after the window', async () => {
    for (let n = 0; n < 10; n++) expect((await signInAs('ada', `guess-${n}`)).status).toBe(401);
    const limited = await signInAs('ada', 'ada-password');
    expect(limited.status).toBe(429);
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    expect((await signInAs('olga', 'olga-password')).status).toBe(200);
    door.clock.now += 15 * 60_000;
    expect((await signInAs('ada', 'ada-password')).status).toBe(200);
  });

  it('many guesses at once are no more than ten', async () => {
    const guesses = Array.from({ length: 40 }, (_, n) => signInAs('ada', `guess-${n}`));
    const outcomes = (await Promise.all(guesses)).map(({ status }) => status);
    expect(outcomes.filter((status) => status === 401)).toHaveLength(10);
    expect(outcomes.filter((status) => status === 429)).toHaveLength(30);
    const metrics = await door.get('/metrics', await door.signIn('olga'));
    expect(metrics.body).toContain('hanfeng_logins_total{outcome="wrong"} 10');
    expect(metrics.body).toContain(
      'hanfeng_http_requests_total{method="POST",route="/api/v1/session",status="401"} 10',
    );
  });

  it('garbage is an error with every mistake named', async () => {
    const { status, body } = await door.post('/api/v1/session', { username: 7, pasword: 'x' });
    expect(status).toBe(400);
    expect(body.code).toBe('input-invalid');
    expect(body.errors.map((error: { path: string }) => error.path).sort()).toEqual([
      'body.password',
      'body.pasword',
      'body.username',
    ]);
    expect(JSON.stringify(body.errors)).toContain('username, password');
  });
});

describe('a session', () => {
  it('ends with sign-out, after twelve idle hours, and with the account', async () => {
    const first = await door.signIn();
    expect(
      (await door.app.inject({ method: 'DELETE', url: '/api/v1/session', headers: { cookie: first } })).statusCode,
    ).toBe(204);
    expect((await door.get('/api/v1/session', first)).status).toBe(401);

    const second = await door.signIn();
    door.clock.now += IDLE_MAX_MS - 1;
    expect((await door.get('/api/v1/session', second)).status).toBe(200);
    door.clock.now += IDLE_MAX_MS;
    expect((await door.get('/api/v1/session', second)).status).toBe(401);

    const third = await door.signIn('vera');
    door.gateway.users.delete('vera');
    expect((await door.get('/api/v1/session', third)).status).toBe(401);
  });

  it('ends when the password was changed elsewhere', async () => {
    const cookie = await door.signIn('vera');
    door.clock.now += 1000;
    const vera = door.gateway.users.get('vera');
    if (vera !== undefined) door.gateway.users.set('vera', { ...vera, passwordSetAt: door.clock.now });
    expect((await door.get('/api/v1/session', cookie)).status).toBe(401);
  });

  it('changing the own password keeps this session and ends the others', async () => {
    const here = await door.signIn('vera');
    const there = await door.signIn('vera');
    const change = (current: string, next: string) => door.post('/api/v1/session/password', { current, next }, here);
    expect((await change('wrong', 'long-enough')).body.code).toBe('password-wrong');
    expect((await change('vera-password', 'short')).body.code).toBe('password-weak');
    expect((await change('vera-password', 'long-enough')).status).toBe(204);
    expect((await door.get('/api/v1/session', here)).status).toBe(200);
    expect((await door.get('/api/v1/session', there)).status).toBe(401);
  });
});

describe('the first run', () => {
  const choice = {
    username: 'mei',
    password: 'mei-password',
    language: 'zh',
    pressureUnit: 'm',
    timezone: 'Asia/Chongqing',
  };

  beforeEach(() => {
    door.gateway.users.set('admin', { name: 'admin', role: 'admin', password: 'generated', mustChange: true });
  });

  it('replaces the generated administrator once and keeps the session', async () => {
    const cookie = await door.signIn('admin', 'generated');
    expect((await door.get('/api/v1/session', cookie)).body.firstRun).toBe(true);
    expect((await door.get('/api/v1/points', cookie)).status).toBe(200);
    const { status, body } = await door.post('/api/v1/setup', choice, cookie);
    expect(status).toBe(200);
    expect(body).toMatchObject({ username: 'mei', firstRun: false, settings: { language: 'zh', pressureUnit: 'm' } });
    expect((await door.get('/api/v1/session', cookie)).body).toMatchObject({
      username: 'mei',
      site: { timezone: 'Asia/Chongqing' },
    });
    expect((await door.post('/api/v1/setup', choice, cookie)).body.code).toBe('setup-done');
    expect((await signInAs('admin', 'generated')).status).toBe(401);
  });

  it('changes nothing when the choice is not allowed', async () => {
    const cookie = await door.signIn('admin', 'generated');
    expect((await door.post('/api/v1/setup', { ...choice, timezone: 'Mars/Olympus' }, cookie)).status).toBe(400);
    expect((await door.post('/api/v1/setup', { ...choice, username: 'olga' }, cookie)).body.code).toBe(
      'username-taken',
    );
    expect((await door.post('/api/v1/setup', { ...choice, password: 'x' }, cookie)).body.code).toBe('password-weak');
    expect((await door.get('/api/v1/session', cookie)).body).toMatchObject({ firstRun: true, username: 'admin' });
  });

  it('is for the generated administrator only', async () => {
    expect((await door.post('/api/v1/setup', choice, await door.signIn('olga'))).status).toBe(403);
    expect((await door.post('/api/v1/setup', choice, await door.signIn('ada'))).body.code).toBe('setup-done');
  });
});

describe('sessions on disk', () => {
  const file = () => join(mkdtempSync(join(tmpdir(), 'hf-sessions-')), 'sessions.json');

  it('survive a restart, without the id being on disk', async () => {
    const path = file();
    const id = await new Sessions(path, () => NOON).create('ada');
    expect(readFileSync(path, 'utf8')).not.toContain(id);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(new Sessions(path, () => NOON + 60_000).use(id)?.username).toBe('ada');
    expect(new Sessions(path, () => NOON + IDLE_MAX_MS).use(id)).toBeUndefined();
  });

  it('that ended do not come back', async () => {
    const path = file();
    const sessions = new Sessions(path, () => NOON);
    const id = await sessions.create('ada');
    const other = await sessions.create('ada');
    await sessions.end(sessions.use(id)?.key as string);
    expect(new Sessions(path, () => NOON).use(id)).toBeUndefined();
    expect(new Sessions(path, () => NOON).use(other)?.username).toBe('ada');
  });

  it('a torn file signs people out and breaks nothing', () => {
    const path = file();
    writeFileSync(path, '[{"key": "ab');
    expect(new Sessions(path, () => NOON).use('x')).toBeUndefined();
  });

  it('are bounded: the longest unused one goes', async () => {
    let now = NOON;
    const sessions = new Sessions(undefined, () => now++);
    const first = await sessions.create('ada');
    const second = await sessions.create('ada');
    sessions.use(first);
    for (let n = 2; n <= SESSIONS_MAX; n++) await sessions.create('robot');
    expect(sessions.use(first)).toBeDefined();
    expect(sessions.use(second)).toBeUndefined();
  });
});

describe('the login limit', () => {
  it('keeps a bounded number of counters', () => {
    const limit = new LoginLimit();
    for (let n = 0; n < 20_000; n++) limit.tried(`name-${n}`, `address-${n}`, NOON);
    expect(limit.size).toBeLessThanOrEqual(10_001);
  });

  it('slows an address down that tries many names', () => {
    const limit = new LoginLimit();
    for (let n = 0; n < 100; n++) limit.tried(`name-${n}`, 'a', NOON);
    expect(limit.waitMs('another', 'a', NOON)).toBeGreaterThan(0);
    expect(limit.waitMs('another', 'b', NOON)).toBe(0);
  });
});
