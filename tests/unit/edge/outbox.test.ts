import { appendFileSync, cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lane } from '../../../edge/outbox/lane.ts';
import { FolderInUseError } from '../../../edge/outbox/lock.ts';
import { contents, FakeClock, numbered, openOutbox, temporaryFolder } from '../../support/outbox.ts';

let folder: ReturnType<typeof temporaryFolder>;
let clock: FakeClock;

beforeEach(() => {
  folder = temporaryFolder();
  clock = new FakeClock();
});
afterEach(() => folder.remove());

const mark = (marks: Record<string, number>, store = 'store-1') => ({ store, marks, at: 0 });

/** The newest segment file of a lane. */
function newestSegment(path: string, lane: string): string {
  const names = readdirSync(join(path, lane)).filter((name) => name.endsWith('.seg'));
  return join(path, lane, names.sort().at(-1) as string);
}

describe('outbox', () => {
  it('numbers batches from 1 and counts the values ever made', async () => {
    const outbox = await openOutbox(folder.path, clock);
    outbox.append([{ device: 'a', ts: 1, values: { x: 1, y: 2 } }], { line: 1 });
    await outbox.settled();
    outbox.append([numbered(3)], { line: 2 });
    await outbox.settled();
    const lane = outbox.liveLane;
    expect(await outbox.read(lane, 1)).toMatchObject({ seq: 1, made: 2, count: 2, upTo: { line: 1 } });
    expect(await outbox.read(lane, 2)).toMatchObject({ seq: 2, made: 3, count: 1, upTo: { line: 2 } });
    await outbox.close();
  });

  it('flushes after the interval and not before', async () => {
    const outbox = await openOutbox(folder.path, clock, { settings: { flushEvery: 1000 } });
    outbox.append([numbered(1)], {});
    clock.advance(999);
    outbox.tick();
    expect(outbox.status().waiting).toBe(1);
    clock.advance(1);
    outbox.tick();
    await outbox.settled();
    expect(outbox.laneViews()[0]?.last).toBe(1);
    await outbox.close();
  });

  it('seals an empty batch when nothing else was sealed for the heartbeat, with the newest upTo', async () => {
    const outbox = await openOutbox(folder.path, clock, { settings: { heartbeat: 10_000 } });
    outbox.append([], { line: 77 });
    clock.advance(10_000);
    outbox.tick();
    await outbox.settled();
    expect(await outbox.read(outbox.liveLane, 1)).toMatchObject({
      count: 0,
      made: 0,
      readings: [],
      upTo: { line: 77 },
    });
    await outbox.close();
  });

  it('says "sent up to" only with the last of the batches that a flush makes', async () => {
    const outbox = await openOutbox(folder.path, clock, { settings: { batchReadings: 2 } });
    outbox.append([numbered(1), numbered(2), numbered(3)], { line: 9 });
    await outbox.settled();
    expect((await outbox.read(outbox.liveLane, 1))?.upTo).toEqual({});
    expect((await outbox.read(outbox.liveLane, 2))?.upTo).toEqual({ line: 9 });
    await outbox.close();
  });

  it('goes on with its numbers after an orderly stop', async () => {
    const first = await openOutbox(folder.path, clock);
    first.append([numbered(1)], {});
    await first.close();
    clock.boot = 'boot-2';
    const second = await openOutbox(folder.path, clock);
    second.append([numbered(2)], {});
    await second.settled();
    expect([...(await contents(second)).values()]).toEqual([[1], [2]]);
    expect(second.laneViews()).toHaveLength(1);
    await second.close();
  });

  it('goes on with its numbers after SIGKILL while the machine runs on', async () => {
    const first = await openOutbox(folder.path, clock);
    first.append([numbered(1)], {});
    await first.settled();
    await first.release();
    const second = await openOutbox(folder.path, clock);
    expect(second.laneViews()).toMatchObject([{ last: 1, ended: false }]);
    await second.close();
  });

  it('opens a new lane after a power cut: what was lost may have been sent', async () => {
    const first = await openOutbox(folder.path, clock);
    first.append([numbered(1)], {});
    await first.settled();
    await first.release();
    clock.boot = 'boot-2';
    const second = await openOutbox(folder.path, clock);
    expect(second.laneViews()).toMatchObject([
      { last: 1, ended: true },
      { last: 0, ended: false },
    ]);
    await second.close();
  });

  it('cuts a torn end at every byte, keeps what is whole, and never uses a number again', async () => {
    const first = await openOutbox(folder.path, clock, { settings: { compress: false } });
    for (let value = 1; value <= 2; value++) {
      first.append([numbered(value)], {});
      await first.settled();
    }
    const lane = first.liveLane;
    const whole = statSync(newestSegment(folder.path, lane)).size;
    const record = whole / 2;
    expect(Number.isInteger(record)).toBe(true);
    for (let size = 0; size < whole; size++) {
      const copy = temporaryFolder();
      cpSync(folder.path, copy.path, { recursive: true });
      truncateSync(newestSegment(copy.path, lane), size);
      const kept = Math.floor(size / record);
      const outbox = await openOutbox(copy.path, clock);
      const isTorn = size % record !== 0;
      expect([...(await contents(outbox)).values()]).toEqual([[1], [2]].slice(0, kept));
      expect(outbox.laneViews().length, `cut at ${size}`).toBe(isTorn ? 2 : 1);
      outbox.append([numbered(9)], {});
      await outbox.settled();
      expect((await contents(outbox)).get(`${outbox.liveLane} ${isTorn ? 1 : kept + 1}`)).toEqual([9]);
      await outbox.close();
      copy.remove();
    }
    await first.close();
  });

  it('cuts garbage behind the end and opens a new lane', async () => {
    const first = await openOutbox(folder.path, clock);
    first.append([numbered(1)], {});
    await first.close();
    appendFileSync(newestSegment(folder.path, first.liveLane), Buffer.alloc(100, 0xff));
    const second = await openOutbox(folder.path, clock);
    expect(second.laneViews()).toMatchObject([{ last: 1, ended: true }, { last: 0 }]);
    expect([...(await contents(second)).values()]).toEqual([[1]]);
    await second.close();
  });

  it('explains what was damaged in the middle with its exact count', async () => {
    const first = await openOutbox(folder.path, clock, { settings: { bytes: 256 * 1024, compress: false } });
    const long = 'm'.repeat(60);
    // Big enough for several segment files.
    for (let value = 0; value < 120; value++) {
      const values = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`${long}${index}`, value]));
      first.append([{ device: 'd', ts: 1, values }], {});
      await first.settled();
    }
    const lane = first.liveLane;
    await first.close();
    const segments = readdirSync(join(folder.path, lane)).filter((name) => name.endsWith('.seg'));
    expect(segments.length).toBeGreaterThan(3);
    const victim = join(folder.path, lane, segments.sort()[1] as string);
    const bytes = readFileSync(victim);
    bytes.writeUInt8(bytes.readUInt8(60) ^ 1, 60);
    writeFileSync(victim, bytes);
    const second = await openOutbox(folder.path, clock);
    const [view] = second.laneViews();
    expect(view?.gone).toHaveLength(1);
    const { from, to } = (view?.gone ?? [])[0] ?? { from: 0, to: -1 };
    const { values, made } = await second.count(lane, from, to);
    expect(values).toHaveLength(to - from + 1);
    expect(values.reduce((a, b) => a + b, 0)).toBe((to - from + 1) * 20);
    expect(made).toBe(to * 20);
    await second.close();
  });

  it('rebuilds a damaged list of lanes and opens a new one', async () => {
    const first = await openOutbox(folder.path, clock);
    first.append([numbered(1)], {});
    await first.close();
    for (const garbage of ['', '{"format":1', 'null', '[]']) {
      writeFileSync(join(folder.path, 'lanes.json'), garbage);
      const again = await openOutbox(folder.path, clock);
      expect([...(await contents(again)).values()]).toEqual([[1]]);
      expect(again.laneViews().at(-1)).toMatchObject({ last: 0, ended: false });
      await again.close();
    }
  });

  it('frees nothing that is stored while it has room, and the stored first when it has none', async () => {
    const outbox = await openOutbox(folder.path, clock, { settings: { bytes: 256 * 1024, compress: false } });
    const fill = async (batches: number) => {
      for (let batch = 0; batch < batches; batch++) {
        outbox.append(
          Array.from({ length: 100 }, (_, index) => numbered(index)),
          {},
        );
        await outbox.settled();
      }
    };
    await fill(20);
    const lane = outbox.liveLane;
    outbox.setMarks('gw', mark({ [lane]: 20 }));
    expect(outbox.laneViews()[0]?.gone).toEqual([]);
    await fill(25);
    expect(outbox.laneViews()[0]?.gone[0]?.to).toBeLessThanOrEqual(20);
    expect(outbox.status().bytes).toBeLessThanOrEqual(256 * 1024);
    expect(outbox.dropped()).toBe(0);
    await outbox.close();
  });

  it('drops the oldest when nothing is stored, counts exactly, and still knows after a restart', async () => {
    const settings = { bytes: 256 * 1024, compress: false };
    const outbox = await openOutbox(folder.path, clock, { settings });
    for (let batch = 0; batch < 90; batch++) {
      outbox.append(
        Array.from({ length: 50 + batch }, (_, index) => numbered(index)),
        {},
      );
      await outbox.settled();
    }
    const lane = outbox.liveLane;
    const to = outbox.laneViews()[0]?.gone[0]?.to as number;
    const expected = Array.from({ length: to }, (_, index) => 50 + index);
    const total = expected.reduce((a, b) => a + b, 0);
    expect(to).toBeGreaterThan(0);
    expect(outbox.dropped()).toBe(total);
    expect((await outbox.count(lane, 1, to)).values).toEqual(expected);
    expect((await outbox.count(lane, 3, 5)).values).toEqual([52, 53, 54]);
    await outbox.release();
    const again = await openOutbox(folder.path, clock, { settings });
    expect(again.dropped()).toBe(total);
    expect((await again.count(lane, 1, to)).values).toEqual(expected);
    await again.close();
  });

  it('waits for every configured gateway before it frees', async () => {
    const settings = { bytes: 256 * 1024, compress: false };
    const outbox = await openOutbox(folder.path, clock, { settings, gateways: ['gw', 'other'] });
    for (let batch = 0; batch < 60; batch++) {
      outbox.append(
        Array.from({ length: 100 }, (_, index) => numbered(index)),
        {},
      );
      await outbox.settled();
      outbox.setMarks('gw', mark({ [outbox.liveLane]: batch + 1 }));
    }
    expect(outbox.dropped()).toBeGreaterThan(0);
    await outbox.close();
  });

  it('frees what is older than the age limit', async () => {
    const outbox = await openOutbox(folder.path, clock, { settings: { age: 3_600_000 } });
    outbox.append([numbered(1)], {});
    await outbox.settled();
    clock.advance(3_700_000);
    outbox.tick();
    await outbox.settled();
    expect(outbox.laneViews()[0]?.gone[0]).toMatchObject({ from: 1 });
    expect(outbox.dropped()).toBe(1);
    await outbox.close();
  });

  it('opens a new lane when a gateway has numbers it never gave: its folder is an older copy', async () => {
    const outbox = await openOutbox(folder.path, clock);
    outbox.append([numbered(1)], {});
    await outbox.settled();
    const lane = outbox.liveLane;
    outbox.setMarks('gw', mark({ [lane]: 5 }));
    await outbox.settled();
    expect(outbox.liveLane).not.toBe(lane);
    await outbox.close();
  });

  it('keeps marks over a restart, and takes them back when the store changes', async () => {
    const first = await openOutbox(folder.path, clock);
    first.append([numbered(1)], {});
    await first.settled();
    const lane = first.liveLane;
    first.setMarks('gw', mark({ [lane]: 1 }));
    expect(first.unstored().values).toBe(0);
    await first.close();
    const second = await openOutbox(folder.path, clock);
    expect(second.marksOf().gw?.marks).toEqual({ [lane]: 1 });
    second.setMarks('gw', mark({}, 'store-2'));
    expect(second.unstored()).toMatchObject({ values: 1 });
    await second.close();
  });

  it('does not share its folder with another running process', async () => {
    const outbox = await openOutbox(folder.path, clock);
    // Process 1 runs for as long as the machine does.
    const started = readFileSync('/proc/1/stat', 'utf8').split(') ')[1]?.split(' ')[19];
    writeFileSync(join(folder.path, 'lock'), `1 ${started}`);
    await expect(openOutbox(folder.path, clock)).rejects.toThrow(FolderInUseError);
    await outbox.close();
  });
});

