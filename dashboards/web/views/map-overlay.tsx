import { signal } from '@preact/signals';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { lampOf, messageOf, whatOf } from '../alarms.ts';
import { namePlaces } from '../map/data.ts';
import type { DistrictMapEngine, Under } from '../map/engine.ts';
import {
  calloutBox,
  type LabelSpot,
  type LabelWish,
  leaderStart,
  lineBoxes,
  nameBox,
  placeNames,
} from '../map/labels.ts';
import { calledOut, type Mark, marksOf } from '../map/marks.ts';
import { boundsOf, type Place } from '../map/place.ts';
import {
  calloutsClosed,
  ground,
  hiddenSystems,
  placedAssets,
  shownAssets,
  worstOfAssets,
  zones,
} from '../map/state.ts';
import { placeOf } from '../parts/alarm-row.tsx';
import { Glyph } from '../parts/glyph.tsx';
import { assetNames, otherLang } from '../parts/name.tsx';
import { type Box, scaleBarOf } from '../plan.ts';
import { hrefOf } from '../route.ts';
import { language, text } from '../state.ts';
import type { Standing } from './district-map.tsx';
import { CALLOUT, MapCallout } from './map-callout.tsx';

/** A callout on a narrower map would hide it. */
const CALLOUT_FROM_PX = 620;
const MARGIN_PX = 12;
/** Width of the legend. */
const LEGEND_PX = 420;
/** Kinds of the background whose name runs with a line. */
const ON_LINE = /^(?:river|road|street|border|main|tunnel)$/;
const SCALE_PX = 120;
/** Glyphs from this priority on are named on the map, the others where the pointer is. */
const NAMED_PRIORITY = 2;

/** What lies over the map in the page's own letters: glyphs, names, the callout, scale and buttons. */
export function MapOverlay({
  engine,
  standing,
  at,
  still,
  follow,
}: {
  readonly engine: DistrictMapEngine;
  readonly standing: Standing;
  /** Asset to show. */
  readonly at: string | undefined;
  /** Nobody can press anything: a wall. */
  readonly still: boolean;
  /** Called whenever the map moves. */
  readonly follow: { current: () => void };
}) {
  const words = text.value.map;
  const layer = useRef<HTMLDivElement>(null);
  const assets = shownAssets.value;
  const worst = worstOfAssets.value;
  const marks = useMemo(() => marksOf(assets, worst, standing.zoom), [assets, worst, standing.zoom]);
  const spot = (place: Place) => engine.project(place);
  const called = standing.width < CALLOUT_FROM_PX ? undefined : calledOut(marks);
  const callout = called === undefined || calloutsClosed.value.has(called.alarm.id) ? undefined : called;
  const wanted = at === undefined ? undefined : placedAssets.value.find(({ id }) => id === at);
  useLayoutEffect(() => {
    if (wanted !== undefined) engine.goTo(wanted);
  }, [at, wanted === undefined]);

  const bar = scaleBarOf(engine.metresPerPixel, SCALE_PX);
  const { width, height } = standing;
  // Buttons and scale at the right, the legend at the left.
  const foot: readonly Box[] = [
    { left: width - (still ? 170 : 260), right: width, top: height - 42, bottom: height },
    { left: 0, right: LEGEND_PX, top: height - 42, bottom: height },
  ];
  const box =
    callout === undefined
      ? undefined
      : calloutBox(spot(callout), marks.map(spot), standing, CALLOUT, { margin: MARGIN_PX, reserved: foot });
  const names = useNames(marks, spot, standing, [
    ...(box === undefined || callout === undefined
      ? []
      : [box, ...lineBoxes(leaderStart(box, spot(callout)), spot(callout))]),
    ...foot,
    ...engine.occupied(),
  ]);

  // After every drawing, and between two of them whenever the map moves.
  useLayoutEffect(() => {
    follow.current = () => {
      for (const element of layer.current?.querySelectorAll<HTMLElement>('[data-place]') ?? []) {
        const [longitude = 0, latitude = 0] = (element.dataset.place ?? '').split(' ').map(Number);
        const { x, y } = spot({ longitude, latitude });
        element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
      }
      const leader = layer.current?.querySelector('.map-leader line');
      if (leader !== null && leader !== undefined && callout !== undefined && box !== undefined) {
        const end = spot(callout);
        const start = leaderStart(box, end);
        leader.setAttribute('x1', start.x.toFixed(1));
        leader.setAttribute('y1', start.y.toFixed(1));
        leader.setAttribute('x2', end.x.toFixed(1));
        leader.setAttribute('y2', end.y.toFixed(1));
      }
    };
    follow.current();
  });

  return (
    <div ref={layer} class="map-overlay">
      {callout !== undefined && (
        <svg class={`map-leader priority-${callout.alarm.priority}`} aria-hidden="true">
          <line />
        </svg>
      )}
      {names}
      {wanted !== undefined && <span class="map-here" data-place={placeText(wanted)} />}
      {[...marks].reverse().map((mark) => (
        <MapMark key={mark.id} mark={mark} />
      ))}
      {callout !== undefined && box !== undefined && <MapCallout mark={callout} box={box} still={still} />}
      <Tip />
      <Legend />
      <div class="map-foot">
        {!still && (
          <span class="map-buttons">
            <button type="button" aria-label={words.zoomOut} title={words.zoomOut} onClick={() => engine.zoomBy(-1)}>
              −
            </button>
            <button type="button" aria-label={words.zoomIn} title={words.zoomIn} onClick={() => engine.zoomBy(1)}>
              +
            </button>
            <button
              type="button"
              aria-label={words.whole}
              title={words.whole}
              onClick={() => {
                const bounds = boundsOf(placedAssets.value);
                if (bounds !== undefined) engine.fit(bounds);
              }}
            >
              ⤢
            </button>
          </span>
        )}
        <span class="map-scale">
          <i style={{ width: `${bar.px}px` }} />
          {bar.metres >= 1000 ? `${bar.metres / 1000} km` : `${bar.metres} m`}
        </span>
      </div>
    </div>
  );
}

