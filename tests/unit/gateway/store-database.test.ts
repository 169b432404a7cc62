import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../../gateway/store/database.ts';
import { WriteLane } from '../../../gateway/store/write-lane.ts';

describe('Database.sum', () => {
  let dataDir: string;
  let database: Database;
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'hf-database-'));
    database = await Database.open({ dataDir, threads: 1, memoryLimitMb: 100 });
  });
  afterEach(async () => {
    await database.close();
    rmSync(dataDir, { recursive: true });
  });

  it('keeps no connection from others, and of many two go on at once', async () => {
    const ends: (() => void)[] = [];
    const sums = Array.from({ length: 12 }, () =>
      database.sum(() => new Promise<void>((resolve) => ends.push(resolve))),
    );
    const answer = await database.read((connection) => connection.runAndReadAll('SELECT 42'));
    expect(answer.getRows()).toEqual([[42]]);
    expect(database.reads).toMatchObject({ active: 2, waiting: 10 });
    for (let ended = 0; ended < 12; ended++) {
      expect(ends.length).toBe(Math.min(12, ended + 2));
      ends[ended]?.();
      await sums[ended];
    }
    expect(database.reads).toEqual({ active: 0, waiting: 0, cutOff: 0, refused: 0 });
  });

  it('refuses more than can wait, as something to be tried again', async () => {
    const ends: (() => void)[] = [];
    const sums = Array.from({ length: 258 }, () =>
      database.sum(() => new Promise<void>((resolve) => ends.push(resolve))),
    );
    await expect(database.sum(async () => {})).rejects.toMatchObject({ code: 'query-timeout', retryable: true });
    expect(database.reads.refused).toBe(1);
    for (let ended = 0; ended < sums.length; ended++) {
      ends[ended]?.();
      await sums[ended];
    }
  });

  it('keeps the files: who removes them waits until it is over, also when it fails', async () => {
    let fail: (error: Error) => void = () => {};
    const summed = database.sum(() => new Promise<void>((_, reject) => (fail = reject)));
    let isOver = false;
    const over = database.readsOver().then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isOver).toBe(false);
    fail(new Error('damaged'));
    await expect(summed).rejects.toThrow('damaged');
    await over;
    expect(isOver).toBe(true);
  });
});

describe('WriteLane.tableCompleted', () => {
  const laneOf = (outcomes: string[]) => {
    const database = { writer: {}, checkpointIfDue: async () => outcomes.shift() ?? 'not-due' };
    return new WriteLane(database as never, { giveUp: async () => false } as never);
  };

  it('resolves when the checkpoint of the table is over, two commits later', async () => {
    const lane = laneOf(['prepared', 'done']);
    let isOver = false;
    const over = lane.tableCompleted().then(() => {
      isOver = true;
    });
    await lane.write(async () => {}, true);
    await lane.end();
    expect(isOver).toBe(false);
    await lane.write(async () => {}, true);
    await over;
    expect(isOver).toBe(true);
  });

  it('begins no checkpoint after a commit that was under way when the read for it was opened', async () => {
    const asked: string[] = [];
    let open: () => void = () => {};
    const isOpen = new Promise<void>((resolve) => {
      open = resolve;
    });
    const database = {
      writer: {},
      checkpointIfDue: async () => {
        asked.push(asked.length === 0 ? 'prepare' : 'checkpoint');
        if (asked.length > 1) return 'done';
        await isOpen;
        return 'prepared';
      },
    };
    const lane = new WriteLane(database as never, { giveUp: async () => false } as never);
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    await lane.write(async () => {}, true);
    let end: () => void = () => {};
    const underWay = lane.write(() => new Promise<void>((resolve) => (end = resolve)), true);
    await turn();
    open();
    await turn();
    end();
    await underWay;
    await turn();
    expect(asked).toEqual(['prepare']);
    await lane.write(async () => {}, true);
    await turn();
    expect(asked).toEqual(['prepare', 'checkpoint']);
  });

  it('resolves without one when no further commit comes', async () => {
    const begunAt = performance.now();
    await laneOf([]).tableCompleted();
    expect(performance.now() - begunAt).toBeGreaterThan(1900);
  });

  it('resolves when the next table is complete before', async () => {
    const lane = laneOf(['done']);
    const first = lane.tableCompleted();
    const second = lane.tableCompleted();
    await first;
    await lane.write(async () => {}, true);
    await second;
  });
});
