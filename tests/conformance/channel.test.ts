import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Channel, ChannelError, type Message } from '../../gateway/notify/channel.ts';
import { openOutgoing } from '../../gateway/notify/outgoing.ts';
import { readRetryAfter } from '../../gateway/notify/post.ts';
import { dingtalk, feishu, type RobotOptions, signDingTalk, signFeishu, wecom } from '../../gateway/notify/robots.ts';
import { webhook } from '../../gateway/notify/webhook.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A receiver that answers as told and keeps what it got. */
class Receiver {
  readonly got: { url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  answer: Answer = (_, response) => response.end('ok');
  private readonly server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      this.got.push({ url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() });
      this.answer(request, response);
    });
  });
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }
  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const message: Message = {
  id: 'n-1',
  event: 'raise',
  priority: 2,
  title: 'P2 Flow high',
  text: 'Flow high: 92.4 m³/h.',
  body: { event: 'raise' },
};
const NOW = 1_767_225_600_500;

interface Made {
  readonly channel: Channel;
  close(): Promise<void>;
}
const make =
  (channelOf: (options: RobotOptions) => Channel, part: Partial<RobotOptions> = {}) =>
  (url: string): Made => {
    const outgoing = openOutgoing({ allowHosts: ['127.0.0.1'], connectTimeoutMs: 5000 });
    const common = { name: 'c', url, outgoing, now: () => NOW, timeoutMs: 1500 };
    return { channel: channelOf({ ...common, secret: 'SECabc-123', ...part }), close: () => outgoing.close() };
  };

/** Every channel that speaks HTTP keeps these promises; with what its receiver answers when all is well. */
const HTTP_CHANNELS: Readonly<Record<string, { readonly make: (url: string) => Made; readonly fine: string }>> = {
  webhook: { make: make(webhook), fine: 'ok' },
  feishu: { make: make(feishu), fine: '{"code":0,"msg":"success","data":{}}' },
  dingtalk: { make: make(dingtalk), fine: '{"errcode":0,"errmsg":"ok"}' },
  wecom: { make: make(wecom), fine: '{"errcode":0,"errmsg":"ok"}' },
};

for (const [type, { make, fine }] of Object.entries(HTTP_CHANNELS))
  describe(`channel ${type}`, () => {
    let receiver: Receiver;
    let channel: Channel;
    let close: () => Promise<void>;
    const never = new AbortController().signal;
    const failure = async (signal: AbortSignal = never) => {
      const error = await channel.send(message, signal).then(
        () => new Error('was sent'),
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(ChannelError);
      return error as ChannelError;
    };

    beforeEach(async () => {
      receiver = new Receiver();
      receiver.answer = (_, response) => response.end(fine);
      ({ channel, close } = make(await receiver.open()));
    });
    afterEach(async () => {
      receiver.close();
      await close();
    });

    it('delivers a message and says what was answered', async () => {
      expect((await channel.send(message, never)).answer).toContain(fine);
      expect(receiver.got).toHaveLength(1);
    });

    it('says of each answer whether trying again can help', async () => {
      for (const [status, retryable] of [
        [400, false],
        [401, false],
        [404, false],
        [408, true],
        [429, true],
        [500, true],
        [503, true],
      ] as const) {
        receiver.answer = (_, response) => response.writeHead(status).end('no');
        expect(await failure(), String(status)).toMatchObject({ retryable });
      }
    });

    it('follows no redirect', async () => {
      receiver.answer = (_, response) => response.writeHead(302, { location: '/elsewhere' }).end();
      expect(await failure()).toMatchObject({ retryable: false });
      expect(receiver.got).toHaveLength(1);
    });

    it('waits as long as it is asked to', async () => {
      receiver.answer = (_, response) => response.writeHead(429, { 'retry-after': '17' }).end();
      expect(await failure()).toMatchObject({ retryable: true, retryAfterMs: 17_000 });
    });

    it('gives up on silence, on a broken connection and on a closed port, to try again', async () => {
      receiver.answer = () => undefined;
      expect(await failure()).toMatchObject({ retryable: true });
      receiver.answer = (request) => request.socket.destroy();
      expect(await failure()).toMatchObject({ retryable: true });
      receiver.close();
      expect(await failure()).toMatchObject({ retryable: true });
    });

    it('ends at once when told to stop', async () => {
      receiver.answer = () => undefined;
      const stop = new AbortController();
      const ending = failure(stop.signal);
      stop.abort();
      expect((await ending).retryable).toBe(true);
    });

    it('reads only the start of an endless answer', async () => {
      receiver.answer = (_, response) => {
        response.write(fine);
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(10_000)));
        };
        response.on('drain', more);
        more();
      };
      const sent = await channel.send(message, never).then(
        ({ answer }) => answer,
        (error: ChannelError) => error.message,
      );
      expect(sent.length).toBeLessThanOrEqual(500);
    });
  });

