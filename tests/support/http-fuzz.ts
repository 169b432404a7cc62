import fc from 'fast-check';
import { expect } from 'vitest';
import { PROBLEMS } from '../../gateway/http/problem.ts';
import type { TestDoor } from './http-door.ts';

const nasty = fc.oneof(
  fc.constantFrom(
    '',
    '..',
    '%',
    '\u0000',
    '__proto__',
    'constructor',
    'a1',
    'fm-12',
    'flow',
    'fm-12/flow',
    '-1',
    '1e999',
    'NaN',
    '2026-13-45T99:99:99Z',
    '99999999999999',
    "'; DROP TABLE readings; --",
    '水',
    'x'.repeat(400),
  ),
  fc.string({ maxLength: 40 }),
  fc.integer().map(String),
);
const names = fc.oneof(
  fc.constantFrom('from', 'to', 'limit', 'cursor', 'buckets', 'device', 'state', 'priority', 'q', 'step', '__proto__'),
  fc.string({ maxLength: 10 }),
);
const wild = fc.jsonValue({ maxDepth: 6 });
const nearly = fc.record(
  {
    device: fc.oneof(nasty, wild),
    ts: fc.oneof(nasty, wild),
    values: fc.oneof(fc.dictionary(nasty, wild), wild),
    points: fc.oneof(fc.array(nasty), wild, fc.dictionary(nasty, wild)),
    from: fc.oneof(nasty, wild),
    to: fc.oneof(nasty, fc.integer()),
    step: fc.oneof(nasty, fc.constantFrom('1m', 60_000, 0, -1)),
    aggregate: fc.oneof(nasty, fc.constantFrom('mean', 'sum')),
    username: fc.oneof(nasty, wild),
    password: fc.oneof(nasty, wild),
    comment: fc.oneof(nasty, wild),
    until: fc.oneof(nasty, wild),
    for: fc.oneof(nasty, wild),
    alarms: fc.oneof(fc.boolean(), wild),
  },
  { requiredKeys: [] },
);

const request = fc.record({
  route: fc.nat(),
  parts: fc.array(nasty, { minLength: 3, maxLength: 3 }),
  query: fc.array(fc.tuple(names, nasty), { maxLength: 4 }),
  body: fc.oneof(
    fc.constant(undefined),
    wild.map((value) => JSON.stringify(value)),
    nearly.map((value) => JSON.stringify(value)),
    fc.array(nearly, { maxLength: 4 }).map((value) => JSON.stringify(value)),
    fc.string(),
  ),
  type: fc.constantFrom('application/json', 'application/json', 'application/json', 'text/plain', 'text/xml'),
});

/** Every route of the door, as its own description names them. */
export async function routesOf(door: TestDoor): Promise<{ method: string; path: string }[]> {
  const { body } = await door.get('/api/v1/openapi.json', await door.signIn());
  return Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
}

/** Sends nonsense to every route but the stream, which would stay open: no 5xx, and every error a problem with a known code. */
export async function sendNonsense(door: TestDoor, token: string, numRuns: number): Promise<void> {
  const routes = (await routesOf(door)).filter(({ path }) => path !== '/api/v1/live');
  await fc.assert(
    fc.asyncProperty(request, async ({ route: nth, parts, query, body, type }) => {
      const route = routes[nth % routes.length] as { method: string; path: string };
      let part = 0;
      const path = route.path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(parts[part++] ?? 'x') || 'x');
      const search = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
      const response = await door.app.inject({
        method: route.method as 'GET',
        url: `${path}${search === '' ? '' : `?${search}`}`,
        headers: { authorization: token, ...(body === undefined ? {} : { 'content-type': type }) },
        ...(body === undefined || route.method === 'GET' ? {} : { payload: body }),
      });
      const what = `${route.method} ${path}?${search} ${body}: ${response.payload.slice(0, 500)}`;
      expect(response.statusCode, what).toBeLessThan(500);
      if (response.statusCode < 400) return;
      expect(response.headers['content-type'], what).toContain('application/problem+json');
      const problem = response.json();
      expect(Object.keys(PROBLEMS), what).toContain(problem.code);
      expect(problem.status, what).toBe(response.statusCode);
    }),
    { numRuns },
  );
}
