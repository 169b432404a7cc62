import { describe, expect, it } from 'vitest';
import { pageFor } from '../../../../gateway/domain/alarm/paging.ts';
import { bytesOf, type Column, doublesOf } from '../../../../gateway/domain/column-text.ts';
import { ReadingBuffer } from '../../../../gateway/domain/readings.ts';
import { flowPoint, highRule, START, Timeline } from './timeline.ts';

const NOTHING = new ReadingBuffer(1);
const lowRule = highRule({ key: 'fm-12/flow#low', kind: 'low', setpoint: 10, title: 'Flow low' });

describe('a limit', () => {
  it('raises at the reading beyond it and returns when the value is back by the deadband', () => {
    const line = new Timeline().at(0, 70).at(1, 80).at(2, 80.1).at(3, 79).at(4, 78);
    expect(line.story()).toBe('raise@2 return@4');
    expect(line.only()).toMatchObject({
      kind: 'high',
      state: 'rtn-unacknowledged',
      active: false,
      value: 80.1,
      setpoint: 80,
    });
  });

  it('says what, how far, where, since when and what to do', () => {
    const line = new Timeline().at(0, 70).at(2, 92.38);
    expect(line.only().message).toBe('Flow high: 92.38 m³/h, limit 80. fm-12, Binhu East, since 08:00. Close V-0716.');
    expect(line.only().evidence).toMatchObject({
      value: 92.38,
      limit: 80,
      window: { from: '2026-11-23T00:00:02.000Z' },
    });
  });

  it('says it in Chinese too, where the rule has the words', () => {
    const rules = [highRule({ titleZh: '流量偏高', responseZh: '请关闭阀门 V-0716。再通知值班长。' })];
    const line = new Timeline({ rules }).at(0, 92.38);
    expect(line.only().messageZh).toBe(
      '流量偏高：92.38 m³/h，限值 80。fm-12，Binhu East，始于 08:00。请关闭阀门 V-0716。',
    );
    const placed = new Timeline({ rules: rules.map((rule) => ({ ...rule, locationZh: '滨湖东' })) }).at(0, 92.38);
    expect(placed.only().messageZh).toContain('fm-12，滨湖东，始于');
    expect(placed.only().message).toContain('fm-12, Binhu East, since');
  });

  it('waits for the on-delay in event time, completed by the next reading', () => {
    const rules = [highRule({ onDelayMs: 10_000 })];
    expect(new Timeline({ rules }).at(0, 90).at(5, 90).at(10, 91).story()).toBe('raise@10');
    expect(new Timeline({ rules }).at(0, 90).at(5, 70).at(6, 90).at(10, 90).story()).toBe('');
  });

  it('completes the on-delay when the source says everything until then has been sent', () => {
    const line = new Timeline({ rules: [highRule({ onDelayMs: 10_000 })] }).at(0, 90).upTo(9);
    expect(line.story()).toBe('');
    expect(line.upTo(10).story()).toBe('raise@10');
  });

  it('completes the on-delay by the tick for a device that publishes by itself, and by no tick for an edge', () => {
    const rules = [highRule({ onDelayMs: 10_000 })];
    expect(new Timeline({ rules, hasUpTo: false }).tick(0).at(0, 90).ticks(1, 12).story()).toBe('raise@10');
    expect(new Timeline({ rules }).tick(0).at(0, 90).ticks(1, 20).story()).toBe('');
  });

  it('does not conclude over silence: an on-delay longer than the point may be silent stays open', () => {
    const line = new Timeline({ rules: [highRule({ onDelayMs: 90_000 })] }).at(0, 90).upTo(200);
    expect(line.journal.filter(({ event }) => event === 'raise').length).toBe(1);
    expect(line.only().kind).toBe('stale');
  });

  it('returns after the off-delay only', () => {
    const line = new Timeline({ rules: [highRule({ offDelayMs: 10_000 })] })
      .at(0, 90)
      .at(1, 70)
      .at(5, 90)
      .at(6, 70)
      .upTo(15);
    expect(line.story()).toBe('raise@0');
    expect(line.upTo(16).story()).toBe('raise@0 return@16');
  });

  it('does not depend on how readings are cut into messages', () => {
    const rows = [
      [0, 90],
      [1, 90],
      [8, 70],
      [21, 90],
      [33, 70],
      [34, 71],
      [50, 70],
    ] as const;
    const rules = [highRule({ onDelayMs: 5000, offDelayMs: 12_000 }), lowRule];
    const whole = new Timeline({ rules }).readings(rows).upTo(50);
    const single = new Timeline({ rules });
    for (const [second, value] of rows) single.upTo(second - 1).at(second, value);
    single.upTo(50);
    expect(single.story()).toBe('raise@5 return@20 re-raise@26 return@45');
    expect(whole.story()).toBe('raise@5 return@20 re-raise@26 return@45');
  });

  it('makes no transition on a bad value', () => {
    const line = new Timeline().at(0, 90).bad(1).bad(2).at(3, 91).at(4, 70);
    expect(line.story()).toBe('raise@0 return@4');
    expect(new Timeline({ rules: [highRule({ onDelayMs: 10_000 })] }).at(0, 90).bad(1).upTo(20).story()).toBe('');
  });

  it('says the same once when a message comes twice', () => {
    const line = new Timeline().at(0, 90).at(0, 90).at(1, 70).at(0, 90).at(1, 70);
    expect(line.story()).toBe('raise@0 return@1');
  });

  it('does not let an older reading move what is live', () => {
    const line = new Timeline().at(100, 70).at(50, 90);
    expect(line.active).toEqual([]);
    expect(line.only()).toMatchObject({ raisedLate: true, state: 'normal' });
    const raised = new Timeline().at(100, 90).at(50, 70);
    expect(raised.active).toEqual(['high']);
  });

  it('judges a reading from the future at its receipt, and goes on with the next', () => {
    const line = new Timeline()
      .at(0, 70)
      .readings([[86_400 * 365, 90]], 1)
      .at(2, 70);
    expect(line.story()).toBe('raise@1 return@2');
  });
});

