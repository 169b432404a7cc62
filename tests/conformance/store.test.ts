import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Alarm, AlarmNews, Flood } from '../../contract/alarm.ts';
import { BAD, GOOD, type QualityCode, UNCERTAIN } from '../../contract/reading.ts';
import { ReadingBuffer } from '../../gateway/domain/readings.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import type { Annunciations, Commit, Store } from '../../gateway/store/store.ts';
import { removeFolder } from '../support/folders.ts';
import { latest } from '../support/latest.ts';

const T0 = Date.UTC(2026, 10, 23, 8);
const MINUTE = 60_000;

type Row = readonly [point: number, ts: number, value: number, quality?: QualityCode, reason?: number];

function columns(rows: readonly Row[]): ReadingBuffer {
  const buffer = new ReadingBuffer();
  for (const [point, ts, value, quality = GOOD, reason = 0] of rows) buffer.push(point, ts, value, quality, reason);
  return buffer;
}

function bundle(number: number, rows: readonly Row[] = [], more: Partial<Commit> = {}): Commit {
  return { number, at: T0 + number, inputs: [], readings: columns(rows), ...more };
}

function alarm(id: string, more: Partial<Alarm> = {}): Alarm {
  return {
    id,
    kind: 'high',
    asset: 'fm-1',
    priority: 2,
    state: 'unacknowledged',
    holds: [],
    latched: false,
    active: true,
    message: 'Flow high',
    since: T0,
    raisedAt: T0,
    changedAt: T0,
    raisedLate: false,
    evidence: {},
    ...more,
  };
}

/** What every implementation of the store port does; a new one joins the list below. */
const IMPLEMENTATIONS: readonly {
  readonly name: string;
  readonly open: (dataDir: string) => Promise<Store>;
}[] = [
  {
    name: 'DuckDB in a file',
    open: (dataDir) => {
      let ids = 0;
      return DuckDbStore.open({ dataDir, newId: () => `store-${Math.random().toString(36).slice(2)}-${ids++}` });
    },
  },
];

