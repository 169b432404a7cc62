import { useLayoutEffect, useRef } from 'preact/hooks';
import { lampOf, messageOf, whatOf } from '../alarms.ts';
import { namePlaces } from '../map/data.ts';
import type { DistrictMapEngine, Under } from '../map/engine.ts';
import { cornerBox, type LabelSpot, type LabelWish, placeNames, quietCorner } from '../map/labels.ts';
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
/** Glyphs from this priority on are named on the map, the others where the pointer is. */
const NAMED_PRIORITY = 2;

/** What lies over the map in the page's own letters: glyphs, names, the callout, scale and buttons. */
export function MapOverlay({
  engine,
  standing,
  under,
  at,
  still,
  follow,
}: {
  readonly engine: DistrictMapEngine;
  readonly standing: Standing;
  readonly under: { readonly under: Under; readonly x: number; readonly y: number } | undefined;
  /** Asset to show. */
  readonly at: string | undefined;
  /** Nobody can press anything: a wall. */
  readonly still: boolean;
  /** Called whenever the map moves. */
  readonly follow: { current: () => void };
}) {
  const words = text.value.map;
  const layer = useRef<HTMLDivElement>(null);
  const marks = marksOf(shownAssets.value, worstOfAssets.value, standing.zoom);
  const spot = (place: Place) => engine.project(place);
  const called = standing.width < CALLOUT_FROM_PX ? undefined : calledOut(marks);
  const callout = called === undefined || calloutsClosed.value.has(called.alarm.id) ? undefined : called;
  const corner = quietCorner(marks.map(spot), standing, CALLOUT, MARGIN_PX);
  const calloutBox = cornerBox(corner, standing, CALLOUT, MARGIN_PX);
  const wanted = at === undefined ? undefined : placedAssets.value.find(({ id }) => id === at);
  useLayoutEffect(() => {
    if (wanted !== undefined) engine.goTo(wanted);
  }, [at, wanted === undefined]);

  const bar = scaleBarOf(engine.metresPerPixel);
  const controls: Box = {
    left: standing.width - 150,
    right: standing.width,
    top: standing.height - 40,
    bottom: standing.height,
  };
  const names = useNames(marks, spot, standing, [
    ...(callout === undefined ? [] : [calloutBox]),
    controls,
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
      if (leader !== null && leader !== undefined && callout !== undefined) {
        const end = spot(callout);
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
          <line
            x1={corner === 'top right' ? calloutBox.left + 24 : calloutBox.right - 24}
            y1={corner === 'bottom left' ? calloutBox.top : calloutBox.bottom}
          />
        </svg>
      )}
      {names}
      {wanted !== undefined && <span class="map-here" data-place={placeText(wanted)} />}
      {[...marks].reverse().map((mark) => (
        <MapMark key={mark.id} mark={mark} />
      ))}
      {callout !== undefined && <MapCallout mark={callout} corner={corner} still={still} />}
      {under !== undefined && <Tip {...under} />}
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
  const wishes: MapName[] = [
    ...marks
      .filter(({ alarm }) => alarm.priority <= NAMED_PRIORITY)
      .map((mark) => wish(mark.id, [mark], [assetNames(mark.id).name, shortly(mark)], 'of-mark', 'beside')),
    ...(hiddenSystems.value.has('water')
      ? []
      : zones.value.map(({ zone, middle, ...names }) => wish(zone, [middle], both(names), 'of-zone', 'over'))),
    ...ground.value
      .map((feature, index) => ({ feature, index }))
      .filter(({ feature: { name, nameZh, zone } }) => zone === undefined && (name ?? nameZh) !== undefined)
      .map(({ feature, index }) =>
        wish(`ground ${index}`, namePlaces(feature), both(feature), `of-${feature.kind}`, 'over'),
      ),
  ];
  const taken = marks.map(spot).map(({ x, y }) => ({ left: x - 16, right: x + 16, top: y - 15, bottom: y + 15 }));
  const spots = placeNames(wishes, [...taken, ...reserved], standing);
  return wishes.flatMap((one) => {
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

/** What the dot or circle under the pointer is. */
function Tip({ under, x, y }: { readonly under: Under; readonly x: number; readonly y: number }) {
  const words = text.value.map;
  return (
    <div class="map-tip" style={{ left: `${x}px`, top: `${y}px` }}>
      {under.kind === 'cluster'
        ? words.together(under.count)
        : under.ids.map((id) => <div key={id}>{assetNames(id).name}</div>)}
    </div>
  );
}
