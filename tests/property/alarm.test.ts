import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALARM_ACTIONS, ALARM_STATES } from '../../contract/alarm.ts';
import { isRefusal, type Life, type LifeEvent, NORMAL, step } from '../../gateway/domain/alarm/lifecycle.ts';
import { flowPoint, highRule, START, Timeline } from '../unit/gateway/domain/timeline.ts';

const POINTS = [flowPoint(), flowPoint({ id: 1, measurement: 'pressure', maxSilenceMs: 20_000 })];
const RULES = [
  highRule({ onDelayMs: 3000, offDelayMs: 2000 }),
  highRule({
    key: 'fm-12/flow#high-high',
    kind: 'high-high',
    setpoint: 90,
    deadband: 0,
    latch: true,
    reAlarmMs: 10_000,
    escalate: { afterMs: 15_000, priority: 1 },
  }),
  highRule({ key: 'fm-12/flow#low', kind: 'low', setpoint: 10, onDelayMs: 1000 }),
  highRule({ key: 'fm-12/pressure#low', kind: 'low', setpoint: 20, point: 1, pointId: 'fm-12/pressure' }),
];

const reads = (value: number): Step => ({ do: 'read', value, point: 0, lag: 0 });
const TWO_DUE: Step[] = [
  reads(95),
  { do: 'pass', seconds: 200, say: 'up-to' },
  reads(0),
  { do: 'operate', action: 'shelve', oneShot: false },
  reads(95),
];

type Step =
  | { readonly do: 'read'; readonly value: number; readonly point: number; readonly lag: number }
  | { readonly do: 'bad'; readonly point: number }
  | { readonly do: 'pass'; readonly seconds: number; readonly say: 'up-to' | 'tick' | 'both' }
  | { readonly do: 'operate'; readonly action: (typeof ALARM_ACTIONS)[number]; readonly oneShot: boolean };

const stepArb: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      value: fc.constantFrom(0, 15, 50, 79, 81, 95),
      point: fc.constantFrom(0, 1),
      lag: fc.constantFrom(0, 0, 0, 0, 5, 400),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('bad' as const), point: fc.constantFrom(0, 1) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      seconds: fc.constantFrom(1, 1, 2, 5, 30, 200),
      say: fc.constantFrom('up-to' as const, 'tick' as const, 'both' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('operate' as const),
      action: fc.constantFrom(...ALARM_ACTIONS),
      oneShot: fc.boolean(),
    }),
  },
);

function play(line: Timeline, steps: readonly Step[], fromSecond: number): number {
  let second = fromSecond;
  for (const step of steps) {
    if (step.do === 'read') line.readings([[second - step.lag, step.value, step.point]], second);
    else if (step.do === 'bad') line.bad(second, 'timeout', step.point);
    else if (step.do === 'pass') {
      second += step.seconds;
      if (step.say !== 'tick') line.upTo(second);
      if (step.say !== 'up-to') line.tick(second).heard(second);
    } else {
      const alarm = [...line.alarms.keys()].at(-1) ?? 'none';
      line.take((verdict) =>
        line.judge.apply(
          {
            kind: 'operator',
            command: {
              action: step.action,
              alarm,
              who: 'li',
              at: START + second * 1000,
              comment: 'why',
              ...(step.oneShot ? { oneShot: true } : { until: START + (second + 20) * 1000 }),
            },
          },
          {
            length: 0,
            point: new Int32Array(),
            tsMs: new Float64Array(),
            value: new Float64Array(),
            quality: new Uint8Array(),
            reason: new Uint8Array(),
          },
          verdict,
        ),
      );
    }
  }
  return second;
}

const timeline = (hasUpTo: boolean) => new Timeline({ points: POINTS, rules: RULES, hasUpTo });

