import { describe, expect, it } from 'vitest';
import { seeded } from '../../../../../bench/leakage/made-network.ts';
import { NightWatch } from '../../../../../gateway/domain/leakage/night-watch.ts';

const DAY_MS = 86_400_000;

interface Night {
  readonly level: number;
  readonly raw?: number;
  /** Hours in which somebody drew five more. */
  readonly party?: number;
  /** How far the shape of the day before strayed. */
  readonly odd?: number;
}

/** Twenty usual nights about 10 m3/h, then these. */
function nightsThen(...late: readonly Night[]): NightWatch {
  const random = seeded(3);
  const watch = new NightWatch();
  const nights: Night[] = [...Array.from({ length: 20 }, () => ({ level: 0 })), ...late];
  nights.forEach(({ level, raw = level, party = 0, odd = 1 }, day) => {
    for (let hour = 0; hour < 6; hour++) {
      const stray = 0.4 * (random() - 0.5) + (hour < party ? 5 : 0);
      watch.add(hour, level + stray, 10 + raw + stray);
    }
    watch.close(day * DAY_MS, 0, 0.12, odd);
  });
  return watch;
}

const step = (watch: NightWatch) => watch.step(0.1, 1, 0.3);

describe('the nights of a zone', () => {
  it('tell a rise that stays open all night', () => {
    expect(step(nightsThen({ level: 3 }))).toMatchObject({ nights: 1, isGradual: false });
    expect(step(nightsThen({ level: 3 }))!.size).toBeCloseTo(3, 0);
  });

  it('need more nights for a small rise', () => {
    expect(step(nightsThen({ level: 0.45 }))).toBeUndefined();
    expect(step(nightsThen({ level: 0.45 }, { level: 0.45 }, { level: 0.45 }))!.nights).toBeGreaterThan(1);
  });

  it('leave out what is drawn for an hour or two', () => {
    expect(step(nightsThen({ level: 0, party: 2 }))).toBeUndefined();
  });

  it('want the rise to show in the flow as it is: a works that closes changes the shape of the day only', () => {
    expect(step(nightsThen({ level: 3, raw: 0 }))).toBeUndefined();
  });

  it('of few taps are averaged: several nights tell what is too small for the usual rule', () => {
    const late = [{ level: 0.5 }, { level: 0.5 }, { level: 0.5 }];
    expect(nightsThen(...late).step(0.17, 1, 0.3)).toBeUndefined();
    expect(nightsThen(...late).step(0.17, 1, 0.3, { independent: 0.1, enough: 0.2 })?.nights).toBeGreaterThan(1);
  });

  it('are not averaged where the usual rule finds small leaks already', () => {
    const late = [{ level: 0.5 }, { level: 0.5 }, { level: 0.5 }];
    expect(nightsThen(...late).step(0.17, 1, 0.3, { independent: 0.1, enough: 2 })).toBeUndefined();
  });

  it('after days of another shape need more: a holiday is no leak', () => {
    expect(step(nightsThen({ level: 0.95 }))).toMatchObject({ nights: 1 });
    expect(step(nightsThen({ level: 0.95, odd: 9 }))).toBeUndefined();
  });

  it('say that a festival is on when most days of a week have another shape', () => {
    const odd = { level: 0, odd: 9 };
    expect(nightsThen(odd, odd).isFestive()).toBe(false);
    expect(nightsThen(odd, odd, odd).isFestive()).toBe(true);
  });

  it('say how large a leak must be here, which is what three nights confirm', () => {
    const smallest = nightsThen().smallest(0.1, 1, 0.3)!;
    expect(smallest).toBeGreaterThan(0.3);
    const rise = { level: 1.1 * smallest };
    expect(step(nightsThen(rise, rise, rise))).toBeDefined();
    expect(new NightWatch().smallest(0.1, 1, 0.3)).toBeUndefined();
  });

  it('tell what grows from what came at once', () => {
    expect(step(nightsThen({ level: 0.6 }, { level: 1.3 }))?.isGradual).toBe(true);
  });

  it('say nothing of nights with too few hours', () => {
    const watch = new NightWatch();
    watch.add(1, 3, 10);
    expect(watch.close(DAY_MS, 0, 0.1)).toBe(false);
  });

  it('forget a leak that is known by now', () => {
    const watch = nightsThen({ level: 3 });
    watch.correct(19.5 * DAY_MS, 3);
    expect(step(watch)).toBeUndefined();
  });
});
