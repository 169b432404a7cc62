// @vitest-environment happy-dom
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Alarm, AlarmState, Priority } from '../../../contract/alarm.ts';
import type { Lamp } from '../../../dashboards/web/alarms.ts';
import { EMPTY_MODEL, type Point } from '../../../dashboards/web/model.ts';
import { AlarmBrief } from '../../../dashboards/web/parts/alarm-row.tsx';
import { PasswordMeter } from '../../../dashboards/web/parts/form.tsx';
import { Glyph } from '../../../dashboards/web/parts/glyph.tsx';
import { ReadingRow, StatCard } from '../../../dashboards/web/parts/value.tsx';
import { link, meanwhile, model, now, setPreferences } from '../../../dashboards/web/state.ts';
import { ConnectionBar } from '../../../dashboards/web/views/connection-bar.tsx';

let place: HTMLElement;
const show = (element: Parameters<typeof render>[0]) => act(() => render(element, place));

const point = (more: Partial<Point> = {}): Point => ({
  id: `fm-${Math.random().toString(36).slice(2)}/flow`,
  device: 'fm-12',
  measurement: 'flow',
  label: 'Flow',
  unit: 'm3/h',
  maxSilenceMs: 10_000,
  reportingDelayMs: 0,
  normal: [84, 112],
  limits: [],
  ...more,
});
/** Puts a point where the parts look for it. */
const known = (one: Point): string => {
  model.value = { ...model.value, points: new Map([...model.value.points, [one.id, one]]) };
  return one.id;
};
const alarm = (state: AlarmState, more: Partial<Alarm> = {}): Alarm => ({
  id: 'a',
  kind: 'high',
  asset: 'fm-12',
  priority: 1,
  state,
  holds: [],
  latched: false,
  active: true,
  message: 'Flow high: 164 m³/h, limit 130. fm-12, since 03:12.',
  since: now.value,
  raisedAt: now.value,
  changedAt: now.value,
  raisedLate: false,
  evidence: {},
  ...more,
});

beforeEach(() => {
  document.body.innerHTML = '<div id="app"></div>';
  place = document.getElementById('app') as HTMLElement;
  setPreferences({ language: 'en' });
  model.value = EMPTY_MODEL;
  link.value = { state: 'live', since: 0 };
  meanwhile.value = undefined;
});

describe('the glyph', () => {
  it('is named by priority and state, never told by colour alone', () => {
    const names = new Set<string>();
    for (const priority of [1, 2, 3, 4] as Priority[])
      for (const lamp of ['unacknowledged', 'acknowledged', 'rtn-unacknowledged', 'held', 'none'] as Lamp[]) {
        show(<Glyph priority={priority} lamp={lamp} />);
        const svg = place.querySelector('svg');
        expect(svg?.textContent).toContain(String(priority));
        names.add(svg?.getAttribute('aria-label') ?? '');
      }
    expect(names.size).toBe(20);
    expect([...names]).toContain('Priority 2, high, new');
  });

  it('moves its ring only while somebody has to press', () => {
    const moves = (lamp: Lamp) => {
      show(<Glyph priority={1} lamp={lamp} />);
      return place.querySelectorAll('.moves').length;
    };
    expect(moves('unacknowledged')).toBe(1);
    expect(moves('rtn-unacknowledged')).toBe(1);
    expect(moves('acknowledged')).toBe(0);
    expect(moves('held')).toBe(0);
  });
});

