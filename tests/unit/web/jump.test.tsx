// @vitest-environment happy-dom
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findPlaces, joinPlaces, PLACES_SHOWN, type Place } from '../../../dashboards/web/jump.ts';
import { EMPTY_MODEL, POINTS_MAX, type Point } from '../../../dashboards/web/model.ts';
import { loadPoint, model, setPreferences } from '../../../dashboards/web/state.ts';
import { Jump } from '../../../dashboards/web/views/jump.tsx';
import { until } from '../../support/ports.ts';

const place = (kind: Place['kind'], id: string, title: string, more = ''): Place => ({
  kind,
  id,
  title,
  under: '',
  route: { page: 'overview' },
  words: `${title} ${id} ${more}`.toLowerCase(),
});
const PLACES = [
  place('page', 'leakage', 'Leakage'),
  place('device', 'fm-07', 'DMA 07 Binhu East', '滨湖东'),
  place('point', 'fm-07/pressure', 'Pressure, DMA 07 Binhu East', '滨湖东 压力'),
  place('device', 'pl-0712', 'P-0712 Binhu East Road'),
  place('alarm', 'a1', 'Leak, growing: 3 m³/h'),
];
const ids = (wanted: string) => findPlaces(PLACES, wanted).found.map(({ id }) => id);

describe('the search over everything', () => {
  it('finds what holds every word in any order, in either language', () => {
    expect(ids('east press')).toEqual(['fm-07/pressure']);
    expect(ids('压力')).toEqual(['fm-07/pressure']);
    expect(ids('east nowhere')).toEqual([]);
  });

  it('puts what begins with the words first, then pages, alarms, devices, points', () => {
    expect(ids('leak')).toEqual(['leakage', 'a1']);
    expect(ids('fm-07')).toEqual(['fm-07', 'fm-07/pressure']);
    expect(ids('binhu')).toEqual(['fm-07', 'pl-0712', 'fm-07/pressure']);
  });

  it('puts an alarm at a place before what stands there', () => {
    const alarm = { ...place('alarm', 'a2', 'Flow high: 139 m³/h', 'Inlet Binhu East'), under: 'Inlet Binhu East' };
    expect(findPlaces([...PLACES, alarm], 'binhu').found[0]?.id).toBe('a2');
  });

  it('shows a bounded number and says how many there are', () => {
    const many = Array.from({ length: 1_000 }, (_, index) =>
      place('point', `lamp-${index}/power`, `Power, Lamp ${index}`),
    );
    const { found, count } = findPlaces(many, 'power');
    expect([found.length, count]).toEqual([PLACES_SHOWN, 1_000]);
  });

  it('takes from the gateway what the page does not hold, each place once', () => {
    expect(joinPlaces(PLACES, [PLACES[1] as Place, place('device', 'far', 'Far away')])).toHaveLength(
      PLACES.length + 1,
    );
  });
});

describe('on a site that is bigger than the page', () => {
  const point = (id: string): Point => ({
    id,
    device: id.split('/')[0] as string,
    measurement: 'power',
    maxSilenceMs: 60_000,
    reportingDelayMs: 0,
    limits: [],
  });
  const full = new Map(
    Array.from({ length: POINTS_MAX }, (_, index) => [`l-${index}/power`, point(`l-${index}/power`)]),
  );
  const answer = (body: unknown) => new Response(JSON.stringify(body), { status: 200 });

  afterEach(() => {
    vi.unstubAllGlobals();
    model.value = EMPTY_MODEL;
  });

  it('asks the gateway for what was typed, and shows what it found', async () => {
    document.body.innerHTML = '<div id="app"></div>';
    const at = document.getElementById('app') as HTMLElement;
    setPreferences({ language: 'en' });
    model.value = { ...EMPTY_MODEL, points: full, loaded: true };
    const asked: string[] = [];
    vi.stubGlobal('fetch', async (path: string) => {
      asked.push(path);
      return path.startsWith('/api/v1/points')
        ? answer({ points: [{ id: 'far-9/power', device: 'far-9', measurement: 'power' }] })
        : answer({ devices: [], alarms: [] });
    });
    await act(() => render(<Jump />, at));
    const field = at.querySelector('input') as HTMLInputElement;
    field.value = 'far-9';
    await act(() => {
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await until('the found point', () => Promise.resolve(at.textContent?.includes('far-9/power') === true));
    expect(asked.map((path) => path.split('?')[0]).sort()).toEqual([
      '/api/v1/alarms',
      '/api/v1/devices',
      '/api/v1/points',
    ]);
    render(null, at);
  });

  it('opens a point it does not hold by asking for it, once', async () => {
    model.value = { ...EMPTY_MODEL, points: full, loaded: true };
    vi.stubGlobal('fetch', async () => answer({ id: 'far-9/power', device: 'far-9', measurement: 'power' }));
    expect(await loadPoint('far-9/power', new AbortController().signal)).toBe(true);
    expect(model.value.points.get('far-9/power')?.device).toBe('far-9');
    vi.stubGlobal('fetch', async () => new Response('{}', { status: 404 }));
    expect(await loadPoint('none/power', new AbortController().signal)).toBe(false);
  });
});
