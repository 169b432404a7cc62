import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../../gateway/notify/channel.ts';
import { DIGEST_MAX, digestOf, Pace } from '../../../../gateway/notify/pace.ts';

const MINUTE = { messages: 18, perMs: 60_000 };

describe('pace', () => {
  it('never lets more through within any span, however messages come', () => {
    const limits = [MINUTE, { messages: 4, perMs: 1000 }];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 200 }), (gaps) => {
        const pace = new Pace(limits);
        const sent: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now = Math.max(now + gap, pace.nextAt(now + gap));
          pace.spend(now);
          sent.push(now);
        }
        for (const { messages, perMs } of limits)
          for (let i = messages; i < sent.length; i++)
            expect((sent[i] as number) - (sent[i - messages] as number)).toBeGreaterThanOrEqual(perMs);
      }),
    );
  });

  it('sends one by one while there is room to spare, and digests when it gets tight', () => {
    const pace = new Pace([MINUTE]);
    expect(pace.take(9, 0)).toBe(1);
    expect(pace.take(10, 0)).toBe(10);
    for (let i = 0; i < 17; i++) pace.spend(0);
    expect(pace.take(1, 0)).toBe(1);
    expect(pace.take(500, 0)).toBe(DIGEST_MAX);
    expect(pace.nextAt(0)).toBe(0);
    pace.spend(0);
    expect(pace.nextAt(0)).toBe(60_000);
  });

  it('is not closed for hours by a clock that was set back', () => {
    const pace = new Pace([{ messages: 1, perMs: 60_000 }]);
    pace.spend(10_000_000);
    expect(pace.nextAt(0)).toBe(0);
  });
});

describe('a digest', () => {
  const message = (i: number, part: Partial<Message> = {}): Message => ({
    id: `n-${i}`,
    event: 'raise',
    priority: 3,
    title: `P3 number ${i}`,
    text: 'x',
    link: `https://gw.example/alarms/${i}`,
    body: { event: 'raise' },
    ...part,
  });

  it('names the most urgent first, and counts what it does not name', () => {
    const many = Array.from({ length: 30 }, (_, i) => message(i));
    const digest = digestOf([
      ...many,
      message(30, { priority: 1, title: 'P1 burst' }),
      message(31, { event: 'return' }),
    ]);
    expect(digest).toMatchObject({
      id: 'n-0+31',
      event: 'digest',
      priority: 1,
      title: '32 alarm messages: 31 new, 1 back to normal',
      link: 'https://gw.example/alarms',
    });
    const lines = digest.text.split('\n');
    expect(lines[0]).toBe('P1 burst');
    expect(lines.at(-1)).toBe('and 12 more');
    expect((digest.body as { messages: unknown[] }).messages).toHaveLength(32);
  });
});
