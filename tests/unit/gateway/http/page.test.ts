import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestDoor, testDoor } from '../../../support/http-door.ts';

let door: TestDoor;
beforeEach(async () => {
  const root = mkdtempSync(join(tmpdir(), 'hf-page-'));
  const webRoot = join(root, 'web');
  mkdirSync(join(webRoot, 'assets'), { recursive: true });
  writeFileSync(join(root, 'secret.txt'), 'secret');
  writeFileSync(join(webRoot, 'index.html'), '<!doctype html>page');
  writeFileSync(join(webRoot, 'icon.svg'), '<svg/>');
  writeFileSync(join(webRoot, '.hidden'), 'secret');
  writeFileSync(join(webRoot, 'assets/main-abc123.js'), 'run()');
  door = await testDoor({ webRoot });
});
afterEach(() => door.app.close());

describe('the page', () => {
  it('is served without a login, and never kept: a new version shows at once', async () => {
    const { status, body, headers } = await door.get('/');
    expect(status).toBe(200);
    expect(body).toContain('page');
    expect(headers['content-type']).toContain('text/html');
    expect(headers['cache-control']).toBe('no-cache');
    expect((await door.get('/icon.svg')).headers['content-type']).toContain('image/svg');
  });

  it('hashed parts are kept for a year', async () => {
    const { body, headers } = await door.get('/assets/main-abc123.js');
    expect(body).toBe('run()');
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(headers['content-type']).toContain('javascript');
  });

  it('its own addresses get its index; parts of another version and API addresses do not', async () => {
    expect((await door.get('/alarms/some/where?x=1')).body).toContain('page');
    expect((await door.get('/assets/main-old.js')).body.code).toBe('not-found');
    expect((await door.get('/api/v1/none', await door.signIn())).body.code).toBe('not-found');
    expect((await door.post('/alarms')).status).toBe(404);
  });

  it('nothing outside of the folder is reached', async () => {
    for (const url of [
      '/../secret.txt',
      '/assets/../../secret.txt',
      '/%2e%2e/secret.txt',
      '/assets/%2e%2e/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/.hidden',
      '/%00',
      '/%ff',
      '//etc/passwd',
      '/\\..\\secret.txt',
    ]) {
      const { body, status } = await door.get(url);
      expect(JSON.stringify(body), url).not.toContain('secret"');
      expect(status, url).toBeLessThan(500);
    }
  });

  it('says so when there is none', async () => {
    const bare = await testDoor({ webRoot: '/nowhere' });
    expect((await bare.get('/')).body.code).toBe('not-found');
    await bare.app.close();
  });
});
