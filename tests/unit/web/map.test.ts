import { describe, expect, it } from 'vitest';
import type { Alarm } from '../../../contract/alarm.ts';
import { compareAlarms, worstAlarm } from '../../../dashboards/web/alarms.ts';
import { namePlaces, readMapData, zonesOf } from '../../../dashboards/web/map/data.ts';
import { calloutBox, LABELS_MAX, leaderStart, lineBoxes, placeNames } from '../../../dashboards/web/map/labels.ts';
import {
  calledOut,
  MARKS_MAX,
  marksOf,
  type PlacedAsset,
  quietPoints,
  systemOf,
} from '../../../dashboards/web/map/marks.ts';
import {
  boundsOf,
  hullOf,
  METRES_PER_DEGREE,
  metresPerPixel,
  middleOf,
  worldPx,
} from '../../../dashboards/web/map/place.ts';
import { layersOf, paletteOf, styleOf } from '../../../dashboards/web/map/style.ts';
import { overlaps } from '../../../dashboards/web/plan.ts';
import { onWall } from '../../../dashboards/web/plant.ts';
import { parseRoute } from '../../../dashboards/web/route.ts';

const asset = (id: string, longitude: number, latitude = 31.16, more: Partial<PlacedAsset> = {}): PlacedAsset => ({
  id,
  longitude,
  latitude,
  system: 'water',
  ...more,
});

const alarm = (of: string, more: Partial<Alarm> = {}): Alarm => ({
  id: `alarm of ${of}`,
  kind: 'high',
  asset: of,
  priority: 2,
  state: 'unacknowledged',
  holds: [],
  latched: false,
  active: true,
  message: 'Flow high.',
  since: 0,
  raisedAt: 0,
  changedAt: 0,
  raisedLate: false,
  evidence: {},
  ...more,
});

const worst = (...alarms: readonly Alarm[]) => new Map(alarms.map((one) => [one.asset, one]));

describe('what is drawn on the map', () => {
  it('puts every class into a layer, and the lighting of a tunnel into the tunnel', () => {
    expect(
      ['flow-meter', 'sump', 'lamp', 'tunnel-lighting', 'tunnel-fan', 'sf6', 'transformer-oil', 'weather'].map(
        systemOf,
      ),
    ).toEqual(['water', 'water', 'lighting', 'tunnels', 'tunnels', 'power', 'power', 'other']);
  });

  it('draws what is abnormal as a glyph and everything else as a dot, hollow where it is silent', () => {
    const assets = [
      asset('a', 108.4),
      asset('b', 108.5),
      asset('c', 108.6),
      asset('dma', 108.5, 31.2, { isZone: true }),
    ];
    const open = worst(alarm('a'));
    expect(marksOf(assets, open, 12).map(({ id }) => id)).toEqual(['a']);
    expect(quietPoints(assets, open, new Set(['c'])).map(({ properties }) => properties)).toEqual([
      { id: 'b', silent: 0 },
      { id: 'c', silent: 1 },
    ]);
  });

  it('draws a metered area in alarm as a glyph in its middle', () => {
    const assets = [asset('dma', 108.5, 31.2, { isZone: true })];
    expect(marksOf(assets, worst(alarm('dma', { priority: 1 })), 12)).toMatchObject([{ id: 'dma', others: 0 }]);
  });

  it('lets the most urgent alarm of a place stand for the others, and tells how many they are', () => {
    const assets = [asset('lamp', 108.4), asset('fan', 108.40001), asset('far', 108.6)];
    const open = worst(alarm('lamp', { priority: 3 }), alarm('fan', { priority: 1 }), alarm('far'));
    expect(marksOf(assets, open, 12).map(({ id, others }) => [id, others])).toEqual([
      ['fan', 1],
      ['far', 0],
    ]);
  });

  it('takes apart again what a nearer look can tell apart', () => {
    const assets = [asset('a', 108.4), asset('b', 108.4005)];
    const open = worst(alarm('a'), alarm('b'));
    expect(marksOf(assets, open, 12)).toHaveLength(1);
    expect(marksOf(assets, open, 18)).toHaveLength(2);
  });

  it('keeps the glyphs of ten thousand alarms few, and loses none', () => {
    const assets = Array.from({ length: 10_000 }, (_, index) =>
      asset(`a${index}`, 108 + (index % 100) / 100, 31 + Math.floor(index / 100) / 100),
    );
    const marks = marksOf(assets, worst(...assets.map(({ id }) => alarm(id))), 13);
    expect(marks.length).toBeLessThanOrEqual(MARKS_MAX);
    expect(marks.reduce((sum, { others }) => sum + 1 + others, 0)).toBe(10_000);
  });

  it('calls out the most urgent alarm that nobody has acknowledged', () => {
    const assets = [asset('a', 108.4), asset('b', 108.5)];
    const open = worst(alarm('a', { priority: 1, state: 'acknowledged' }), alarm('b', { priority: 3 }));
    expect(calledOut(marksOf(assets, open, 14))?.id).toBe('b');
    expect(calledOut(marksOf(assets, worst(alarm('a', { state: 'acknowledged' })), 14))).toBeUndefined();
  });
});

