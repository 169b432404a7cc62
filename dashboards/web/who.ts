import type { Millis } from '../../contract/time.ts';
import { api } from './api.ts';
import { session } from './state.ts';
import { retryAfterMs } from './stream.ts';

/** Asks who is signed in, again and again while nobody answers. What is known already stays meanwhile. */
export async function loadSession(): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      session.value = await api.session();
      return;
    } catch {
      if (typeof session.peek() === 'object') return;
      session.value = 'unreachable';
      await pause(retryAfterMs(tries));
    }
  }
}

let endPause = () => {};

/** Ends the wait before who is signed in is asked for again. */
export const askSessionNow = (): void => endPause();

function pause(delayMs: Millis): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, delayMs);
    endPause = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
