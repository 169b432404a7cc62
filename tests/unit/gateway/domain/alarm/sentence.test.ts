import { describe, expect, it } from 'vitest';
import { sentence, sentenceZh } from '../../../../../gateway/domain/alarm/sentence.ts';
import { siteClock } from '../../../../../gateway/domain/site-clock.ts';

const at = Date.parse('2026-11-23T02:57:00Z');
const clock = siteClock('UTC');
const leak = { title: 'Leak, sudden', value: 66, unit: 'm3/h', asset: 'north', since: at, raisedAt: at };

describe('the sentence of an alarm', () => {
  it('names asset and place', () => {
    const told = { ...leak, location: 'Binhu East' };
    expect(sentence(told, clock)).toBe('Leak, sudden: 66 m³/h. north, Binhu East, since 02:57.');
    expect(sentenceZh({ ...told, title: '突发漏损' }, clock)).toBe(
      '突发漏损：66 m³/h。north，Binhu East，始于 02:57。',
    );
  });

  it.each([['north'], [''], [undefined]])('names the asset once when the place is %j', (location) => {
    const told = location === undefined ? leak : { ...leak, location };
    expect(sentence(told, clock)).toBe('Leak, sudden: 66 m³/h. north, since 02:57.');
    expect(sentenceZh({ ...told, title: '突发漏损' }, clock)).toBe('突发漏损：66 m³/h。north，始于 02:57。');
  });
});
