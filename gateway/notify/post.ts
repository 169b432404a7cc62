import { type Dispatcher, request } from 'undici';
import { ChannelError } from './channel.ts';
import type { Outgoing } from './outgoing.ts';

export interface Post {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body: string;
  readonly timeoutMs: number;
  /** UTC ms, to read a `Retry-After` that is a date. */
  readonly now: number;
}

/** How much of an answer we read. */
const ANSWER_BYTES_MAX = 64 * 1024;
export const ANSWER_SHOWN = 500;

/**
 * POSTs JSON and reads the start of the answer. Redirects are not followed.
 *
 * @returns the answer to a 2xx
 * @throws ChannelError: 408, 425, 429, 5xx and anything on the way may work later; other answers and inner addresses not
 */
export async function postJson(
  { url, headers, body, timeoutMs, now }: Post,
  outgoing: Outgoing,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly answer: string }> {
  outgoing.check(url);
  const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const response = await request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'hanfeng', ...headers },
    body,
    dispatcher: outgoing.dispatcher,
    signal: ending,
  }).catch((error: unknown) => {
    throw asChannelError(error);
  });
  const answer = await readAnswer(response.body, ending);
  const status = response.statusCode;
  if (status >= 200 && status < 300) return { status, answer };
  const retryable = status >= 500 || [408, 425, 429].includes(status);
  const retryAfterMs = retryable ? readRetryAfter(response.headers['retry-after'], now) : undefined;
  throw new ChannelError(`answered ${status} ${answer}`.slice(0, ANSWER_SHOWN), {
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** Nothing came back: our own refusal stays what it is, anything else may work later. */
function asChannelError(error: unknown): ChannelError {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof ChannelError) return cause;
  const { message, name } = error as Error;
  return new ChannelError(name === 'TimeoutError' ? 'no answer in time' : message, { retryable: true, cause: error });
}

async function readAnswer(body: Dispatcher.ResponseData['body'], signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length >= ANSWER_BYTES_MAX) break;
    }
  } catch (error) {
    // The status has come: what the answer says is only for the log.
    if (!signal.aborted) throw asChannelError(error);
  } finally {
    body.destroy();
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
export function readRetryAfter(value: string | readonly string[] | undefined, now: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  const afterMs = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(afterMs) && afterMs > 0 ? afterMs : undefined;
}