describe('a value', () => {
  it('stands with its unit, its band and its age', () => {
    show(<StatCard id={known(point({ last: { ts: now.value, value: 98, quality: 'good' } }))} title="Inflow" />);
    expect(place.textContent).toContain('98m³/h');
    expect(place.querySelector('.indicator')?.getAttribute('aria-label')).toBe('98 m³/h, normal 84 to 112');
    expect(place.querySelector('.stat-aside')?.textContent).toBe('normal');
  });

  it('is grey, hollow and says its age when the connection is lost', () => {
    link.value = { state: 'lost', since: now.value, nextTryAt: now.value };
    show(
      <StatCard id={known(point({ last: { ts: now.value - 60_000, value: 98, quality: 'good' } }))} title="Inflow" />,
    );
    expect(place.querySelector('.value')?.className).toContain('is-stale');
    expect(place.textContent).toContain('1 min old');
    expect(place.querySelector('.pointer')?.getAttribute('fill')).toBe('var(--panel)');
  });

  it('is a dash with its reason when it is bad, and points nowhere', () => {
    show(<ReadingRow id={known(point({ last: { ts: now.value, quality: 'bad', reason: 'timeout' } }))} name="Flow" />);
    expect(place.querySelector('.digits')?.textContent).toBe('–');
    expect(place.textContent).toContain('no answer in time');
    expect(place.querySelector('.pointer')).toBeNull();
  });

  it('takes the colour of its alarm at the pointer, never in the digits', () => {
    const high = point({ last: { ts: now.value, value: 164, quality: 'good' } });
    model.value = { ...EMPTY_MODEL, alarms: new Map([['a', alarm('unacknowledged', { point: high.id })]]) };
    show(<ReadingRow id={known(high)} name="Flow" />);
    expect(place.querySelector('.pointer')?.getAttribute('fill')).toBe('var(--p1)');
    expect(place.querySelector('.value')?.outerHTML).not.toContain('--p1');
  });

  it('is text, whatever a device calls itself', () => {
    const name = '<img src=x onerror="document.title=1">';
    show(
      <ReadingRow id={known(point({ last: { ts: now.value, value: 1, quality: 'good' } }))} name={name} other={name} />,
    );
    expect(place.querySelector('img')).toBeNull();
    expect(place.textContent).toContain(name);
  });
});

describe('an alarm in a list', () => {
  it('says what, where, how long and its state', () => {
    show(<AlarmBrief alarm={alarm('unacknowledged', { location: 'Binhu East' })} />);
    for (const words of ['Flow high: 164 m³/h, limit 130', 'Binhu East', '0 s', 'New'])
      expect(place.textContent).toContain(words);
  });

  it('is text, whatever its message holds', () => {
    show(<AlarmBrief alarm={alarm('unacknowledged', { message: '<script>alert(1)</script>', asset: '<b>x</b>' })} />);
    expect(place.querySelector('script, li b b')).toBeNull();
  });
});

describe('the connection bar', () => {
  it('is not there while all is well', () => {
    show(<ConnectionBar />);
    expect(place.textContent).toBe('');
  });

  it('says how long, from when the values are and when it tries again', () => {
    const at = now.value;
    model.value = {
      ...EMPTY_MODEL,
      points: new Map([['a/b', point({ last: { ts: at - 42_000, value: 1, quality: 'good' } })]]),
    };
    link.value = { state: 'lost', since: at - 42_000, nextTryAt: at + 4_000 };
    show(<ConnectionBar />);
    expect(place.textContent).toMatch(
      /Connection lost 00:42 ago\.Values are from \d\d:\d\d:\d\d\. .*Next try in 4 s\./,
    );
    expect(place.querySelector('button')?.textContent).toBe('Try now');
  });

  it('says afterwards how many alarms came meanwhile', () => {
    model.value = { ...EMPTY_MODEL, loaded: true };
    meanwhile.value = { alarms: [alarm('unacknowledged'), alarm('unacknowledged')], at: Date.now() };
    show(<ConnectionBar />);
    expect(place.textContent).toContain('Back.2 alarms came meanwhile.');
  });
});

describe('the password meter', () => {
  it('says the same in bars and in words', () => {
    show(<PasswordMeter password="the lake is calm" />);
    expect(place.querySelectorAll('.filled').length).toBe(
      Number(place.querySelector('.meter')?.getAttribute('data-strength')),
    );
    expect(place.textContent).toContain('16 characters, good');
  });
});
