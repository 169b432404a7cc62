import { createHmac } from 'node:crypto';
import type { Channel, Message } from './channel.ts';
import type { Outgoing } from './outgoing.ts';
import { ANSWER_SHOWN, postJson } from './post.ts';

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

export const TIMEOUT_MS = 10_000;

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
      const body = JSON.stringify(bodyOf(message));
      const headers: Record<string, string> = {
        'idempotency-key': message.id,
        ...(secret === undefined ? {} : sign(secret, Math.floor(now() / 1000), body)),
      };
      const { status, answer } = await postJson(
        { url: target, headers, body, timeoutMs, now: now() },
        outgoing,
        signal,
      );
      return { answer: `${status} ${answer}`.trimEnd().slice(0, ANSWER_SHOWN) };
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
