import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from './problem.ts';
import { IDLE_MAX_MS, type Session, type Sessions } from './sessions.ts';

export type Role = 'viewer' | 'operator' | 'admin';

/** Who may use a route. Every route says it; one that does not fails at start. `metrics` = a viewer, or the metrics token. */
export type Access = 'public' | Role | 'metrics';

/** A person or program with an account. */
export interface Account {
  readonly name: string;
  readonly role: Role;
  /** The generated administrator, until somebody chose a name and a password. */
  readonly mustChange?: boolean;
  /** Sessions from before are over. */
  readonly passwordSetAt?: number;
}

/** What we need of the accounts (gateway/accounts.ts). */
export interface Accounts {
  find(name: string): Account | undefined;
  /** Takes as long for a name nobody has. */
  verify(name: string, password: string): Promise<Account | undefined>;
  verifyToken(token: string): Account | undefined | Promise<Account | undefined>;
  /** Is there still a token of this name? */
  hasToken(name: string): boolean;
  /** Gives the generated administrator a name and password. @throws an error with code username-taken, username-invalid or password-weak */
  replaceFirst(current: string, next: { readonly name: string; readonly password: string }): Promise<Account>;
  /** @throws an error with code password-weak */
  setPassword(name: string, password: string): Promise<void>;
}

/** Who asks, and how we know. */
export interface Identity {
  readonly name: string;
  readonly role: Role;
  readonly mustChange: boolean;
  /** Key of the browser's session; absent for a token. */
  readonly session?: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** The path as the documentation writes it. */
    path?: string;
  }
  interface FastifyRequest {
    identity: Identity | null;
  }
}

export const COOKIE = 'hanfeng_session';
/** Collectors of version 1 can only send a name and a password: the token is the password, the name says nothing. */
const COLLECTOR_PATHS: ReadonlySet<string> = new Set(['/write', '/query', '/api/v2/write']);
const RANK: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 };
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface AuthOptions {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  /** Where people reach us, when a proxy stands before us. */
  readonly publicUrl: string | undefined;
  readonly metricsToken: string | undefined;
}

/** The one gate before every route: who is it, may they, does the request come from our own page. */
export function guard(app: FastifyInstance, options: AuthOptions): void {
  app.decorateRequest('identity', null);

  app.addHook('onRoute', (route) => {
    if (route.config?.access === undefined || route.config.path === undefined)
      throw new Error(`route ${String(route.method)} ${route.url} does not say who may use it, or is not documented`);
  });

  app.addHook('onRequest', async (request, reply) => {
    // What is not there still asks for a login below /api: an address is nothing to find out by trying.
    const access = request.is404
      ? request.url.startsWith('/api/')
        ? 'viewer'
        : 'public'
      : request.routeOptions.config.access;
    if (access === undefined) throw new Problem('not-allowed', 'This route does not say who may use it.');
    const token = bearer(request);
    if (access === 'metrics' && token !== undefined && sameText(token, options.metricsToken)) return;
    if (!SAFE_METHODS.has(request.method) && token === undefined) checkOrigin(request, options.publicUrl);
    if (access === 'public') return;
    const identity = token === undefined ? bySession(request, options) : await byToken(token, options);
    if (identity === undefined) {
      reply.header('www-authenticate', 'Bearer');
      throw new Problem('not-signed-in', 'Sign in at POST /api/v1/session, or send a token.');
    }
    request.identity = identity;
    const wanted = access === 'metrics' ? 'viewer' : access;
    if (RANK[identity.role] < RANK[wanted])
      throw new Problem('not-allowed', `This needs the role ${wanted}; ${identity.name} is ${identity.role}.`);
  });
}

/** The identity of a session that is open, or undefined when it ended meanwhile. */
export function identityOf(session: Session | undefined, { accounts, sessions }: AuthOptions): Identity | undefined {
  if (session === undefined) return undefined;
  const account = accounts.find(session.username);
  // Not ended: at the first setup the account changes its name an instant before its session does.
  if (account === undefined) return undefined;
  if ((account.passwordSetAt ?? 0) > session.authenticatedAt) {
    void sessions.end(session.key);
    return undefined;
  }
  return {
    name: account.name,
    role: account.role,
    mustChange: account.mustChange === true,
    session: session.key,
  };
}

export function setSessionCookie(reply: FastifyReply, id: string, publicUrl: string | undefined): void {
  reply.setCookie(COOKIE, id, { ...cookieOptions(publicUrl), maxAge: IDLE_MAX_MS / 1000 });
}

export function clearSessionCookie(reply: FastifyReply, publicUrl: string | undefined): void {
  reply.clearCookie(COOKIE, cookieOptions(publicUrl));
}

function cookieOptions(publicUrl: string | undefined) {
  return {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: publicUrl?.startsWith('https:') === true,
  } as const;
}

function bySession(request: FastifyRequest, options: AuthOptions): Identity | undefined {
  const id = request.cookies[COOKIE];
  return id === undefined ? undefined : identityOf(options.sessions.use(id), options);
}

async function byToken(token: string, { accounts }: AuthOptions): Promise<Identity | undefined> {
  const account = await accounts.verifyToken(token);
  return account && { name: account.name, role: account.role, mustChange: account.mustChange === true };
}

function bearer(request: FastifyRequest): string | undefined {
  const { authorization = '' } = request.headers;
  // InfluxDB clients say `Token`, all others `Bearer`.
  const token = /^(?:Bearer|Token) +(\S+)$/i.exec(authorization)?.[1];
  if (token !== undefined || !COLLECTOR_PATHS.has(request.routeOptions.config.path ?? '')) return token;
  const basic = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1];
  return basic && (/^[^:]*:(\S+)$/.exec(Buffer.from(basic, 'base64').toString('utf8'))?.[1] || undefined);
}

/** A browser names the page a changing request comes from: it must be ours. Programs name none. */
function checkOrigin(request: FastifyRequest, publicUrl: string | undefined): void {
  const { origin } = request.headers;
  if (origin === undefined) {
    const site = request.headers['sec-fetch-site'];
    if (site === undefined || site === 'same-origin' || site === 'none') return;
    throw new Problem('origin-not-allowed', `Requests from another site (${String(site)}) may change nothing here.`);
  }
  const host = originHost(origin);
  if (publicUrl !== undefined && origin === new URL(publicUrl).origin) return;
  if (host !== undefined && host === request.headers.host) return;
  throw new Problem('origin-not-allowed', `${origin.slice(0, 100)} is not where this gateway is reached.`);
}

function originHost(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

function sameText(given: string, expected: string | undefined): boolean {
  if (expected === undefined) return false;
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}