describe('late data', () => {
  it('pages for what still holds, whenever it began', () => {
    const line = new Timeline().at(0, 70).readings([
      [3600, 90],
      [7200, 91],
    ]);
    // A few seconds for the rest of the backlog, which may say that it ended.
    expect(line.story()).toBe('');
    line.ticks(7201, 7210);
    expect(line.only()).toMatchObject({
      active: true,
      state: 'unacknowledged',
      raisedLate: false,
      since: START + 3_600_000,
    });
    expect(pageFor(line.journal[0]!, line.only())).toBe('raise');
  });

  it('journals what ended within it as raised late and never pages', () => {
    const line = new Timeline().at(0, 70).readings(
      [
        [3600, 90],
        [3700, 70],
        [7200, 70],
      ],
      7200,
    );
    expect(line.story()).toBe('raise-late@3600 return-late@3700');
    expect(line.only()).toMatchObject({ raisedLate: true, state: 'normal', active: false });
    expect(line.journal.map((entry) => pageFor(entry, line.only()))).toEqual([undefined, undefined]);
  });

  it('journals an episode of a backlog that comes after the live lane', () => {
    const line = new Timeline().at(0, 70).at(4000, 70).at(1000, 90).at(1100, 95).at(1200, 70).at(1300, 70);
    expect(line.story()).toBe('raise-late@1000 return-late@1200');
  });

  it('does not tell a known episode again when its readings are sent again', () => {
    const line = new Timeline().at(0, 70).at(10, 90).at(20, 70).at(10, 90).at(12, 90).at(20, 70);
    expect(line.story()).toBe('raise@10 return@20');
  });
});

