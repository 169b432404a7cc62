import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEAD_LETTER_BYTES_MAX } from '../../../gateway/burial.ts';
import type { Committed } from '../../../gateway/ingest.ts';
import { type Store, StoreError } from '../../../gateway/store/store.ts';
import { envelope as batchOf, type IngestRig, openCatalog, openRig } from '../../support/ingest-rig.ts';

const T0 = Date.UTC(2026, 10, 23, 8);
const range = { from: T0 - 86_400_000, to: T0 + 2 * 86_400_000 };

const envelope: typeof batchOf = (seq, readings, more = {}) => batchOf(seq, readings, { sentAt: T0, ...more });
const flow = (ts: number | undefined, value: unknown, device = 'fm-1') => ({
  device,
  ...(ts === undefined ? {} : { ts }),
  values: { flow: value },
});

describe('ingest', () => {
  let rig: IngestRig;
  afterEach(() => rig.close());

  const stored = async (device = 'fm-1', measurement = 'flow') => {
    const point = rig.registry.pointId(device, measurement);
    return point === undefined ? [] : rig.store.readings(point, range, 1000);
  };

  describe('batches of an edge', () => {
    beforeEach(async () => {
      rig = await openRig();
    });

    it('are on disk, judged and counted when the promise resolves', async () => {
      const mark = await rig.ingest.batch(
        'e1',
        envelope(1, [flow(T0, 1.5), flow(T0 + 1, { quality: 'bad', reason: 'timeout' })], {
          made: 2,
          upTo: { l1: T0 + 1 },
        }),
        T0 + 5,
      );
      expect(mark).toMatchObject({ edge: 'e1', lane: 'lane-1', mark: 1, made: 2, stored: 2, rejected: 0 });
      expect(await stored()).toEqual([
        { ts: T0, value: 1.5, quality: 'good' },
        { ts: T0 + 1, quality: 'bad', reason: 'timeout' },
      ]);
      expect(rig.judge.told).toEqual([
        'heard e1',
        `edge/e1/_: fm-1/flow@${T0}=1.5 fm-1/flow@${T0 + 1}=NaN`,
        `edge/e1/l1 up to ${T0 + 1}`,
        `edge/e1/_ up to ${T0 + 1}`,
      ]);
      expect([...rig.registry.marks()]).toEqual([mark]);
    });

    it('change nothing but a count when they come twice, before or after a restart', async () => {
      await Promise.all([
        rig.ingest.batch('e1', envelope(1, [flow(T0, 1)]), T0),
        rig.ingest.batch('e1', envelope(1, [flow(T0, 1)]), T0),
      ]);
      await rig.restart();
      const mark = await rig.ingest.batch('e1', envelope(1, [flow(T0, 1)]), T0);
      expect(mark).toMatchObject({ mark: 1, stored: 1, duplicateBatches: 2, duplicateReadings: 2 });
      expect(await rig.store.buckets(0, range, 1, 1)).toMatchObject([{ count: 1 }]);
    });

    it('are stored out of order, and the mark moves once the gap is filled', async () => {
      expect(await rig.ingest.batch('e1', envelope(3, [flow(T0 + 3, 3)]), T0)).toMatchObject({ mark: 0, ahead: [3] });
      expect(await rig.ingest.batch('e1', envelope(1, [flow(T0 + 1, 1)]), T0)).toMatchObject({ mark: 1, ahead: [3] });
      expect(await rig.ingest.batch('e1', envelope(2, [flow(T0 + 2, 2)]), T0)).toMatchObject({ mark: 3, ahead: [] });
      expect((await stored()).map(({ value }) => value)).toEqual([1, 2, 3]);
    });

    it('explain a gap with a tombstone', async () => {
      await rig.ingest.batch('e1', envelope(1, [flow(T0, 1)], { made: 1 }), T0);
      const mark = await rig.ingest.batch(
        'e1',
        envelope(4, [], { made: 6, dropped: { from: 2, to: 4, readings: 5 } }),
        T0,
      );
      expect(mark).toMatchObject({ mark: 4, made: 6, stored: 1, dropped: 5 });
    });

    it('lose only the readings that can not be taken', async () => {
      const mark = await rig.ingest.batch(
        'e1',
        envelope(1, [
          flow(T0, 1),
          flow(T0, 'x'),
          null,
          { device: 'fm-1' },
          flow(T0 + 25 * 3_600_000, 2),
          flow(T0 + 9, 4),
        ]),
        T0,
      );
      expect(mark).toMatchObject({ mark: 1, stored: 2, rejected: 4 });
      expect((await stored()).map(({ value }) => value)).toEqual([1, 4]);
      const letters = (await rig.store.deadLetters({ limit: 10 })).items;
      expect(letters.map(({ reason }) => reason).sort()).toEqual([
        'bad-time',
        'not-a-number',
        'wrong-shape',
        'wrong-shape',
      ]);
      expect(letters.every(({ door, source, payload }) => door === 'batch' && source === 'e1' && payload !== '')).toBe(
        true,
      );
    });

    it('are shifted and marked when the clock of the edge is off, and only then', async () => {
      await rig.ingest.batch(
        'e1',
        envelope(1, [flow(T0 - 3_600_000, 1)], { sentAt: T0 - 3_600_000, upTo: { l: T0 - 3_600_000 } }),
        T0,
      );
      await rig.ingest.batch('e1', envelope(2, [flow(T0 - 30_000, 2)], { sentAt: T0 - 30_000 }), T0);
      await rig.ingest.batch('e1', envelope(3, [flow(T0 - 5, 3)], { sentAt: T0 - 4, clock: 'free' }), T0);
      expect(await stored()).toEqual([
        { ts: T0 - 30_000, value: 2, quality: 'good' },
        { ts: T0 - 5, value: 3, quality: 'uncertain', reason: 'clock' },
        { ts: T0, value: 1, quality: 'uncertain', reason: 'clock' },
      ]);
      expect(rig.judge.told).toContain(`edge/e1/l up to ${T0}`);
    });

    it('keep what the edge holds back, for the ledger', async () => {
      const unsent = { readings: 12, oldestAt: T0 - 1000 };
      expect(await rig.ingest.batch('e1', envelope(1, [], { unsent }), T0)).toMatchObject({ unsent });
      expect((await rig.ingest.batch('e1', envelope(2, []), T0)).unsent).toBeUndefined();
    });
  });

  describe('other doors', () => {
    beforeEach(async () => {
      rig = await openRig();
    });

    it('stamp readings without a time on receipt, each one kept', async () => {
      const receipts = await Promise.all(
        [1, 2, 3].map((value) => rig.ingest.readings('mqtt', [flow(undefined, value)], T0)),
      );
      expect(receipts.every(({ stored: count }) => count === 1)).toBe(true);
      expect(await stored()).toEqual(
        [1, 2, 3].map((value, index) => ({ ts: T0 + index, value, quality: 'uncertain', reason: 'receive-time' })),
      );
      expect(rig.judge.told[0]).toMatch(/^device\/fm-1: /);
    });

    it('know what they stored before, in this commit, the last one or before a restart', async () => {
      const first = rig.ingest.readings('http', [flow(T0, 1), flow(T0 + 1, 2)], T0);
      const second = rig.ingest.readings('http', [flow(T0, 1), flow(T0 + 1, 9), flow(T0 - 5, 7)], T0);
      expect(await first).toMatchObject({ stored: 2, duplicate: 0, corrected: 0 });
      expect(await second).toMatchObject({ stored: 1, duplicate: 1, corrected: 1 });
      expect(await rig.ingest.readings('http', [flow(T0 + 1, 9)], T0)).toMatchObject({ stored: 0, duplicate: 1 });
      await rig.restart();
      expect(await rig.ingest.readings('http', [flow(T0, 1), flow(T0 - 5, 8)], T0)).toMatchObject({
        duplicate: 1,
        corrected: 1,
      });
      expect((await stored()).map(({ value }) => value)).toEqual([8, 1, 9]);
      expect(rig.ingest.counts).toMatchObject({ duplicates: 1, corrected: 1 });
    });

    it('do a request with a known key once, while it is under way and after a restart', async () => {
      const put = () => rig.ingest.readings('http', [flow(undefined, 1)], T0, { key: 'key-1', fingerprint: 'one' });
      await Promise.all([put(), put()]);
      await rig.restart();
      expect(await put()).toMatchObject({ stored: 0, duplicate: 1 });
      expect(await stored()).toHaveLength(1);
    });

    it('refuse a known key for other readings, while the first is under way and after a restart', async () => {
      const put = (fingerprint: string) =>
        rig.ingest.readings('http', [flow(undefined, 1)], T0, { key: 'key-1', fingerprint });
      const refused = { code: 'idempotency-key-reused' };
      await Promise.all([put('one'), expect(put('two')).rejects.toMatchObject(refused)]);
      await rig.restart();
      await expect(put('two')).rejects.toMatchObject(refused);
      expect(await put('one')).toMatchObject({ stored: 0, duplicate: 1 });
      expect(await stored()).toHaveLength(1);
    });

    it('refuse again what they refused when the same request comes again, and take nothing twice', async () => {
      const entries = [flow(T0, 1), flow(undefined, 2), flow(T0, Number.NaN), flow(undefined, Number.NaN)];
      const put = () => rig.ingest.readings('http', entries, T0, { key: 'key-1', fingerprint: 'one' });
      expect(await put()).toMatchObject({ stored: 2, rejected: [{}, {}] });
      await rig.restart();
      const again = await put();
      expect(again).toMatchObject({ stored: 0, duplicate: 2 });
      expect(again.rejected.map(({ reason }) => reason)).toEqual(['not-a-number', 'not-a-number']);
      expect(await stored()).toHaveLength(2);
    });

    it('leave a key free that took nothing', async () => {
      await rig.close();
      rig = await openRig({ discovery: 'dead-letter' });
      const put = () => rig.ingest.readings('http', [flow(undefined, 1)], T0, { key: 'key-1', fingerprint: 'one' });
      expect(await put()).toMatchObject({ stored: 0, rejected: [{ reason: 'unknown-device' }] });
      expect(await put()).toMatchObject({ stored: 0, duplicate: 0, rejected: [{ reason: 'unknown-device' }] });
    });

    it('take another quality of the same value as a correction', async () => {
      const doubtful = { device: 'fm-1', ts: T0, values: { flow: { value: 1, quality: 'uncertain' } } };
      await rig.ingest.readings('http', [doubtful], T0);
      expect(await rig.ingest.readings('http', [doubtful], T0)).toMatchObject({ duplicate: 1, corrected: 0 });
      expect(await rig.ingest.readings('http', [flow(T0, 1)], T0)).toMatchObject({ duplicate: 0, corrected: 1 });
      expect(await stored()).toMatchObject([{ value: 1, quality: 'good' }]);
    });

    it('name what they reject', async () => {
      const receipt = await rig.ingest.readings('line-protocol', [flow(T0, 1), flow(T0, Number.NaN)], T0);
      expect(receipt).toMatchObject({
        stored: 1,
        rejected: [{ reason: 'not-a-number', detail: expect.stringContaining('fm-1/flow') }],
      });
    });
  });

  it('rejects unknown devices and points where discovery is off, and takes declared ones', async () => {
    rig = await openRig({
      discovery: 'dead-letter',
      catalog: openCatalog([{ device: 'fm-1', measurements: ['flow'] }]),
    });
    const receipt = await rig.ingest.readings(
      'mqtt',
      [flow(T0, 1), flow(T0, 1, 'fm-9'), { device: 'fm-1', ts: T0, values: { spin: 3 } }],
      T0,
    );
    expect(receipt.stored).toBe(1);
    expect(receipt.rejected.map(({ reason }) => reason)).toEqual(['unknown-device', 'unknown-point']);
    await rig.ingest.edgeState(
      'e1',
      { online: true, devices: [{ id: 'fm-9', points: [{ measurement: 'flow' }] }] },
      T0,
    );
    expect([...rig.registry.devices()].map(({ id }) => id)).toEqual(['fm-1']);
  });

  it('learns lines, units and intervals from the state of an edge, and keeps them over a restart', async () => {
    rig = await openRig();
    await rig.ingest.batch('e1', envelope(1, [flow(T0, 1)]), T0);
    const point = rig.registry.pointId('fm-1', 'flow') as number;
    await rig.ingest.edgeState(
      'e1',
      {
        online: true,
        devices: [
          { id: 'fm-1', line: 'l1', model: 'x', points: [{ measurement: 'flow', unit: 'm3/h', everyMs: 1000 }] },
        ],
      },
      T0,
    );
    const source = rig.registry.sourceId('edge/e1/l1');
    expect(rig.judge.points.get(point)).toMatchObject({ source, point: { unit: 'm3/h', maxSilenceMs: 3000 } });
    await rig.ingest.edgeState('e1', { online: false }, T0 + 1);
    await rig.restart();
    expect(rig.registry.device('fm-1')).toMatchObject({ edge: 'e1', line: 'l1', model: 'x' });
    expect(rig.registry.point(point)).toMatchObject({ unit: 'm3/h', everyMs: 1000 });
    expect(rig.judge.points.get(point)?.source).toBe(rig.registry.sourceId('edge/e1/l1'));
    expect(rig.registry.edge('e1')).toMatchObject({ online: false, changedAt: T0 + 1 });
    expect(rig.registry.edge('e1')?.state).toContain('fm-1');
    await rig.ingest.batch('e1', envelope(2, [flow(T0 + 1, 1)], { upTo: { l1: T0 + 1 } }), T0);
    expect(rig.judge.told.at(-3)).toBe(`edge/e1/l1: fm-1/flow@${T0 + 1}=1`);
  });

  it('shows an edge online as soon as its batches come, whatever its last will said, and offline when it falls silent', async () => {
    rig = await openRig();
    const online = () => rig.registry.edge('e1')?.online;
    let at = T0;
    const tick = async (seconds: number) => {
      for (let n = 0; n < seconds; n++) {
        at += 1000;
        await rig.ingest.tick(at);
      }
    };
    const send = (seq: number) => rig.ingest.batch('e1', envelope(seq, [flow(at, seq)]), at);
    await rig.ingest.edgeState('e1', { online: false, version: '1' }, at);
    expect(online()).toBe(false);
    await tick(1);
    await send(1);
    expect(rig.registry.edge('e1')).toMatchObject({ online: true, changedAt: at });
    expect(rig.registry.edge('e1')?.state).toContain('version');
    await tick(20);
    await send(2);
    await tick(29);
    expect(online()).toBe(true);
    await tick(2);
    expect(rig.registry.edge('e1')).toMatchObject({ online: false, lastHeardAt: T0 + 21_000 });
    await rig.restart();
    expect(online()).toBe(false);
    await send(3);
    expect(online()).toBe(true);
    // One that is paid by the byte says that it sends seldom.
    await rig.ingest.edgeState('e1', { online: true, heartbeatMs: 60_000 }, at);
    await tick(170);
    expect(online()).toBe(true);
    await rig.ingest.edgeState('e1', { online: false }, at);
    expect(online()).toBe(false);
  });

  it('calls no edge silent because the clock was set', async () => {
    rig = await openRig();
    await rig.ingest.tick(T0);
    await rig.ingest.batch('e1', envelope(1, [flow(T0, 1)]), T0);
    await rig.ingest.tick(T0 + 3_600_000);
    await rig.ingest.tick(T0 + 3_601_000);
    expect(rig.registry.edge('e1')?.online).toBe(true);
  });

  it('tells listeners after the commit, with last values up to date, and survives one that throws', async () => {
    rig = await openRig();
    const seen: string[] = [];
    rig.ingest.onCommitted(() => {
      throw new Error('listener');
    });
    const stop = rig.ingest.onCommitted(({ readings, alarms, journal }: Committed) => {
      const last = rig.registry.last(readings.point[0] as number);
      seen.push(`${readings.length} ${last?.value} ${alarms.map(({ id }) => id)} ${journal.length}`);
    });
    await rig.ingest.readings('mqtt', [flow(T0, 100)], T0);
    expect(seen).toEqual([`1 100 high-0-${T0} 1`]);
    expect((await rig.store.alarms({ limit: 5 })).items).toHaveLength(1);
    stop();
    await rig.ingest.readings('mqtt', [flow(T0 + 1, 1)], T0);
    expect(seen).toHaveLength(1);
  });

  it('commits the notifications an alarm makes due together with it', async () => {
    rig = await openRig({
      planNotifications: (alarms) =>
        alarms.map(({ id }) => ({
          id: `n-${id}`,
          channel: 'web',
          alarm: id,
          event: 'raise' as const,
          payload: '{}',
          dueAt: T0,
          attempts: 0,
          state: 'due' as const,
        })),
    });
    await rig.ingest.readings('mqtt', [flow(T0, 100)], T0);
    const [due] = await rig.store.dueNotifications(T0, 10);
    expect(due?.alarm).toBe(`high-0-${T0}`);
    await rig.ingest.notified({ ...due!, state: 'sent' });
    expect(await rig.store.dueNotifications(T0, 10)).toEqual([]);
  });

  it('commits thousands of alarms with what each makes due, and tells none before its commit', async () => {
    rig = await openRig({
      planNotifications: (alarms, journal) =>
        journal.flatMap(({ alarm: id, at }) =>
          alarms
            .filter((alarm) => alarm.id === id)
            .map(() => ({
              ...{ id: `n-${id}-${at}`, channel: 'web', alarm: id, event: 'raise' as const, payload: '{}', dueAt: T0 },
              ...{ attempts: 0, state: 'due' as const },
            })),
        ),
    });
    const told: Committed[] = [];
    rig.ingest.onCommitted((committed) => told.push({ ...committed }));
    const batches = Array.from({ length: 6 }, (_, n) =>
      Array.from({ length: 600 }, (_k, k) => flow(T0 + n * 600 + k, 100)),
    );
    await Promise.all(batches.map((readings, n) => rig.ingest.batch('e1', envelope(n + 1, readings), T0)));
    for (const { alarms, notifications } of told)
      expect(notifications.map(({ alarm }) => alarm).toSorted()).toEqual(alarms.map(({ id }) => id).toSorted());
    expect(told.flatMap(({ alarms }) => alarms)).toHaveLength(3600);
    expect(await rig.store.dueNotifications(T0, 5000)).toHaveLength(3600);
    expect((await rig.store.journal({ limit: 5000 })).items).toHaveLength(3600);
  });

  it('does not let readings of other edges wait behind a flood of transitions', async () => {
    rig = await openRig();
    const done: string[] = [];
    const send = (edge: string, seq: number, count: number, value: number) => {
      const at = T0 + seq * 10_000;
      const readings = Array.from({ length: count }, (_, k) => flow(at + k, value, `${edge}-meter`));
      return rig.ingest.batch(edge, envelope(seq, readings), T0).then(() => done.push(edge));
    };
    // It is known by its first message what the edge is sending.
    await send('loud', 1, 500, 100);
    done.length = 0;
    const flood = Array.from({ length: 8 }, (_, n) => send('loud', n + 2, 1000, 100));
    await Promise.all([...flood, send('calm', 1, 10, 1)]);
    expect(done.indexOf('calm')).toBeLessThan(3);
    expect((await rig.store.journal({ limit: 10_000 })).items).toHaveLength(8500);
    expect([...rig.registry.marks()][0]).toMatchObject({ edge: 'loud', mark: 9 });
  });

  it('stores what still waits for its turn when it is stopped', async () => {
    rig = await openRig();
    const batches = Array.from({ length: 60 }, (_, n) =>
      rig.ingest.batch(
        `e${n}`,
        envelope(
          1,
          Array.from({ length: 500 }, (_k, k) => flow(T0 + n * 500 + k, 1)),
        ),
        T0,
      ),
    );
    await rig.restart();
    expect((await Promise.all(batches)).map(({ mark }) => mark)).toEqual(batches.map(() => 1));
    expect([...rig.registry.marks()]).toHaveLength(60);
    expect(rig.registry.last(0)).toMatchObject({ ts: T0 + 29_999 });
  });

  it('refuses an operator action that makes no sense and commits nothing of it', async () => {
    rig = await openRig();
    await rig.ingest.tick(T0);
    const before = rig.ingest.commits.done;
    const command = { action: 'acknowledge' as const, who: 'ann', at: T0 };
    await expect(rig.ingest.operate({ ...command, alarm: 'unknown' })).rejects.toMatchObject({ code: 'alarm-unknown' });
    expect(rig.ingest.commits.done).toBe(before);
    expect(await rig.ingest.operate({ ...command, alarm: 'a1' })).toMatchObject({ id: 'a1', state: 'acknowledged' });
    expect(await rig.store.alarm('a1')).toMatchObject({ state: 'acknowledged' });
  });

  it('takes a tick at most once a second', async () => {
    rig = await openRig();
    for (const ms of [0, 400, 999, 1000, 1500]) await rig.ingest.tick(T0 + ms);
    expect(rig.judge.told).toEqual([`tick ${T0}`, `tick ${T0 + 1000}`]);
  });

  it('is after a crash where it was before, and tells nobody twice', async () => {
    rig = await openRig();
    await rig.ingest.tick(T0);
    await rig.ingest.batch('e1', envelope(1, [flow(T0, 100), flow(T0 + 1, 7)]), T0);
    await rig.restart();
    await rig.ingest.batch('e1', envelope(2, [flow(T0 + 2, 200)]), T0 + 2000);
    await rig.ingest.tick(T0 + 2000);
    const state = rig.judge.snapshot();
    await rig.crash();
    expect(rig.judge.snapshot()).toBe(state);
    expect(rig.registry.last(0)).toMatchObject({ ts: T0 + 2, value: 200 });
    expect((await rig.store.journal({ limit: 10 })).items).toHaveLength(2);
    expect(await rig.ingest.batch('e1', envelope(2, [flow(T0 + 2, 200)]), T0)).toMatchObject({
      mark: 2,
      duplicateBatches: 1,
    });
  });

  it('knows after a stop and after a crash what was newest and when it came', async () => {
    rig = await openRig();
    const newest = () => [rig.registry.last(0), rig.registry.last(1)];
    await rig.ingest.batch('e1', envelope(1, [flow(T0, 1), flow(T0 + 5, 2, 'fm-2')]), T0 + 700);
    const stopped = newest();
    await rig.restart();
    expect(newest()).toEqual(stopped);
    expect(stopped).toMatchObject([{ ts: T0, receivedAt: T0 + 700 }, { value: 2 }]);

    await rig.ingest.batch('e1', envelope(2, [flow(T0 + 9, 3), flow(T0 - 9, 4)]), T0 + 1700);
    const crashed = newest();
    await rig.crash();
    expect(newest()).toEqual(crashed);
    expect(crashed).toMatchObject([{ ts: T0 + 9, receivedAt: T0 + 1700, value: 3 }, { receivedAt: T0 + 700 }]);
  });

  it('looks for the newest values in the history where the snapshot does not tell them', async () => {
    for (const last of ['', '\n', '\n{"ts":"AA"}']) {
      rig = await openRig();
      await rig.ingest.batch('e1', envelope(1, [flow(T0, 1)]), T0 + 700);
      const { commits, judge, store } = { commits: rig.ingest.commits.done, judge: rig.judge, store: rig.store };
      await store.saveSnapshot(commits, [`${judge.snapshot()}${last}`]);
      await rig.crash();
      expect(rig.registry.last(0)).toEqual({ ts: T0, receivedAt: T0, value: 1, quality: 'good' });
      expect(rig.errors).toHaveLength(last === '' ? 0 : 1);
      await rig.close();
    }
  });

  it('tells the judge of a gap in what an edge sent, and when it is filled', async () => {
    rig = await openRig();
    await rig.ingest.batch('e1', envelope(2, [flow(T0, 1)], { made: 4 }), T0);
    await rig.ingest.tick(T0);
    await rig.ingest.tick(T0 + 1000);
    await rig.ingest.batch('e1', envelope(1, [flow(T0, 1), flow(T0, 2), flow(T0, 3)], { made: 3 }), T0);
    await rig.ingest.tick(T0 + 2000);
    expect(rig.judge.told.filter((line) => line.includes('misses'))).toEqual(['e1 misses 3', 'e1 misses 0']);
  });

  it('starts with a snapshot it can not use: open alarms are taken over, inputs since are replayed', async () => {
    rig = await openRig();
    await rig.ingest.readings('mqtt', [flow(T0, 100)], T0);
    await rig.store.saveSnapshot(rig.ingest.commits.done, 'of another time');
    await rig.ingest.readings('mqtt', [flow(T0 + 1, 5)], T0);
    await rig.crash();
    expect(rig.judge.adopted).toEqual([`high-0-${T0}`]);
    expect(rig.judge.told).toEqual([`device/fm-1: fm-1/flow@${T0 + 1}=5`]);
    expect(await rig.ingest.readings('mqtt', [flow(T0 + 2, 1)], T0)).toMatchObject({ stored: 1 });
  });

  it('repeats the same commit while the store is full, says so, and loses nothing', async () => {
    let failures = 3;
    rig = await openRig({
      wrapStore: (store) =>
        new Proxy(store, {
          get(target, name) {
            if (name === 'commit') {
              return (commit: Parameters<Store['commit']>[0]) =>
                failures-- > 0
                  ? Promise.reject(new StoreError('store-full', 'no room', { retryable: true }))
                  : target.commit(commit);
            }
            const member = Reflect.get(target, name) as unknown;
            return typeof member === 'function' ? member.bind(target) : member;
          },
        }),
    });
    const batch = rig.ingest.batch('e1', envelope(1, [flow(T0, 1)]), T0);
    await expect.poll(() => rig.ingest.ready()).toEqual({ ready: false, reason: 'no room' });
    expect(await batch).toMatchObject({ mark: 1 });
    expect(rig.ingest.ready()).toEqual({ ready: true });
    expect(await stored()).toHaveLength(1);
  });

  it('ends with an error for everybody when the store is broken for good', async () => {
    let broken = false;
    rig = await openRig({
      wrapStore: (store) =>
        new Proxy(store, {
          get(target, name) {
            if (name === 'commit' && broken)
              return () => Promise.reject(new StoreError('store-broken', 'gone', { retryable: false }));
            const member = Reflect.get(target, name) as unknown;
            return typeof member === 'function' ? member.bind(target) : member;
          },
        }),
    });
    broken = true;
    await expect(rig.ingest.tick(T0)).rejects.toThrow('gone');
    await expect(rig.ingest.batch('e1', envelope(1, []), T0)).rejects.toThrow('gone');
    expect(rig.ingest.ready().ready).toBe(false);
    expect(rig.errors.some((error) => error instanceof StoreError)).toBe(true);
  });

  it('keeps dead letters and audit lines, cut to their bound', async () => {
    rig = await openRig();
    const letter = {
      id: 'd1',
      at: T0,
      door: 'mqtt',
      source: 'x',
      reason: 'not-json',
      detail: '?',
      payload: 'z'.repeat(9999),
    };
    await Promise.all([
      rig.ingest.deadLetter(letter),
      rig.ingest.audit({ at: T0, who: 'ann', what: 'login', target: '-' }),
    ]);
    expect((await rig.store.deadLetter('d1'))?.payload).toHaveLength(DEAD_LETTER_BYTES_MAX);
    expect((await rig.store.audit({ limit: 5 })).items).toHaveLength(1);
  });

  it('stops in order: what is queued is committed, what comes later refused', async () => {
    rig = await openRig();
    const batches = Array.from({ length: 20 }, (_, index) =>
      rig.ingest.batch('e1', envelope(index + 1, [flow(T0 + index, index)]), T0),
    );
    await rig.ingest.close();
    expect((await Promise.all(batches)).at(-1)?.mark).toBe(20);
    await expect(rig.ingest.tick(T0)).rejects.toThrow('stopping');
    expect(rig.ingest.ready().ready).toBe(false);
  });
});
