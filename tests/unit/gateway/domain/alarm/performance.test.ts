import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALARM_NEWS } from '../../../../../contract/alarm.ts';
import {
  type Annunciation,
  PerformanceMeter,
  type RuleName,
  type Standing,
} from '../../../../../gateway/domain/alarm/performance.ts';
import { deadbandTrial } from '../../../../../gateway/domain/alarm/remedy.ts';
import { highRule } from '../timeline.ts';

const DAY = 86_400_000;
const MINUTE = 60_000;
const range = { from: 0, to: DAY };

/** A small history: what people were told, and did. */
class History {
  private readonly lines: { line: Annunciation; rule: string }[] = [];
  private readonly rules = new Map<string, RuleName>();
  private readonly ruleOf = new Map<string, string>();
  private readonly alarms: string[] = [];
  private readonly people: string[] = [];

  raise(id: string, at: number, more: Partial<RuleName> = {}): this {
    const asset = more.asset ?? 'fm-12';
    const name = { rule: `${asset}#high ${more.priority ?? 4}`, asset, kind: 'high', priority: 4, ...more } as RuleName;
    this.rules.set(name.rule, name);
    this.ruleOf.set(id, name.rule);
    this.alarms.push(id);
    return this.event(id, 'raise', at);
  }

  event(alarm: string, event: string, at: number, who?: string): this {
    if (who !== undefined && !this.people.includes(who)) this.people.push(who);
    const told = (ALARM_NEWS as readonly string[]).includes(event) ? (event as Annunciation['told']) : undefined;
    this.lines.push({
      rule: this.ruleOf.get(alarm) as string,
      line: {
        alarm: this.alarms.indexOf(alarm),
        rule: 0,
        at,
        recordedAt: at,
        told,
        who: who === undefined ? undefined : this.people.indexOf(who),
      },
    });
    return this;
  }

  judge(open: readonly Standing[] = []) {
    const meter = new PerformanceMeter(range);
    const names = [...this.rules.keys()];
    for (const { line, rule } of this.lines.sort((a, b) => a.line.recordedAt - b.line.recordedAt))
      meter.add({ ...line, rule: names.indexOf(rule) });
    return meter.result([...this.rules.values()], this.people, open);
  }
}

