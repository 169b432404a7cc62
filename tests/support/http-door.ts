import { pino } from 'pino';
import type { HttpOptions } from '../../gateway/http/ports.ts';
import { createHttpServer } from '../../gateway/http/server.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { type FakeGateway, fakeGateway } from './fakes-gateway.ts';

export const NOON = Date.parse('2026-11-23T12:00:00Z');

export interface TestDoor {
  readonly app: Awaited<ReturnType<typeof createHttpServer>>;
  readonly gateway: FakeGateway;
  /** Moves the door's clock. */
  readonly clock: { now: number };
  /** Cookie header of a signed-in person. */
  signIn(username?: string, password?: string): Promise<string>;
  get(url: string, cookie?: string): Promise<Answer>;
  post(url: string, body?: unknown, cookie?: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The HTTP door on fakes, with an administrator, an operator and a viewer; answers are checked against their schemas. */
export async function testDoor(more: Partial<HttpOptions> = {}): Promise<TestDoor> {
  const clock = { now: NOON };
  const now = () => clock.now;
  const gateway = fakeGateway(now);
  gateway.users.set('ada', { name: 'ada', role: 'admin', password: 'ada-password' });
  gateway.users.set('olga', { name: 'olga', role: 'operator', password: 'olga-password' });
  gateway.users.set('vera', { name: 'vera', role: 'viewer', password: 'vera-password' });
  gateway.tokens.set('token-of-olga', 'olga');
  const app = await createHttpServer({
    config: {},
    ingest: gateway.ingest,
    store: gateway.store,
    registry: gateway.registry,
    accounts: gateway.accounts,
    metrics: createMetrics(),
    site: { id: 'demo', name: 'Demo district', timezone: 'Asia/Shanghai' },
    version: '0.0.0-test',
    now,
    log: pino({ level: 'silent' }),
    strictAnswers: true,
    ...more,
  });
  const answer = (response: {
    statusCode: number;
    payload: string;
    headers: Readonly<Record<string, unknown>>;
  }): Answer => {
    const json = String(response.headers['content-type'] ?? '').includes('json');
    return {
      status: response.statusCode,
      body: json ? JSON.parse(response.payload) : response.payload,
      headers: response.headers,
    };
  };
  return {
    app,
    gateway,
    clock,
    async signIn(username = 'ada', password = `${username}-password`) {
      const response = await app.inject({ method: 'POST', url: '/api/v1/session', payload: { username, password } });
      const [cookie] = response.cookies;
      if (cookie === undefined) throw new Error(`sign-in answered ${response.statusCode}: ${response.payload}`);
      return `${cookie.name}=${cookie.value}`;
    },
    async get(url, cookie) {
      return answer(await app.inject({ method: 'GET', url, ...(cookie === undefined ? {} : { headers: { cookie } }) }));
    },
    async post(url, body, cookie, headers = {}) {
      return answer(
        await app.inject({
          method: 'POST',
          url,
          headers: { ...headers, ...(cookie === undefined ? {} : { cookie }) },
          ...(body === undefined ? {} : { payload: body as object }),
        }),
      );
    },
  };
}
