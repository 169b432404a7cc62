import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { removeFolder } from './folders.ts';
import { answer, startGateway } from './ingest.ts';
import {
  type OutboxReport,
  type OutboxState,
  type OutboxTask,
  POINTS_PER_DEVICE,
  READINGS_PER_BATCH,
} from './outbox-load.ts';

export interface FullKillOptions {
  readonly rounds: number;
  readonly points: number;
  readonly everyMs: number;
  /** Longest time from a start to the next SIGKILL; the shortest is a fifth of it. */
  readonly aliveMs: number;
  readonly random: () => number;
  readonly say: (text: string) => void;
}

export interface FullKillRound {
  readonly round: number;
  /** Readings acknowledged from one SIGKILL to the next, a second. */
  readonly readingsPerS: number;
  readonly aliveMs: number;
  /** From SIGKILL (the new process is started at once) to a gateway that takes messages. */
  readonly restartMs: number;
  /** Of that: store opened, plant and judge as they were. */
  readonly recoveryMs: number;
  /** Processor time of the start, seconds: what a busy machine does not blur. */
  readonly restartCpuS: number;
}

export interface FullKillReport {
  readonly rounds: readonly FullKillRound[];
  readonly batches: number;
  /** Readings made, stored by the ledger, and found as rows. */
  readonly made: number;
  readonly stored: number;
  readonly found: number;
  readonly lost: number;
  readonly twice: number;
  /** Rows with the wrong value, or of no batch that was made. */
  readonly foreign: number;
  readonly unanswered: number;
  readonly sentAgain: number;
  readonly duplicateBatches: number;
}

const EDGES = 47;
/** Discovery of all points, and catching up after a restart, may take this long. */
const CATCH_UP_MS = 240_000;

const sleep = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));

/**
 * Kills the gateway at random moments while every point gives a reading a second, starts it again at once, and at the
 * end looks every single reading up in the files of the stopped gateway.
 */
export async function runFullKillRounds(options: FullKillOptions): Promise<FullKillReport> {
  const { rounds, points, everyMs, aliveMs, random, say } = options;
  const folder = await mkdtemp(join(tmpdir(), 'hanfeng-kill-'));
  const dataDir = join(folder, 'gateway');
  const listFile = join(folder, 'batches');
  const edges = Array.from({ length: EDGES }, (_, index) => `edge-${index}`);
  let gateway = await startGateway({ dataDir, edges, devices: [] });
  const { port, secrets } = gateway.ready;
  const load = fork(new URL('./outbox-load.js', import.meta.url), { stdio: 'inherit' });
  try {
    const task: OutboxTask = {
      port,
      edges: edges.map((id) => ({ id, secret: secrets[id] as string })),
      points,
      everyMs,
      listFile,
    };
    load.send(task);
    await sleep(1000);
    await caughtUp(load, points);
    const done: FullKillRound[] = [];
    for (let round = 1; round <= rounds; round++) {
      const before = await state(load);
      const since = performance.now();
      await sleep(aliveMs * (0.2 + 0.8 * random()));
      const after = await state(load);
      const killedAt = performance.now();
      await gateway.stop('kill');
      gateway = await startGateway({ dataDir, edges, devices: [], port, secrets });
      const row: FullKillRound = {
        round,
        readingsPerS: Math.round(((after.acknowledged - before.acknowledged) / (killedAt - since)) * 1000),
        aliveMs: Math.round(killedAt - since),
        restartMs: Math.round(performance.now() - killedAt),
        recoveryMs: Math.round(gateway.ready.startMs),
        restartCpuS: gateway.ready.startCpuS,
      };
      done.push(row);
      say(`round ${round}/${rounds}: ${JSON.stringify(row)}`);
    }
    await caughtUp(load, points);
    load.send('finish');
    const sent = await answer<OutboxReport>(load);
    const ledger = await gateway.report();
    await gateway.stop();
    const rows = await lookUp(dataDir, listFile, points);
    return {
      rounds: done,
      batches: sent.batches,
      made: sent.readings,
      stored: ledger.ledger.stored,
      ...rows,
      lost: rows.lost + Math.max(0, sent.readings - rows.found),
      unanswered: sent.unanswered,
      sentAgain: sent.sentAgain,
      duplicateBatches: ledger.ledger.duplicateBatches,
    };
  } finally {
    load.kill('SIGKILL');
    await gateway.stop('kill').catch(() => {});
    removeFolder(folder);
  }
}