describe('a batch written in parts', () => {
  const settings = { flushEvery: 1000, batchEvery: 5000, heartbeat: 10_000, batchReadings: 4 };
  async function appendEachSecond(outbox: Awaited<ReturnType<typeof openOutbox>>, values: readonly number[]) {
    for (const value of values) {
      outbox.append([numbered(value)], { line: value });
      clock.advance(1000);
      outbox.tick();
      await outbox.idle();
    }
  }

  it('is on disk after each flush, and gets its number out after batchEvery', async () => {
    const outbox = await openOutbox(folder.path, clock, { settings: { ...settings, batchReadings: 100 } });
    await appendEachSecond(outbox, [1, 2, 3, 4]);
    expect(outbox.status()).toMatchObject({ waiting: 0, unstored: 4, made: 4 });
    expect(outbox.laneViews()[0]?.last).toBe(0);
    await appendEachSecond(outbox, [5]);
    expect(outbox.laneViews()[0]?.last).toBe(1);
    const batch = await outbox.read(outbox.liveLane, 1);
    expect(batch).toMatchObject({ seq: 1, made: 5, count: 5, upTo: { line: 5 } });
    expect(batch?.readings.map(({ values }) => values.count)).toEqual([1, 2, 3, 4, 5]);
    await outbox.close();
  });

  it('is full at batchReadings, and larger while nobody listens', async () => {
    const outbox = await openOutbox(folder.path, clock, { settings: { ...settings, batchEvery: 1000 } });
    await appendEachSecond(outbox, [1, 2]);
    outbox.setLinked(false);
    await appendEachSecond(outbox, [3, 4, 5, 6, 7, 8]);
    expect([...(await contents(outbox)).values()]).toEqual([[1], [2], [3, 4, 5, 6]]);
    outbox.setLinked(true);
    await appendEachSecond(outbox, [9]);
    expect([...(await contents(outbox)).values()].at(-1)).toEqual([7, 8, 9]);
    await outbox.close();
  });

  it('is kept by a kill in the middle of it, and complete from then on', async () => {
    const first = await openOutbox(folder.path, clock, { settings });
    await appendEachSecond(first, [1, 2, 3]);
    await first.release();
    const second = await openOutbox(folder.path, clock, { settings });
    expect([...(await contents(second)).values()]).toEqual([[1, 2, 3]]);
    await appendEachSecond(second, [4, 5]);
    await second.settled();
    expect([...(await contents(second)).values()]).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
    await second.close();
  });

  it('does not mix times of a clock that was set in between', async () => {
    const outbox = await openOutbox(folder.path, clock, { settings });
    clock.isFree = true;
    await appendEachSecond(outbox, [1, 2]);
    clock.isFree = false;
    await appendEachSecond(outbox, [3]);
    await outbox.settled();
    expect(await outbox.read(outbox.liveLane, 1)).toMatchObject({ count: 2, freeBoot: 'boot-1' });
    expect(await outbox.read(outbox.liveLane, 2)).toMatchObject({ count: 1 });
    expect(await outbox.read(outbox.liveLane, 2)).not.toHaveProperty('freeBoot');
    await outbox.close();
  });
});

