import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections (Linux from 32768, others from 49152), above the demo's:
 * so nobody gets one by chance between asking for it and listening, or while its server is being restarted.
 */
const FIRST = 20_000;
const END = 32_000;
const TRIES_MAX = 200;

/**
 * A TCP port of 127.0.0.1 that nobody listens on, and that no other caller gets while this process lives: the UDP port of
 * the same number is held for so long, which the system gives to one process and takes back however that ends.
 */
export async function freePort(): Promise<number> {
  const given = outgoingPorts();
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = randomInt(FIRST, END);
    if (port >= given.first && port <= given.last) continue;
    const release = await reserve(port);
    if (release === undefined) continue;
    if (await isFree(port)) return port;
    release();
  }
  throw new Error(`no free port found between ${FIRST} and ${END}`);
}

/** What this system gives to outgoing connections, where it says so. */
function outgoingPorts(): { readonly first: number; readonly last: number } {
  try {
    const [first = END, last = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
      .trim()
      .split(/\s+/)
      .map(Number);
    // Where nothing would be left, the reservation alone has to do.
    return first <= FIRST && last >= END ? { first: END, last: 0 } : { first, last };
  } catch {
    return { first: END, last: 0 };
  }
}

/** @returns how to give it back; undefined when somebody else holds it */
function reserve(port: number): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(undefined));
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.unref();
      resolve(() => socket.close());
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
