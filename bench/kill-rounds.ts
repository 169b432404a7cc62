import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { startCountingServer } from './counting-server.ts';
import { removeFolder } from './folders.ts';
import {
  buildDistrict,
  COUNTER,
  type Delivery,
  type District,
  DOOR_DEVICE,
  POINTS,
  sleep,
  type Victim,
} from './kill-district.ts';

export interface KillOptions {
  readonly root: string;
  readonly rounds: number;
  readonly seed: number;
  readonly broker: 'embedded' | 'mosquitto';
  readonly victims: readonly Victim[];
  /** Drawn at random, or one after another. */
  readonly order: 'random' | 'in-turn';
  readonly say: (text: string) => void;
}

export interface KillReport {
  readonly rounds: number;
  readonly seed: number;
  readonly broker: string;
  readonly made: number;
  readonly stored: number;
  readonly found: number;
  readonly missing: number;
  readonly repeated: number;
  readonly unexplained: number;
  readonly acknowledged: number;
  readonly acknowledgedLost: number;
}

const DOOR_EVERY_MS = 50;
const ROUND_MIN_MS = 2000;
const ROUND_SPREAD_MS = 3000;
const DOWN_SPREAD_MS = 1500;
const PAGE = 10_000;

/**
 * Lets an edge read a counting device at 200 points/s, and a device publish by itself, while processes are killed
 * at random; afterwards every reading is looked up in the store.
 */
export async function runKillRounds({
  root,
  rounds,
  seed,
  broker,
  victims,
  order,
  say,
}: KillOptions): Promise<KillReport> {
  const random = mulberry32(seed);
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-kill-'));
  const source = await startCountingServer(POINTS);
  const district = await buildDistrict({ root, folder, broker, modbusPort: source.port });
  // PUBACK means stored only where the broker is ours; and a restored older copy of the gateway rightly lacks
  // what devices without a buffer sent since: only edges send again.
  const hasDoor = broker === 'embedded' && !victims.includes('gateway-older-copy');
  const door = hasDoor ? startDoor(district) : undefined;
  try {
    await district.start();
    for (let round = 1; round <= rounds; round++) {
      await sleep(ROUND_MIN_MS + random() * ROUND_SPREAD_MS);
      const draw = order === 'random' ? Math.floor(random() * victims.length) : (round - 1) % victims.length;
      const victim = victims[draw] as Victim;
      say(`round ${round}/${rounds}: ${victim} after ${source.answered()} reads`);
      await district.strike(victim, random() * DOWN_SPREAD_MS);
    }
    await sleep(ROUND_MIN_MS);
    await door?.stop();
    const delivery = await district.drained();
    return await count({ district, delivery, door, rounds, seed, broker });
  } finally {
    await door?.stop();
    await district.stop();
    await source.close();
    removeFolder(folder);
  }
}

/** A field device of its own that counts upwards by QoS 1 and remembers what was acknowledged. */
function startDoor({ mqttPort, doorSecret }: Pick<District, 'mqttPort' | 'doorSecret'>) {
  const acknowledged = new Map<number, number>();
  const client = mqtt.connect(`mqtt://127.0.0.1:${mqttPort}`, {
    username: DOOR_DEVICE,
    password: doorSecret,
    clientId: DOOR_DEVICE,
    reconnectPeriod: 200,
    queueQoSZero: false,
  });
  client.on('error', () => {});
  let next = 1;
  let lastTs = 0;
  const timer = setInterval(() => {
    if (!client.connected) return;
    const value = next++;
    const ts = Math.max(Date.now(), lastTs + 1);
    lastTs = ts;
    client.publish(
      `hf/v1/device/${DOOR_DEVICE}/readings`,
      JSON.stringify({ ts, values: { count: value } }),
      { qos: 1 },
      (error) => {
        if (!error) acknowledged.set(value, ts);
      },
    );
  }, DOOR_EVERY_MS);
  let stopped = false;
  return {
    acknowledged,
    async stop() {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      await sleep(500);
      await new Promise<void>((done) => client.end(true, {}, () => done()));
    },
  };
}

interface CountOptions {
  readonly district: District;
  readonly delivery: Delivery;
  readonly door: ReturnType<typeof startDoor> | undefined;
  readonly rounds: number;
  readonly seed: number;
  readonly broker: string;
}

async function count({ district, delivery, door, rounds, seed, broker }: CountOptions): Promise<KillReport> {
  let found = 0;
  let repeated = 0;
  const { points } = await district.get<{ points: { device: string; measurement: string }[] }>(
    '/api/v1/points?limit=1000',
  );
  for (const { device, measurement } of points.filter((point) => point.device !== DOOR_DEVICE)) {
    const rows = await readRows(district, device, measurement);
    found += rows.all;
    // Only the counting device never says the same twice; the edge's own points (its outbox) may.
    if (device === COUNTER) repeated += rows.values.length - new Set(rows.values).size;
  }
  const doorRows = door === undefined ? [] : (await readRows(district, DOOR_DEVICE, 'count')).values;
  const doorSet = new Set(doorRows);
  repeated += doorRows.length - doorSet.size;
  const acknowledgedLost =
    door === undefined ? 0 : [...door.acknowledged.keys()].filter((value) => !doorSet.has(value)).length;
  return {
    rounds,
    seed,
    broker,
    made: delivery.made,
    stored: delivery.stored,
    found,
    missing: delivery.missing + Math.max(0, delivery.stored - found),
    repeated: repeated + Math.max(0, found - delivery.stored),
    unexplained: delivery.made - delivery.stored - delivery.rejected - delivery.dropped,
    acknowledged: door?.acknowledged.size ?? 0,
    acknowledgedLost,
  };
}

/** All rows of a point, bad ones too; `values` = those with one. */
async function readRows(district: District, device: string, measurement: string) {
  let all = 0;
  const values: number[] = [];
  let from = Date.now() - 86_400_000;
  for (;;) {
    const { readings } = await district.get<{ readings: { ts: string; value?: number }[] }>(
      `/api/v1/points/${device}/${measurement}/readings?from=${from}&to=${Date.now() + 60_000}&limit=${PAGE}`,
    );
    all += readings.length;
    for (const { value } of readings) if (value !== undefined) values.push(value);
    if (readings.length < PAGE) return { all, values };
    from = Date.parse((readings.at(-1) as { ts: string }).ts) + 1;
  }
}

/** Small seeded generator (mulberry32, public domain algorithm): the same seed kills at the same points. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
