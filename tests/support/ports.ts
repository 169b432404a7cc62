import { connect } from 'node:net';
import { vi } from 'vitest';

export { freePort } from '../../bench/free-port.ts';

/**
 * How long a condition may take that comes within a second on a quiet machine. It is no expectation: a machine that does
 * ten other things at once must not fail a test, and a test that passes never waits for it.
 */
export const PATIENCE_MS = 60_000;

/** Waits until `check` gives something other than undefined or false; fails with `what` after the deadline. */
export async function until<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await check();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until assertions hold; fails with the last one that did not. */
export async function eventually(assertions: () => void): Promise<void> {
  await vi.waitFor(assertions, { timeout: PATIENCE_MS, interval: 20 });
}

/** Waits until somebody accepts connections on this port of 127.0.0.1. */
export async function untilListening(port: number): Promise<void> {
  await until(
    `a server on ${port}`,
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      }),
  );
}