describe('what a person does', () => {
  const raised = (rules = [highRule()]) => new Timeline({ rules }).at(0, 90);

  it('acknowledges, with name and time', () => {
    const line = raised();
    expect(line.operate(5, 'acknowledge')).toBeUndefined();
    expect(line.only()).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'li', acknowledgedAt: START + 5000 });
    expect(line.at(10, 70).only().state).toBe('normal');
    expect(line.operate(11, 'acknowledge')).toMatchObject({ code: 'action-not-possible' });
  });

  it('is refused for an alarm nobody knows', () => {
    expect(raised().operate(1, 'acknowledge', { alarm: 'x' })).toMatchObject({ code: 'alarm-unknown' });
  });

  it('shelves for a time; the alarm works on underneath and rings when the time is over', () => {
    const line = raised();
    expect(line.operate(1, 'shelve')).toMatchObject({ code: 'action-invalid' });
    line.operate(1, 'shelve', { until: START + 60_000 });
    expect(line.only()).toMatchObject({ holds: ['shelved'], shelvedUntil: START + 60_000, state: 'unacknowledged' });
    line.at(10, 70).at(20, 90).tick(59);
    expect(line.only().holds).toEqual(['shelved']);
    expect(line.journal.map((entry) => pageFor(entry, line.only()))).not.toContain('raise');
    line.tick(60);
    expect(line.only().holds).toEqual([]);
    expect(pageFor(line.journal.at(-1)!, line.only())).toBe('raise');
  });

  it('shelves once: until the return to normal', () => {
    const line = raised();
    line.operate(1, 'shelve', { oneShot: true });
    expect(line.at(10, 70).only()).toMatchObject({ holds: [], state: 'rtn-unacknowledged' });
  });

  it('keeps an alarm out of service over its next occurrences', () => {
    const line = raised();
    line.operate(1, 'acknowledge');
    line.operate(1, 'out-of-service', { comment: 'work order 12' });
    line.at(10, 70).at(20, 90);
    expect(line.only()).toMatchObject({ holds: ['out-of-service'], active: true, raisedAt: START + 20_000 });
    expect([...line.alarms.values()][0]).toMatchObject({ holds: [], state: 'normal' });
    expect(line.operate(30, 'return-to-service')).toBeUndefined();
    expect(pageFor(line.journal.at(-1)!, line.only())).toBe('raise');
  });

  it('resets a latched alarm after it is acknowledged and has returned', () => {
    const line = raised([highRule({ latch: true })]);
    expect(line.operate(1, 'reset')).toMatchObject({ code: 'action-not-possible' });
    line.at(2, 70);
    expect(line.only()).toMatchObject({ latched: true, state: 'rtn-unacknowledged' });
    line.operate(3, 'acknowledge');
    expect(line.only()).toMatchObject({ latched: true, state: 'acknowledged' });
    expect(line.operate(4, 'reset')).toBeUndefined();
    expect(line.only()).toMatchObject({ latched: false, state: 'normal' });
  });

  it('comments and confirms, also after the end', () => {
    const line = raised();
    line.operate(1, 'acknowledge');
    line.at(2, 70);
    expect(line.operate(3, 'comment', { comment: 'valve closed' })).toBeUndefined();
    expect(line.operate(3, 'comment')).toMatchObject({ code: 'action-invalid' });
    expect(line.operate(4, 'confirm')).toBeUndefined();
    expect(line.operate(5, 'confirm')).toMatchObject({ code: 'action-not-possible' });
    expect(line.journal.at(-2)).toMatchObject({ event: 'comment', who: 'li', why: 'valve closed' });
  });

  it('is asked again when an acknowledged alarm stays', () => {
    const line = raised([highRule({ reAlarmMs: 60_000 })]);
    line.operate(10, 'acknowledge');
    expect(line.ticks(60, 69).only().state).toBe('acknowledged');
    expect(line.tick(70).only().state).toBe('unacknowledged');
    expect(pageFor(line.journal.at(-1)!, line.only())).toBe('re-raise');
  });
});

describe('silence', () => {
  const points = [flowPoint(), flowPoint({ id: 1, measurement: 'pressure', label: 'Pressure', maxSilenceMs: 120_000 })];

  it('makes a point stale by its source time while its device still talks', () => {
    const line = new Timeline({ points, rules: [] }).at(0, 1).at(0, 1, 1);
    for (let second = 10; second <= 70; second += 10) line.at(second, 1).upTo(second);
    line.at(130, 1).upTo(130);
    expect(line.only()).toMatchObject({ kind: 'stale', point: 'fm-12/pressure', priority: 4, since: START });
    expect(line.at(140, 1, 1).active).toEqual([]);
  });

  it('makes one alarm of a silent device', () => {
    const line = new Timeline({ points, rules: [] }).at(0, 1).at(0, 1, 1).upTo(60);
    expect(line.story()).toBe('');
    line.upTo(61).upTo(300);
    expect(line.story()).toBe('raise@60');
    expect(line.only()).toMatchObject({ kind: 'stale', asset: 'fm-12', evidence: { affected: 2 } });
    expect(line.at(310, 1).upTo(311).active).toEqual([]);
    expect(line.upTo(360).active).toEqual([]);
  });

  it('is found by ticks where there is no up-to, and not while the gateway was deaf', () => {
    const line = new Timeline({ hasUpTo: false, rules: [] }).tick(0).at(0, 1).ticks(1, 60);
    expect(line.story()).toBe('');
    expect(line.ticks(61, 62).only()).toMatchObject({ kind: 'stale', point: 'fm-12/flow' });
    const deaf = new Timeline({ hasUpTo: false, rules: [] }).tick(0).at(0, 1).ticks(1, 30).tick(3600).ticks(3601, 3620);
    expect(deaf.story()).toBe('');
  });

  it('makes an edge offline after 30 s, as one root alarm', () => {
    const line = new Timeline({ points, rules: [] }).tick(0).heard(0).at(0, 1).at(0, 1, 1).ticks(1, 29);
    expect(line.story()).toBe('');
    line.ticks(30, 600);
    expect(line.active).toEqual(['offline']);
    expect(line.only()).toMatchObject({
      asset: 'e1',
      priority: 2,
      evidence: { affectedDevices: 1, affectedPoints: 2 },
    });
    expect(line.heard(601).active).toEqual([]);
  });
});

