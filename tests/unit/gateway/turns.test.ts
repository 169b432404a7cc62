import { describe, expect, it } from 'vitest';
import { TURN_MS, Turns } from '../../../gateway/broker/turns.ts';

/** A loop whose turns are taken by hand; reading costs what `costMs` says. */
function loop() {
  let nowMs = 0;
  const soon: (() => void)[] = [];
  const turns = new Turns(
    () => nowMs,
    (run) => soon.push(run),
  );
  const order: string[] = [];
  const connection = (name: string, costMs: number) => {
    const source = {
      readableLength: 1,
      emit() {
        if (turns.mayRead(source)) {
          order.push(name);
          nowMs += costMs;
        }
        return true;
      },
    };
    return source;
  };
  return {
    turns,
    order,
    connection,
    /** What was put off to the next turn of the loop runs. */
    next: () => {
      for (const run of soon.splice(0)) run();
    },
  };
}

describe('turns of the event loop', () => {
  it('are shared: those who come when a turn is used up wait for the next, in their order', () => {
    const { turns, order, connection, next } = loop();
    const [a, b, c] = [connection('a', TURN_MS), connection('b', TURN_MS / 2), connection('c', 1)];
    for (const each of [a, b, c]) each.emit();
    expect(order).toEqual(['a']);
    expect(turns.waitingCount).toBe(2);
    next();
    expect(order).toEqual(['a', 'b', 'c']);
    expect(turns.waitingCount).toBe(0);
  });

  it('leave nobody out, however many wait', () => {
    const { turns, order, connection, next } = loop();
    const all = Array.from({ length: 100 }, (_, index) => connection(`c${index}`, TURN_MS / 3));
    for (const each of all) each.emit();
    for (let turn = 0; turns.waitingCount > 0 && turn < 100; turn++) next();
    expect(order).toHaveLength(100);
    expect(new Set(order).size).toBe(100);
  });

  it('come to a connection whose buffer still holds something, and not to one that is gone', () => {
    const { turns, order, connection, next } = loop();
    const [stays, goes] = [connection('stays', 1), connection('goes', 1)];
    turns.later(stays);
    turns.later(goes);
    turns.forget(goes);
    next();
    expect(order).toEqual(['stays']);
  });
});
