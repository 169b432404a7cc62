import { SerialPort } from 'serialport';
import type { Wire } from '../modbus/port.ts';

/** A serial port and its settings. */
export interface SerialAddress {
  readonly path: string;
  readonly baud: number;
  readonly parity: 'none' | 'even' | 'odd';
  readonly dataBits: 7 | 8;
  readonly stopBits: 1 | 2;
}

/**
 * Opens a serial port for us alone (the library locks it).
 *
 * @throws Error with the system's words when it can't be opened
 */
export function openSerial(address: SerialAddress, signal: AbortSignal): Promise<Wire> {
  const { path, baud: baudRate, parity, dataBits, stopBits } = address;
  return new Promise((resolve, reject) => {
    const port = new SerialPort({ path, baudRate, parity, dataBits, stopBits, autoOpen: false, lock: true });
    let closeListener: ((reason: string) => void) | undefined;
    let reason = 'closed';
    const closed = (why: string) => {
      closeListener?.(why);
      closeListener = undefined;
    };
    const destroy = () => {
      if (port.isOpen) port.close(() => closed(reason));
      else closed(reason);
    };
    port.on('error', (error) => {
      reason = error.message;
      destroy();
    });
    port.on('close', (error: Error | null) => closed(error?.message ?? reason));
    port.open((error) => {
      if (error) return reject(error);
      if (signal.aborted) {
        port.close();
        return reject(new Error('stopped'));
      }
      // Some adapters deliver garbage when they are opened.
      port.flush(() =>
        resolve({
          // After an unplug nothing is noticed before the next write fails.
          write: (bytes) =>
            void port.write(bytes, (problem) => {
              if (!problem) return;
              reason = problem.message;
              destroy();
            }),
          destroy,
          onData: (listener) => void port.on('data', listener),
          onClose: (listener) => {
            closeListener = listener;
          },
        }),
      );
    });
  });
}
