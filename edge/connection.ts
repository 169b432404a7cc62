import type { Wire } from './modbus/port.ts';

const RECONNECT_FIRST_MS = 500;
const RECONNECT_MAX_MS = 30_000;

/** A connection that is to be kept open. */
export interface Connecting {
  readonly open: (signal: AbortSignal) => Promise<Wire>;
  /** Uses the wire until it closes; resolves with the reason. */
  readonly use: (wire: Wire) => Promise<string>;
  readonly isWanted: () => boolean;
  /** Told of each attempt that failed and each connection that ended unasked (`wasOpen`); returns how many in a row. */
  readonly onFailed: (reason: string, wasOpen: boolean) => number;
  /** 0..1 */
  readonly random: () => number;
}

/** Opens a connection, and again whenever it ends, with growing, jittered pauses up to 30 s; until aborted or not wanted. */
export async function keepOpen(connecting: Connecting, signal: AbortSignal): Promise<void> {
  const { open, use, isWanted, onFailed, random } = connecting;
  while (!signal.aborted && isWanted()) {
    let reason: string;
    let wasOpen = false;
    try {
      const wire = await open(signal);
      wasOpen = true;
      reason = await use(wire);
    } catch (error) {
      reason = (error as Error).message;
    }
    if (signal.aborted || !isWanted()) break;
    const failures = onFailed(reason, wasOpen);
    const doubledMs = RECONNECT_FIRST_MS * 2 ** Math.min(failures - 1, 10);
    // Jitter: after a power cut a thousand cabinets must not knock at one gateway in the same second.
    await sleep(Math.min(RECONNECT_MAX_MS, doubledMs) * (0.5 + random() / 2), signal);
  }
}

/** Waits, or less if the signal is aborted; never rejects. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });
}
