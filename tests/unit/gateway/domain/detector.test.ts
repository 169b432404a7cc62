import { describe, expect, it } from 'vitest';
import type { Detector, Finding } from '../../../../gateway/domain/detector.ts';
import { createJudge, type Verdict } from '../../../../gateway/domain/judge.ts';
import { leakRule } from '../../../../gateway/domain/leakage/leak-alarm.ts';
import { ReadingBuffer } from '../../../../gateway/domain/readings.ts';

const START = Date.parse('2026-11-23T00:00:00Z');
const MINUTE_MS = 60_000;
const NOTHING = new ReadingBuffer(1);
const raise: Finding = {
  kind: 'raise',
  rule: leakRule('north#leak-1', { id: 'north' }, 'slow', true),
  raise: {
    since: START,
    at: START,
    evidence: { value: 5, against: '4 to 6', details: { size: 5, sensors: ['pt-1'] } },
  },
};
const update = (size: number, rule = 'north#leak-1'): Finding => ({
  kind: 'update',
  rule,
  evidence: { value: size, against: 'about', details: { size } },
});
const clear: Finding = { kind: 'clear', rule: 'north#leak-1', at: START };

/** A judge with a detector that finds what it is told to, one list a minute. */
function judging(...minutes: readonly (readonly Finding[])[]) {
  const due = [...minutes];
  const detector: Detector = {
    pointKnown: () => true,
    reading: () => undefined,
    advance: () => due.shift() ?? [],
    isOwn: (key) => key === 'north#leak-1',
    snapshot: () => null,
    restore: () => undefined,
  };
  const judge = createJudge({ timezone: 'UTC', detectors: [detector] });
  judge.addSource({ id: 0, key: 'edge/e/line', edge: 'e', hasUpTo: true });
  judge.addPoint({ id: 0, device: 'fm-1', measurement: 'flow', maxSilenceMs: 1e12, reportingDelayMs: 0 }, 0, []);
  const verdict: Verdict = { alarms: [], journal: [] };
  let minute = 0;
  return {
    verdict,
    next() {
      verdict.alarms.length = 0;
      verdict.journal.length = 0;
      minute++;
      judge.apply({ kind: 'up-to', source: 0, upTo: START + minute * MINUTE_MS }, NOTHING, verdict);
      return verdict;
    },
    locate(alarm: string, location?: string) {
      verdict.alarms.length = 0;
      verdict.journal.length = 0;
      const found = { alarm, at: START + minute * MINUTE_MS, why: 'by the model', details: { pipe: 'p7' } };
      judge.apply({ kind: 'located', ...found, ...(location === undefined ? {} : { location }) }, NOTHING, verdict);
      return verdict;
    },
    acknowledge(alarm: string) {
      const command = { action: 'acknowledge', alarm, who: 'olga', at: START + minute * MINUTE_MS } as const;
      judge.apply({ kind: 'operator', command }, NOTHING, verdict);
    },
  };
}

describe('news of an open alarm', () => {
  it('changes value, words and evidence, and nothing of its life', () => {
    const line = judging([raise], [update(9)]);
    const { id } = line.next().alarms[0]!;
    line.acknowledge(id);
    const { alarms, journal } = line.next();
    expect(journal).toEqual([]);
    expect(alarms).toMatchObject([
      {
        id,
        state: 'acknowledged',
        acknowledgedBy: 'olga',
        value: 9,
        message: 'Leak, growing: 9 m³/h, about. north, since 00:00. Send a crew to the sensors that fell most.',
        messageZh: '渐增漏损：9 m³/h。north，始于 00:00。请派人到压力下降最多的测点查漏。',
        evidence: { size: 9, sensors: ['pt-1'] },
      },
    ]);
  });

  it('is no news before it was raised, after it returned, or for another rule', () => {
    const line = judging([update(9)], [raise], [update(9, 'south#leak-1')], [clear], [update(9)]);
    expect(line.next().alarms).toEqual([]);
    line.next();
    expect(line.next().alarms).toEqual([]);
    expect(line.next().journal.map(({ event }) => event)).toEqual(['return']);
    expect(line.next().alarms).toEqual([]);
  });
});

describe('the place of an open alarm', () => {
  it('comes later: location, words and evidence change, the journal tells it, its life goes on', () => {
    const line = judging([raise], [update(9)]);
    const id = line.next().alarms[0]!.id;
    line.acknowledge(id);
    const { alarms, journal } = line.locate(id, 'p7');
    expect(alarms.at(-1)).toMatchObject({
      id,
      state: 'acknowledged',
      location: 'p7',
      evidence: { size: 5, located: { pipe: 'p7' } },
    });
    expect(alarms.at(-1)!.message).toContain('north, p7, since');
    expect(alarms.at(-1)!.messageZh).toContain('north，p7，始于');
    expect(journal).toMatchObject([
      { alarm: id, event: 'located', from: 'acknowledged', to: 'acknowledged', who: 'system', why: 'by the model' },
    ]);
    // What is learned of the leak afterwards does not take the place away.
    expect(line.next().alarms.at(-1)).toMatchObject({ location: 'p7', evidence: { size: 9, located: { pipe: 'p7' } } });
  });

  it('stays the zone when nothing is sure, and an alarm that nobody knows any more is left alone', () => {
    const line = judging([raise]);
    const id = line.next().alarms[0]!.id;
    expect(line.locate(id).alarms.at(-1)).toMatchObject({ location: 'north', evidence: { located: { pipe: 'p7' } } });
    expect(line.locate('nobody', 'p7')).toEqual({ alarms: [], journal: [] });
  });
});
