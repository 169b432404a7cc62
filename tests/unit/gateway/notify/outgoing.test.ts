import type { lookup as lookupName } from 'node:dns';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOutgoing } from '../../../../gateway/notify/outgoing.ts';

const server = createServer((_, answer) => answer.end('inside'));
let port: number;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

/** A name server that gives these answers, one after another. */
function names(...answers: readonly (readonly string[])[]): typeof lookupName {
  let asked = 0;
  return ((_host: string, _options: unknown, done: (error: null, found: unknown) => void) => {
    const addresses = answers[Math.min(asked++, answers.length - 1)] as readonly string[];
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  }) as unknown as typeof lookupName;
}
const open = (allowHosts: readonly string[] = [], lookup: typeof lookupName = names(['127.0.0.1'])) =>
  openOutgoing({ allowHosts, connectTimeoutMs: 1000, lookup });

describe('outgoing addresses', () => {
  it('refuses inner addresses in every way a URL can write them', async () => {
    const outgoing = open();
    for (const host of [
      '127.0.0.1',
      '127.1',
      '0x7f000001',
      '2130706433',
      '0.0.0.0',
      '10.0.0.8',
      '172.16.3.4',
      '172.31.255.255',
      '192.168.1.1',
      '169.254.169.254',
      '100.64.0.1',
      '255.255.255.255',
      '[::1]',
      '[::]',
      '[::ffff:127.0.0.1]',
      '[::ffff:a00:1]',
      '[fe80::1]',
      '[fd00::1]',
      '[64:ff9b::7f00:1]',
      '[2002:7f00:1::]',
    ])
      expect(() => outgoing.check(new URL(`http://${host}/`)), host).toThrow('inner address');
    for (const host of ['1.1.1.1', '172.32.0.1', '[2606:4700::1111]', 'example.com'])
      expect(() => outgoing.check(new URL(`http://${host}/`)), host).not.toThrow();
    await outgoing.close();
  });

  it('lets pass what is named: a host, an address, a network', async () => {
    const outgoing = open(['localhost', '10.0.0.8', '192.168.0.0/16', 'fd00::/8']);
    for (const host of ['10.0.0.8', '192.168.7.7', '[fd12::1]'])
      expect(() => outgoing.check(new URL(`http://${host}/`)), host).not.toThrow();
    for (const host of ['10.0.0.9', '172.16.0.1', '127.0.0.1'])
      expect(() => outgoing.check(new URL(`http://${host}/`)), host).toThrow();
    await outgoing.close();
  });

  it('refuses a name that resolves to an inner address, also among outer ones', async () => {
    for (const answer of [['127.0.0.1'], ['1.1.1.1', '127.0.0.1'], ['::1']]) {
      const outgoing = open([], names(answer));
      await expect(
        request(`http://rebind.example:${port}/`, { dispatcher: outgoing.dispatcher }),
      ).rejects.toMatchObject({
        message: expect.stringContaining('inner address'),
      });
      await outgoing.close();
    }
  });

  it('connects to the very address it checked, however the name server answers next', async () => {
    const outgoing = open(['127.0.0.1'], names(['127.0.0.1'], ['127.0.0.9']));
    const { body } = await request(`http://name.example:${port}/`, { dispatcher: outgoing.dispatcher });
    expect(await body.text()).toBe('inside');
    await outgoing.close();
  });

  it('reaches a host allowed by name wherever it resolves to', async () => {
    const outgoing = open(['Name.Example']);
    const { body } = await request(`http://name.example:${port}/`, { dispatcher: outgoing.dispatcher });
    expect(await body.text()).toBe('inside');
    await outgoing.close();
  });
});