for (const { name, open } of IMPLEMENTATIONS) {
  describe(`store: ${name}`, () => {
    let folder: string;
    let dataDir: string;
    let store: Store;

    const reopen = async () => {
      await store.close();
      store = await open(dataDir);
    };

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'hanfeng-store-'));
      dataDir = join(folder, 'data');
      store = await open(dataDir);
    });

    afterEach(async () => {
      await store.close();
      removeFolder(folder);
    });

    it('starts empty', async () => {
      const recovered = await store.recover();
      expect(recovered).toMatchObject({ lastCommit: 0, points: [], devices: [], marks: [], openAlarms: [] });
      expect(recovered.snapshot).toBeUndefined();
      expect(await store.readings(0, { from: 0, to: T0 }, 10)).toEqual([]);
      expect(await latest(store, [3])).toEqual([undefined]);
    });

    it('gives back what a commit held, after a restart too', async () => {
      const point = {
        id: 0,
        device: 'fm-1',
        measurement: 'flow',
        unit: 'm3/h',
        maxSilenceMs: MINUTE,
        reportingDelayMs: 0,
      };
      const device = { id: 'fm-1', class: 'flow-meter', origin: 'declared' as const, attributes: { dn: 200 } };
      const source = { id: 0, key: 'device/fm-1', hasUpTo: false };
      const edge = { id: 'e1', online: true, changedAt: T0, lastHeardAt: T0, state: '{"online":true}' };
      const mark = {
        edge: 'e1',
        lane: 'l1',
        mark: 7,
        ahead: [9],
        made: 70,
        stored: 69,
        rejected: 1,
        dropped: 0,
        duplicateBatches: 0,
        duplicateReadings: 0,
        lastAt: T0,
      };
      await store.commit(
        bundle(1, [[0, T0, 1.5]], {
          points: [point],
          devices: [device],
          sources: [source],
          edges: [edge],
          marks: [mark],
          alarms: [alarm('a1'), alarm('a2', { state: 'normal' })],
        }),
      );
      await store.commit(
        bundle(2, [], { marks: [{ ...mark, mark: 9, ahead: [] }], points: [{ ...point, unit: 'L/s' }] }),
      );
      await reopen();
      const recovered = await store.recover();
      expect(recovered).toEqual({
        lastCommit: 2,
        points: [{ ...point, unit: 'L/s' }],
        devices: [device],
        sources: [source],
        edges: [edge],
        marks: [{ ...mark, mark: 9, ahead: [] }],
        openAlarms: [alarm('a1')],
      });
      expect(await store.readings(0, { from: T0, to: T0 + 1 }, 10)).toEqual([{ ts: T0, value: 1.5, quality: 'good' }]);
    });

    it('takes a commit given twice once', async () => {
      await store.commit(bundle(1, [[0, T0, 1]], { journal: [journalLine('a1', T0)] }));
      await store.commit(bundle(1, [[0, T0, 1]], { journal: [journalLine('a1', T0)] }));
      expect((await store.journal({ limit: 10 })).items).toHaveLength(1);
      expect(await store.buckets(0, { from: T0, to: T0 + 1000 }, 1, 1000)).toMatchObject([{ count: 1 }]);
    });

    it('keeps order, quality, reason and missing values of more readings than one chunk', async () => {
      const rows: Row[] = Array.from({ length: 150_000 }, (_, index) => [
        index % 3,
        T0 + index * 10,
        index % 7 === 0 ? Number.NaN : index / 4,
        index % 7 === 0 ? BAD : GOOD,
        index % 7 === 0 ? 2 : 0,
      ]);
      await store.commit(bundle(1, rows));
      const readings = await store.readings(1, { from: T0, to: T0 + 1_500_000 }, 100_000);
      expect(readings).toHaveLength(50_000);
      expect(readings[0]).toEqual({ ts: T0 + 10, value: 0.25, quality: 'good' });
      expect(readings[2]).toEqual({ ts: T0 + 70, quality: 'bad', reason: 'timeout' });
      expect(readings.at(-1)?.ts).toBe(T0 + 149_998 * 10);
      expect(await store.readings(1, { from: T0, to: T0 + 1_500_000 }, 2)).toHaveLength(2);
    });

    it('lets the last committed value of a moment win', async () => {
      await store.commit(
        bundle(1, [
          [0, T0, 1],
          [0, T0, 2],
          [0, T0 + 1, 5],
        ]),
      );
      expect(await store.readings(0, { from: T0, to: T0 + 1 }, 10)).toMatchObject([{ value: 2 }]);
      await store.commit(bundle(2, [[0, T0, 3, UNCERTAIN, 19]]));
      expect(await store.readings(0, { from: T0, to: T0 + 1 }, 10)).toEqual([
        { ts: T0, value: 3, quality: 'uncertain', reason: 'clock' },
      ]);
      expect(await latest(store, [0, 9])).toEqual([[0, T0 + 1, 5], undefined]);
      expect(
        await store.existing([
          { point: 0, ts: T0 },
          { point: 0, ts: T0 + 2 },
        ]),
      ).toMatchObject([{ value: 3 }, undefined]);
    });

    it('replays commits after a snapshot in order, with inputs and readings as they were', async () => {
      for (let number = 1; number <= 40; number++) {
        await store.commit(
          bundle(
            number,
            number % 5 === 0
              ? []
              : [
                  [number, T0 + number, number],
                  [0, T0 - number, Number.NaN, BAD, 2],
                ],
            {
              inputs: [{ kind: 'tick', at: T0 + number }],
            },
          ),
        );
      }
      await store.saveSnapshot(11, '{"judge":1}');
      await reopen();
      expect(await store.recover()).toMatchObject({ lastCommit: 40, snapshot: { commit: 11, state: '{"judge":1}' } });
      const numbers: number[] = [];
      for await (const { number, at, inputs, readings } of store.replay(11)) {
        numbers.push(number);
        expect(at).toBe(T0 + number);
        expect(inputs).toEqual([{ kind: 'tick', at: T0 + number }]);
        expect(readings.length).toBe(number % 5 === 0 ? 0 : 2);
        if (readings.length > 0)
          expect([readings.point[0], readings.value[1], readings.reason[1]]).toEqual([number, Number.NaN, 2]);
      }
      expect(numbers).toEqual(Array.from({ length: 29 }, (_, index) => index + 12));
    });

    it('keeps what people wrote in an input, and marks, letter by letter', async () => {
      const comment = `it's fixed'); DROP TABLE commits; -- \u0000 \\ "二" \ud83d\ude00 \ud800 $1 ?`;
      const input = { kind: 'operator', command: { action: 'comment', alarm: 'a', at: T0, by: "o'neil", comment } };
      const mark = { edge: "o'neil", lane: '二', mark: 3, ahead: [5], made: 9, stored: 8, rejected: 1, dropped: 0 };
      const marks = [{ ...mark, duplicateBatches: 0, duplicateReadings: 0, lastAt: T0 }];
      await store.commit(bundle(1, [[0, T0, 1]], { inputs: [input as never], marks }));
      await reopen();
      const replayed: unknown[] = [];
      expect((await store.recover()).marks).toEqual(marks);
      for await (const { inputs } of store.replay(0)) replayed.push(...inputs);
      expect(replayed).toEqual([input]);
    });

    it('knows the last commit after a snapshot took all of the input log', async () => {
      await store.commit(bundle(1));
      await store.commit(bundle(2));
      await store.saveSnapshot(2, 's');
      await reopen();
      expect((await store.recover()).lastCommit).toBe(2);
    });

    describe('buckets', () => {
      it('weights the mean by time, over the borders of slots', async () => {
        await store.commit(
          bundle(1, [
            [0, T0, 10],
            [0, T0 + 50_000, 20],
            [0, T0 + 90_000, 50],
          ]),
        );
        const buckets = await store.buckets(0, { from: T0, to: T0 + 2 * MINUTE }, 2, 10 * MINUTE);
        expect(buckets).toEqual([
          { ts: T0, count: 2, worstQuality: 'good', min: 10, max: 20, mean: (10 * 50 + 20 * 10) / 60 },
          { ts: T0 + MINUTE, count: 1, worstQuality: 'good', min: 50, max: 50, mean: (20 * 30 + 50 * 30) / 60 },
        ]);
      });

      it('holds the last good value over silence only while it is young enough', async () => {
        await store.commit(
          bundle(1, [
            [0, T0 - 30_000, 7],
            [0, T0 + 5 * MINUTE, 9],
          ]),
        );
        const buckets = await store.buckets(0, { from: T0, to: T0 + 6 * MINUTE }, 6, 2 * MINUTE);
        expect(buckets.map(({ ts, mean, held, count }) => [(ts - T0) / MINUTE, mean, held, count])).toEqual([
          [0, 7, true, 0],
          [1, 7, true, 0],
          [5, 9, undefined, 1],
        ]);
      });

      it('counts bad readings but takes no value from them', async () => {
        await store.commit(
          bundle(1, [
            [0, T0, 4],
            [0, T0 + 30_000, Number.NaN, BAD, 2],
            [0, T0 + MINUTE, 99, BAD, 17],
          ]),
        );
        const buckets = await store.buckets(0, { from: T0, to: T0 + 3 * MINUTE }, 3, 10 * MINUTE);
        expect(buckets).toEqual([
          { ts: T0, count: 2, worstQuality: 'bad', min: 4, max: 4, mean: 4 },
          { ts: T0 + MINUTE, count: 1, worstQuality: 'bad' },
          { ts: T0 + 2 * MINUTE, count: 0, worstQuality: 'good', min: 4, max: 4, mean: 4, held: true },
        ]);
      });

      it('has none for a point without readings or an empty range', async () => {
        expect(await store.buckets(0, { from: T0, to: T0 + MINUTE }, 10, MINUTE)).toEqual([]);
        expect(await store.buckets(0, { from: T0, to: T0 }, 10, MINUTE)).toEqual([]);
      });
    });

    it('aggregates many points per step and across them', async () => {
      await store.commit(
        bundle(1, [
          [0, T0, 1],
          [0, T0 + 1000, 3],
          [1, T0, 10],
          [1, T0 + MINUTE, 20],
          [1, T0 + MINUTE + 1, 77, BAD, 17],
        ]),
      );
      const range = { points: [0, 1, 2], from: T0, to: T0 + 2 * MINUTE, stepMs: MINUTE };
      const series = await store.query({ ...range, aggregate: 'mean' });
      expect(series.map(({ point, values }) => [point, values.map(({ ts, value }) => [ts - T0, value])])).toEqual([
        [0, [[0, 2]]],
        [
          1,
          [
            [0, 10],
            [MINUTE, 20],
          ],
        ],
        [2, []],
      ]);
      expect(await store.query({ ...range, aggregate: 'max', across: 'sum' })).toEqual([
        {
          values: [
            { ts: T0, value: 13, count: 3, worstQuality: 'good' },
            { ts: T0 + MINUTE, value: 20, count: 1, worstQuality: 'good' },
          ],
        },
      ]);
      expect((await store.query({ ...range, aggregate: 'count' }))[0]?.values[0]?.value).toBe(2);
      expect((await store.query({ ...range, aggregate: 'last' }))[0]?.values[0]?.value).toBe(3);
      await expect(store.query({ ...range, stepMs: 1, to: T0 + 86_400_000, aggregate: 'min' })).rejects.toMatchObject({
        code: 'query-too-large',
      });
    });

    it('lists alarms newest first, by filter and page by page', async () => {
      const alarms = Array.from({ length: 7 }, (_, index) =>
        alarm(`a${index}`, {
          raisedAt: T0 + Math.floor(index / 2),
          priority: index % 2 === 0 ? 1 : 3,
          asset: index === 6 ? "o'brien" : 'fm-1',
        }),
      );
      await store.commit(bundle(1, [], { alarms }));
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.alarms({ limit: 3, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(seen).toEqual(['a6', 'a5', 'a4', 'a3', 'a2', 'a1', 'a0']);
      expect((await store.alarms({ priorities: [3], limit: 10 })).items.map(({ id }) => id)).toEqual([
        'a5',
        'a3',
        'a1',
      ]);
      expect((await store.alarms({ asset: "o'brien", limit: 10 })).items).toHaveLength(1);
      await store.commit(bundle(2, [], { alarms: [alarm('a0', { state: 'acknowledged' })] }));
      await store.commit(bundle(3, [], { alarms: [alarm('a1', { state: 'normal' })] }));
      expect((await store.alarms({ open: true, limit: 10 })).items).toHaveLength(6);
      expect((await store.alarms({ states: ['acknowledged'], limit: 10 })).items.map(({ id }) => id)).toEqual(['a0']);
      expect(await store.alarm('a0')).toMatchObject({ state: 'acknowledged' });
      expect(await store.alarm("no'such")).toBeUndefined();
      for (const cursor of ['rubbish', 'W10', 'WzEsMV0', 'WzEuNSwieCJd'])
        await expect(store.alarms({ limit: 10, cursor })).rejects.toMatchObject({ code: 'cursor-invalid' });
      await expect(store.journal({ limit: 10, cursor: 'WzEsIngiXQ' })).rejects.toMatchObject({
        code: 'cursor-invalid',
      });
    });

    it('keeps journal, notifications, dead letters, audit and idempotency keys', async () => {
      const note = {
        id: 'n1',
        channel: 'web',
        alarm: 'a1',
        event: 'raise' as const,
        payload: '{}',
        dueAt: T0,
        attempts: 0,
        state: 'due' as const,
      };
      const letter = { id: 'd1', at: T0, door: 'mqtt', source: 'x', reason: 'not-json', detail: '?', payload: "{'" };
      await store.commit(
        bundle(1, [], {
          journal: [journalLine('a1', T0), journalLine('a2', T0 + 5)],
          notifications: [note, { ...note, id: 'n2', dueAt: T0 + MINUTE }],
          deadLetters: [letter, { ...letter, id: 'd2', reason: 'bad-time' }],
          audit: [{ at: T0, who: 'ann', what: 'login', target: '-' }],
          idempotencyKeys: [{ key: 'k1', fingerprint: 'f1' }],
        }),
      );
      expect((await store.journal({ limit: 10 })).items.map(({ alarm: id }) => id)).toEqual(['a2', 'a1']);
      expect((await store.journal({ limit: 10, alarm: 'a1' })).items).toHaveLength(1);
      expect((await store.journal({ limit: 10, from: T0 + 1 })).items).toHaveLength(1);
      expect((await store.dueNotifications(T0, 10)).map(({ id }) => id)).toEqual(['n1']);
      await store.commit(bundle(2, [], { notifications: [{ ...note, state: 'sent', attempts: 1, sentAt: T0 }] }));
      expect(await store.dueNotifications(T0, 10)).toEqual([]);
      expect((await store.notifications({ limit: 10, alarm: 'a1' })).items.map(({ id }) => id)).toEqual(['n2', 'n1']);
      expect((await store.deadLetters({ limit: 10, reason: 'bad-time' })).items).toMatchObject([{ id: 'd2' }]);
      expect(await store.deadLetter('d1')).toEqual(letter);
      expect(await store.deadLetter('d9')).toBeUndefined();
      expect((await store.audit({ limit: 10 })).items).toHaveLength(1);
      expect([await store.idempotencyFingerprint('k1'), await store.idempotencyFingerprint('k2')]).toEqual([
        'f1',
        undefined,
      ]);
    });

    it('gives back texts of every kind as they were, in more rows than one statement', async () => {
      const texts = [
        '"quoted"',
        "it's",
        'a\\nb\nc\t\\',
        'nul\u0000nul',
        '高水位 ³ 😀',
        '',
        '[1, null]',
        '\u2028',
        '\\ud800',
      ];
      const alarms = Array.from({ length: 2500 }, (_, n) => {
        const text = texts[n % texts.length] as string;
        return alarm(`${n}:${text}`, { asset: text, message: text, location: text, priority: ((n % 4) + 1) as 1 });
      });
      await store.commit(bundle(1, [], { alarms, journal: alarms.map(({ id }, n) => journalLine(id, T0 + n)) }));
      expect(await Promise.all(alarms.slice(0, 9).map(({ id }) => store.alarm(id)))).toEqual(alarms.slice(0, 9));
      const listed = (await store.alarms({ limit: 5000 })).items;
      expect(new Map(listed.map((one) => [one.id, one]))).toEqual(new Map(alarms.map((one) => [one.id, one])));
      const lines = (await store.journal({ limit: 5000 })).items;
      expect(lines.toReversed().map((line) => line.alarm)).toEqual(alarms.map(({ id }) => id));
      expect((await store.alarms({ limit: 5000, asset: '"quoted"' })).items).toHaveLength(278);
    });

    it('takes half a character of a broken text as UTF-8 has it, and refuses nothing for it', async () => {
      await store.commit(bundle(1, [], { alarms: [alarm('x\ud800y', { asset: '\udc00' }), alarm('whole')] }));
      expect(await store.alarm('x\ufffdy')).toMatchObject({ message: 'Flow high' });
      expect(await store.alarm('whole')).toBeDefined();
    });

    it('tells what people were told and did, with each name once', async () => {
      const told = (id: string, at: number, event: AlarmNews, who = 'system') => ({
        ...journalLine(id, at),
        event,
        told: event,
        who,
      });
      const alarms = [alarm('a1', { rule: 'r-1', assetClass: 'tank' }), alarm('a2', { rule: 'r-1' })];
      await store.commit(
        bundle(1, [], {
          alarms,
          journal: [told('a1', T0, 'raise'), journalLine('a1', T0 + 1), told('a2', T0 + 2, 'raise')],
        }),
      );
      const comment = { ...journalLine('a2', T0 + 4), event: 'comment', who: "o'brien" };
      await store.commit(
        bundle(2, [], {
          alarms,
          journal: [told('a1', T0 + 3, 'acknowledge', 'ann'), comment, told('a1', T0 + 9, 'return')],
        }),
      );
      const read = async (from: number, to: number) => {
        const lines: unknown[] = [];
        let names: Annunciations | undefined;
        await store.annunciations({ from, to }, (given) => {
          names = given;
          return ({ length, alarm: occurrence, rule, at, told: what, who }) => {
            for (let row = 0; row < length; row++)
              lines.push([
                occurrence[row],
                given.rules[rule[row] as number]?.rule,
                at[row],
                what[row],
                given.people[who[row] as number],
              ]);
          };
        });
        return { names, lines };
      };
      const { names, lines } = await read(T0, T0 + 9);
      const [first] = lines as [[number], [number]];
      const second = (lines as [[number], [number]])[1];
      expect(names).toMatchObject({ rules: [{ rule: 'r-1', priority: 2 }], people: ['ann', "o'brien"] });
      expect(first[0]).not.toBe(second[0]);
      expect(lines).toEqual([
        [first[0], 'r-1', T0, 1, undefined],
        [second[0], 'r-1', T0 + 2, 1, undefined],
        [first[0], 'r-1', T0 + 3, 4, 'ann'],
        [second[0], 'r-1', T0 + 4, 0, "o'brien"],
      ]);
      expect(await read(T0 + 100, T0 + 200)).toEqual({ names: { rules: [], people: [] }, lines: [] });
    });

    it('keeps floods, the newest record of each', async () => {
      const flood = (id: string, from: number, more: Partial<Flood> = {}): Flood => ({
        ...{ id, from, beganAt: from, group: 'all', state: 'active', alarms: 11, peak: 11, standing: 11, explained: 0 },
        ...{ priorities: { 1: 0, 2: 0, 3: 11, 4: 0 }, roots: [], assets: [], classes: [] },
        ...more,
      });
      await store.commit(bundle(1, [], { floods: [flood('f1', T0), flood('f2', T0 + MINUTE)] }));
      await store.commit(
        bundle(2, [], { floods: [flood('f1', T0, { state: 'over', endedAt: T0 + MINUTE, alarms: 40 })] }),
      );
      const ids = async (filter: object) => (await store.floods({ limit: 10, ...filter })).items.map(({ id }) => id);
      expect(await ids({})).toEqual(['f2', 'f1']);
      expect(await ids({ active: true })).toEqual(['f2']);
      expect(await ids({ active: false })).toEqual(['f1']);
      expect(await ids({ from: T0 + 2 * MINUTE })).toEqual(['f2']);
      expect(await ids({ to: T0 + 1 })).toEqual(['f1']);
      await reopen();
      expect((await store.floods({ limit: 1, cursor: (await store.floods({ limit: 1 })).cursor ?? '' })).items).toEqual(
        [flood('f1', T0, { state: 'over', endedAt: T0 + MINUTE, alarms: 40 })],
      );
    });

    it('keeps its id over restarts and takes a new one in a copy of the folder', async () => {
      const id = store.id;
      await reopen();
      expect(store.id).toBe(id);
      await store.close();
      cpSync(dataDir, join(folder, 'copy'), { recursive: true });
      renameSync(dataDir, join(folder, 'old'));
      renameSync(join(folder, 'copy'), dataDir);
      store = await open(dataDir);
      expect(store.id).not.toBe(id);
      await store.adoptNewId('restored');
      await reopen();
      expect(store.id).toBe('restored');
    });

    it('refuses a second gateway on the same folder with a clear word', async () => {
      await expect(open(dataDir)).rejects.toThrow(/in use by/);
      const script = `
        import { DuckDbStore } from ${JSON.stringify(resolve('dist/gateway/store/duckdb.js'))};
        await DuckDbStore.open({ dataDir: ${JSON.stringify(dataDir)}, newId: () => 'x' }).then(
          () => console.log('opened'), (error) => console.log(error.code + ': ' + error.message));`;
      const child = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
      expect(child.stdout).toMatch(new RegExp(`^store-broken: .*in use by process ${process.pid}`));
    });
  });
}

function journalLine(alarmId: string, at: number) {
  return {
    alarm: alarmId,
    at,
    recordedAt: at,
    from: 'normal' as const,
    to: 'unacknowledged' as const,
    event: 'raise',
    who: 'system',
  };
}
