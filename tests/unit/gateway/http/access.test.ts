import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fastify } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guard } from '../../../../gateway/http/auth.ts';
import { Sessions } from '../../../../gateway/http/sessions.ts';
import { type TestDoor, testDoor } from '../../../support/http-door.ts';

const PUBLIC = new Set(['POST /api/v1/session', 'GET /healthz', 'GET /readyz', 'GET /ping', 'GET /health']);
const VIEWER_MAY_CHANGE = new Set([
  'POST /api/v1/session',
  'DELETE /api/v1/session',
  'POST /api/v1/session/password',
  'POST /api/v1/query',
  'POST /api/v1/live/subscriptions',
]);

let door: TestDoor;
beforeEach(async () => {
  door = await testDoor();
});
afterEach(() => door.app.close());

async function everyRoute(): Promise<{ method: string; path: string; url: string }[]> {
  const { body } = await door.get('/api/v1/openapi.json', await door.signIn());
  return Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase(),
      path,
      url: path.replaceAll(/\{\w+\}/g, 'x'),
    })),
  );
}

describe('access', () => {
  it('every route without a login answers 401, except sign-in and health', async () => {
    const routes = await everyRoute();
    expect(routes.length).toBeGreaterThan(25);
    for (const { method, path, url } of routes) {
      const { statusCode, payload } = await door.app.inject({ method: method as 'GET', url });
      const name = `${method} ${path}`;
      if (PUBLIC.has(name)) expect(statusCode, name).not.toBe(401);
      else {
        expect(statusCode, name).toBe(401);
        expect(JSON.parse(payload).code, name).toBe('not-signed-in');
      }
    }
  });

  it('the description lists every route the server has', async () => {
    for (const { method, path } of await everyRoute())
      expect(door.app.hasRoute({ method: method as 'GET', url: path.replaceAll(/\{(\w+)\}/g, ':$1') }), path).toBe(
        true,
      );
  });

  it('a viewer changes nothing', async () => {
    const cookie = await door.signIn('vera');
    for (const { method, path, url } of await everyRoute()) {
      const name = `${method} ${path}`;
      if (method === 'GET' || VIEWER_MAY_CHANGE.has(name)) continue;
      const { statusCode } = await door.app.inject({ method: method as 'POST', url, headers: { cookie } });
      expect(statusCode, name).toBe(403);
    }
  });

  it('an operator sees no audit', async () => {
    expect((await door.get('/api/v1/audit', await door.signIn('olga'))).status).toBe(403);
    expect((await door.get('/api/v1/audit', await door.signIn('ada'))).status).toBe(200);
  });

  it('what is not there asks for a login below /api, and says so after it', async () => {
    expect((await door.get('/api/v1/nothing')).status).toBe(401);
    const { status, body } = await door.get('/api/v1/nothing', await door.signIn());
    expect(status).toBe(404);
    expect(body.code).toBe('not-found');
  });

  it('an address with the wrong method says which it takes', async () => {
    const wrong = await door.post('/api/v1/points/fm-12/flow', {}, await door.signIn('ada'));
    expect(wrong).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' }, body: { code: 'method-not-allowed' } });
  });

  it('a route that does not say who may use it fails at start', async () => {
    const app = fastify();
    const sessions = new Sessions(undefined, () => 0);
    guard(app, { accounts: door.gateway.accounts, sessions, publicUrl: undefined, metricsToken: undefined });
    expect(() => app.get('/open', () => 'everything')).toThrow(/does not say who may use it/);
    expect(() => app.get('/hidden', { config: { access: 'admin' } }, () => 'x')).toThrow(/not documented/);
    expect(() => app.get('/fine', { config: { access: 'admin', path: '/fine' } }, () => 'x')).not.toThrow();
  });

  it('takes a token instead of a cookie, and no wrong one', async () => {
    const headers = (token: string) => ({ authorization: token });
    const ask = (token: string) => door.app.inject({ url: '/api/v1/session', headers: headers(token) });
    expect((await ask('Bearer token-of-olga')).json().username).toBe('olga');
    expect((await ask('Token token-of-olga')).statusCode).toBe(200);
    for (const wrong of ['Bearer nonsense', 'Bearer', 'Basic b2xnYTpvbGdh', 'Bearer token-of-olga extra'])
      expect((await ask(wrong)).statusCode, wrong).toBe(401);
  });

  it('the metrics token reads metrics and nothing else', async () => {
    await door.app.close();
    door = await testDoor({ config: { metricsToken: 'scrape-me' } });
    const ask = (url: string) => door.app.inject({ url, headers: { authorization: 'Bearer scrape-me' } });
    expect((await ask('/metrics')).statusCode).toBe(200);
    expect((await ask('/api/v1/points')).statusCode).toBe(401);
    expect((await door.get('/metrics')).status).toBe(401);
    expect((await door.get('/metrics', await door.signIn('vera'))).status).toBe(200);
  });

  it('a changing request from another site is refused, from our own page taken', async () => {
    const cookie = await door.signIn();
    const send = (headers: Record<string, string>) =>
      door.post('/api/v1/query', { points: { class: 'x' }, step: '1h' }, cookie, headers);
    expect((await send({ origin: 'https://evil.example' })).body.code).toBe('origin-not-allowed');
    expect((await send({ origin: 'null' })).status).toBe(403);
    expect((await send({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await send({ origin: 'http://gate.local:8080', host: 'gate.local:8080' })).status).toBe(200);
    expect((await send({})).status).toBe(200);
    expect((await door.post('/api/v1/session', {}, undefined, { origin: 'https://evil.example' })).status).toBe(403);
  });

  it('behind a proxy the public address counts', async () => {
    await door.app.close();
    door = await testDoor({ config: { publicUrl: 'https://hanfeng.example.org' } });
    const cookie = await door.signIn();
    const send = (origin: string) =>
      door.post('/api/v1/query', { points: { class: 'x' }, step: '1h' }, cookie, { origin, host: 'inner:8080' });
    expect((await send('https://hanfeng.example.org')).status).toBe(200);
    expect((await send('http://hanfeng.example.org')).status).toBe(403);
  });

  it('health answers without a login and without detail', async () => {
    expect(await door.get('/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await door.get('/readyz')).toMatchObject({ status: 200, body: 'ready\n' });
    door.gateway.readiness = { ready: false, reason: 'secret/path is full' };
    const { status, body } = await door.get('/readyz');
    expect(status).toBe(503);
    expect(JSON.stringify(body)).not.toContain('secret');
    const health = await door.get('/api/v1/health', await door.signIn('vera'));
    expect(health.body).toMatchObject({ ready: false, reason: 'secret/path is full', problems: [] });
  });

  it('every answer forbids frames, foreign scripts and guessed types', async () => {
    for (const url of ['/healthz', '/api/v1/points', '/nothing']) {
      const { headers } = await door.get(url);
      expect(headers['content-security-policy'], url).toContain("default-src 'self'");
      expect(headers['content-security-policy'], url).toContain("frame-ancestors 'none'");
      expect(headers['content-security-policy'], url).not.toContain('unsafe');
      expect(headers['x-content-type-options'], url).toBe('nosniff');
    }
    expect((await door.get('/api/v1/points')).headers['cache-control']).toBe('no-store');
  });
});

describe('docs/api.md', () => {
  it('names every route and its role', async () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../../../docs/api.md'), 'utf8');
    const written = [...page.matchAll(/^\| `([A-Z]+ \/\S*)` \| (\w*) ?\|/gm)].map(([, name, role]) => [name, role]);
    const { body } = await door.get('/api/v1/openapi.json', await door.signIn());
    const role = (access: string) => (access === 'public' ? '' : access === 'metrics' ? 'viewer' : access);
    const served = Object.entries(body.paths as Record<string, Record<string, { 'x-access': string }>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => [
          `${method.toUpperCase()} ${path}`,
          role(operation['x-access']),
        ]),
    );
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(served));
  });
});
