import { beforeEach, describe, expect, it } from 'vitest';
import { Delivery, type DeliveryAction, type DeliveryOptions, type LaneState } from '../../../edge/delivery.ts';

let nowMs: number;
beforeEach(() => {
  nowMs = 1_000_000;
});

const lane = (id: string, last: number, goneTo = 0): LaneState => ({
  id,
  last,
  gone: goneTo === 0 ? [] : [{ from: 1, to: goneTo }],
});

/** `a1 a2 !b1-7 roll`: what was asked for, in order. */
function short(actions: readonly DeliveryAction[]): string {
  return actions
    .map((action) => {
      if (action.kind === 'send') return `${action.lane}${action.seq}`;
      return action.kind === 'explain' ? `!${action.lane}${action.from}-${action.to}` : action.kind;
    })
    .join(' ');
}

function connected(lanes: readonly LaneState[], options: Partial<DeliveryOptions> = {}) {
  const delivery = new Delivery({ gateways: ['gw'], known: {}, ...options });
  delivery.on({ kind: 'lanes', lanes }, nowMs);
  delivery.on({ kind: 'connected' }, nowMs);
  const mark = (marks: Record<string, number>, more: { gateway?: string; retained?: boolean; store?: string } = {}) =>
    short(delivery.on({ kind: 'marks', gateway: 'gw', store: 's', retained: false, ...more, marks }, nowMs));
  const confirm = (id: string, ...numbers: number[]) =>
    numbers
      .map((to) => short(delivery.on({ kind: 'confirmed', lane: id, to }, nowMs)))
      .join(' ')
      .trim();
  const pass = (ms: number) => {
    nowMs += ms;
    return short(delivery.on({ kind: 'tick' }, nowMs));
  };
  return { delivery, mark, confirm, pass };
}