describe('alarm performance', () => {
  it('a day without alarms meets every target', () => {
    const result = new History().judge();
    expect(result).toMatchObject({ raised: 0, upset: 0, floods: [], topTen: [], timeToAcknowledge: { count: 0 } });
    expect(result.slots).toHaveLength(144);
    expect(result.targets.filter(({ met }) => !met)).toEqual([]);
    for (const { source } of result.targets) expect(source).not.toBe('');
  });

  it('144 alarms spread over a day are one per ten minutes', () => {
    const history = new History();
    for (let n = 0; n < 144; n++) history.raise(`a${n}`, n * 10 * MINUTE, { asset: `d${n}` });
    const result = history.judge();
    expect(result.rate.perTenMinutes).toBeCloseTo(1);
    expect(result).toMatchObject({ raised: 144, peakTenMinutes: 1, upset: 1, floods: [] });
  });

  it('a flood begins above ten in ten minutes and ends below five', () => {
    const history = new History();
    for (let n = 0; n < 10; n++) history.raise(`calm${n}`, n * MINUTE, { asset: `c${n}` });
    expect(history.judge().floods).toEqual([]);
    for (let n = 0; n < 20; n++) history.raise(`a${n}`, 600 * MINUTE + n * 10_000, { asset: `d${n}` });
    const { floods, shareOfTimeInFlood } = history.judge();
    // Raises until 603:10; below five in the window when the fifth newest, of 602:30, is ten minutes old.
    expect(floods).toEqual([{ from: 600 * MINUTE, to: 612.5 * MINUTE, alarms: 20, peak: 20 }]);
    expect(shareOfTimeInFlood).toBeCloseTo(12.5 / 1440);
  });

  it('what nobody was told of did not ring', () => {
    const history = new History().raise('a', 0).event('a', 'return', 1000).event('a', 'shelve', 2000, 'olga');
    history.event('a', 'held', 3000).event('a', 'raise', 5000);
    expect(history.judge().raised).toBe(2);
  });

  it('names chattering and fleeting rules with advice, and the loudest first', () => {
    const history = new History();
    for (let n = 0; n < 5; n++) {
      history.raise(`c${n}`, n * 15_000, { asset: 'pump' });
      history.event(`c${n}`, 'return', n * 15_000 + 3000);
    }
    history.raise('slow', 60 * MINUTE, { asset: 'tank' }).event('slow', 'return', 90 * MINUTE);
    const result = history.judge();
    expect(result.chattering).toMatchObject([{ asset: 'pump', count: 5, worstPerMinute: 4 }]);
    expect(result.chattering[0]).toMatchObject({
      remedies: { offDelay: { value: 30_000, alarms: 1, of: 5 }, onDelay: { value: 5000, alarms: 0, of: 5 } },
      advice:
        'an off-delay 30 s longer would have made 1 alarm out of 5; an on-delay 5 s longer would have made 0 alarms out of 5',
    });
    expect(result.fleeting).toMatchObject([{ asset: 'pump', count: 5 }]);
    expect(result.topTen.map(({ asset, count }) => [asset, count])).toEqual([
      ['pump', 5],
      ['tank', 1],
    ]);
    expect(result.targets.find(({ name }) => name === 'chattering rules')).toMatchObject({ value: 1, met: false });
    // Six alarms of one priority are no share of anything.
    for (const share of result.targets.filter(({ name }) => name.startsWith('share of priority')))
      expect(share).toMatchObject({ met: true, target: expect.stringContaining('judged from 100 alarms on') });
  });

  it('what an operator acknowledged at once is not fleeting', () => {
    const history = new History().raise('a', 0).event('a', 'acknowledge', 2000, 'olga').event('a', 'return', 4000);
    expect(history.judge().fleeting).toEqual([]);
  });

  it('measures how long people and the plant took', () => {
    const history = new History();
    for (const [id, minutes] of [
      ['a', 1],
      ['b', 2],
      ['c', 30],
    ] as const) {
      history.raise(id, 0, { asset: id }).event(id, 'acknowledge', minutes * MINUTE, 'olga');
      history.event(id, 'return', 2 * minutes * MINUTE);
    }
    history.event('c', 'comment', 31 * MINUTE, 'mei');
    const result = history.judge();
    expect(result.timeToAcknowledge).toEqual({
      count: 3,
      medianMs: 2 * MINUTE,
      p90Ms: 30 * MINUTE,
      maxMs: 30 * MINUTE,
    });
    expect(result.timeToNormal.medianMs).toBe(4 * MINUTE);
    expect(result.operators).toMatchObject([
      { who: 'olga', actions: 3, acknowledged: 3 },
      { who: 'mei', actions: 1, acknowledged: 0, timeToAcknowledge: { count: 0 } },
    ]);
  });

  it('lists what stands for more than a day', () => {
    const standing = (id: string, raisedAt: number) => ({ id, asset: id, kind: 'high', active: true, raisedAt });
    const result = new History().judge([standing('old', -2 * DAY), standing('new', DAY - MINUTE)]);
    expect(result).toMatchObject({ staleCount: 1, stale: [{ alarm: 'old' }] });
    expect(result.stale[0]?.advice).toContain('out of service');
  });

  it('names no remedy where none would have helped', () => {
    const history = new History();
    for (let n = 0; n < 20; n++)
      history.raise(`a${n}`, n * 30 * MINUTE).event(`a${n}`, 'return', (n * 30 + 15) * MINUTE);
    const { fleeting, chattering } = history.judge();
    expect([...fleeting, ...chattering]).toEqual([]);
  });

  it('takes a year of a busy site line by line', () => {
    const meter = new PerformanceMeter({ from: 0, to: 365 * DAY });
    for (let n = 0; n < 200_000; n++) {
      const at = n * 157_680;
      const line = { alarm: n, rule: n % 500, at, recordedAt: at, who: undefined };
      meter.add({ ...line, told: 'raise' });
      meter.add({ ...line, at: at + 60_000, recordedAt: at + 60_000, told: 'return' });
    }
    const names = Array.from({ length: 500 }, (_, n) => ({
      rule: `r-${n}`,
      asset: `d-${n}`,
      kind: 'high',
      priority: 3 as const,
    }));
    const result = meter.result(names, [], []);
    expect(result).toMatchObject({ raised: 200_000, upset: 4, floodCount: 0, timeToNormal: { medianMs: 60_000 } });
    expect(result.slots).toHaveLength(365 * 144);
  });

  it('splits by priority', () => {
    const history = new History().raise('a', 0, { priority: 1 }).raise('b', 1, { priority: 4 }).raise('c', 2);
    expect(history.judge().priorities).toMatchObject({ 1: { count: 1 }, 4: { count: 2, share: 2 / 3 } });
  });

  it('any history gives finite figures, and every raise is in one slot', () => {
    const moment = fc.integer({ min: 0, max: DAY - 1 });
    const events = fc.array(
      fc.record({
        at: moment,
        id: fc.constantFrom('a', 'b', 'c', 'd'),
        event: fc.constantFrom('re-raise', 'return', 'acknowledge', 'comment'),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(events, (list) => {
        const history = new History();
        for (const id of ['a', 'b', 'c', 'd']) history.raise(id, 0);
        for (const { at, id, event } of list) history.event(id, event, at, event === 'return' ? undefined : 'olga');
        const result = history.judge();
        expect(result.slots.reduce((sum, count) => sum + count, 0)).toBe(result.raised);
        expect(JSON.stringify(result)).not.toContain('null');
        for (const flood of result.floods) {
          expect(flood.to).toBeGreaterThan(flood.from);
          expect(flood.alarms).toBeGreaterThan(10);
        }
      }),
    );
  });
});

describe('a deadband that is tried on what was seen', () => {
  const rule = highRule({ setpoint: 80, deadband: 0.1 });
  /** Swings about the limit, each swing as deep as this below it. */
  const swings = (depths: readonly number[]) =>
    depths.flatMap((depth, n) => [
      { ts: n * 20_000, value: 80.5 },
      { ts: n * 20_000 + 10_000, value: 80 - depth },
    ]);

  it('is the smallest that leaves a tenth of the alarms', () => {
    const depths = Array.from({ length: 37 }, (_, n) => 0.3 + (n % 5) * 0.1);
    expect(deadbandTrial(rule, swings(depths))).toEqual({ value: 0.71, alarms: 1, of: 37 });
  });

  it('leaves alone what really went away', () => {
    expect(deadbandTrial(rule, swings([30, 40, 0.2, 50]))).toBeUndefined();
  });

  it('is none for a rule that is no limit, rang once, or has no readings', () => {
    expect(deadbandTrial({ ...rule, kind: 'frozen' }, swings([0.3, 0.3]))).toBeUndefined();
    expect(deadbandTrial(rule, swings([0.3]))).toBeUndefined();
    expect(deadbandTrial(rule, [])).toBeUndefined();
  });

  it('works below a low limit too', () => {
    const low = highRule({ kind: 'low', setpoint: 10, deadband: 0 });
    const readings = Array.from({ length: 40 }, (_, n) => ({ ts: n * 10_000, value: n % 2 === 0 ? 9.9 : 10.25 }));
    expect(deadbandTrial(low, readings)).toEqual({ value: 0.26, alarms: 1, of: 20 });
  });
});
