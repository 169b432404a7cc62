import { createHash, createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/**
 * A secret as it is stored: `scrypt$<N>$<r>$<p>$<salt>$<hash>` for what a person chose,
 * `sha256$<hash>` for what we generated (192 bits: guessing is hopeless, so no slow hash, so 10,000 clients can come back at once).
 */
export type StoredSecret = string;

/** RFC 7914; N = 2^15, r = 8 takes 32 MiB and some 80 ms of a core. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1 } as const;
/** Parameters we accept from a file: a hand-edited N must not eat the machine. */
const SCRYPT_N_MAX = 2 ** 17;
/** scrypt runs at once, and callers waiting for their turn; beyond that we say busy rather than queue for minutes. */
const SCRYPT_RUNNING_MAX = 2;
const SCRYPT_WAITING_MAX = 64;
/** People choose at least this many characters. */
export const PASSWORD_LENGTH_MIN = 12;
const PASSWORD_LENGTH_MAX = 1024;

const GENERATED = /^hf[st]_[A-Za-z0-9_-]{32}$/;

/** Too many passwords are being checked at this moment; trying again helps. */
export class SecretsBusyError extends Error {
  readonly code = 'accounts-busy';
  readonly retryable = true;
  constructor() {
    super(`more than ${SCRYPT_WAITING_MAX} passwords wait to be checked`);
  }
}

/** 192 random bits; `hfs_` for MQTT secrets, `hft_` for API tokens. */
export function generateSecret(prefix: 'hfs' | 'hft'): string {
  return `${prefix}_${randomBytes(24).toString('base64url')}`;
}

/** A password for a person to type once: 4 x 5 letters and digits without look-alikes, 98 bits. */
export function generatePassword(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789';
  const groups: string[] = [];
  for (let group = 0; group < 4; group++) {
    let text = '';
    while (text.length < 5) {
      const byte = randomBytes(1)[0] as number;
      // 248 = 8 x 31: above it the remainder would favour the first letters.
      if (byte < 248) text += letters[byte % letters.length];
    }
    groups.push(text);
  }
  return groups.join('-');
}

export function isGenerated(secret: string): boolean {
  return GENERATED.test(secret);
}

/** undefined when the password may be used, otherwise what is wrong with it. */
export function passwordFault(password: string): string | undefined {
  if (password.length < PASSWORD_LENGTH_MIN) return `at least ${PASSWORD_LENGTH_MIN} characters`;
  if (password.length > PASSWORD_LENGTH_MAX) return `at most ${PASSWORD_LENGTH_MAX} characters`;
  if (new Set(password).size < 5) return 'at least 5 different characters';
  if (isGenerated(password)) return 'must not look like a generated secret';
  return undefined;
}

export function storeGenerated(secret: string): StoredSecret {
  return `sha256$${sha256(secret).toString('base64url')}`;
}

export async function storeChosen(password: string): Promise<StoredSecret> {
  const salt = randomBytes(16);
  const hash = await slowHash(password, salt, SCRYPT);
  return ['scrypt', SCRYPT.N, SCRYPT.r, SCRYPT.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/**
 * Compares in constant time. What work is done depends on what was presented, never on whether the name is known:
 * a generated-looking secret costs one SHA-256, anything else one scrypt.
 *
 * @param stored - undefined for an unknown name
 * @throws SecretsBusyError
 */
export async function matches(presented: string, stored: StoredSecret | undefined): Promise<boolean> {
  if (presented.length > PASSWORD_LENGTH_MAX) return false;
  if (isGenerated(presented)) {
    const wanted = stored?.startsWith('sha256$') ? Buffer.from(stored.slice(7), 'base64url') : Buffer.alloc(32);
    return equal(sha256(presented), wanted);
  }
  const parsed = parseScrypt(stored);
  const key = parsed === undefined ? undefined : presentedKey(presented, stored as string);
  if (key !== undefined && seen.has(key)) return true;
  const { parameters, salt, hash } = parsed ?? NOBODY;
  const right = equal(await slowHash(presented, salt, parameters), hash);
  if (right && key !== undefined) remember(key);
  return right;
}

/** Passwords that were right in this process, as a keyed hash: a fleet with chosen passwords can come back at once. */
const seen = new Set<string>();
const SEEN_MAX = 10_000;
const processKey = randomBytes(32);

function presentedKey(presented: string, stored: string): string {
  return createHmac('sha256', processKey).update(stored).update('\0').update(presented).digest('base64');
}

function remember(key: string): void {
  if (seen.size >= SEEN_MAX) seen.clear();
  seen.add(key);
}

interface Scrypt {
  readonly parameters: { readonly N: number; readonly r: number; readonly p: number };
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const NOBODY: Scrypt = { parameters: SCRYPT, salt: randomBytes(16), hash: randomBytes(32) };

function parseScrypt(stored: StoredSecret | undefined): Scrypt | undefined {
  const [scheme, N, r, p, salt, hash] = stored?.split('$') ?? [];
  if (scheme !== 'scrypt' || salt === undefined || hash === undefined) return undefined;
  const parameters = { N: Number(N), r: Number(r), p: Number(p) };
  if (!(parameters.N > 1 && parameters.N <= SCRYPT_N_MAX && parameters.r === 8 && parameters.p === 1)) return undefined;
  return { parameters, salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') };
}

let running = 0;
const waiting: (() => void)[] = [];

async function slowHash(password: string, salt: Buffer, parameters: Scrypt['parameters']): Promise<Buffer> {
  if (running >= SCRYPT_RUNNING_MAX) {
    if (waiting.length >= SCRYPT_WAITING_MAX) throw new SecretsBusyError();
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running += 1;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const maxmem = 256 * parameters.N * parameters.r;
      scrypt(password.normalize('NFC'), salt, 32, { ...parameters, maxmem }, (error, key) =>
        error === null ? resolve(key) : reject(error),
      );
    });
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
