import { describe, expect, it } from 'vitest';
import { stepsOf } from '../../../../../dashboards/web/alarms.ts';
import { leakRule } from '../../../../../gateway/domain/leakage/leak-alarm.ts';

const stepsFor = (type: 'abrupt' | 'slow', hasSensors: boolean) => {
  const { response, responseZh } = leakRule('z#leak-1', { id: 'z' }, type, hasSensors);
  return { english: stepsOf(response), chinese: stepsOf(responseZh) };
};

describe('what to do about a leak', () => {
  it('begins where the pressures fell, or in the area where there are none', () => {
    expect(stepsFor('abrupt', true).english[0]).toBe('Send a crew to the sensors that fell most');
    expect(stepsFor('slow', false).english[0]).toBe('Send a crew with listening gear into the area');
  });

  it.each(['abrupt', 'slow'] as const)('is told step by step, as many in Chinese: %s', (type) => {
    const { english, chinese } = stepsFor(type, true);
    expect(english.length).toBeGreaterThan(3);
    expect(chinese).toHaveLength(english.length);
    expect(english.at(-1)).toContain('the alarm ends when the flow is back');
  });

  it('asks first whether somebody draws the water, and of a slow rise whether it is a meter', () => {
    expect(stepsFor('abrupt', true).english[1]).toContain('flushing or a fire');
    expect(stepsFor('slow', true).english[1]).toContain('drift looks the same');
  });
});
