import { describe, expect, it } from 'vitest';
import type { WireValue } from '../../../contract/reading.ts';
import { createReporter } from '../../../edge/report.ts';

const RULE = { points: ['v'], deadband: 1, maxSilence: 60_000 };
const at = (second: number, v: WireValue) => ({ device: 'd', ts: second * 1000, values: { v } });

function sent(rule: Parameters<typeof createReporter>[0][number], samples: readonly (readonly [number, WireValue])[]) {
  const reporter = createReporter([rule]);
  return samples.flatMap(([second, value]) =>
    reporter.filter(at(second, value)).map(({ ts, values }) => [(ts ?? 0) / 1000, values.v]),
  );
}

describe('report by exception', () => {
  it('sends the first sample, then nothing within the deadband', () => {
    expect(
      sent(RULE, [
        [0, 10],
        [1, 10.4],
        [2, 9.6],
        [3, 10.9],
      ]),
    ).toEqual([[0, 10]]);
  });

  it('sends a change with the sample before it', () => {
    expect(
      sent(RULE, [
        [0, 10],
        [1, 10.2],
        [2, 10.3],
        [3, 15],
      ]),
    ).toEqual([
      [0, 10],
      [2, 10.3],
      [3, 15],
    ]);
  });

  it('sends at least once in maxSilence', () => {
    const quiet = Array.from({ length: 121 }, (_, second) => [second, 10] as const);
    expect(sent(RULE, quiet).map(([second]) => second)).toEqual([0, 59, 60, 119, 120]);
  });

  it('always sends a change of quality, both ways', () => {
    const bad: WireValue = { quality: 'bad', reason: 'timeout' };
    expect(
      sent(RULE, [
        [0, 10],
        [1, bad],
        [2, bad],
        [3, 10],
      ]),
    ).toEqual([
      [0, 10],
      [1, bad],
      [2, bad],
      [3, 10],
    ]);
  });

  it('understands percent of the last sent value', () => {
    expect(
      sent({ ...RULE, deadband: '10%' }, [
        [0, 100],
        [1, 109],
        [2, 111],
      ]),
    ).toEqual([
      [0, 100],
      [1, 109],
      [2, 111],
    ]);
  });

  it('marks a value that has been exactly the same for too long, since nobody else sees it', () => {
    const frozen: WireValue = { value: 10, quality: 'uncertain', reason: 'frozen' };
    const samples = Array.from({ length: 6 }, (_, second) => [second, 10] as const);
    expect(sent({ ...RULE, frozenAfter: 4000 }, samples)).toEqual([
      [0, 10],
      [3, 10],
      [4, frozen],
    ]);
  });

  it('lets every other measurement through', () => {
    const reporter = createReporter([RULE]);
    reporter.filter({ device: 'd', ts: 0, values: { v: 1, w: 1 } });
    expect(reporter.filter({ device: 'd', ts: 1, values: { v: 1, w: 1 } })).toEqual([
      { device: 'd', ts: 1, values: { w: 1 } },
    ]);
  });
});