describe('outbox while the disk takes nothing', () => {
  const failing = (code: string) =>
    vi.spyOn(Lane.prototype, 'append').mockImplementation(async () => {
      throw Object.assign(new Error('the disk failed'), { code });
    });
  afterEach(() => vi.restoreAllMocks());

  it('keeps readings in memory, counts what overflows, and explains it with a number of its own', async () => {
    const outbox = await openOutbox(folder.path, clock, { settings: { memory: 3 } });
    outbox.append([numbered(0)], {});
    await outbox.settled();
    const disk = failing('ENOSPC');
    outbox.append([numbered(1), numbered(2)], {});
    expect(await outbox.settled()).toBe(false);
    expect(outbox.status()).toMatchObject({ disk: 'ENOSPC', waiting: 2 });
    outbox.append([numbered(3), numbered(4), numbered(5)], {});
    expect(outbox.status()).toMatchObject({ waiting: 3, dropped: 2 });
    disk.mockRestore();
    clock.advance(1000);
    expect(await outbox.settled()).toBe(true);
    expect(outbox.status()).toMatchObject({ disk: 'ok', waiting: 0, dropped: 2, made: 6 });
    const live = outbox.liveLane;
    expect(await outbox.read(live, 2)).toMatchObject({ seq: 2, made: 3, count: 2, overflow: true, readings: [] });
    expect((await outbox.read(live, 3))?.readings.map(({ values }) => values.count)).toEqual([3, 4, 5]);
    await outbox.close();
  });

  it('goes on in a new lane after a failure that leaves unknown what the disk holds', async () => {
    const outbox = await openOutbox(folder.path, clock);
    outbox.append([numbered(0)], {});
    await outbox.settled();
    const before = outbox.liveLane;
    const disk = failing('EIO');
    outbox.append([numbered(1)], {});
    expect(await outbox.settled()).toBe(false);
    disk.mockRestore();
    expect(await outbox.settled()).toBe(true);
    expect(outbox.liveLane).not.toBe(before);
    expect([...(await contents(outbox)).values()]).toEqual([[0], [1]]);
    expect(outbox.laneViews()).toMatchObject([
      { id: before, last: 1, ended: true },
      { last: 1, ended: false },
    ]);
    await outbox.close();
  });

  it('keeps the old lane when a new one finds no room, and live readings are written all the same', async () => {
    const outbox = await openOutbox(folder.path, clock);
    outbox.append([numbered(0)], {});
    await outbox.settled();
    const before = outbox.liveLane;
    const create = vi.spyOn(Lane, 'create').mockRejectedValue(Object.assign(new Error('full'), { code: 'ENOSPC' }));
    outbox.roll();
    outbox.append([numbered(1)], {});
    expect(await outbox.settled()).toBe(true);
    expect(outbox.liveLane).toBe(before);
    expect([...(await contents(outbox)).values()]).toEqual([[0], [1]]);
    create.mockRestore();
    outbox.roll();
    await outbox.settled();
    expect(outbox.liveLane).not.toBe(before);
    await outbox.close();
  });
});
