import { connect } from 'node:net';
import type { Wire } from './port.ts';

/** Where a TCP line leads. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
}

/**
 * Opens a TCP connection.
 *
 * @throws Error with the system's words when it can't be opened in time, or the signal is aborted
 */
export function openSocket(address: SocketAddress, signal: AbortSignal): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.host, port: address.port, noDelay: true, keepAlive: true });
    let closeReason = 'closed by the other side';
    const fail = (error: Error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(error);
    };
    const onAbort = () => fail(new Error('stopped'));
    const timer = setTimeout(
      () => fail(new Error(`no connection to ${address.host}:${address.port} in ${address.connectTimeoutMs} ms`)),
      address.connectTimeoutMs,
    );
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', fail);
      socket.on('error', (error) => {
        closeReason = error.message;
      });
      resolve({
        write: (bytes) => void socket.write(bytes),
        destroy: () => void socket.destroy(),
        onData: (listener) => void socket.on('data', listener),
        onClose: (listener) => void socket.on('close', () => listener(closeReason)),
      });
    });
  });
}