describe('places', () => {
  it('are where Web Mercator has them', () => {
    expect(worldPx({ latitude: 0, longitude: 0 }, 0)).toEqual({ x: 256, y: 256 });
    expect(worldPx({ latitude: 85.051129, longitude: 180 }, 1).y).toBeCloseTo(0, 3);
    expect(metresPerPixel(0, 0)).toBeCloseTo(78_271.5, 1);
  });

  it('have a hull with room around every one of them, and a single one a circle', () => {
    const corners = [
      asset('a', 108.4, 31.1),
      asset('b', 108.5, 31.1),
      asset('c', 108.45, 31.2),
      asset('m', 108.45, 31.12),
    ];
    const ring = hullOf(corners, 100);
    expect(ring[0]).toEqual(ring.at(-1));
    const [west = 0, south = 0] = boundsOf(ring.map(([longitude, latitude]) => ({ longitude, latitude }))) ?? [];
    expect((31.1 - south) * METRES_PER_DEGREE).toBeCloseTo(100, 0);
    expect(west).toBeLessThan(108.4);
    // Nothing near the one in the middle: it lies inside.
    expect(ring.some(([, latitude]) => Math.abs(latitude - 31.12) < 0.0005)).toBe(false);
    expect(hullOf([asset('a', 108.4)], 100)).toHaveLength(13);
    expect(hullOf([], 100)).toEqual([]);
  });

  it('have a middle by area, also where there is none', () => {
    const { latitude, longitude } = middleOf([
      [108, 31],
      [110, 31],
      [110, 32],
      [108, 32],
      [108, 31],
    ]);
    expect([longitude, latitude]).toEqual([expect.closeTo(109, 9), expect.closeTo(31.5, 9)]);
    expect(
      middleOf([
        [108, 31],
        [109, 31],
      ]),
    ).toEqual({ longitude: 108.5, latitude: 31 });
  });
});

describe('the answer about the map', () => {
  const square = [
    [108, 31],
    [109, 31],
    [109, 32],
    [108, 31],
  ];
  it('gives metered areas their outline from the file, else the hull of what measures them', () => {
    const data = readMapData({
      ground: {
        features: [{ properties: { kind: 'zone', zone: 'one' }, geometry: { type: 'Polygon', coordinates: [square] } }],
      },
      zones: [
        { zone: 'one', name: 'One', devices: ['a'] },
        { zone: 'two', devices: ['a', 'b', 'unplaced'] },
        { zone: 'three', devices: ['unplaced'] },
      ],
    });
    const zones = zonesOf(data, new Map([asset('a', 108.4), asset('b', 108.41)].map((one) => [one.id, one])));
    expect(zones.map(({ zone }) => zone)).toEqual(['one', 'two']);
    expect(zones[0]).toMatchObject({ name: 'One', ring: square });
    expect(zones[1]?.ring.length).toBeGreaterThan(10);
  });

  it('leaves out what does not fit', () => {
    for (const broken of [
      undefined,
      [],
      'no',
      { ground: 3, zones: {}, assets: 'x' },
      {
        ground: { features: [null, { properties: {} }, { geometry: {} }] },
        zones: [{}],
        assets: [{ id: 'a', latitude: 'north' }],
      },
    ])
      expect(readMapData(broken)).toEqual({ ground: [], zones: [], assets: [] });
  });

  it('knows where a name may stand', () => {
    const line = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((step) => [108 + step, 31]);
    expect(namePlaces({ kind: 'river', type: 'LineString', coordinates: line })[0]).toEqual({
      longitude: 113,
      latitude: 31,
    });
    expect(namePlaces({ kind: 'place', type: 'Point', coordinates: [108, 31] })).toEqual([
      { longitude: 108, latitude: 31 },
    ]);
    expect(namePlaces({ kind: 'water', type: 'MultiPolygon', coordinates: [] })).toEqual([]);
  });
});

