import { describe, expect, it } from 'vitest';
import { createClock, FREE_BASE_MS, isFreeTime, type MachineTime } from '../../../edge/clock.ts';

const NOW = Date.UTC(2026, 10, 23, 12);

class FakeMachine implements MachineTime {
  wall = NOW;
  monotonic = 5000;
  synced: boolean | undefined;
  readonly boot = 'boot-1';
  readonly wallMs = () => this.wall;
  readonly monotonicMs = () => this.monotonic;
  readonly serviceSynced = () => this.synced;

  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }
}

describe('the clock of an edge', () => {
  it('gives the wall time of a machine that knows it', () => {
    const machine = new FakeMachine();
    const clock = createClock(machine);
    expect(clock.state()).toBe('synced');
    expect(clock.now()).toBe(NOW);
    machine.pass(1500);
    expect(clock.now()).toBe(NOW + 1500);
    expect(clock.freeOffsetMs()).toBe(NOW - FREE_BASE_MS - 5000);
  });

  it('counts from the start of the machine while the time was never set, and knows the way back', () => {
    const machine = new FakeMachine();
    machine.wall = Date.UTC(1970, 0, 1);
    const clock = createClock(machine);
    expect(clock.state()).toBe('free');
    const sampled = clock.now();
    expect(isFreeTime(sampled)).toBe(true);
    expect(clock.freeOffsetMs()).toBeUndefined();
    machine.pass(60_000);
    // The time service sets the clock: what was sampled a minute ago gets its real time.
    machine.wall = NOW;
    expect(clock.state()).toBe('synced');
    expect(sampled + (clock.freeOffsetMs() as number)).toBe(NOW - 60_000);
  });

  it('believes the time service of the machine that it is not set yet', () => {
    const machine = new FakeMachine();
    machine.synced = false;
    const clock = createClock(machine);
    expect(clock.state()).toBe('free');
    machine.synced = true;
    expect(clock.state()).toBe('synced');
  });

  it('walks a small step back off slowly, so that no two samples get one time', () => {
    const machine = new FakeMachine();
    const clock = createClock(machine);
    let last = clock.now();
    machine.wall -= 5000;
    for (let second = 0; second < 12; second++) {
      machine.pass(1000);
      const now = clock.now();
      expect(now).toBeGreaterThan(last);
      last = now;
    }
    expect(last).toBe(machine.wall);
    expect(clock.steps()).toBe(0);
  });

  it('follows a large step at once and counts it', () => {
    const machine = new FakeMachine();
    const clock = createClock(machine);
    clock.now();
    machine.wall -= 3_600_000;
    machine.pass(1000);
    expect(clock.now()).toBe(machine.wall);
    machine.wall += 7_200_000;
    machine.pass(1000);
    expect(clock.now()).toBe(machine.wall);
    expect(clock.steps()).toBe(2);
  });
});
