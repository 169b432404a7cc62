import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENT_CHARS_MAX, EventReader } from '../../../dashboards/web/sse.ts';

describe('the event reader', () => {
  it('reads name, data and id, and keeps the id for events without one', () => {
    const events = new EventReader().push('id: 7\nevent: alarm\ndata: {"a":1}\n\ndata: x\n\n');
    expect(events).toEqual([
      { name: 'alarm', data: '{"a":1}', id: '7' },
      { name: 'message', data: 'x', id: '7' },
    ]);
  });

  it('joins data lines, skips comments and empty events, and takes every line end', () => {
    const events = new EventReader().push(': still here\n\nevent: empty\n\ndata: one\r\ndata:two\r\r');
    expect(events.map(({ data }) => data)).toEqual([]);
    const more = new EventReader();
    expect([...more.push('data: one\r\ndata:two\r'), ...more.push('\n\r\n')]).toEqual([
      { name: 'message', data: 'one\ntwo', id: '' },
    ]);
  });

  it('gives the same events however the text is cut', () => {
    const text = 'id: 1\nevent: reading\ndata: {"v":1}\n\n:\n\nid: 2\r\ndata: 汉丰\r\ndata: y\r\n\r\ndata: z\n\n';
    const whole = new EventReader().push(text);
    expect(whole).toHaveLength(3);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 12 }), (cuts) => {
        const places = [0, ...[...cuts].sort((one, other) => one - other), text.length];
        const reader = new EventReader();
        const events = places.slice(1).flatMap((end, index) => reader.push(text.slice(places[index], end)));
        expect(events).toEqual(whole);
      }),
    );
  });

  it('gives up on an event without end', () => {
    const reader = new EventReader();
    expect(() => reader.push(`data: ${'x'.repeat(EVENT_CHARS_MAX + 1)}`)).toThrow(RangeError);
  });
});
