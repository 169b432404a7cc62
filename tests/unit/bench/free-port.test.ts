import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { freePort } from '../../../bench/free-port.ts';

// By chance alone ten of so many would be given twice.
const ASKED = 500;

it('a port is given once, also to those who ask at the same time and have not listened yet', async () => {
  const ports = await Promise.all(Array.from({ length: ASKED }, () => freePort()));
  expect(new Set(ports).size).toBe(ASKED);
});

it('one that is given can be listened on, closed and listened on again', async () => {
  const port = await freePort();
  for (let round = 0; round < 2; round++) {
    const server = createServer();
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen(port, '127.0.0.1', done);
    });
    await new Promise((closed) => server.close(closed));
  }
});
