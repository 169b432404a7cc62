import { describe, expect, it } from 'vitest';
import type { Alarm, Flood, JournalEntry, Priority } from '../../../../../contract/alarm.ts';
import { FloodWatch } from '../../../../../gateway/domain/alarm/flood.ts';
import { FloodWindow } from '../../../../../gateway/domain/alarm/flood-window.ts';
import { DIGEST_LINES_MAX } from '../../../../../gateway/domain/alarm/running-flood.ts';
import { anAlarm, anEntry } from '../../notify/alarms.ts';

const START = Date.UTC(2026, 10, 23);
const at = (second: number) => START + second * 1000;

/** Alarms that ring one by one, and what became of the flood. */
class Rings {
  watch = new FloodWatch();
  readonly told: (string | undefined)[] = [];
  readonly floods = new Map<string, Flood>();
  private count = 0;

  raise(second: number, more: { readonly priority?: Priority; readonly asset?: string } = {}): Alarm {
    const alarm = anAlarm({ id: `a-${++this.count}`, ...more });
    const flood = this.watch.note('raise', this.entry(second, alarm, 'raise'), alarm);
    this.told.push(flood);
    this.collect();
    return flood === undefined ? alarm : { ...alarm, flood };
  }

  returns(second: number, alarm: Alarm): string | undefined {
    const flood = this.watch.note('return', this.entry(second, alarm, 'return'), alarm);
    this.collect();
    return flood;
  }

  tick(second: number): void {
    this.watch.tick(at(second));
    this.collect();
  }

  restart(): void {
    const state = JSON.stringify(this.watch.snapshot());
    this.watch = new FloodWatch();
    this.watch.restore(JSON.parse(state));
  }

  get flood(): Flood {
    const flood = [...this.floods.values()].at(-1);
    if (flood === undefined) throw new Error('no flood');
    return flood;
  }

  private entry(second: number, alarm: Alarm, event: string): JournalEntry {
    return anEntry({ alarm: alarm.id, event, at: at(second), recordedAt: at(second) });
  }

  private collect(): void {
    for (const flood of this.watch.takeChanged()) this.floods.set(flood.id, flood);
  }
}