const numbers = (id: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `${id}${from + index}`).join(' ');
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('delivery', () => {
  it('waits for the retained marks after connecting, but not for ever', () => {
    const { mark } = connected([lane('a', 3)]);
    expect(mark({ a: 1 }, { retained: true })).toBe('a2 a3');
    const silent = connected([lane('a', 3)]);
    expect(silent.pass(1000)).toBe('');
    expect(silent.pass(1000)).toBe('a1 a2 a3');
  });

  it('keeps at most 16 messages above the mark', () => {
    const { delivery, mark } = connected([lane('a', 100)]);
    expect(mark({})).toBe(numbers('a', 1, 16));
    expect(delivery.inFlight()).toBe(16);
    expect(mark({ a: 4 })).toContain(numbers('a', 17, 20));
  });

  it('sends live first and leaves it room while a backlog drains', () => {
    const { delivery, mark, confirm } = connected([lane('a', 100), lane('b', 2)]);
    // Three of the backlog on the wire, until the broker confirms them.
    expect(mark({})).toBe('b1 b2 a1 a2 a3');
    expect(confirm('a', 1)).toBe('a4');
    confirm('a', ...range(2, 12));
    expect(delivery.inFlight()).toBe(14);
    expect(short(delivery.on({ kind: 'lanes', lanes: [lane('a', 100), lane('b', 4)] }, nowMs))).toBe('b3 b4');
  });

  it('drains backlogs oldest first, one after another', () => {
    const { mark, confirm } = connected([lane('a', 2), lane('b', 2), lane('c', 0)]);
    expect(mark({})).toBe('a1 a2 b1');
    expect(confirm('a', 1, 2)).toBe('b2');
  });

  it('gives live readings a new lane when a gateway goes on storing after an outage', () => {
    const { delivery, mark } = connected([lane('a', 40)]);
    mark({});
    expect(mark({ a: 3 })).toBe(`roll ${numbers('a', 17, 19)}`);
    delivery.on({ kind: 'lanes', lanes: [lane('a', 40), lane('b', 1)] }, nowMs);
    expect(mark({ a: 10 })).not.toContain('roll');
  });

  it('does not roll on a slow link that only lags', () => {
    const { delivery, mark } = connected([lane('a', 2)]);
    mark({ a: 1 });
    mark({ a: 2 });
    delivery.on({ kind: 'lanes', lanes: [lane('a', 100)] }, nowMs);
    expect(mark({ a: 5 })).not.toContain('roll');
  });

  it('goes back to the mark after ten seconds without progress, then waits longer each time', () => {
    const { mark, confirm, pass } = connected([lane('a', 2)]);
    mark({});
    confirm('a', 1, 2);
    expect(pass(9999)).toBe('');
    expect(pass(1)).toBe('a1 a2');
    confirm('a', 1, 2);
    expect(pass(19_999)).toBe('');
    expect(pass(1)).toBe('a1 a2');
    // Progress ends the patience.
    expect(mark({ a: 1 })).toBe('');
    confirm('a', 2);
    expect(pass(10_000)).toBe('a2');
  });

  it('does not send again what the link has not carried yet, and gives the connection up after a minute', () => {
    const { mark, pass } = connected([lane('a', 2)]);
    mark({});
    expect(pass(30_000)).toBe('');
    expect(pass(30_000)).toBe('reconnect');
  });

  it('sends everything above the mark again after a reconnect', () => {
    const { delivery, mark } = connected([lane('a', 3)]);
    mark({});
    delivery.on({ kind: 'disconnected' }, nowMs);
    expect(delivery.inFlight()).toBe(0);
    delivery.on({ kind: 'connected' }, nowMs);
    expect(mark({ a: 1 }, { retained: true })).toBe('a2 a3');
  });

  it('sends again when the store changes or a mark goes back, and explains what is no longer there', () => {
    const { delivery, mark } = connected([lane('a', 10)]);
    mark({ a: 10 });
    expect(mark({ a: 8 })).toBe('a9 a10');
    expect(mark({ a: 10 })).toBe('');
    delivery.on({ kind: 'lanes', lanes: [lane('a', 10, 7)] }, nowMs);
    expect(mark({}, { store: 'other' })).toBe('!a1-7');
    // Nothing above a wide tombstone before it is stored.
    expect(mark({ a: 7 }, { store: 'other' })).toBe('a8 a9 a10');
  });

  it('explains at most a thousand numbers at a time', () => {
    const { mark } = connected([lane('a', 2500, 2400)]);
    expect(mark({})).toBe('!a1-1000');
    // The lane is long behind: live readings get their own.
    expect(mark({ a: 1000 })).toBe('roll !a1001-2000');
    expect(mark({ a: 2000 })).toBe('!a2001-2400');
    expect(mark({ a: 2400 })).toBe(numbers('a', 2401, 2416));
  });

  it('starts from the marks known before a restart when the broker forgot them', () => {
    const { pass } = connected([lane('a', 5)], { known: { gw: { store: 's', marks: { a: 3 } } } });
    expect(pass(2000)).toBe('a4 a5');
  });

  it('sends to a gateway it does not know yet, and ignores those that are not configured', () => {
    const { mark, pass } = connected([lane('a', 2)], { gateways: [] });
    expect(pass(2000)).toBe('a1 a2');
    const configured = connected([lane('a', 2)]);
    expect(configured.mark({ a: 2 }, { gateway: 'stranger' })).toBe('');
    expect(configured.pass(2000)).toBe('a1 a2');
    expect(mark({ a: 2 }, { gateway: 'anybody' })).toBe('');
  });

  it('does not wait for a gateway that is away, and gives it what it lacks when it is back', () => {
    const { delivery, mark, confirm, pass } = connected([lane('a', 4)], { gateways: ['gw', 'other'] });
    mark({});
    mark({}, { gateway: 'other', retained: true });
    confirm('a', 1, 2, 3, 4);
    mark({ a: 4 });
    expect(delivery.lowMark('a')).toBe(0);
    pass(10_000);
    expect(delivery.away()).toEqual(['other']);
    expect(delivery.lowMark('a')).toBe(4);
    // The broker's old copy of its mark is no sign of life.
    expect(mark({ a: 1 }, { gateway: 'other', retained: true })).toBe('');
    pass(10_000);
    expect(mark({ a: 1 }, { gateway: 'other' })).toBe('a2 a3 a4');
    expect(delivery.away()).toEqual([]);
  });

  it('leaves a silent gateway behind before its silence fills the window', () => {
    const { delivery, mark, confirm, pass } = connected([lane('a', 1)], { gateways: ['gw', 'other'] });
    mark({});
    mark({}, { gateway: 'other' });
    for (let seq = 1; seq <= 14; seq++) {
      delivery.on({ kind: 'lanes', lanes: [lane('a', seq)] }, nowMs);
      confirm('a', seq);
      pass(1000);
      mark({ a: seq });
    }
    expect(delivery.away()).toEqual(['other']);
    expect(delivery.lowMark('a')).toBe(14);
  });

  it('sends again to a gateway that is alive and missed something, before it leaves it behind', () => {
    const { delivery, mark, confirm, pass } = connected([lane('a', 2)], { gateways: ['gw', 'other'] });
    mark({});
    mark({}, { gateway: 'other' });
    confirm('a', 1, 2);
    mark({ a: 2 });
    nowMs += 5000;
    mark({}, { gateway: 'other' });
    expect(pass(5000)).toBe('a1 a2');
    expect(delivery.away()).toEqual([]);
    confirm('a', 1, 2);
    nowMs += 19_000;
    mark({}, { gateway: 'other' });
    expect(pass(1000)).toBe('a1 a2');
    confirm('a', 1, 2);
    nowMs += 39_000;
    mark({}, { gateway: 'other' });
    expect(pass(1000)).toBe('');
    expect(delivery.away()).toEqual(['other']);
  });

  it('keeps the backlog within its share of the link', () => {
    const { delivery, mark, confirm, pass } = connected([lane('a', 100), lane('b', 1)], {
      backlogBytesPerSecond: 1000,
    });
    expect(mark({})).toBe('b1 a1 a2 a3');
    delivery.on({ kind: 'sent-bytes', bytes: 3000 }, nowMs);
    expect(confirm('a', 1, 2, 3)).toBe('');
    expect(short(delivery.on({ kind: 'lanes', lanes: [lane('a', 100), lane('b', 2)] }, nowMs))).toBe('b2');
    expect(pass(2999)).toBe('');
    expect(pass(1)).toBe('a4 a5 a6');
  });
});
