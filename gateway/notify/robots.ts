import { createHmac } from 'node:crypto';
import { type Channel, ChannelError, type Message, type PaceLimit } from './channel.ts';
import type { Outgoing } from './outgoing.ts';
import { ANSWER_SHOWN, postJson } from './post.ts';
import { TIMEOUT_MS } from './webhook.ts';

/** A group robot of a chat platform: its address, as the platform shows it, is its password. */
export interface RobotOptions {
  readonly name: string;
  readonly url: string;
  /** For platforms that sign. */
  readonly secret?: string | undefined;
  /** Telephone numbers to mention for a new priority 1 alarm, where the platform can. */
  readonly mention?: readonly string[] | undefined;
  readonly outgoing: Outgoing;
  /** UTC ms. */
  readonly now: () => number;
  readonly timeoutMs?: number;
}

/** What differs between the platforms. All of them answer 200 with an error code inside. */
interface Platform {
  readonly pace: readonly PaceLimit[];
  request(message: Message, options: RobotOptions): { readonly url: URL; readonly body: unknown };
  /** 0 is success; undefined: no answer of this platform. */
  code(answer: Readonly<Record<string, unknown>>): number | undefined;
  /** Codes that say "too fast", with how long the platform then stays closed. */
  readonly tooFast: ReadonlyMap<number, number>;
}

const MINUTE_MS = 60_000;

/**
 * Feishu/Lark custom bot: 100 messages a minute and 5 a second, body at most 20 KB. We stay a little below.
 * Signature: base64(HMAC-SHA256(key = `<seconds>\n<secret>`, message = empty)).
 */
const FEISHU: Platform = {
  pace: [
    { messages: 90, perMs: MINUTE_MS },
    { messages: 4, perMs: 1000 },
  ],
  request(message, { url, secret, now }) {
    const seconds = String(Math.floor(now() / 1000));
    const link = message.link;
    const button = { tag: 'button', type: 'primary', text: plainText('Open / 打开'), url: link };
    const card = {
      config: { wide_screen_mode: true },
      header: { title: plainText(message.title), template: colour(message) },
      // Plain text: names of devices must not become markup or mentions.
      elements: [
        { tag: 'div', text: plainText(cutBytes(message.text, 8000)) },
        ...(link === undefined ? [] : [{ tag: 'action', actions: [button] }]),
      ],
    };
    const signed = secret === undefined ? {} : { timestamp: seconds, sign: signFeishu(secret, seconds) };
    return { url: new URL(url), body: { ...signed, msg_type: 'interactive', card } };
  },
  code: ({ code, StatusCode }) => number(code) ?? number(StatusCode),
  tooFast: new Map([
    [11232, MINUTE_MS],
    [9499, MINUTE_MS],
  ]),
};

/**
 * DingTalk robot: 20 messages a minute, then closed for ten minutes.
 * Signature: urlencode(base64(HMAC-SHA256(key = secret, message = `<milliseconds>\n<secret>`))).
 */
const DINGTALK: Platform = {
  pace: [{ messages: 18, perMs: MINUTE_MS }],
  request(message, { url, secret, mention, now }) {
    const target = new URL(url);
    if (secret !== undefined) {
      const milliseconds = String(now());
      target.searchParams.set('timestamp', milliseconds);
      target.searchParams.set('sign', signDingTalk(secret, milliseconds));
    }
    const mobiles = mentions(message, mention);
    const lines = [
      `### ${escapeMarkdown(message.title)}`,
      ...cutBytes(message.text, 8000).split('\n').map(escapeMarkdown),
      ...(message.link === undefined ? [] : [`[Open / 打开](${message.link})`]),
      // A number is called only when it stands in the text too.
      ...(mobiles.length === 0 ? [] : [mobiles.map((mobile) => `@${mobile}`).join(' ')]),
    ];
    return {
      url: target,
      body: {
        msgtype: 'markdown',
        markdown: { title: message.title, text: lines.join('\n\n') },
        at: { atMobiles: mobiles, isAtAll: false },
      },
    };
  },
  code: ({ errcode }) => number(errcode),
  tooFast: new Map([
    [130_101, 10 * MINUTE_MS],
    [410_100, 10 * MINUTE_MS],
  ]),
};

/** WeCom group robot: no signature, 20 messages a minute, text at most 2,048 bytes. */
const WECOM: Platform = {
  pace: [{ messages: 18, perMs: MINUTE_MS }],
  request(message, { url, mention }) {
    const end = message.link === undefined ? '' : `\n${message.link}`;
    const content = `${cutBytes(`${message.title}\n${message.text}`, 2048 - Buffer.byteLength(end))}${end}`;
    const body = { msgtype: 'text', text: { content, mentioned_mobile_list: mentions(message, mention) } };
    return { url: new URL(url), body };
  },
  code: ({ errcode }) => number(errcode),
  tooFast: new Map([[45_009, MINUTE_MS]]),
};

export const feishu = (options: RobotOptions): Channel => robot(FEISHU, options);
export const dingtalk = (options: RobotOptions): Channel => robot(DINGTALK, options);
export const wecom = (options: RobotOptions): Channel => robot(WECOM, options);

function robot(platform: Platform, options: RobotOptions): Channel {
  const { name, outgoing, now, timeoutMs = TIMEOUT_MS } = options;
  if (!/^https?:/.test(options.url) || !URL.canParse(options.url))
    throw new Error(`channel ${name}: urlFile holds no address`);
  return {
    name,
    pace: platform.pace,
    async send(message, signal) {
      const { url, body } = platform.request(message, options);
      const sent = await postJson({ url, body: JSON.stringify(body), timeoutMs, now: now() }, outgoing, signal);
      const answer = sent.answer.slice(0, ANSWER_SHOWN);
      const code = platform.code(parse(sent.answer));
      if (code === 0) return { answer };
      const closedMs = code === undefined ? undefined : platform.tooFast.get(code);
      throw new ChannelError(`answered ${answer}`.slice(0, ANSWER_SHOWN), {
        // No code at all: something between us and the platform answered.
        retryable: closedMs !== undefined || code === undefined || code === -1,
        ...(closedMs === undefined ? {} : { retryAfterMs: closedMs }),
      });
    },
  };
}

/** @param seconds - Unix time in seconds, as sent */
export function signFeishu(secret: string, seconds: string): string {
  return createHmac('sha256', `${seconds}\n${secret}`).digest('base64');
}

/** Not yet encoded for a URL. @param milliseconds - Unix time in milliseconds, as sent */
export function signDingTalk(secret: string, milliseconds: string): string {
  return createHmac('sha256', secret).update(`${milliseconds}\n${secret}`).digest('base64');
}

function mentions({ event, priority }: Message, mobiles: readonly string[] = []): readonly string[] {
  return priority === 1 && (event === 'raise' || event === 're-raise' || event === 'escalate') ? mobiles : [];
}

function colour({ event, priority }: Message): string {
  if (event === 'return') return 'green';
  if (event === 'acknowledge') return 'grey';
  return ['red', 'orange', 'yellow', 'blue'][priority - 1] as string;
}

function plainText(content: string) {
  return { tag: 'plain_text', content };
}

function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+!>|~@<]/g, (character) =>
    character === '<' ? '&lt;' : character === '@' ? '＠' : `\\${character}`,
  );
}

function cutBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  let end = Math.min(text.length, bytes - 3);
  while (Buffer.byteLength(text.slice(0, end)) > bytes - 3) end -= 1;
  return `${text.slice(0, end)}…`;
}

function parse(answer: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(answer);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
