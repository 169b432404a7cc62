import { useEffect, useState } from 'preact/hooks';
import { lampOf, worstAlarm } from '../alarms.ts';
import { writeAge } from '../format.ts';
import { Glyph } from '../parts/glyph.tsx';
import { BothNames, className, deviceNames, devicePlace, measurementName } from '../parts/name.tsx';
import { Empty, Panel, Skeleton } from '../parts/panel.tsx';
import { PointTrend } from '../parts/trend.tsx';
import { StatCard } from '../parts/value.tsx';
import { standingOf, worstOf } from '../quality.ts';
import { keyPoints } from '../reading.ts';
import { hrefOf } from '../route.ts';
import {
  alarmIndex,
  alarms,
  believed,
  devices,
  language,
  loaded,
  loadShapes,
  model,
  now,
  plant,
  range,
  shaped,
  text,
} from '../state.ts';
import { Frame } from './frame.tsx';

/** Level 3: one device, every value it has, and the trend of the one chosen. */
export function DevicePage({ id }: { id: string }) {
  const words = text.value;
  const device = devices.value.get(id);
  const group = plant.value.flatMap((one) => one.devices).find((one) => one.id === id);
  const points = group?.points ?? [];
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const point = points.find((one) => one.id === chosen) ?? keyPoints(points, 1)[0];
  const names = deviceNames(device, id);
  const alarm = worstAlarm([...alarms.value.values()].filter(({ asset }) => asset === id));
  const key = points.filter((one) => !shaped.value.has(one.id)).map((one) => one.id);
  const missing = key.join();
  const chosenRange = range.value;
  // The key stands for the points without a shape
  useEffect(() => {
    if (key.length === 0) return;
    const abort = new AbortController();
    void loadShapes(key, abort.signal);
    return () => abort.abort();
  }, [missing, chosenRange]);
  // Counted with the second hand; the cards follow their values by themselves.
  const at = now.value;
  const current = points.flatMap((one) => model.peek().points.get(one.id) ?? []);
  const newest = Math.max(0, ...current.map(({ last }) => last?.ts ?? 0));
  const worst = worstOf(current.map((one) => standingOf(one, at, believed.value)));
  return (
    <Frame
      title={
        <>
          <a href={hrefOf({ page: 'overview' })} class="crumb-site">
            {words.overview}
            <span class="crumb-slash">/</span>
          </a>
          <b>{names.name}</b>
        </>
      }
      ranged
    >
      <div class="device-page">
        {device === undefined && points.length === 0 ? (
          <div class="panel whole">
            {loaded.value ? <Empty what={words.noPoint} why={words.noPointWhy} /> : <Skeleton rows={3} height={34} />}
          </div>
        ) : (
          <>
            <header class="asset-head panel">
              {alarm !== undefined && <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={24} />}
              <div>
                <h2>
                  <BothNames {...names} />
                </h2>
                <p class="faint">
                  {[
                    id,
                    className(device?.class ?? 'generic'),
                    devicePlace(device) === names.name ? undefined : devicePlace(device),
                    device?.model,
                    device?.edge === undefined ? undefined : `${words.edge} ${device.edge}`,
                  ]
                    .filter((part) => part !== undefined && part !== '')
                    .join(' · ')}
                </p>
              </div>
              <span class="space" />
              {alarm !== undefined && (
                <a class="button" href={hrefOf({ page: 'alarms', alarm: alarm.id })}>
                  {words.details}
                </a>
              )}
              <span class="tag">{words.standing[worst]}</span>
              <span class="tag">
                {words.lastHeard} {newest > 0 ? words.ago(writeAge(at - newest, language.value)) : '–'}
              </span>
            </header>
            <div class="cards all">
              {points.map((one) => (
                <StatCard
                  key={one.id}
                  id={one.id}
                  title={measurementName(one)}
                  selected={one.id === point?.id}
                  onSelect={() => setChosen(one.id)}
                />
              ))}
            </div>
            {point !== undefined && (
              <Panel
                title={measurementName(point)}
                scope={point.id}
                worst={alarmIndex.value.byPoint.get(point.id)}
                aside={
                  <a class="button small quiet" href={hrefOf({ page: 'explore', point: point.id })}>
                    {words.explore}
                  </a>
                }
              >
                <PointTrend key={point.id} id={point.id} height="300px" />
              </Panel>
            )}
          </>
        )}
      </div>
    </Frame>
  );
}