describe('names on the map', () => {
  const map = { width: 800, height: 500 };
  const wish = (key: string, x: number, y: number) =>
    ({ key, at: [{ x, y }], lines: ['Binhu East', '滨湖东'], side: 'beside' }) as const;

  it('never lie over each other, over a mark or over the edge', () => {
    const wishes = Array.from({ length: 60 }, (_, index) => wish(`n${index}`, (index * 131) % 800, (index * 71) % 500));
    const marks = wishes.map(({ at: [{ x, y }] }) => ({ left: x - 12, right: x + 12, top: y - 12, bottom: y + 12 }));
    const spots = placeNames(wishes, marks, map);
    expect(spots.size).toBeGreaterThan(10);
    expect(spots.size).toBeLessThanOrEqual(LABELS_MAX);
    const boxes = [...spots].map(([key, { dx, dy, align }]) => {
      const { at } = wishes.find((one) => one.key === key) as (typeof wishes)[number];
      const left = at[0].x + dx - (align === 'start' ? 0 : align === 'end' ? 60 : 30);
      return { left, right: left + 60, top: at[0].y + dy, bottom: at[0].y + dy + 28 };
    });
    for (const [index, box] of boxes.entries()) {
      expect(box.left >= 0 && box.right <= 800 && box.top >= 0 && box.bottom <= 500).toBe(true);
      expect([...boxes.slice(index + 1), ...marks].some((other) => overlaps(box, other))).toBe(false);
    }
  });

  it('take the next place when the first has no room', () => {
    const two = {
      key: 'lake',
      at: [
        { x: -90, y: 5 },
        { x: 400, y: 250 },
      ],
      lines: ['Hanfeng Lake'],
      side: 'over',
    } as const;
    expect(placeNames([two], [], map).get('lake')).toMatchObject({ place: 1, dx: 0 });
  });

  it('leave the callout a place where it covers no mark, near its own and not on it', () => {
    const size = { width: 316, height: 134 };
    const place = (own: { x: number; y: number }, others: readonly { x: number; y: number }[] = []) =>
      calloutBox(own, [own, ...others], map, size, { margin: 12, reserved: [] });
    const holds = ({ left, right, top, bottom }: ReturnType<typeof place>, { x, y }: { x: number; y: number }) =>
      x > left && x < right && y > top && y < bottom;
    for (const own of [
      { x: 400, y: 250 },
      { x: 30, y: 30 },
      { x: 780, y: 20 },
      { x: 700, y: 470 },
    ]) {
      const others = [
        { x: 650, y: 60 },
        { x: 200, y: 240 },
      ];
      const box = place(own, others);
      for (const mark of [own, ...others]) expect(holds(box, mark)).toBe(false);
    }
    // Its usual place is the top right, and everything as it was gives the same place again.
    expect(place({ x: 420, y: 120 })).toEqual({ left: 472, right: 788, top: 12, bottom: 146 });
    expect(
      calloutBox({ x: 60, y: 250 }, [], map, size, {
        margin: 12,
        reserved: [{ left: 0, right: 800, top: 0, bottom: 320 }],
      }).top,
    ).toBe(354);
  });

  it('keep off the line from the callout, which starts at its nearest edge', () => {
    const box = { left: 472, right: 788, top: 12, bottom: 146 };
    expect(leaderStart(box, { x: 600, y: 400 })).toEqual({ x: 600, y: 146 });
    expect(leaderStart(box, { x: 100, y: 80 })).toEqual({ x: 472, y: 80 });
    const line = lineBoxes({ x: 0, y: 0 }, { x: 300, y: 0 });
    expect(line).toHaveLength(25);
    const wishes = [{ key: 'a', at: [{ x: 150, y: 0 }], lines: ['Binhu East'], side: 'over' as const }];
    const { top = 0, bottom = 0 } = line[0] ?? {};
    const dy = placeNames(wishes, line, map).get('a')?.dy ?? 0;
    expect(dy >= bottom || dy + 14 <= top).toBe(true);
  });
});

describe('the style', () => {
  const palette = paletteOf((name) => ` ${name} `);
  it('asks for nothing from elsewhere', () => {
    expect(JSON.stringify(styleOf(palette))).not.toMatch(/https?:|glyphs|sprite|tiles/);
  });

  it('draws quiet things in no colour of an alarm', () => {
    const quiet = layersOf(palette).filter(({ id }) => id !== 'zone-alarm');
    expect(JSON.stringify(quiet)).not.toMatch(/--[xp][1-4]/);
  });
});

describe('a wall', () => {
  const group = (name: string, ...ids: readonly string[]) => ({
    class: name,
    devices: ids.map((id) => ({
      id,
      device: undefined,
      points: [{ id: `${id}/a`, device: id, measurement: 'a', maxSilenceMs: 1, reportingDelayMs: 0, limits: [] }],
    })),
  });
  const classes = [group('flow', 'f1', 'f2', 'f3'), group('lamp', 'l1', 'l2'), group('fan', 'n1')];
  const shown = (open: ReadonlyMap<string, Alarm>) =>
    onWall(classes, (ids) => worstAlarm(ids.flatMap((id) => open.get(id) ?? [])), compareAlarms, {
      classes: 2,
      devices: 2,
    }).map(({ group: { class: name, devices }, count }) => [name, devices.map(({ id }) => id).join(' '), count]);

  it('keeps the usual order while nothing is wrong', () => {
    expect(shown(worst())).toEqual([
      ['flow', 'f1 f2', 3],
      ['lamp', 'l1 l2', 2],
    ]);
  });

  it('shows what is abnormal first: the class, and in it the device', () => {
    expect(shown(worst(alarm('n1', { priority: 1 }), alarm('f3')))).toEqual([
      ['fan', 'n1', 1],
      ['flow', 'f3 f1', 3],
    ]);
  });

  it('has no room for classes that measure nothing', () => {
    expect(
      onWall(
        [{ class: 'gate', devices: [{ id: 'g', device: undefined, points: [] }] }],
        () => undefined,
        compareAlarms,
        { classes: 2, devices: 2 },
      ),
    ).toEqual([]);
  });
});

describe('the address of the map', () => {
  it('names what it shows', () => {
    expect(parseRoute('#/overview/fm-07')).toEqual({ page: 'overview', asset: 'fm-07' });
    expect(parseRoute('#/overview')).toEqual({ page: 'overview' });
  });
});