/** What quiet assets look like; abnormal ones look as everywhere. */
function Legend() {
  const words = text.value.map;
  return (
    <div class="map-legend" aria-hidden="true">
      <i class="legend-dot" /> {words.legendDot} <i class="legend-dot hollow" /> {words.legendHollow}
      <i class="legend-count">12</i> {words.legendCount}
      <span>{words.legendColour}</span>
    </div>
  );
}

const placeText = ({ longitude, latitude }: Place) => `${longitude} ${latitude}`;

/** What the alarm says first, without its figures. */
const shortly = (mark: Mark) => whatOf(messageOf(mark.alarm, language.value)).split(/[:：]/u)[0] as string;

/** A glyph that leads to its alarm. */
function MapMark({ mark }: { mark: Mark }) {
  const words = text.value.map;
  const { alarm, others } = mark;
  const { name } = placeOf(alarm);
  const title = [whatOf(messageOf(alarm, language.value)), name, ...(others > 0 ? [words.more(others)] : [])].join(
    language.value === 'zh' ? '，' : ', ',
  );
  return (
    <a
      class="map-mark"
      href={hrefOf({ page: 'alarms', alarm: alarm.id })}
      data-place={placeText(mark)}
      data-asset={mark.id}
      title={title}
    >
      <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={24} />
      {others > 0 && (
        <i class="map-others" aria-hidden="true">
          +{others}
        </i>
      )}
      <span class="unseen">{title}</span>
    </a>
  );
}

interface MapName extends LabelWish {
  readonly places: readonly Place[];
  readonly class: string;
  readonly lang?: string;
}

