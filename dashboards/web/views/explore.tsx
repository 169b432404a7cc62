import { useEffect, useState } from 'preact/hooks';
import { lampOf } from '../alarms.ts';
import type { Point } from '../model.ts';
import { Glyph } from '../parts/glyph.tsx';
import { Icon } from '../parts/icon.tsx';
import { IndicatorBand } from '../parts/indicator.tsx';
import { BothNames, className, deviceNames, measurementName } from '../parts/name.tsx';
import { Empty, Panel, Skeleton } from '../parts/panel.tsx';
import { Trend } from '../parts/trend.tsx';
import { Age, present, usePoint, Value } from '../parts/value.tsx';
import { WATCHED_MAX } from '../preferences.ts';
import { hrefOf } from '../route.ts';
import { alarmIndex, devices, loaded, loadPoint, plant, preferences, returns, setPreferences, text } from '../state.ts';
import { Crumb, Frame } from './frame.tsx';
import { useWide } from './layout.ts';

/** Rows of the list that are drawn; the search finds the others. */
const LISTED_MAX = 400;

/** Level 4: any point's trend, found by name. */
export function Explore({ id }: { id: string | undefined }) {
  const words = text.value;
  const [wanted, setWanted] = useState('');
  const point = usePoint(id ?? '');
  const wide = useWide(900);
  const missing = useMissing(id !== undefined && point === undefined && loaded.value ? id : undefined);
  const list = <PointList chosen={id} wanted={wanted} onWanted={setWanted} />;
  return (
    <Frame title={<Crumb page={words.explore} />} ranged>
      <div class={`explore${point === undefined ? ' choosing' : ''}`}>
        {(wide || point === undefined) && list}
        {point !== undefined ? (
          <PointTrend key={point.id} point={point} wide={wide} />
        ) : (
          wide && (
            <div class="panel whole">
              {id !== undefined && (!loaded.value || missing === 'asking') ? (
                <Skeleton rows={1} height={120} />
              ) : id !== undefined ? (
                <Empty what={words.noPoint} why={words.noPointWhy} />
              ) : (
                <Empty what={words.choosePoint} why={words.choosePointWhy} />
              )}
            </div>
          )
        )}
      </div>
    </Frame>
  );
}

/** A site has more points than the page keeps: one that is opened by its id is asked for. */
function useMissing(id: string | undefined): 'asking' | 'none' | undefined {
  const [absent, setAbsent] = useState<string | undefined>(undefined);
  const { value: back } = returns;
  useEffect(() => {
    if (id === undefined) return;
    const abort = new AbortController();
    setAbsent(undefined);
    void loadPoint(id, abort.signal).then((found) => {
      if (!found && !abort.signal.aborted) setAbsent(id);
    });
    return () => abort.abort();
  }, [id, back]);
  return id === undefined ? undefined : absent === id ? 'none' : 'asking';
}

function PointList({
  chosen,
  wanted,
  onWanted,
}: {
  chosen: string | undefined;
  wanted: string;
  onWanted: (text: string) => void;
}) {
  const words = text.value;
  const needle = wanted.trim().toLowerCase();
  let room = LISTED_MAX;
  const groups = plant.value.flatMap(({ class: kind, devices: members }) =>
    members.flatMap(({ id, device, points }) => {
      const names = deviceNames(device, id);
      const whole = `${id} ${device?.name ?? ''} ${device?.nameZh ?? ''} ${device?.location ?? ''} ${device?.locationZh ?? ''} ${kind} ${className(kind)}`;
      const fitting =
        needle === '' || whole.toLowerCase().includes(needle)
          ? points
          : points.filter((point) =>
              `${point.measurement} ${point.label ?? ''} ${point.labelZh ?? ''}`.toLowerCase().includes(needle),
            );
      const shown = fitting.slice(0, Math.max(0, room));
      room -= shown.length;
      return shown.length === 0 ? [] : [{ id, names, points: shown }];
    }),
  );
  return (
    <section class="panel point-list" aria-label={words.choosePoint}>
      <label class="search">
        <Icon name="search" size={15} />
        <span class="unseen">{words.filterPoints}</span>
        <input
          type="search"
          placeholder={words.filterPoints}
          value={wanted}
          onInput={(event) => onWanted(event.currentTarget.value)}
        />
      </label>
      <div class="scroll" tabIndex={-1}>
        {groups.map(({ id, names, points }) => (
          <div key={id} class="point-group">
            <a class="device-line" href={hrefOf({ page: 'device', device: id })}>
              <b>
                <BothNames {...names} />
              </b>
            </a>
            {points.map((point) => (
              <PointLine key={point.id} id={point.id} chosen={point.id === chosen} />
            ))}
          </div>
        ))}
        {groups.length === 0 && loaded.value && <Empty what={words.noPoint} />}
      </div>
    </section>
  );
}

function PointLine({ id, chosen }: { id: string; chosen: boolean }) {
  const point = usePoint(id);
  if (point === undefined) return null;
  const { shown, alarm } = present(point);
  return (
    <a
      class="point-line"
      href={hrefOf({ page: 'explore', point: point.id })}
      aria-current={chosen ? 'true' : undefined}
      ref={(element) => {
        if (chosen && element !== null && element.dataset.seen === undefined) {
          element.dataset.seen = '';
          element.scrollIntoView({ block: 'nearest' });
        }
      }}
    >
      {alarm !== undefined && <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={16} />}
      <span class="row-text">{measurementName(point)}</span>
      <span class="space" />
      <Value shown={shown} />
    </a>
  );
}

function PointTrend({ point, wide }: { point: Point; wide: boolean }) {
  const words = text.value;
  const { shown, writing, usual, sentence } = present(point);
  const device = devices.value.get(point.device);
  const names = deviceNames(device, point.device);
  return (
    <div class="point-trend">
      <Panel
        title={measurementName(point)}
        scope={
          <a href={hrefOf({ page: 'device', device: point.device })}>
            <BothNames {...names} />
          </a>
        }
        worst={alarmIndex.value.byPoint.get(point.id)}
        aside={<WatchButton point={point} />}
      >
        <div class="trend-now">
          <Value shown={shown} />
          <IndicatorBand
            point={point}
            writing={writing}
            usual={usual}
            value={shown.value}
            priority={shown.priority}
            stale={shown.standing === 'stale'}
            width={wide ? 240 : 150}
            figures
            label={sentence}
          />
          <Age point={point} shown={shown} />
          <span class="space" />
          {wide && shown.band !== undefined && <span class="faint">{words.normalBand(...shown.band)}</span>}
        </div>
        <Trend point={point} height={wide ? '100%' : '240px'} />
      </Panel>
      {!wide && (
        <a class="button big" href={hrefOf({ page: 'explore' })}>
          {words.choosePoint}
        </a>
      )}
    </div>
  );
}

function WatchButton({ point }: { point: Point }) {
  const words = text.value;
  const watched = preferences.value.watched ?? [];
  const isWatched = watched.includes(point.id);
  return (
    <button
      type="button"
      class="button small quiet"
      aria-pressed={isWatched}
      title={words.watchWhy}
      disabled={!isWatched && watched.length >= WATCHED_MAX}
      onClick={() =>
        setPreferences({ watched: isWatched ? watched.filter((id) => id !== point.id) : [...watched, point.id] })
      }
    >
      <Icon name="star" size={14} filled={isWatched} />
      {isWatched ? words.unwatch : words.watch}
    </button>
  );
}
