import { join } from 'node:path';
import { z } from 'zod';
import { ID_PATTERN, idSchema } from '../contract/reading.ts';
import { LockedFile } from './accounts/locked-file.ts';
import {
  generatePassword,
  generateSecret,
  isGenerated,
  matches,
  passwordFault,
  sha256,
  storeChosen,
  storeGenerated,
} from './accounts/secrets.ts';

export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];
export type CredentialKind = 'edge' | 'device';

/** Who may sign in to the API and the dashboards. */
export interface Account {
  readonly name: string;
  readonly role: Role;
  /** The generated first administrator, not replaced yet. */
  readonly mustChange?: boolean;
  /** UTC ms; sessions opened earlier with the password before are over. */
  readonly passwordSetAt?: number;
}

/** Who may connect to the broker; the id is the edge's or device's. */
export interface Credential {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly createdAt: string;
}

export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAt: string;
}

export class AccountError extends Error {
  readonly code: 'username-taken' | 'username-invalid' | 'username-unknown' | 'password-weak' | 'last-admin';
  constructor(code: AccountError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Users, API tokens and MQTT credentials, in `users.json` and `credentials.json` of the data folder.
 * The command line changes them beside a running gateway, which sees what is added at once, what is taken away within a
 * second.
 */
export interface Accounts {
  find(name: string): Account | undefined;
  /** The same work whether the name is known or not. @throws SecretsBusyError */
  verify(name: string, password: string): Promise<Account | undefined>;
  verifyToken(token: string): Promise<Account | undefined>;
  /** Is there still a token of this name? */
  hasToken(name: string): boolean;
  /**
   * Makes the first administrator when there is no user yet.
   * @param password - from HANFENG_ADMIN_PASSWORD; without it one is generated, and must be changed
   * @returns name and generated password, once; undefined when there was a user or the password was given
   */
  ensureFirstAdmin(password: string | undefined): Promise<{ name: string; password: string } | undefined>;
  /** Replaces the generated administrator's name and password. @throws AccountError */
  replaceFirst(current: string, next: { readonly name: string; readonly password: string }): Promise<Account>;
  /** @throws AccountError */
  addUser(user: { readonly name: string; readonly role: Role; readonly password: string }): Promise<Account>;
  /** @throws AccountError */
  setPassword(name: string, password: string): Promise<void>;
  /** @throws AccountError */
  removeUser(name: string): Promise<void>;
  listUsers(): Promise<readonly Account[]>;
  /** @returns the token itself, which is not kept */
  addToken(token: { readonly name: string; readonly role: Role }): Promise<ApiToken & { readonly token: string }>;
  listTokens(): Promise<readonly ApiToken[]>;
  /** @param token - id or name; all tokens of that name go */
  removeToken(token: string): Promise<boolean>;
  /**
   * Makes or replaces an MQTT credential.
   * @param password - chosen by a person; without it a secret is generated
   * @returns the secret itself, which is not kept
   * @throws AccountError
   */
  addCredential(kind: CredentialKind, id: string, password?: string): Promise<{ readonly secret: string }>;
  listCredentials(): Promise<readonly Credential[]>;
  removeCredential(id: string): Promise<boolean>;
  /** The same work whether the id is known or not. @throws SecretsBusyError */
  verifyCredential(id: string, password: string): Promise<Credential | undefined>;
  /** Told the ids whose credential is gone or another one: their connections must end. */
  onRevoked(listener: (ids: readonly string[]) => void): () => void;
  /** Looks at the files now instead of within a second. */
  refresh(): Promise<void>;
}

const REFRESH_EVERY_MS = 1000;
const USERS_MAX = 10_000;
const CREDENTIALS_MAX = 200_000;
const FIRST_ADMIN = 'admin';

const userSchema = z.object({
  name: idSchema,
  role: z.enum(ROLES),
  secret: z.string(),
  mustChange: z.boolean().optional(),
  createdAt: z.string(),
  passwordSetAt: z.number().optional(),
});
const tokenSchema = z.object({
  id: idSchema,
  name: z.string().max(100),
  role: z.enum(ROLES),
  secret: z.string(),
  createdAt: z.string(),
});
const usersSchema = z.object({
  users: z.array(userSchema).max(USERS_MAX),
  tokens: z.array(tokenSchema).max(USERS_MAX).default([]),
});
const credentialSchema = z.object({
  id: idSchema,
  kind: z.enum(['edge', 'device']),
  secret: z.string(),
  createdAt: z.string(),
});
const credentialsSchema = z.object({ credentials: z.array(credentialSchema).max(CREDENTIALS_MAX) });
type StoredUser = z.infer<typeof userSchema>;
type StoredCredential = z.infer<typeof credentialSchema>;

/**
 * Opens the accounts of a data folder.
 *
 * @param now - wall clock, UTC ms
 * @param onDamaged - told when a file can't be read any more; what was read before stays valid
 * @throws when a file is there at the start but is not what it should be
 */
export async function openAccounts(
  dataDir: string,
  now: () => number,
  onDamaged: (error: Error) => void = () => undefined,
): Promise<Accounts> {
  const users = new LockedFile(join(dataDir, 'users.json'), usersSchema, { users: [], tokens: [] });
  const credentials = new LockedFile(join(dataDir, 'credentials.json'), credentialsSchema, { credentials: [] });
  let byId = new Map<string, StoredCredential>();
  const listeners = new Set<(ids: readonly string[]) => void>();
  let checkedAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;

  /** Rebuilds the index after the credentials changed, and says whose are gone. */
  const reindex = () => {
    const before = byId;
    byId = new Map(credentials.current.credentials.map((credential) => [credential.id, credential]));
    const revoked = [...before.values()]
      .filter(({ id, secret }) => byId.get(id)?.secret !== secret)
      .map(({ id }) => id);
    if (revoked.length > 0) for (const listener of listeners) listener(revoked);
  };
  /** How often what other processes wrote was taken in. */
  let takenIn = 0;
  const refresh = async () => {
    checkedAt = now();
    if (await users.refresh()) takenIn++;
    if (!(await credentials.refresh())) return;
    takenIn++;
    reindex();
  };
  /** One look at the files for all callers of the same second; a clock that was set back does not count. */
  const refreshWhenOld = async () => {
    const ageMs = now() - checkedAt;
    if (ageMs >= 0 && ageMs < REFRESH_EVERY_MS) return checking;
    checking = refresh().catch((error: Error) => onDamaged(error));
    await checking;
  };
  /** Looks a second time when it finds nothing and the files changed since: another process may have just added it. */
  const lookUp = async <T>(look: () => Promise<T | undefined>): Promise<T | undefined> => {
    await refreshWhenOld();
    const before = takenIn;
    const found = await look();
    if (found !== undefined) return found;
    await refresh().catch(() => undefined);
    return takenIn === before ? undefined : look();
  };
  const stamp = () => new Date(now()).toISOString();
  const userNamed = (name: string) => users.current.users.find((user) => user.name === name);
  const changeUser = (name: string, edit: (user: StoredUser, all: readonly StoredUser[]) => StoredUser | undefined) =>
    users.change((current) => {
      const user = current.users.find((one) => one.name === name);
      if (user === undefined) throw new AccountError('username-unknown', `there is no user ${name}`);
      const edited = edit(user, current.users);
      const next = current.users.flatMap((one) => (one !== user ? [one] : edited === undefined ? [] : [edited]));
      if (!next.some(({ role }) => role === 'admin'))
        throw new AccountError('last-admin', `${name} is the last administrator`);
      return { next: { ...current, users: next }, result: edited };
    });

  await refresh();
  return {
    find: (name) => publicUser(userNamed(name)),

    verify: (name, password) =>
      lookUp(async () => {
        const user = userNamed(name);
        return (await matches(password, user?.secret)) ? publicUser(user) : undefined;
      }),

    async verifyToken(token) {
      if (!isGenerated(token)) return undefined;
      const secret = storeGenerated(token);
      return lookUp(async () => {
        // Looked up by its hash: how long that takes says nothing about the token.
        const found = users.current.tokens.find((one) => one.secret === secret);
        return found === undefined ? undefined : { name: found.name, role: found.role };
      });
    },

    async ensureFirstAdmin(password) {
      await users.refresh();
      if (users.current.users.length > 0) return undefined;
      if (password !== undefined) checkPassword(password);
      const chosen = password ?? generatePassword();
      const secret = await storeChosen(chosen);
      const made = await users.change((current) => {
        if (current.users.length > 0) return { next: current, result: false };
        const user: StoredUser = { name: FIRST_ADMIN, role: 'admin', secret, createdAt: stamp() };
        const first = password === undefined ? { ...user, mustChange: true } : user;
        return { next: { ...current, users: [first] }, result: true };
      });
      return made && password === undefined ? { name: FIRST_ADMIN, password: chosen } : undefined;
    },

    async replaceFirst(current, { name, password }) {
      checkName(name);
      checkPassword(password);
      const secret = await storeChosen(password);
      const replaced = await changeUser(current, (user, all) => {
        if (user.mustChange !== true)
          throw new AccountError('username-taken', `${current} is not the generated administrator any more`);
        if (name !== current && all.some((one) => one.name === name))
          throw new AccountError('username-taken', `there is a user ${name} already`);
        return { name, role: user.role, secret, createdAt: user.createdAt, passwordSetAt: now() };
      });
      return publicUser(replaced) as Account;
    },

    async addUser({ name, role, password }) {
      checkName(name);
      checkPassword(password);
      const secret = await storeChosen(password);
      return users.change((current) => {
        if (current.users.some((user) => user.name === name))
          throw new AccountError('username-taken', `there is a user ${name} already`);
        const next = { ...current, users: [...current.users, { name, role, secret, createdAt: stamp() }] };
        return { next, result: { name, role } };
      });
    },

    async setPassword(name, password) {
      checkPassword(password);
      const secret = await storeChosen(password);
      await changeUser(name, ({ mustChange: _, ...user }) => ({ ...user, secret, passwordSetAt: now() }));
    },

    async removeUser(name) {
      await changeUser(name, () => undefined);
    },

    async listUsers() {
      await users.refresh();
      return users.current.users.map((user) => publicUser(user) as Account);
    },

    async addToken({ name, role }) {
      const token = generateSecret('hft');
      const id = sha256(token).toString('hex').slice(0, 12);
      const made: ApiToken = { id, name, role, createdAt: stamp() };
      await users.change((current) => {
        const tokens = [...current.tokens, { ...made, secret: storeGenerated(token) }];
        return { next: { ...current, tokens }, result: undefined };
      });
      return { ...made, token };
    },

    hasToken: (name) => users.current.tokens.some((token) => token.name === name),

    async listTokens() {
      await users.refresh();
      return users.current.tokens.map(({ secret: _, ...token }) => token);
    },

    removeToken: (token) =>
      users.change((current) => {
        const tokens = current.tokens.filter(({ id, name }) => id !== token && name !== token);
        return { next: { ...current, tokens }, result: tokens.length < current.tokens.length };
      }),

    async addCredential(kind, id, password) {
      checkName(id);
      if (password !== undefined) checkPassword(password);
      const shown = password ?? generateSecret('hfs');
      const secret = password === undefined ? storeGenerated(shown) : await storeChosen(password);
      await credentials.change((current) => {
        const others = current.credentials.filter((credential) => credential.id !== id);
        return { next: { credentials: [...others, { id, kind, secret, createdAt: stamp() }] }, result: undefined };
      });
      reindex();
      return { secret: shown };
    },

    async listCredentials() {
      if (await credentials.refresh()) reindex();
      return credentials.current.credentials.map(publicCredential);
    },

    async removeCredential(id) {
      const removed = await credentials.change((current) => {
        const left = current.credentials.filter((credential) => credential.id !== id);
        return { next: { credentials: left }, result: left.length < current.credentials.length };
      });
      reindex();
      return removed;
    },

    verifyCredential: (id, password) =>
      lookUp(async () => {
        const credential = byId.get(id);
        return (await matches(password, credential?.secret)) && credential !== undefined
          ? publicCredential(credential)
          : undefined;
      }),

    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    refresh: refreshWhenOld,
  };
}

function publicUser(user: StoredUser | undefined): Account | undefined {
  if (user === undefined) return undefined;
  const { name, role, mustChange, passwordSetAt } = user;
  return {
    name,
    role,
    ...(mustChange === true ? { mustChange } : {}),
    ...(passwordSetAt === undefined ? {} : { passwordSetAt }),
  };
}

function publicCredential({ id, kind, createdAt }: StoredCredential): Credential {
  return { id, kind, createdAt };
}

function checkName(name: string): void {
  if (!ID_PATTERN.test(name)) throw new AccountError('username-invalid', 'a name is 1-64 of A-Z a-z 0-9 . _ -');
}

function checkPassword(password: string): void {
  const fault = passwordFault(password);
  if (fault !== undefined) throw new AccountError('password-weak', `password: ${fault}`);
}