describe('a point that moves to another source', () => {
  const points = [flowPoint(), flowPoint({ id: 1, measurement: 'pressure', label: 'Pressure' })];
  const moved = (line: Timeline): Timeline => {
    line.judge.addSource({ id: 1, key: 'edge/e1/l2', edge: 'e1', hasUpTo: true });
    for (const point of points) line.judge.addPoint(point, 1, []);
    return line;
  };
  const upTo = (line: Timeline, source: number, second: number) =>
    line.take((verdict) => line.judge.apply({ kind: 'up-to', source, upTo: START + second * 1000 }, NOTHING, verdict));

  it('is not missed where it was, and has its full time where it is', () => {
    const line = moved(new Timeline({ points, rules: [] }).at(0, 1).at(0, 1, 1).upTo(1));
    line.upTo(500);
    expect(line.story()).toBe('');
    upTo(line, 1, 500);
    upTo(line, 1, 560);
    expect(line.story()).toBe('');
    upTo(line, 1, 561);
    expect(line.only()).toMatchObject({ kind: 'stale', asset: 'fm-12', active: true });
  });

  it('takes the alarm about its silence along, which its next reading ends', () => {
    const line = moved(new Timeline({ points, rules: [] }).at(0, 1).at(0, 1, 1).upTo(1).upTo(100));
    expect(line.active).toEqual(['stale']);
    const buffer = new ReadingBuffer();
    buffer.push(0, START + 101_000, 1, 0, 0);
    line.take((verdict) =>
      line.judge.apply({ kind: 'readings', source: 1, from: 0, to: 1, receivedAt: START + 101_000 }, buffer, verdict),
    );
    expect(line.active).toEqual([]);
  });
});

describe('an edge', () => {
  const tell = (line: Timeline, missing: number, second: number) =>
    line.take((verdict) =>
      line.judge.apply({ kind: 'delivery', edge: 'e1', missing, at: START + second * 1000 }, NOTHING, verdict),
    );

  it('whose readings are missing for a minute is an alarm until they are there or explained', () => {
    const line = new Timeline().tick(0).heard(0);
    tell(line, 12, 1);
    for (let second = 1; second <= 58; second++) line.heard(second).tick(second);
    tell(line, 7, 59);
    expect(line.story()).toBe('');
    for (let second = 59; second <= 61; second++) line.heard(second).tick(second);
    expect(line.only()).toMatchObject({ kind: 'delivery-gap', asset: 'e1', priority: 3, value: 7, active: true });
    tell(line, 0, 62);
    expect(line.active).toEqual([]);
  });

  it('with a slow heartbeat is offline after three missed ones', () => {
    const line = new Timeline({ rules: [] }).tick(0);
    line.take((verdict) =>
      line.judge.apply({ kind: 'edge', edge: 'e1', online: true, at: START, heartbeatMs: 60_000 }, NOTHING, verdict),
    );
    expect(line.heard(1).ticks(1, 179).story()).toBe('');
    expect(line.ticks(180, 181).active).toEqual(['offline']);
  });
});