async function state(load: ChildProcess): Promise<OutboxState> {
  load.send('state');
  return answer<OutboxState>(load);
}

/** Resolves when every sender is less than a second behind its plan: from then on it is full load, no more and no less. */
async function caughtUp(load: ChildProcess, points: number): Promise<void> {
  for (const deadline = performance.now() + CATCH_UP_MS; performance.now() < deadline; await sleep(200)) {
    const { behindMs, acknowledged } = await state(load);
    if (behindMs < 1000 && acknowledged >= points) return;
  }
  throw new Error(`the senders did not catch up within ${CATCH_UP_MS / 1000} s`);
}

/** Rows of one look at the whole history: few enough to tell them apart in memory. */
const POINTS_A_LOOK = 20_000;

interface LookUp {
  readonly found: number;
  readonly lost: number;
  readonly twice: number;
  readonly foreign: number;
}

/** Compares all rows in the stopped gateway's files with the list of all batches, without any code of the gateway. */
async function lookUp(dataDir: string, listFile: string, points: number): Promise<LookUp> {
  const instance = await DuckDBInstance.create(join(dataDir, 'hanfeng.duckdb'), {
    access_mode: 'READ_ONLY',
    memory_limit: '2GB',
    temp_directory: join(dataDir, 'look-up'),
  });
  const connection = await instance.connect();
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
  try {
    const perEdge = Math.ceil(points / EDGES / POINTS_PER_DEVICE) * POINTS_PER_DEVICE;
    await connection.run('CREATE TEMP TABLE made (edge DOUBLE, batch DOUBLE, ts DOUBLE, seq DOUBLE)');
    const list = await readFile(listFile);
    const appender = await connection.createAppender('made', 'main', 'temp');
    for (let at = 0; at < list.length; at += 8) {
      appender.appendDouble(list.readDoubleLE(at));
      if ((at / 8) % 4 === 3) appender.endRow();
    }
    appender.closeSync();
    await connection.run(`CREATE TEMP TABLE place AS
      SELECT id AS point, nth // ${perEdge} AS edge, (nth % ${perEdge}) // ${READINGS_PER_BATCH} AS batch FROM
        (SELECT id, regexp_extract(record, '"device":"dev-(\\d+)"', 1)::INTEGER * ${POINTS_PER_DEVICE}
           + regexp_extract(record, '"measurement":"m(\\d)"', 1)::INTEGER AS nth FROM points)`);
    // A table whose readings are in sealed files may still be there for the replay of a start; nobody is answered from it.
    const hot = (await rows(`SELECT 'SELECT point, ts, value FROM hot_' || n FROM hot_tables WHERE sealed = 0`)).flat();
    const sealed = (await rows(`SELECT file FROM segments WHERE kind = 'readings' AND state = 'live'`)).map(
      ([file]) => `SELECT point, ts, value FROM read_parquet('${join(dataDir, file as string)}')`,
    );
    const stored = [...hot, ...sealed].join(' UNION ALL ');
    let twice = 0;
    for (let from = 0; from < points; from += POINTS_A_LOOK) {
      const [again] = await rows(`SELECT coalesce(sum(n - 1), 0)::DOUBLE FROM
        (SELECT count(*) AS n FROM (${stored}) WHERE point >= ${from} AND point < ${from + POINTS_A_LOOK} GROUP BY point, ts)`);
      twice += again?.[0] as number;
    }
    const [counts] = await rows(`
      WITH found AS (SELECT edge, batch, ts, count(*) AS n, min(value) AS low, max(value) AS high
          FROM (${stored}) JOIN place USING (point) GROUP BY ALL),
        size AS (SELECT edge, batch, count(*) AS points FROM place GROUP BY ALL)
      SELECT (SELECT coalesce(sum(n), 0)::DOUBLE FROM found),
        (SELECT coalesce(sum(greatest(0, points - coalesce(n, 0))), 0)::DOUBLE
           FROM made JOIN size USING (edge, batch) LEFT JOIN found USING (edge, batch, ts)),
        (SELECT coalesce(sum(n), 0)::DOUBLE FROM found LEFT JOIN made USING (edge, batch, ts)
           WHERE seq IS NULL OR low <> seq OR high <> seq)`);
    const [found, lost, foreign] = counts as number[] as [number, number, number];
    return { found, lost, twice, foreign };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
