import { connect, type Socket } from 'node:net';
import { generate } from 'mqtt-packet';

/** The CONNECT of a load sender: a clean MQTT 3.1.1 session under its own name. */
export function connectPacket(id: string, secret: string): Buffer {
  return generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId: id,
    clean: true,
    keepalive: 60,
    username: id,
    password: Buffer.from(secret),
  });
}

/** Connects one sender of a load process; resolves at CONNACK 0. */
export function openSender(port: number, id: string, secret: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`${id}: closed before CONNACK`)));
    socket.once('connect', () => socket.write(connectPacket(id, secret)));
    socket.once('data', (bytes: Buffer) =>
      bytes[0] === 0x20 && bytes[3] === 0 ? resolve(socket) : reject(new Error(`${id}: refused (${bytes[3]})`)),
    );
  });
}
