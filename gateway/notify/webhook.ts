import { createHmac } from 'node:crypto';
import { type Dispatcher, request } from 'undici';
import { type Channel, ChannelError, type Message, type Receipt } from './channel.ts';
import type { Outgoing } from './outgoing.ts';

export interface WebhookOptions {
  readonly name: string;
  readonly url: string;
  /** Signs every request; without it requests go out unsigned. */
  readonly secret?: string | undefined;
  readonly outgoing: Outgoing;
  /** UTC ms. */
  readonly now: () => number;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** How much of an answer we read, and keep. */
const ANSWER_BYTES_MAX = 64 * 1024;
const ANSWER_SHOWN = 500;

/**
 * POSTs messages as JSON. Signed like Grafana's webhook with its timestamp always on, so that a caught request can't
 * be sent again later: `X-Hanfeng-Signature` = hex(HMAC-SHA256(secret, `<unix seconds>:<body>`)),
 * `X-Hanfeng-Timestamp` = the same seconds. `Idempotency-Key` is the message's id: the same in every retry.
 */
export function webhook({ name, url, secret, outgoing, now, timeoutMs = TIMEOUT_MS }: WebhookOptions): Channel {
  const target = new URL(url);
  return {
    name,
    async send(message, signal) {
      outgoing.check(target);
      const body = JSON.stringify(bodyOf(message));
      const headers: Record<string, string> = {
        'content-type': 'application/json',
        'user-agent': 'hanfeng',
        'idempotency-key': message.id,
        ...(secret === undefined ? {} : sign(secret, Math.floor(now() / 1000), body)),
      };
      const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const response = await post(target, headers, body, outgoing.dispatcher, ending);
      const answer = await readAnswer(response.body, ending);
      return judge(response, answer, now());
    },
  };
}

/** The headers that prove who sent this and when. */
export function sign(secret: string, unixSeconds: number, body: string): Record<string, string> {
  const signature = createHmac('sha256', secret).update(`${unixSeconds}:${body}`).digest('hex');
  return { 'x-hanfeng-timestamp': String(unixSeconds), 'x-hanfeng-signature': signature };
}

function bodyOf({ id, title, text, link, body }: Message): unknown {
  return { version: '1', id, title, text, ...(link === undefined ? {} : { link }), ...(body as object) };
}

async function post(
  url: URL,
  headers: Record<string, string>,
  body: string,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  try {
    return await request(url, { method: 'POST', headers, body, dispatcher, signal });
  } catch (error) {
    throw asChannelError(error);
  }
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
  return Buffer.concat(chunks).toString('utf8').slice(0, ANSWER_SHOWN);
}

/** 408, 425, 429 and 5xx may work later; anything else but 2xx will not, and a redirect is not followed. */
function judge({ statusCode, headers }: Dispatcher.ResponseData, answer: string, now: number): Receipt {
  if (statusCode >= 200 && statusCode < 300)
    return { answer: `${statusCode} ${answer}`.trimEnd().slice(0, ANSWER_SHOWN) };
  const retryable = statusCode >= 500 || [408, 425, 429].includes(statusCode);
  const retryAfterMs = retryable ? readRetryAfter(headers['retry-after'], now) : undefined;
  throw new ChannelError(`answered ${statusCode} ${answer}`.slice(0, ANSWER_SHOWN), {
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
export function readRetryAfter(value: string | readonly string[] | undefined, now: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  const afterMs = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(afterMs) && afterMs > 0 ? afterMs : undefined;
}
