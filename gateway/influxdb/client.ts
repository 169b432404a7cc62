import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Dispatcher, request } from 'undici';
import type { InfluxTarget } from './settings.ts';

/** What went wrong at InfluxDB, and what follows from it. */
export class InfluxError extends Error {
  /**
   * `influxdb-away`: nothing or no sense came back, later may be better. `influxdb-refused`: settings or rights are wrong there or here; it
   * is tried again, for somebody may mend them. `influxdb-rejected`: these lines can't be taken, the others of the request may be
   * stored.
   */
  readonly code: 'influxdb-away' | 'influxdb-refused' | 'influxdb-rejected';
  readonly retryAfterMs: number | undefined;
  constructor(code: InfluxError['code'], message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** One series of an answer; rows as columns say. */
export interface InfluxSeries {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly (string | number | boolean | null)[])[];
}

export interface InfluxClientOptions extends InfluxTarget {
  /** Where requests go through; guards inner addresses. */
  readonly dispatcher: Dispatcher;
  /** @throws when the URL itself names an inner address */
  readonly checkUrl: (url: URL) => void;
}

export const WRITE_TIMEOUT_MS = 30_000;
const QUERY_TIMEOUT_MS = 10_000;
/** Of an answer to a question; more is a question asked wrongly. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
const ERROR_SHOWN = 300;

const compress = promisify(gzip);
/** Lines are much alike: half the time of the usual level, a tenth more bytes. */
const GZIP_LEVEL = 2;

/** InfluxDB over HTTP: writes by `/write` (version 1) or `/api/v2/write` (2 and 3), reads InfluxQL by `/query` (all). */
export class InfluxClient {
  private readonly options: InfluxClientOptions;
  private readonly base: string;

  constructor(options: InfluxClientOptions) {
    this.options = options;
    this.base = options.url.replace(/\/+$/, '');
  }

  /** @param lines - line protocol, times in milliseconds, not changed until it is over. @throws InfluxError */
  async write(lines: string | Buffer, signal: AbortSignal): Promise<void> {
    const { bucket, org, database, retentionPolicy } = this.options;
    const url =
      bucket === undefined
        ? this.address('/write', { db: database, rp: retentionPolicy, precision: 'ms' })
        : this.address('/api/v2/write', { org, bucket, precision: 'ms' });
    const plain = typeof lines === 'string' ? Buffer.from(lines) : lines;
    const body = this.options.gzip ? await compress(plain, { level: GZIP_LEVEL }) : plain;
    await this.send(url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        ...(this.options.gzip ? { 'content-encoding': 'gzip' } : {}),
      },
      timeoutMs: WRITE_TIMEOUT_MS,
      signal,
    });
  }

  /**
   * Asks in InfluxQL; times come back as epoch milliseconds.
   *
   * @returns series of each statement
   * @throws InfluxError
   */
  async query(q: string, signal?: AbortSignal): Promise<readonly (readonly InfluxSeries[])[]> {
    const { database, retentionPolicy } = this.options;
    const url = this.address('/query', { db: database, rp: retentionPolicy, epoch: 'ms' });
    const text = await this.send(url, {
      method: 'POST',
      body: Buffer.from(new URLSearchParams({ q }).toString()),
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      timeoutMs: QUERY_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    const answer = parse(text) as
      | { readonly results?: readonly { readonly series?: readonly InfluxSeries[]; readonly error?: string }[] }
      | undefined;
    if (answer?.results === undefined)
      throw new InfluxError('influxdb-away', `${this.base} answers /query with something that is no InfluxDB answer`);
    for (const { error } of answer.results)
      if (error !== undefined)
        throw new InfluxError(/not found/.test(error) ? 'influxdb-refused' : 'influxdb-away', error);
    return answer.results.map(({ series }) => series ?? []);
  }

  /** Makes the database when it is missing and we may; it is there already in version 2 and 3. @throws InfluxError */
  async createDatabase(signal: AbortSignal): Promise<void> {
    await this.query(`CREATE DATABASE ${identifier(this.options.database)}`, signal);
  }

  private address(path: string, parameters: Readonly<Record<string, string | undefined>>): URL {
    const url = new URL(`${this.base}${path}`);
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
    return url;
  }

  private async send(
    url: URL,
    {
      timeoutMs,
      signal,
      headers,
      ...rest
    }: {
      readonly method: 'POST';
      readonly body: Buffer;
      readonly headers: Readonly<Record<string, string>>;
      readonly timeoutMs: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<string> {
    try {
      this.options.checkUrl(url);
    } catch (error) {
      throw new InfluxError('influxdb-refused', (error as Error).message, { cause: error });
    }
    const timeout = AbortSignal.timeout(timeoutMs);
    const ending = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    let status: number;
    let text: string;
    let retryAfter: string | string[] | undefined;
    try {
      const response = await request(url, {
        ...rest,
        headers: { ...headers, ...this.login(), 'user-agent': 'hanfeng' },
        dispatcher: this.options.dispatcher,
        signal: ending,
      });
      status = response.statusCode;
      retryAfter = response.headers['retry-after'];
      text = await textOf(response.body);
    } catch (error) {
      if (error instanceof InfluxError) throw error;
      throw new InfluxError('influxdb-away', `${this.base} does not answer: ${causeOf(error as Error)}`, {
        cause: error,
      });
    }
    if (status >= 200 && status < 300) return text;
    throw this.failure(status, text, retryAfter);
  }

  private login(): Record<string, string> {
    const { token, username, password } = this.options;
    if (token !== undefined) return { authorization: `Token ${token}` };
    if (username === undefined) return {};
    return { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` };
  }

  private failure(status: number, text: string, retryAfter: string | string[] | undefined): InfluxError {
    const body = parse(text) as { readonly error?: unknown; readonly message?: unknown } | undefined;
    const said = String(body?.error ?? body?.message ?? text)
      .trim()
      .slice(0, ERROR_SHOWN);
    const what = `${this.base} answers ${status}${said === '' ? '' : `: ${said}`}`;
    if (status === 401 || status === 403) {
      const login = this.options.token === undefined ? 'user and password' : 'the token';
      return new InfluxError('influxdb-refused', `${what}; check ${login} under history.influxdb`);
    }
    if (status === 404)
      return new InfluxError('influxdb-refused', `${what}; check url, database and bucket under history.influxdb`);
    if (status === 400 || status === 422) {
      if (/retention policy not found|database not found|database is required/i.test(said))
        return new InfluxError(
          'influxdb-refused',
          `${what}; check database and retentionPolicy under history.influxdb`,
        );
      return new InfluxError('influxdb-rejected', said);
    }
    if (status === 413) return new InfluxError('influxdb-rejected', what);
    if (status < 500 && status !== 408 && status !== 425 && status !== 429)
      return new InfluxError('influxdb-refused', what);
    const seconds = Number(retryAfter);
    return new InfluxError(
      'influxdb-away',
      what,
      Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1000 } : {},
    );
  }
}

/** A name in InfluxQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/** A text in InfluxQL. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function causeOf(error: Error): string {
  if (error.name === 'TimeoutError') return 'no answer in time';
  const cause = error.cause instanceof Error ? error.cause : error;
  return cause.message === '' ? ((cause as NodeJS.ErrnoException).code ?? cause.name) : cause.message;
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) throw new InfluxError('influxdb-away', 'the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
