import { createServer, type Server } from 'node:net';
import { server as modbus } from 'jsmodbus';

/** A Modbus TCP server whose values never repeat, so that a lost or doubled reading shows. */
export interface CountingServer {
  readonly port: number;
  /** How often it has answered. */
  readonly answered: () => number;
  close(): Promise<void>;
}

/**
 * Serves `points` uint32 values (ABCD) in holding registers 0..; every read finds all of them one higher than the last.
 * Made with jsmodbus, which the product does not use.
 */
export async function startCountingServer(points: number, port = 0): Promise<CountingServer> {
  const registers = Buffer.alloc(points * 4);
  let answered = 0;
  const listener: Server = createServer({ noDelay: true });
  const modbusServer = new modbus.TCP(listener, { holding: registers });
  modbusServer.on('preReadHoldingRegisters', () => {
    answered += 1;
    for (let point = 0; point < points; point++) registers.writeUInt32BE(answered, point * 4);
  });
  await new Promise<void>((done, failed) => {
    listener.once('error', failed);
    listener.listen(port, '127.0.0.1', done);
  });
  const sockets = new Set<import('node:net').Socket>();
  listener.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  });
  return {
    port: (listener.address() as { port: number }).port,
    answered: () => answered,
    close: () =>
      new Promise((done) => {
        for (const socket of sockets) socket.destroy();
        listener.close(() => done());
      }),
  };
}
