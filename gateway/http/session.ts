import { z } from 'zod';
import { clearSessionCookie, type Identity, setSessionCookie } from './auth.ts';
import type { LoginLimit } from './login-limit.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';
import { settingsSchema } from './settings.ts';

const nameSchema = z.string().min(1).max(64);
const passwordSchema = z.string().min(1).max(1024);

const factsSchema = z.object({
  username: z.string(),
  role: z.enum(['viewer', 'operator', 'admin']),
  firstRun: z.boolean().meta({ description: 'the generated administrator has not been replaced yet: show the setup' }),
  site: z.object({ id: z.string(), name: z.string(), nameZh: z.string().optional(), timezone: z.string() }),
  settings: settingsSchema.pick({ language: true, pressureUnit: true }),
  version: z.string(),
});

export function sessionRoutes(door: Door, limit: LoginLimit): readonly Route[] {
  const { accounts, sessions, settings, ingest, now, site, version, config } = door;
  const logins = door.metrics.counters('hanfeng_logins_total', 'Passwords checked, by outcome.', ['outcome']);

  const facts = ({ name, role, mustChange }: Pick<Identity, 'name' | 'role' | 'mustChange'>) => {
    const { language, pressureUnit, timezone } = settings.get();
    const { id, name: siteName, nameZh } = site;
    return {
      username: name,
      role,
      firstRun: mustChange,
      site: { id, name: siteName, ...(nameZh === undefined ? {} : { nameZh }), timezone },
      settings: { language, pressureUnit },
      version,
    };
  };
  const audit = (who: string, what: string, target: string, detail?: string) =>
    ingest.audit({ at: now(), who, what, target, ...(detail === undefined ? {} : { detail }) });

  /** Checks a password, counted against the limit. */
  const verify = async (name: string, password: string, address: string, wrong: Problem) => {
    const waitMs = limit.waitMs(name, address, now());
    if (waitMs > 0) {
      logins.with('limited').value++;
      throw new Problem('login-limited', `Try again in ${Math.ceil(waitMs / 1000)} s.`, {
        headers: { 'retry-after': String(Math.ceil(waitMs / 1000)) },
      });
    }
    limit.tried(name, address, now());
    const account = await accounts.verify(name, password);
    logins.with(account === undefined ? 'wrong' : 'right').value++;
    if (account === undefined) throw wrong;
    limit.succeeded(name, address);
    return account;
  };

  return [
    route({
      method: 'POST',
      path: '/api/v1/session',
      access: 'public',
      tag: 'session',
      summary: 'Sign in; the answer sets the session cookie',
      body: z.strictObject({ username: nameSchema, password: passwordSchema }),
      answer: factsSchema,
      async handle({ body, request, reply }) {
        const wrong = new Problem('login-failed', 'User name or password is wrong.');
        const account = await verify(body.username, body.password, request.ip, wrong);
        const id = await sessions.create(account.name);
        setSessionCookie(reply, id, config.publicUrl);
        await audit(account.name, 'sign-in', account.name, request.ip);
        return facts({ ...account, mustChange: account.mustChange === true });
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/session',
      access: 'viewer',
      tag: 'session',
      summary: 'Who is signed in, and what the page needs to know of the site',
      answer: factsSchema,
      handle: ({ identity }) => facts(identity as Identity),
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/session',
      access: 'viewer',
      tag: 'session',
      summary: 'Sign out; open streams of the session end',
      status: 204,
      async handle({ identity, reply }) {
        const { session, name } = identity as Identity;
        if (session !== undefined) {
          await sessions.end(session);
          await audit(name, 'sign-out', name);
        }
        clearSessionCookie(reply, config.publicUrl);
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/session/password',
      access: 'viewer',
      tag: 'session',
      summary: 'Change the own password; all other sessions of this person end',
      body: z.strictObject({ current: passwordSchema, next: passwordSchema }),
      status: 204,
      async handle({ identity, body, request }) {
        const { name, session } = identity as Identity;
        const wrong = new Problem('password-wrong', 'The current password is wrong.');
        await verify(name, body.current, request.ip, wrong);
        await accounts.setPassword(name, body.next);
        if (session !== undefined) await sessions.renew(session, name);
        await sessions.endOthers(name, session);
        await audit(name, 'change-password', name);
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/setup',
      access: 'admin',
      tag: 'session',
      summary: 'First run: replace the generated administrator and choose how the screens speak; once',
      body: settingsSchema.extend({ username: nameSchema, password: passwordSchema }),
      answer: factsSchema,
      async handle({ identity, body }) {
        const { name, session, mustChange } = identity as Identity;
        if (!mustChange) throw new Problem('setup-done', 'The generated administrator was replaced already.');
        const { username, password, ...chosen } = body;
        const account = await accounts.replaceFirst(name, { name: username, password });
        await settings.set(chosen);
        if (session !== undefined) await sessions.renew(session, account.name);
        await sessions.endOthers(name, session);
        await audit(account.name, 'setup', site.id);
        return facts({ name: account.name, role: account.role, mustChange: false });
      },
    }),
  ];
}