describe('alarms, whatever happens in whatever order', () => {
  it('stand in a legal state, and the journal leads to it', () => {
    fc.assert(
      fc.property(fc.array(stepArb, { maxLength: 60 }), fc.boolean(), (steps, hasUpTo) => {
        const line = timeline(hasUpTo);
        play(line, steps, 0);
        const states = new Map<string, string>();
        for (const { alarm, from, to } of line.journal) {
          expect(states.get(alarm) ?? 'normal').toBe(from);
          states.set(alarm, to);
        }
        for (const alarm of line.alarms.values()) {
          expect(ALARM_STATES).toContain(alarm.state);
          expect(states.get(alarm.id)).toBe(alarm.state);
          if (alarm.active) expect(['unacknowledged', 'acknowledged']).toContain(alarm.state);
          if (alarm.state === 'rtn-unacknowledged' || alarm.latched) expect(alarm.active).toBe(false);
          if (alarm.raisedLate) expect(alarm.state).toBe('normal');
          expect(alarm.holds.includes('shelved') || alarm.shelvedUntil === undefined).toBe(true);
          expect(alarm.message.length).toBeLessThanOrEqual(160);
        }
        const active = [...line.alarms.values()].filter((alarm) => alarm.active);
        expect(new Set(active.map(({ kind, asset, point }) => `${kind} ${asset} ${point}`)).size).toBe(active.length);
      }),
      { numRuns: 300 },
    );
  });

  it('go on after a restart at any point as if there had been none', () => {
    fc.assert(
      fc.property(
        fc.array(stepArb, { maxLength: 40 }),
        fc.array(stepArb, { maxLength: 40 }),
        fc.boolean(),
        (before, after, hasUpTo) => {
          const straight = timeline(hasUpTo);
          const restarted = timeline(hasUpTo);
          const second = play(straight, before, 0);
          play(restarted, before, 0);
          restarted.restart();
          play(straight, after, second);
          play(restarted, after, second);
          expect(restarted.journal).toEqual(straight.journal);
          expect([...restarted.alarms]).toEqual([...straight.alarms]);
          expect(restarted.judge.snapshot()).toBe(straight.judge.snapshot());
        },
      ),
      // A shelving and an escalation of two alarms are over in one tick.
      { numRuns: 300, examples: [[TWO_DUE, [{ do: 'pass', seconds: 200, say: 'both' }], true]] },
    );
  });

  it('are told the same again, and nothing else, when an older snapshot is played forward', () => {
    fc.assert(
      fc.property(
        fc.array(stepArb, { maxLength: 30 }),
        // Commands name alarms by what was told before, which the other one has not seen.
        fc.array(
          stepArb.filter((step) => step.do !== 'operate'),
          { minLength: 1, maxLength: 40 },
        ),
        fc.boolean(),
        (before, after, hasUpTo) => {
          const first = timeline(hasUpTo);
          const second = play(first, before, 0);
          const snapshot = first.judge.snapshot();
          const told = first.journal.length;
          play(first, after, second);
          // The process was killed: another starts from the snapshot and is told again what came since.
          const again = timeline(hasUpTo);
          again.judge.restore(snapshot);
          play(again, after, second);
          expect(again.journal).toEqual(first.journal.slice(told));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('end with the same conditions active however lanes are interleaved', () => {
    const rowArb = fc.array(fc.constantFrom(0, 15, 50, 81, 95), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(rowArb, fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }), (values, isLate) => {
        const rows = values.map((value, index) => [index * 2, value] as const);
        const end = rows.length * 2;
        const inOrder = timeline(true);
        for (const row of rows) inOrder.readings([row]);
        inOrder.upTo(end);
        const mixed = timeline(true);
        // The newest two travel live in order; of the others some come later, as a backlog does.
        const held = rows.slice(0, -2).filter((_, index) => isLate[index]);
        for (const row of rows) if (!held.includes(row)) mixed.readings([row]);
        for (const row of held) mixed.readings([row], end);
        mixed.upTo(end + 60);
        inOrder.upTo(end + 60);
        const limits = (line: Timeline) => line.active.filter((kind) => kind !== 'stale').sort();
        expect(limits(mixed)).toEqual(limits(inOrder));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the table of transitions', () => {
  const events: readonly LifeEvent[] = [
    { kind: 'raise' },
    { kind: 'return', latch: false },
    { kind: 'return', latch: true },
    { kind: 're-alarm' },
    { kind: 'escalate' },
    { kind: 'shelve-expired' },
    { kind: 'suppress' },
    { kind: 'unsuppress' },
    { kind: 'acknowledge' },
    { kind: 'shelve', oneShot: true },
    { kind: 'shelve', oneShot: false, until: 1 },
    { kind: 'unshelve' },
    { kind: 'out-of-service' },
    { kind: 'return-to-service' },
    { kind: 'reset' },
    { kind: 'confirm' },
  ];

  it('reaches only legal lives from normal, by any order of events', () => {
    const seen = new Map<string, Life>([[JSON.stringify(NORMAL), NORMAL]]);
    const queue = [NORMAL];
    for (let life = queue.pop(); life !== undefined; life = queue.pop()) {
      for (const event of events) {
        const next = step(life, event);
        if (isRefusal(next) || seen.has(JSON.stringify(next))) continue;
        seen.set(JSON.stringify(next), next);
        queue.push(next);
        if (next.active) expect(['unacknowledged', 'acknowledged']).toContain(next.state);
        if (next.latched) expect(next.active).toBe(false);
        if (next.state === 'normal') expect(next.latched || next.active).toBe(false);
        if (next.oneShot || next.shelvedUntil !== undefined) expect(next.holds).toContain('shelved');
      }
    }
    expect(seen.size).toBeGreaterThan(40);
  });
});