describe('webhook', () => {
  it('signs the body with its time, and names the message in every retry', async () => {
    const receiver = new Receiver();
    const { channel, close } = make(webhook, { secret: 's3cret' })(await receiver.open());
    await channel.send(message, new AbortController().signal);
    const { headers, body } = receiver.got[0] as (typeof receiver.got)[number];
    expect(headers['x-hanfeng-timestamp']).toBe('1767225600');
    expect(headers['x-hanfeng-signature']).toBe(
      createHmac('sha256', 's3cret').update(`1767225600:${body}`).digest('hex'),
    );
    expect(headers['idempotency-key']).toBe('n-1');
    expect(JSON.parse(body)).toEqual({
      version: '1',
      id: 'n-1',
      title: message.title,
      text: message.text,
      event: 'raise',
    });
    receiver.close();
    await close();
  });

  it('never reaches an inner address that is not allowed', async () => {
    const outgoing = openOutgoing({ allowHosts: [], connectTimeoutMs: 5000 });
    const receiver = new Receiver();
    const channel = webhook({ name: 'w', url: await receiver.open(), outgoing, now: () => NOW });
    await expect(channel.send(message, new AbortController().signal)).rejects.toMatchObject({ retryable: false });
    expect(receiver.got).toEqual([]);
    receiver.close();
    await outgoing.close();
  });

  it('understands Retry-After in seconds and as a date, and nothing else', () => {
    expect(readRetryAfter('5', NOW)).toBe(5000);
    expect(readRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', Date.UTC(2026, 0, 1))).toBe(60_000);
    for (const value of [undefined, '', '-1', 'soon', 'Thu, 01 Jan 1970 00:00:00 GMT'])
      expect(readRetryAfter(value, NOW)).toBeUndefined();
  });
});

describe('group robots', () => {
  const never = new AbortController().signal;
  const sent = async (made: (url: string) => Made, answer: string, text: Message = message) => {
    const receiver = new Receiver();
    receiver.answer = (_, response) => response.end(answer);
    const { channel, close } = made(`${await receiver.open()}?access_token=T`);
    const outcome = await channel.send(text, never).then(
      () => undefined,
      (error: ChannelError) => error,
    );
    receiver.close();
    await close();
    return { outcome, url: receiver.got[0]?.url as string, body: JSON.parse(receiver.got[0]?.body as string) };
  };

  // Made with Python's hmac and with openssl, which agree: the two platforms swap key and message, seconds and milliseconds.
  it('sign as their platforms check it', async () => {
    expect(signFeishu('SECabc-123', '1767225600')).toBe('8pl/PaDumqJBQY6DuL87iUCwTgbBzyKS4Sl+VaOOkpA=');
    expect(signDingTalk('SECabc-123', '1767225600000')).toBe('kcI4Ep66XS6bgzMH0He/UCIBvvUrSmgkg5JWFuE5TUM=');
    const { body } = await sent(make(feishu), '{"code":0}');
    expect(body).toMatchObject({ timestamp: '1767225600', sign: signFeishu('SECabc-123', '1767225600') });
    const { url } = await sent(make(dingtalk), '{"errcode":0}');
    const query = new URL(url, 'http://x').searchParams;
    expect(query.get('access_token')).toBe('T');
    expect(query.get('timestamp')).toBe(String(NOW));
    expect(query.get('sign')).toBe(signDingTalk('SECabc-123', String(NOW)));
    expect(url).not.toMatch(/sign=[^&]*[+/]/);
  });

  it('say what the platform said inside its 200, and wait when it was too fast', async () => {
    for (const [made, answer, expected] of [
      [feishu, '{"code":19021,"msg":"sign match fail"}', { retryable: false }],
      [feishu, '{"code":11232,"msg":"frequency limited"}', { retryable: true, retryAfterMs: 60_000 }],
      [dingtalk, '{"errcode":310000,"errmsg":"sign not match"}', { retryable: false }],
      [dingtalk, '{"errcode":130101,"errmsg":"send too fast"}', { retryable: true, retryAfterMs: 600_000 }],
      [wecom, '{"errcode":93000,"errmsg":"invalid webhook url"}', { retryable: false }],
      [wecom, '{"errcode":45009,"errmsg":"api freq out of limit"}', { retryable: true, retryAfterMs: 60_000 }],
      [wecom, '<html>a proxy</html>', { retryable: true }],
    ] as const)
      expect((await sent(make(made), answer)).outcome, answer).toMatchObject(expected);
  });

  it('show names as text, never as markup or mentions', async () => {
    const nasty = { ...message, title: '<at id=all></at> @all [x](http://e) **b**', text: 'a *b* <c> @13800000000' };
    const card = (await sent(make(feishu), '{"code":0}', nasty)).body.card;
    expect(card.header.title).toEqual({ tag: 'plain_text', content: nasty.title });
    const { text } = (await sent(make(dingtalk), '{"errcode":0}', nasty)).body.markdown;
    expect(text).not.toMatch(/(?<!\\)[*[]|<|@/);
  });

  it('call people by name for a new priority 1 only', async () => {
    const mention = ['13800000000'];
    const first = { ...message, priority: 1 as const };
    const ding = async (text: Message) => (await sent(make(dingtalk, { mention }), '{"errcode":0}', text)).body;
    expect(await ding(first)).toMatchObject({ at: { atMobiles: mention } });
    expect((await ding(first)).markdown.text).toContain('@13800000000');
    expect((await ding(message)).at.atMobiles).toEqual([]);
    expect((await ding({ ...first, event: 'return' })).at.atMobiles).toEqual([]);
    const wecomBody = (await sent(make(wecom, { mention }), '{"errcode":0}', first)).body;
    expect(wecomBody.text.mentioned_mobile_list).toEqual(mention);
  });

  it('stay within what the platforms take', async () => {
    const long = { ...message, text: '漏'.repeat(20_000), link: 'https://gw.example/alarms/1' };
    const content = (await sent(make(wecom), '{"errcode":0}', long)).body.text.content as string;
    expect(Buffer.byteLength(content)).toBeLessThanOrEqual(2048);
    expect(content).toMatch(/…\nhttps:\/\/gw\.example\/alarms\/1$/);
    // 20 KB for Feishu, counted as the platform does: bytes of the body.
    expect(Buffer.byteLength(JSON.stringify((await sent(make(feishu), '{"code":0}', long)).body))).toBeLessThan(20_000);
  });

  it('refuse to start without an address', () => {
    expect(() => make(wecom)('not an address')).toThrow('urlFile');
  });
});
