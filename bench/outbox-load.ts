import { writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { generate, parser } from 'mqtt-packet';
import { openSender } from './mqtt-sender.ts';

/**
 * Edges that keep what they sent until it is acknowledged, and send it again after a reconnect: first message to the load
 * process. Afterwards it understands `'state'` (answered with {@link OutboxState}) and `'finish'` (no new readings;
 * answered with {@link OutboxReport} once all is acknowledged).
 */
export interface OutboxTask {
  readonly port: number;
  readonly edges: readonly { readonly id: string; readonly secret: string }[];
  readonly points: number;
  /** Each point gives a reading every so many milliseconds. */
  readonly everyMs: number;
  /** Where the list of all batches is written at the end: per batch edge, number of the batch in its round, ts, seq. */
  readonly listFile: string;
}

export interface OutboxState {
  /** Milliseconds the sender that is furthest behind its plan is behind. */
  readonly behindMs: number;
  readonly acknowledged: number;
}

export interface OutboxReport {
  readonly batches: number;
  readonly readings: number;
  /** Batches whose acknowledgement never came, after everything else was done. */
  readonly unanswered: number;
  readonly sentAgain: number;
}

/** Contract, Delivery. */
const BATCHES_IN_FLIGHT = 16;
export const READINGS_PER_BATCH = 100;
export const POINTS_PER_DEVICE = 5;
const TURN_MS = 10;
const RECONNECT_MS = 50;
const GIVE_UP_MS = 120_000;

interface Edge {
  readonly id: string;
  readonly secret: string;
  readonly points: number;
  readonly firstDevice: number;
  /** Source time of each batch made, by seq - 1: it never changes, however often the batch is sent. */
  readonly ts: number[];
  /** Made and not acknowledged, oldest first, to the packet it went out in on this connection (0 = not yet). */
  readonly unacknowledged: Map<number, number>;
  readonly seqOfPacket: Map<number, number>;
  socket: Socket | undefined;
  connecting: boolean;
  messageId: number;
}

let acknowledged = 0;
let sentAgain = 0;
let finishing = false;

process.once('message', (task: OutboxTask) => {
  run(task).catch((error: Error) => {
    console.error(error);
    process.exit(1);
  });
});
process.once('disconnect', () => process.exit(0));

async function run(task: OutboxTask): Promise<void> {
  const { points, everyMs } = task;
  const perEdge = Math.ceil(points / task.edges.length / POINTS_PER_DEVICE) * POINTS_PER_DEVICE;
  const all = task.edges.map(
    ({ id, secret }, index): Edge => ({
      id,
      secret,
      points: Math.max(0, Math.min(perEdge, points - index * perEdge)),
      firstDevice: (index * perEdge) / POINTS_PER_DEVICE,
      ts: [],
      unacknowledged: new Map(),
      seqOfPacket: new Map(),
      socket: undefined,
      connecting: false,
      messageId: 0,
    }),
  );
  // With few points the last edges have none.
  const edges = all.filter((edge) => edge.points > 0);
  const started = Date.now();
  let behindMs = 0;
  process.on('message', (message: unknown) => {
    if (message === 'state') process.send?.({ behindMs, acknowledged } satisfies OutboxState);
    if (message === 'finish') finishing = true;
  });
  let giveUpAt = Number.POSITIVE_INFINITY;
  const madeUntil = () => Date.now() - started;
  let stoppedAt: number | undefined;
  while (performance.now() < giveUpAt) {
    if (finishing && stoppedAt === undefined) {
      stoppedAt = madeUntil();
      giveUpAt = performance.now() + GIVE_UP_MS;
    }
    let worst = 0;
    for (const edge of edges) {
      const due = Math.floor(((stoppedAt ?? madeUntil()) / everyMs) * batchesOf(edge));
      if (edge.socket === undefined) connectAgain(edge, task.port);
      else send(edge, due);
      const waiting = due - edge.ts.length + edge.unacknowledged.size;
      worst = Math.max(worst, (waiting / batchesOf(edge)) * everyMs);
    }
    behindMs = Math.round(worst);
    if (stoppedAt !== undefined && worst === 0) break;
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
  process.send?.(report(edges, task.listFile));
}

const batchesOf = ({ points }: Edge) => Math.ceil(points / READINGS_PER_BATCH);

/** What is not acknowledged goes out again in its order; then what is due, as far as the window allows. */
function send(edge: Edge, due: number): void {
  for (const [seq, packet] of edge.unacknowledged) {
    if (packet !== 0 || edge.seqOfPacket.size >= BATCHES_IN_FLIGHT) continue;
    sentAgain++;
    publish(edge, seq);
  }
  while (edge.ts.length < due && edge.seqOfPacket.size < BATCHES_IN_FLIGHT) {
    // Milliseconds of one point never come twice.
    const before = edge.ts[edge.ts.length - batchesOf(edge)] ?? 0;
    edge.ts.push(Math.max(Date.now(), before + 1));
    publish(edge, edge.ts.length);
  }
}

function publish(edge: Edge, seq: number): void {
  edge.messageId = (edge.messageId % 65_535) + 1;
  edge.seqOfPacket.set(edge.messageId, seq);
  edge.unacknowledged.set(seq, edge.messageId);
  edge.socket?.write(
    generate({
      cmd: 'publish',
      topic: `hf/v1/edge/${edge.id}/batch`,
      payload: payloadOf(edge, seq),
      qos: 1,
      messageId: edge.messageId,
      dup: false,
      retain: false,
    }),
  );
}

/** The value of each reading is the number of its batch, so that a row in the store says where it came from. */
function payloadOf(edge: Edge, seq: number): string {
  const ts = edge.ts[seq - 1] as number;
  const batch = (seq - 1) % batchesOf(edge);
  const from = batch * READINGS_PER_BATCH;
  const to = Math.min(edge.points, from + READINGS_PER_BATCH);
  const readings: string[] = [];
  for (let point = from; point < to; point += POINTS_PER_DEVICE) {
    let values = '';
    for (let index = point; index < Math.min(to, point + POINTS_PER_DEVICE); index++)
      values += `${index === point ? '' : ','}"m${index - point}":${seq}`;
    readings.push(`{"device":"dev-${edge.firstDevice + point / POINTS_PER_DEVICE}","ts":${ts},"values":{${values}}}`);
  }
  const made = Math.floor((seq - 1) / batchesOf(edge)) * edge.points + to;
  return `{"outbox":"lane-1","seq":${seq},"made":${made},"sentAt":${Date.now()},"clock":"synced","upTo":{"l1":${ts}},"readings":[${readings.join(',')}]}`;
}

function connectAgain(edge: Edge, port: number): void {
  if (edge.connecting) return;
  edge.connecting = true;
  openSender(port, edge.id, edge.secret).then(
    (socket) => {
      edge.connecting = false;
      edge.socket = socket;
      const packets = parser();
      packets.on('packet', (packet) => {
        if (packet.cmd !== 'puback') return;
        const seq = edge.seqOfPacket.get(packet.messageId as number);
        edge.seqOfPacket.delete(packet.messageId as number);
        if (seq === undefined || !edge.unacknowledged.delete(seq)) return;
        acknowledged += READINGS_PER_BATCH;
      });
      socket.on('data', (bytes) => packets.parse(bytes));
      socket.on('error', () => {});
      socket.once('close', () => {
        edge.socket = undefined;
        edge.seqOfPacket.clear();
        for (const seq of edge.unacknowledged.keys()) edge.unacknowledged.set(seq, 0);
      });
      if (socket.destroyed) edge.socket = undefined;
    },
    () => {
      setTimeout(() => {
        edge.connecting = false;
      }, RECONNECT_MS);
    },
  );
}

function report(edges: readonly Edge[], listFile: string): OutboxReport {
  const batches = edges.reduce((sum, { ts }) => sum + ts.length, 0);
  const rows = new Float64Array(batches * 4);
  let row = 0;
  let readings = 0;
  for (const [index, edge] of edges.entries())
    for (const [at, ts] of edge.ts.entries()) {
      const batch = at % batchesOf(edge);
      rows.set([index, batch, ts, at + 1], row++ * 4);
      readings += Math.min(READINGS_PER_BATCH, edge.points - batch * READINGS_PER_BATCH);
    }
  writeFileSync(listFile, rows);
  const unanswered = edges.reduce((sum, { unacknowledged }) => sum + unacknowledged.size, 0);
  return { batches, readings, unanswered, sentAgain };
}
