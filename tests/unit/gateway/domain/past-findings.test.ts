import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../../gateway/domain/detector.ts';
import { tellPast } from '../../../../gateway/domain/past-findings.ts';
import type { Rule } from '../../../../gateway/domain/plant.ts';

const rule = (key: string): Rule => ({ key }) as Rule;
const raise = (key: string, at: number): Finding => ({
  kind: 'raise',
  rule: rule(key),
  raise: { since: at - 10, at, evidence: { value: 1, details: { size: 1, zone: 'a' } } },
});

function told(findings: readonly Finding[]): string[] {
  const log: string[] = [];
  tellPast(findings, {
    foundLate: ({ key }, { at, evidence }) => {
      log.push(`late ${key} at ${at} ${JSON.stringify(evidence.details)}`);
      return `id-${key}`;
    },
    returnedLate: (id, at) => log.push(`returned ${id} at ${at}`),
    raise: ({ key }, { at }) => log.push(`raised ${key} at ${at}`),
  });
  return log;
}

describe('what was found in stored history', () => {
  it('is journalled as late when it ended in there, with all that became known of it', () => {
    expect(
      told([
        raise('leak-1', 100),
        { kind: 'update', rule: 'leak-1', evidence: { value: 3, details: { size: 3 } } },
        { kind: 'clear', rule: 'leak-1', at: 500 },
      ]),
    ).toEqual(['late leak-1 at 100 {"size":3,"zone":"a"}', 'returned id-leak-1 at 500']);
  });

  it('is an alarm like any other when it still holds, whenever it began', () => {
    expect(told([raise('leak-1', 100), { kind: 'clear', rule: 'leak-0', at: 200 }])).toEqual(['raised leak-1 at 100']);
  });
});