/** Names of glyphs, metered areas and the ground, as far as there is room. */
function useNames(
  marks: readonly Mark[],
  spot: (place: Place) => { readonly x: number; readonly y: number },
  standing: Standing,
  reserved: readonly Box[],
) {
  const zh = language.value === 'zh';
  const both = ({ name, nameZh }: { readonly name?: string; readonly nameZh?: string }) => {
    const [first, second] = zh ? [nameZh ?? name, undefined] : [name ?? nameZh, nameZh];
    return [first, second === first ? undefined : second].flatMap((line) => line ?? []);
  };
  const wish = (
    key: string,
    places: readonly Place[],
    lines: readonly string[],
    kind: string,
    side: LabelWish['side'],
  ): MapName => ({ key, places, lines, class: kind, side, at: places.map(spot) });
  const named = marks.filter(({ alarm }) => alarm.priority <= NAMED_PRIORITY);
  const wishes: MapName[] = [
    ...named.map((mark) =>
      wish(`mark ${mark.id}`, [mark], [assetNames(mark.id).name, shortly(mark)], 'of-mark', 'beside'),
    ),
    ...(hiddenSystems.value.has('water')
      ? []
      : zones.value
          // Its glyph says its name already.
          .filter(({ zone }) => !named.some(({ id }) => id === zone))
          .map(({ zone, middle, ...names }) => wish(`zone ${zone}`, [middle], both(names), 'of-zone', 'over'))),
  ];
  const onGround = ground.value
    .map((feature, index) => ({ feature, index }))
    .filter(({ feature: { name, nameZh, zone } }) => zone === undefined && (name ?? nameZh) !== undefined)
    .map(({ feature, index }) =>
      wish(
        `ground ${index}`,
        namePlaces(feature),
        both(feature),
        `of-${feature.kind}`,
        ON_LINE.test(feature.kind) ? 'along' : 'over',
      ),
    );
  // Areas, water and places first: a road is named where there is room left, and in no metered area.
  wishes.push(...onGround.filter(({ side }) => side === 'over'));
  const lines = onGround.filter(({ side }) => side === 'along');
  const isRiver = (one: MapName) => one.class === 'of-river';
  const roads = [...lines.filter(isRiver), ...lines.filter((one) => !isRiver(one))];
  const taken = marks.map(spot).map(({ x, y }) => ({ left: x - 16, right: x + 16, top: y - 15, bottom: y + 15 }));
  const known = placeNames(wishes, [...taken, ...reserved], standing);
  const areas = zones.value.map(({ ring }) => {
    const [west, south, east, north] = boundsOf(ring.map(([longitude, latitude]) => ({ longitude, latitude }))) ?? [
      0, 0, 0, 0,
    ];
    const [low, high] = [spot({ longitude: west, latitude: south }), spot({ longitude: east, latitude: north })];
    return { left: low.x, right: high.x, top: high.y, bottom: low.y };
  });
  const written = wishes.flatMap((one) => {
    const found = known.get(one.key);
    return found === undefined ? [] : [nameBox(one, found)];
  });
  const spots = new Map([...known, ...placeNames(roads, [...taken, ...reserved, ...areas, ...written], standing)]);
  return [...wishes, ...roads].flatMap((one) => {
    const found = spots.get(one.key);
    return found === undefined ? [] : [<MapLabel key={one.key} name={one} spot={found} />];
  });
}

function MapLabel({ name, spot }: { name: MapName; spot: LabelSpot }) {
  const [first, second] = name.lines;
  const place = name.places[spot.place] as Place;
  return (
    <span class={`map-name ${name.class} align-${spot.align}`} data-place={placeText(place)} aria-hidden="true">
      <span style={{ left: `${spot.dx}px`, top: `${spot.dy}px` }}>
        <b>{first}</b>
        {second !== undefined && <i lang={name.class === 'of-mark' ? undefined : otherLang()}>{second}</i>}
      </span>
    </span>
  );
}

/** What lies under the pointer; by itself, so that nothing else is drawn again while the pointer moves. */
export const pointed = signal<{ readonly under: Under; readonly x: number; readonly y: number } | undefined>(undefined);

/** What the dot or circle under the pointer is. */
function Tip() {
  const words = text.value.map;
  if (pointed.value === undefined) return null;
  const { under, x, y } = pointed.value;
  return (
    <div class="map-tip" style={{ left: `${x}px`, top: `${y}px` }}>
      {under.kind === 'cluster'
        ? words.together(under.count)
        : under.ids.map((id) => <div key={id}>{assetNames(id).name}</div>)}
    </div>
  );
}
