import type { Millis } from '../../contract/time.ts';
import { EventReader } from './sse.ts';

/** How the live feed stands. Times are this computer's clock. */
export type Link =
  | { readonly state: 'connecting' }
  | { readonly state: 'live'; readonly since: Millis }
  | { readonly state: 'lost'; readonly since: Millis; readonly nextTryAt: Millis }
  | { readonly state: 'signed-out' };

/** What the one stream tells every tab. */
export type FeedNews =
  | { readonly kind: 'link'; readonly link: Link }
  | { readonly kind: 'event'; readonly name: string; readonly data: string };

/** What the stream needs of the world; given in, so that tests own network and time. */
export interface StreamWorld {
  fetch(address: string, init: RequestInit): Promise<Response>;
  now(): Millis;
  /** Resolves after `delayMs`, or at once when `signal` aborts. */
  wait(delayMs: number, signal: AbortSignal): Promise<void>;
  /** 0..1, spreads the tries of many screens. */
  random(): number;
}

/** Waits between tries; the last one repeats. Short at first: most losses are a restart of the gateway. */
export const RETRY_MS: readonly number[] = [1_000, 2_000, 4_000, 8_000, 15_000];
/** How long to wait after so many tries in vain. */
export const retryAfterMs = (tries: number): Millis => RETRY_MS[Math.min(tries, RETRY_MS.length - 1)] as number;
/** The gateway sends at least a comment every 10 s; silence longer than this is a dead link. */
export const SILENCE_MAX_MS = 25_000;
/** A try that has no answer after this is given up. */
const ANSWER_MAX_MS = 10_000;

class SignedOut extends Error {}

/**
 * Keeps one live stream to the gateway until `signal` aborts or the session ends: subscribes, reads, and after a loss
 * comes back with the last event id, so that the gateway can send what was missed.
 */
export class LiveStream {
  #lastId = '';
  #subscription: string | undefined;
  #retry = new AbortController();
  readonly #world: StreamWorld;
  readonly #tell: (news: FeedNews) => void;

  constructor(world: StreamWorld, tell: (news: FeedNews) => void) {
    this.#world = world;
    this.#tell = tell;
  }

  /** Ends the present wait between two tries. */
  tryNow(): void {
    this.#retry.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    let tries = 0;
    let lostSince: Millis | undefined;
    this.#link({ state: 'connecting' });
    while (!signal.aborted) {
      try {
        await this.#readOnce(signal, () => {
          tries = 0;
          lostSince = undefined;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof SignedOut) return this.#link({ state: 'signed-out' });
      }
      lostSince ??= this.#world.now();
      const delayMs = Math.round(retryAfterMs(tries) * (0.8 + 0.4 * this.#world.random()));
      tries += 1;
      this.#link({ state: 'lost', since: lostSince, nextTryAt: this.#world.now() + delayMs });
      this.#retry = new AbortController();
      await this.#world.wait(delayMs, AbortSignal.any([signal, this.#retry.signal]));
    }
  }

  #link(link: Link): void {
    this.#tell({ kind: 'link', link });
  }

  async #subscribe(signal: AbortSignal): Promise<string> {
    const response = await this.#world.fetch('/api/v1/live/subscriptions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ points: '*', alarms: true, devices: true }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MAX_MS)]),
    });
    if (response.status === 401) throw new SignedOut();
    if (!response.ok) throw new Error(`subscription refused: ${response.status}`);
    const { subscription } = (await response.json()) as { subscription?: unknown };
    if (typeof subscription !== 'string') throw new Error('no subscription in the answer');
    return subscription;
  }

  async #readOnce(signal: AbortSignal, onLive: () => void): Promise<void> {
    this.#subscription ??= await this.#subscribe(signal);
    const silence = new AbortController();
    const over = AbortSignal.any([signal, silence.signal]);
    let quiet = setTimeout(() => silence.abort(), ANSWER_MAX_MS);
    const heard = () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => silence.abort(), SILENCE_MAX_MS);
    };
    try {
      const response = await this.#world.fetch(`/api/v1/live?subscription=${encodeURIComponent(this.#subscription)}`, {
        headers: { accept: 'text/event-stream', ...(this.#lastId === '' ? {} : { 'last-event-id': this.#lastId }) },
        cache: 'no-store',
        signal: over,
      });
      if (response.status === 401) throw new SignedOut();
      if (response.status === 404) this.#subscription = undefined;
      if (!response.ok || response.body === null) throw new Error(`live feed refused: ${response.status}`);
      heard();
      await this.#read(response.body, over, heard, onLive);
    } finally {
      clearTimeout(quiet);
    }
  }

  async #read(
    body: ReadableStream<Uint8Array>,
    signal: AbortSignal,
    heard: () => void,
    onLive: () => void,
  ): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    const events = new EventReader();
    let live = false;
    signal.addEventListener('abort', () => void reader.cancel().catch(() => undefined), { once: true });
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      for (const { name, data, id } of events.push(decoder.decode(value, { stream: true }))) {
        if (id !== '') this.#lastId = id;
        if (name === 'bye' && data.includes('signed-out')) throw new SignedOut();
        if (!live) {
          live = true;
          onLive();
          this.#link({ state: 'live', since: this.#world.now() });
        }
        this.#tell({ kind: 'event', name, data });
      }
    }
  }
}

export const browserWorld: StreamWorld = {
  fetch: (address, init) => fetch(address, init),
  now: () => Date.now(),
  random: () => Math.random(),
  wait: (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = setTimeout(resolve, delayMs);
      signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    }),
};