describe('bad values', () => {
  const points = [flowPoint(), flowPoint({ id: 1, measurement: 'pressure', label: 'Pressure' })];

  it('trip an alarm of their own after a minute', () => {
    const line = new Timeline({ points, rules: [] });
    for (let second = 0; second <= 60; second += 10) line.bad(second, 'sensor-fault').at(second, 1, 1);
    expect(line.only()).toMatchObject({ kind: 'bad-quality', point: 'fm-12/flow', priority: 4 });
    expect(line.at(70, 5).active).toEqual([]);
  });

  it('of the whole device are one alarm: it does not answer', () => {
    const line = new Timeline({ points, rules: [] });
    for (let second = 0; second <= 120; second += 10) line.bad(second, 'timeout').bad(second, 'timeout', 1);
    expect(line.active).toEqual(['device-offline']);
    expect(line.at(130, 5).active).toEqual([]);
  });
});

describe('rules that change', () => {
  it('close the alarms of a rule that left', () => {
    const line = new Timeline().at(0, 90);
    line.judge.addPoint(flowPoint(), 0, []);
    line.at(1, 90);
    expect(line.only()).toMatchObject({ state: 'normal', active: false });
  });

  it('judge the running condition by the new setpoint', () => {
    const line = new Timeline().at(0, 90);
    line.judge.addPoint(flowPoint(), 0, [highRule({ setpoint: 95 })]);
    expect(line.at(1, 94).active).toEqual(['high']);
    expect(line.at(2, 92).active).toEqual([]);
  });

  it('give an open alarm their priority: more urgent it asks again, with who and why', () => {
    const line = new Timeline().at(0, 90);
    line.operate(1, 'acknowledge');
    line.change(2, { priority: 1 }, 'too slow last time');
    expect(line.only()).toMatchObject({ priority: 1, state: 'unacknowledged', active: true });
    expect(line.journal.at(-1)).toMatchObject({
      ...{ event: 'escalate', from: 'acknowledged', to: 'unacknowledged', who: 'ann', told: 're-raise' },
      why: 'priority P2 became P1. too slow last time',
    });
    line.operate(3, 'acknowledge');
    line.change(4, { priority: 3 }, 'season is over');
    expect(line.only()).toMatchObject({ priority: 3, state: 'acknowledged' });
    expect(line.journal.at(-1)).toMatchObject({ event: 'change-rule', who: 'ann' });
    expect(line.journal.at(-1)).not.toHaveProperty('told');
  });

  it('do not ring an alarm that is shelved, and leave one that is more urgent by its age as it is', () => {
    const shelved = new Timeline().at(0, 90);
    shelved.operate(1, 'shelve', { oneShot: true, comment: 'works' });
    shelved.change(2, { priority: 1 });
    expect(shelved.only()).toMatchObject({ priority: 1, holds: ['shelved'] });
    expect(shelved.journal.at(-1)).not.toHaveProperty('told');
    const rules = [highRule({ priority: 3, escalate: { afterMs: 10_000, priority: 1 } })];
    const aged = new Timeline({ rules }).at(0, 90).ticks(0, 11);
    expect(aged.only()).toMatchObject({ priority: 1 });
    aged.change(12, { priority: 2, escalate: { afterMs: 10_000, priority: 1 } });
    expect(aged.only()).toMatchObject({ priority: 1 });
  });

  it('end an alarm that a new limit no longer asks for, after its off-delay and without a further reading', () => {
    const line = new Timeline({ rules: [highRule({ offDelayMs: 10_000 })] }).at(0, 90).upTo(5);
    line.change(5, { setpoint: 95, offDelayMs: 10_000 });
    expect(line.active).toEqual(['high']);
    line.upTo(14);
    expect(line.active).toEqual(['high']);
    line.upTo(15);
    expect(line.story()).toBe('raise@0 change-rule@5 return@15');
    expect(line.only()).toMatchObject({ state: 'rtn-unacknowledged', setpoint: 95 });
  });

  it('raise what a new limit asks for, after its on-delay and without a further reading', () => {
    const line = new Timeline().at(0, 70).upTo(5);
    line.change(5, { setpoint: 60, onDelayMs: 10_000 });
    expect(line.upTo(14).story()).toBe('');
    expect(line.upTo(15).story()).toBe('raise@15');
    expect(line.only().setpoint).toBe(60);
  });

  it('conclude nothing from a value that is bad or too old', () => {
    const bad = new Timeline().at(0, 90).bad(1);
    bad.change(2, { setpoint: 95 });
    expect(bad.upTo(30).active).toContain('high');
    const old = new Timeline().at(0, 70).upTo(59);
    old.upTo(65).change(65, { setpoint: 60 });
    expect(old.upTo(66).active).not.toContain('high');
  });

  it('cut or stretch a delay that runs', () => {
    const line = new Timeline({ rules: [highRule({ onDelayMs: 30_000 })] }).at(0, 90).upTo(8);
    line.change(8, { onDelayMs: 10_000 });
    expect(line.upTo(9).story()).toBe('');
    expect(line.upTo(10).story()).toBe('raise@10');
    const longer = new Timeline({ rules: [highRule({ onDelayMs: 10_000 })] }).at(0, 90).upTo(8);
    longer.change(8, { onDelayMs: 20_000 });
    expect(longer.upTo(19).story()).toBe('');
    expect(longer.upTo(20).story()).toBe('raise@20');
  });

  it('that are switched off close their alarm, with who and why', () => {
    const line = new Timeline().at(0, 90);
    line.change(1, undefined, 'meter is in the workshop');
    expect(line.only()).toMatchObject({ state: 'normal', active: false });
    expect(line.journal.at(-1)).toMatchObject({ event: 'remove', who: 'ann', why: 'meter is in the workshop' });
  });

  it('of another configuration are taken over at the start, and what is open on disk only is known again', () => {
    const line = new Timeline().at(0, 90);
    line.operate(1, 'acknowledge');
    const lost = { ...line.only(), id: 'lost-1', rule: 'fm-12/flow#high-high', kind: 'high-high' };
    const rules = [
      highRule({ priority: 1, setpoint: 85 }),
      highRule({ key: lost.rule, kind: lost.kind, setpoint: 89 }),
    ];
    line.restart(rules);
    line.reconcile([line.only(), lost]);
    expect(line.only('high')).toMatchObject({ priority: 1, setpoint: 85, state: 'unacknowledged' });
    expect(line.journal.at(-1)).toMatchObject({ event: 'escalate', who: 'system' });
    line.at(2, 20);
    expect(line.active).toEqual([]);
    expect(line.alarms.get('lost-1')).toMatchObject({ active: false });
    const told = line.journal.length;
    line.reconcile([...line.alarms.values()]);
    expect(line.journal).toHaveLength(told);
  });
});