describe('a flood of alarms', () => {
  it('begins with the eleventh in ten minutes; ten are told one by one', () => {
    const rings = new Rings();
    for (let n = 0; n < 10; n++) rings.raise(n * 50);
    expect(rings.floods.size).toBe(0);
    rings.raise(599);
    expect(rings.told.slice(0, 10)).toEqual(Array(10).fill(undefined));
    expect(rings.told[10]).toBe(rings.flood.id);
    expect(rings.flood).toMatchObject({
      state: 'active',
      from: at(0),
      beganAt: at(599),
      alarms: 11,
      peak: 11,
      standing: 11,
    });
  });

  it('does not begin when the eleventh comes after ten minutes', () => {
    const rings = new Rings();
    for (let n = 0; n < 11; n++) rings.raise(n * 60);
    expect(rings.floods.size).toBe(0);
  });

  it('ends when fewer than five are left in ten minutes, and says what still stands', () => {
    const rings = new Rings();
    const alarms = Array.from({ length: 12 }, (_, n) => rings.raise(n * 10));
    rings.returns(200, alarms[0] as Alarm);
    // The fifth newest came at 70 s.
    rings.tick(669);
    expect(rings.flood.state).toBe('active');
    rings.tick(670);
    expect(rings.flood).toMatchObject({ state: 'over', endedAt: at(670), alarms: 12, standing: 11 });
    expect(rings.raise(700).flood).toBeUndefined();
  });

  it('does not count as standing what had returned before it was one', () => {
    const rings = new Rings();
    const first = rings.raise(0);
    rings.returns(5, first);
    for (let n = 1; n < 11; n++) rings.raise(10);
    expect(rings.flood).toMatchObject({ state: 'active', alarms: 11, standing: 10 });
  });

  it('sends its last digest with its end, and an empty one when the last is out at that very moment', () => {
    const rings = new Rings();
    const alarms = Array.from({ length: 12 }, () => rings.raise(0));
    // Digests are due at 10, 70, 190, 430, 900 s; the flood ends at 600 s.
    rings.returns(440, alarms[0] as Alarm);
    rings.tick(600);
    expect(rings.flood).toMatchObject({ state: 'over', digest: { n: 5, dueAt: at(600), events: 1 } });

    const late = new Rings();
    const first = Array.from({ length: 11 }, () => late.raise(0))[0] as Alarm;
    for (let n = 0; n < 5; n++) late.raise(300);
    late.returns(500, first);
    late.tick(900);
    expect(late.flood).toMatchObject({ state: 'over', endedAt: at(900), digest: { n: 6, dueAt: at(900), events: 0 } });
  });

  it('is over at the right moment also when nobody was there to see it', () => {
    const rings = new Rings();
    for (let n = 0; n < 12; n++) rings.raise(n * 10);
    rings.restart();
    rings.tick(90_000);
    expect(rings.flood).toMatchObject({ state: 'over', endedAt: at(670) });
  });

  it('goes on after a restart as if there had been none', () => {
    const [straight, restarted] = [new Rings(), new Rings()];
    for (const rings of [straight, restarted])
      for (let n = 0; n < 14; n++) {
        rings.raise(n * 10, { asset: `well-${n % 3}` });
        if (rings === restarted) rings.restart();
      }
    expect(restarted.told).toEqual(straight.told);
    expect(restarted.flood).toEqual(straight.flood);
    expect(restarted.watch.snapshot()).toEqual(straight.watch.snapshot());
  });

  it('keeps the most urgent lines of a digest and counts the others', () => {
    const rings = new Rings();
    for (let n = 0; n < 300; n++) rings.raise(1, { priority: n === 100 ? 1 : 4 });
    const { digest } = rings.flood;
    expect(digest?.lines).toHaveLength(DIGEST_LINES_MAX);
    expect(digest?.lines.some(({ priority }) => priority === 1)).toBe(true);
    // Ten were told one by one before it was one.
    expect(digest).toMatchObject({ n: 1, dueAt: at(11), events: 290 });
  });

  it('collects a new digest after each is due, and none while nothing comes', () => {
    const rings = new Rings();
    for (let n = 0; n < 12; n++) rings.raise(0);
    expect(rings.flood.digest).toMatchObject({ n: 1, dueAt: at(10), events: 2 });
    rings.raise(15);
    expect(rings.flood.digest).toMatchObject({ n: 2, dueAt: at(70), events: 1 });
    rings.watch.explained(anAlarm({ id: 'lamp' }), 'feeder#lost', at(100));
    rings.tick(100);
    expect(rings.flood).toMatchObject({ explained: 1, roots: [{ name: 'feeder#lost', alarms: 1 }] });
    expect(rings.flood.digest).toBeUndefined();
  });

  it('tells the end of an alarm by digest when its beginning was', () => {
    const rings = new Rings();
    const alarms = Array.from({ length: 12 }, () => rings.raise(0));
    rings.tick(601);
    expect(rings.flood.state).toBe('over');
    expect(rings.returns(700, alarms[11] as Alarm)).toBe(rings.flood.id);
    expect(rings.returns(700, alarms[0] as Alarm)).toBeUndefined();
  });

  it('is of one operator group, not of another', () => {
    const watch = new FloodWatch({ groupOf: ({ asset }) => (asset.startsWith('l') ? 'lighting' : 'water') });
    const ring = (id: string, asset: string) => {
      const alarm = anAlarm({ id, asset });
      return watch.note('raise', anEntry({ alarm: id, recordedAt: at(0), at: at(0) }), alarm);
    };
    for (let n = 0; n < 10; n++) ring(`l-${n}`, 'lamp');
    for (let n = 0; n < 10; n++) expect(ring(`w-${n}`, 'well')).toBeUndefined();
    expect(ring('l-11', 'lamp')).toBeDefined();
    expect(watch.takeChanged()).toMatchObject([{ group: 'lighting', alarms: 11 }]);
  });
});

describe('the ten minutes', () => {
  it('hold one count a second, however many alarms', () => {
    const window = new FloodWindow();
    for (let n = 0; n < 100_000; n++) window.add(at(n / 100));
    expect(window.countAt(at(999))).toBe(60_000);
    expect(window.snapshot().length).toBeLessThanOrEqual(600);
  });
});
