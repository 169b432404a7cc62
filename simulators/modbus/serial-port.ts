import { SerialPort } from 'serialport';
import type { ByteStream } from './rtu-server.ts';

export interface SerialSettings {
  readonly path: string;
  readonly baud: number;
  readonly parity: 'none' | 'even' | 'odd';
}

/** Opens a serial port (or one end of a pseudo-terminal pair) for a simulated line. */
export function openSerialPort({
  path,
  baud,
  parity,
}: SerialSettings): Promise<ByteStream & { close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const port = new SerialPort({ path, baudRate: baud, parity, autoOpen: false });
    // A pair that vanishes ends only this line; whoever asked on it sees silence.
    port.on('error', () => undefined);
    port.open((error) => {
      if (error) return reject(error);
      resolve({
        on: (event, listener) => port.on(event, listener),
        write: (bytes) => port.isOpen && port.write(bytes),
        close: () => new Promise((closed) => (port.isOpen ? port.close(() => closed()) : closed())),
      });
    });
  });
}
