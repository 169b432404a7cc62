import type { Socket } from 'node:net';
import { generate, parser } from 'mqtt-packet';
import { openSender } from './mqtt-sender.ts';
import { mixedValue as value } from './workload.ts';

/** What the load process is asked to send; it answers with one {@link DistrictReport}. */
export interface DistrictTask {
  readonly port: number;
  readonly edges: readonly { readonly id: string; readonly secret: string }[];
  readonly points: number;
  /** Each point gives a reading every so many milliseconds; 0 = as fast as the window allows. */
  readonly everyMs: number;
  readonly seconds: number;
  /** Ends after so many rounds of all points, if that is sooner. */
  readonly rounds?: number;
  /** 100: batches of an edge; 1: a device's own messages. */
  readonly readingsPerMessage: number;
  /**
   * Values of so many rounds are made beforehand and come again and again: a gateway on the same two cores is measured,
   * not how fast numbers become text. Absent: each round has its own.
   */
  readonly roundsMade?: number;
  /** Source times of the rounds instead of when they are sent: from so long before now, so far apart. */
  readonly past?: { readonly fromMs: number; readonly stepMs: number };
}

export interface DistrictReport {
  readonly sent: number;
  readonly acknowledged: number;
  /** Messages without PUBACK at the end. */
  readonly unanswered: number;
  readonly seconds: number;
  /** Milliseconds the sender was behind its plan at worst: then the gateway pushed back, or the load process was too slow. */
  readonly behindMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Contract, Delivery: a sender keeps at most 16 batches, a device 50 messages, unacknowledged. */
const BATCHES_IN_FLIGHT = 16;
const MESSAGES_IN_FLIGHT = 50;
const POINTS_PER_DEVICE = 5;
const GIVE_UP_MS = 30_000;
/** A lane of this run alone: its numbers start at 1. */
const LANE = `lane-${process.pid}`;
/** Slots of a second in which due batches are sent. */
const TURN_MS = 10;

process.once('message', (task: DistrictTask) => {
  run(task).then(
    (report) => process.send?.(report),
    (error: Error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(0));

/** One edge (or, with single messages, one device): its devices, its connection, what it waits for. */
interface Sender {
  readonly id: string;
  readonly socket: Socket;
  readonly points: number;
  readonly firstDevice: number;
  readonly inFlight: Map<number, number>;
  /** Next message of the current round, and its round. */
  next: number;
  round: number;
  /** When the last round began: its source time as fast as it goes, so that no moment comes twice. */
  roundAt: number;
  seq: number;
  messageId: number;
}

async function run(task: DistrictTask): Promise<DistrictReport> {
  const perEdge = Math.ceil(task.points / task.edges.length / POINTS_PER_DEVICE) * POINTS_PER_DEVICE;
  const waits: number[] = [];
  let acknowledged = 0;
  let onRoom: () => void = () => {};
  const senders = await Promise.all(
    task.edges.map(async ({ id, secret }, index): Promise<Sender> => {
      const socket = await openSender(task.port, id, secret);
      const sender: Sender = {
        id,
        socket,
        points: Math.min(perEdge, task.points - index * perEdge),
        firstDevice: (index * perEdge) / POINTS_PER_DEVICE,
        inFlight: new Map(),
        next: 0,
        round: 0,
        roundAt: 0,
        seq: 0,
        messageId: 0,
      };
      const packets = parser();
      packets.on('packet', (packet) => {
        if (packet.cmd !== 'puback') return;
        const at = sender.inFlight.get(packet.messageId as number);
        if (at === undefined) return;
        sender.inFlight.delete(packet.messageId as number);
        waits.push(performance.now() - at);
        acknowledged += task.readingsPerMessage;
        onRoom();
      });
      socket.on('data', (bytes) => packets.parse(bytes));
      return sender;
    }),
  );
  if (task.roundsMade !== undefined) roundsMade = valuesOf(task.points, task.roundsMade);
  const window = task.readingsPerMessage === 1 ? MESSAGES_IN_FLIGHT : BATCHES_IN_FLIGHT;
  const started = performance.now();
  const until = started + task.seconds * 1000;
  let sent = 0;
  let behindMs = 0;
  while (performance.now() < until && senders.some(({ round }) => round < (task.rounds ?? Number.POSITIVE_INFINITY))) {
    const elapsed = performance.now() - started;
    let isBusy = false;
    for (const sender of senders) {
      const messages = Math.ceil(sender.points / task.readingsPerMessage);
      const due = task.everyMs === 0 ? Number.POSITIVE_INFINITY : Math.floor((elapsed / task.everyMs) * messages);
      let turn = task.everyMs === 0 ? 8 : Number.POSITIVE_INFINITY;
      while (
        sender.round * messages + sender.next < due &&
        sender.inFlight.size < window &&
        turn-- > 0 &&
        sender.round < (task.rounds ?? Number.POSITIVE_INFINITY)
      ) {
        sent += publish(sender, task, messages);
        isBusy = true;
      }
      if (task.everyMs > 0)
        behindMs = Math.max(behindMs, ((due - sender.round * messages - sender.next) / messages) * task.everyMs);
    }
    if (task.everyMs > 0) await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    else if (isBusy) await new Promise((resolve) => setImmediate(resolve));
    else
      await new Promise<void>((resolve) => {
        onRoom = resolve;
        setTimeout(resolve, TURN_MS);
      });
  }
  const seconds = (performance.now() - started) / 1000;
  const inTime = acknowledged;
  const giveUp = performance.now() + GIVE_UP_MS;
  while (senders.some(({ inFlight }) => inFlight.size > 0) && performance.now() < giveUp)
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  const unanswered = senders.reduce((sum, { inFlight }) => sum + inFlight.size, 0);
  for (const { socket } of senders) socket.destroy();
  waits.sort((a, b) => a - b);
  const at = (share: number) => Math.round(waits[Math.floor((waits.length - 1) * share)] ?? Number.NaN);
  return {
    sent,
    acknowledged: inTime,
    unanswered,
    seconds,
    behindMs: Math.round(behindMs),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
  };
}

/** Values of each device as text, by round, for {@link DistrictTask.roundsMade}. */
let roundsMade: readonly (readonly string[])[] | undefined;

function valuesOf(points: number, rounds: number): string[][] {
  return Array.from({ length: rounds }, (_, round) =>
    Array.from({ length: Math.ceil(points / POINTS_PER_DEVICE) }, (_, device) =>
      deviceValues(device, 0, POINTS_PER_DEVICE, round),
    ),
  );
}

/** `"m0":12.3,"m1":…` of a device. */
function deviceValues(device: number, from: number, to: number, round: number): string {
  let values = '';
  for (let index = from; index < to; index++)
    values += `${index === from ? '' : ','}"m${index}":${value(device * POINTS_PER_DEVICE + index, round)}`;
  return values;
}

/** Sends the sender's next message. @returns readings in it */
function publish(sender: Sender, task: DistrictTask, messages: number): number {
  const now = Date.now();
  const { readingsPerMessage, everyMs, past } = task;
  const from = sender.next * readingsPerMessage;
  const to = Math.min(sender.points, from + readingsPerMessage);
  sender.seq++;
  sender.messageId = (sender.messageId % 65_535) + 1;
  sender.inFlight.set(sender.messageId, performance.now());
  if (sender.next === 0) sender.roundAt = Math.max(now, sender.roundAt + 1);
  const sampledAt = everyMs === 0 ? sender.roundAt : now;
  const ts = past === undefined ? sampledAt : now - past.fromMs + sender.round * past.stepMs;
  const [topic, payload] =
    readingsPerMessage === 1
      ? [`hf/v1/device/${sender.id}/readings`, `{"ts":${ts},"values":{"m${from % 50}":${value(from, sender.round)}}}`]
      : [`hf/v1/edge/${sender.id}/batch`, batch(sender, from, to, ts, now)];
  sender.socket.write(
    generate({ cmd: 'publish', topic, payload, qos: 1, messageId: sender.messageId, dup: false, retain: false }),
  );
  if (++sender.next === messages) {
    sender.next = 0;
    sender.round++;
  }
  return to - from;
}

function batch(sender: Sender, from: number, to: number, ts: number, now: number): string {
  const readings: string[] = [];
  for (let point = from; point < to; point += POINTS_PER_DEVICE) {
    const device = sender.firstDevice + point / POINTS_PER_DEVICE;
    const count = Math.min(to, point + POINTS_PER_DEVICE) - point;
    const values =
      roundsMade === undefined || count < POINTS_PER_DEVICE
        ? deviceValues(device, 0, count, sender.round)
        : (roundsMade[sender.round % roundsMade.length] as string[])[device];
    readings.push(`{"device":"dev-${device}","ts":${ts},"values":{${values}}}`);
  }
  const made = sender.seq * (to - from);
  return `{"outbox":"${LANE}","seq":${sender.seq},"made":${made},"sentAt":${now},"clock":"synced","upTo":{"l1":${ts}},"readings":[${readings.join(',')}]}`;
}
