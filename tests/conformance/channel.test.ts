import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Channel, ChannelError, type Message } from '../../gateway/notify/channel.ts';
import { openOutgoing } from '../../gateway/notify/outgoing.ts';
import { readRetryAfter, webhook } from '../../gateway/notify/webhook.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A receiver that answers as told and keeps what it got. */
class Receiver {
  readonly got: { headers: IncomingMessage['headers']; body: string }[] = [];
  answer: Answer = (_, response) => response.end('ok');
  private readonly server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      this.got.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
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

const message: Message = { id: 'n-1', title: 'P2 Flow high', text: 'Flow high: 92.4 m³/h.', body: { event: 'raise' } };
const NOW = 1_767_225_600_500;

/** Every channel that speaks HTTP keeps these promises. */
const HTTP_CHANNELS: Readonly<Record<string, (url: string) => { channel: Channel; close(): Promise<void> }>> = {
  webhook: (url) => {
    const outgoing = openOutgoing({ allowHosts: ['127.0.0.1'], connectTimeoutMs: 500 });
    return {
      channel: webhook({ name: 'w', url, secret: 's3cret', outgoing, now: () => NOW, timeoutMs: 300 }),
      close: () => outgoing.close(),
    };
  },
};

for (const [type, make] of Object.entries(HTTP_CHANNELS))
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
      ({ channel, close } = make(await receiver.open()));
    });
    afterEach(async () => {
      receiver.close();
      await close();
    });

    it('delivers a message and says what was answered', async () => {
      expect((await channel.send(message, never)).answer).toContain('200');
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
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(10_000)));
        };
        response.on('drain', more);
        more();
      };
      expect((await channel.send(message, never)).answer.length).toBeLessThanOrEqual(500);
    });
  });

describe('webhook', () => {
  it('signs the body with its time, and names the message in every retry', async () => {
    const receiver = new Receiver();
    const { channel, close } = (HTTP_CHANNELS.webhook as (url: string) => { channel: Channel; close(): Promise<void> })(
      await receiver.open(),
    );
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
    const outgoing = openOutgoing({ allowHosts: [], connectTimeoutMs: 500 });
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