describe('a snapshot that cannot be used', () => {
  const points = [flowPoint(), flowPoint({ id: 1, measurement: 'pressure', label: 'Pressure' })];

  it('is refused with a reason, and nothing has changed', () => {
    const line = new Timeline().at(0, 90);
    const before = line.judge.snapshot();
    const older = JSON.stringify({
      version: 1,
      clock: 0,
      wall: 0,
      sources: [],
      points: { newest: [] },
      conditions: [],
    });
    const withFloor = (column: unknown) => {
      const state = JSON.parse(before) as { points: Record<string, unknown> };
      return JSON.stringify({ ...state, points: { ...state.points, floor: column } });
    };
    const [cutOff, noColumn] = [withFloor('AAAA'), withFloor(1)];
    expect(withFloor({ all: null, rows: 1 })).toBe(before);
    const otherLedger = before.replace('"ledger":{', '"ledgers":{');
    for (const text of ['', 'no json', 'null', '[]', '{}', older, cutOff, noColumn, otherLedger])
      expect(() => line.judge.restore(text)).toThrow(Error);
    expect(line.judge.snapshot()).toBe(before);
  });

  it('is not one of an earlier version, whose columns were lists of numbers', () => {
    const line = new Timeline({ points, hasUpTo: true })
      .tick(0)
      .heard(0)
      .at(0, 90)
      .at(0, 5, 1)
      .bad(70, 'sensor-fault', 1);
    const saved = JSON.parse(line.judge.snapshot()) as { points: Record<string, Column> };
    for (const [name, column] of Object.entries(saved.points)) {
      const isBytes = ['fresh', 'quality', 'reason', 'busy'].includes(name);
      saved.points[name] = [...(isBytes ? bytesOf(column) : doublesOf(column))];
    }
    const next = new Timeline({ points });
    // What is no number stands there as null.
    next.judge.restore(JSON.stringify(saved));
    expect(next.judge.snapshot()).toBe(line.judge.snapshot());
  });

  it('is replaced by the alarms that are open by their records: not raised again, ended when they end', () => {
    const line = new Timeline({ points, hasUpTo: true }).tick(0).heard(0).at(0, 90).at(0, 5, 1).at(1, 90).upTo(2);
    line.operate(3, 'acknowledge');
    line.bad(70, 'sensor-fault', 1).bad(135, 'sensor-fault', 1).at(135, 91).ticks(1, 40);
    expect([...line.active].sort()).toEqual(['bad-quality', 'high', 'offline']);
    const next = new Timeline({ points });
    for (const alarm of line.alarms.values()) next.alarms.set(alarm.id, alarm);
    next.judge.adopt([...line.alarms.values()]);
    next.tick(141).at(141, 92).bad(141, 'sensor-fault', 1).upTo(141);
    expect(next.story()).toBe('');
    next.heard(142).at(142, 20).at(142, 5, 1);
    expect(next.active).toEqual([]);
    expect(next.only('high')).toMatchObject({ state: 'normal', acknowledgedBy: 'li' });
  });

  it('lets alarms end whose rule is gone', () => {
    const line = new Timeline().at(0, 90);
    const next = new Timeline({ rules: [] });
    next.judge.adopt([...line.alarms.values()]);
    next.reconcile();
    expect(next.only()).toMatchObject({ state: 'normal', active: false });
  });
});

