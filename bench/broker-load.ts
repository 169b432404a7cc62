import { connect, type Socket } from 'node:net';
import { generate, parser } from 'mqtt-packet';
import { connectPacket } from './mqtt-sender.ts';

/** What the load process is asked to do; it answers with one {@link LoadReport}. */
export type LoadTask = { readonly port: number; readonly secret: string; readonly clients: number } & (
  | { readonly kind: 'connect' }
  | { readonly kind: 'publish'; readonly readings: number; readonly seconds: number }
);

export interface LoadReport {
  readonly clients: number;
  /** Clients that got no CONNACK, or messages without PUBACK at the end. */
  readonly lost: number;
  readonly seconds: number;
  /** Of CONNACK or PUBACK, from the first byte sent. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A sender keeps at most this many batches unacknowledged (contract: MQTT, Delivery). */
const IN_FLIGHT = 16;
const GIVE_UP_MS = 60_000;

process.once('message', (task: LoadTask) => {
  run(task).then(
    (report) => process.send?.(report),
    (error: Error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(0));

async function run(task: LoadTask): Promise<LoadReport> {
  const started = performance.now();
  const waits: number[] = [];
  const opened = await Promise.all(
    Array.from({ length: task.clients }, (_, i) => open(task, `edge-${i}`, (waitMs) => waits.push(waitMs))),
  );
  const sockets = opened.flatMap((socket) => (socket === undefined ? [] : [socket]));
  if (task.kind === 'connect') {
    const report = summary(task.clients, task.clients - sockets.length, started, waits);
    for (const socket of sockets) socket.destroy();
    return report;
  }
  const acknowledged: number[] = [];
  const until = performance.now() + task.seconds * 1000;
  const publishStart = performance.now();
  const left = await Promise.all(
    sockets.map((socket, i) => publish(socket, `edge-${i}`, task.readings, until, acknowledged)),
  );
  const unanswered = left.reduce((sum, count) => sum + count, 0);
  return summary(task.clients, task.clients - sockets.length + unanswered, publishStart, acknowledged);
}

/** Resolves at CONNACK 0; undefined when it did not come. */
function open({ port, secret }: LoadTask, id: string, onWait: (waitMs: number) => void): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const started = performance.now();
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const giveUp = setTimeout(() => {
      socket.destroy();
      resolve(undefined);
    }, GIVE_UP_MS);
    socket.on('error', () => resolve(undefined));
    socket.once('connect', () => socket.write(connectPacket(id, secret)));
    socket.once('data', (bytes: Buffer) => {
      clearTimeout(giveUp);
      onWait(performance.now() - started);
      resolve(bytes[0] === 0x20 && bytes[3] === 0 ? socket : undefined);
    });
  });
}

/** Keeps the window full until the time is up, then waits for what is under way. @returns messages never answered */
function publish(socket: Socket, id: string, readings: number, until: number, waits: number[]): Promise<number> {
  const ts = Date.now();
  const list = Array.from({ length: readings }, (_, i) => ({ device: `d-${i}`, ts, values: { flow: i * 0.37 } }));
  const sentAt = new Map<number, number>();
  let seq = 0;
  return new Promise((resolve) => {
    const fill = () => {
      while (sentAt.size < IN_FLIGHT && performance.now() < until) {
        seq += 1;
        const messageId = ((seq - 1) % 65_535) + 1;
        sentAt.set(messageId, performance.now());
        const payload = JSON.stringify({
          outbox: 'a',
          seq,
          made: seq * readings,
          sentAt: ts,
          upTo: {},
          readings: list,
        });
        socket.write(
          generate({
            cmd: 'publish',
            topic: `hf/v1/edge/${id}/batch`,
            payload,
            qos: 1,
            messageId,
            dup: false,
            retain: false,
          }),
        );
      }
      if (sentAt.size === 0) resolve(0);
    };
    const acknowledgements = parser();
    acknowledgements.on('packet', (packet) => {
      if (packet.cmd !== 'puback') return;
      const at = sentAt.get(packet.messageId as number);
      if (at === undefined) return;
      waits.push(performance.now() - at);
      sentAt.delete(packet.messageId as number);
    });
    socket.on('data', (bytes) => {
      acknowledgements.parse(bytes);
      fill();
    });
    socket.on('close', () => resolve(sentAt.size));
    setTimeout(() => resolve(sentAt.size), until - performance.now() + GIVE_UP_MS).unref();
    fill();
  });
}

function summary(clients: number, lost: number, started: number, waits: number[]): LoadReport {
  waits.sort((a, b) => a - b);
  const at = (share: number) => Math.round(waits[Math.floor((waits.length - 1) * share)] ?? Number.NaN);
  return {
    clients,
    lost,
    seconds: Math.round((performance.now() - started) / 10) / 100,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}