describe('the first alarm of an asset', () => {
  const rules = [highRule(), highRule({ key: 'fm-12/flow#high-high', kind: 'high-high', setpoint: 90, deadband: 0 })];

  it('is named until all of them are over, over a restart too', () => {
    const line = new Timeline({ rules }).at(0, 70).at(10, 85);
    expect(line.only('high').firstInGroup).toBe(true);
    line.restart();
    line.at(20, 95);
    expect(line.only('high-high').firstInGroup).toBe(false);
    line.at(30, 85).at(40, 95);
    expect(line.only('high-high').firstInGroup).toBe(false);
    line.at(50, 70).at(60, 95);
    expect(
      [...line.alarms.values()].filter(({ active, firstInGroup }) => active && firstInGroup === true),
    ).toHaveLength(1);
  });
});

describe('a reading in the order of its source time', () => {
  it('of the same moment with another value is a correction, the same value again is nothing', () => {
    const line = new Timeline().at(10, 70).at(10, 70).at(10, 90);
    expect(line.story()).toBe('raise@10');
    expect(line.at(10, 90).story()).toBe('raise@10');
    expect(line.only()).toMatchObject({ value: 90, raisedLate: false });
  });

  it('stamped an hour ahead counts as of its receipt, and does not make what follows late', () => {
    const line = new Timeline().readings([[3600, 70]], 10);
    expect(line.at(11, 90).story()).toBe('raise@11');
    expect(line.only().raisedLate).toBe(false);
    expect(new Timeline().readings([[3600, 90]], 10).story()).toBe('raise@10');
  });
});

describe('a device of which every value is bad', () => {
  const points = [flowPoint(), flowPoint({ id: 1, measurement: 'pressure' })];
  const allBad = (reason: 'timeout' | 'sensor-fault') => {
    const line = new Timeline({ rules: [], points });
    for (let second = 0; second <= 180; second += 10) line.bad(second, reason, 0).bad(second, reason, 1).upTo(second);
    return line;
  };

  it('does not answer when the reason says so, and answers nonsense when it does not', () => {
    expect(allBad('timeout').active).toEqual(['device-offline']);
    expect(allBad('sensor-fault').active).toEqual(['bad-quality', 'bad-quality']);
  });

  it('is a line that is down only when all devices of the line are so', () => {
    const devices = ['fm-12', 'fm-13', 'fm-14'];
    const line = (answering: number) => {
      const timeline = new Timeline({ rules: [], points: devices.map((device, id) => flowPoint({ id, device })) });
      for (let second = 0; second <= 180; second += 10) {
        devices.forEach((_, id) => {
          if (id < answering) timeline.at(second, 50 + (second % 7), id);
          else timeline.bad(second, 'timeout', id);
        });
        timeline.upTo(second);
      }
      return timeline.active;
    };
    expect(line(0)).toContain('line-down');
    expect(line(1)).toEqual(['device-offline', 'device-offline']);
    expect(line(3)).toEqual([]);
  });
});
