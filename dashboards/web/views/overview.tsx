import { useEffect, useState } from 'preact/hooks';
import { compareAlarms, lampOf, worstAlarm } from '../alarms.ts';
import { writeAge } from '../format.ts';
import type { Point } from '../model.ts';
import { AlarmBrief } from '../parts/alarm-row.tsx';
import { BothNames, className, deviceNames, devicePlace, measurementName, pointTitle } from '../parts/name.tsx';
import { Empty, Panel, Skeleton } from '../parts/panel.tsx';
import { patternOf, reasonText } from '../parts/quality-mark.tsx';
import { ReadingRow, StatCard } from '../parts/value.tsx';
import { type ClassGroup, type DeviceGroup, spread } from '../plant.ts';
import { countStandings, notGood, type Standing, standingOf } from '../quality.ts';
import { chooseWatched, keyPoints } from '../reading.ts';
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
  preferences,
  range,
  shaped,
  text,
} from '../state.ts';
import { DistrictMap } from './district-map.tsx';
import { Crumb, Frame } from './frame.tsx';
import { useColumns, useWide } from './layout.ts';

const CARDS_MAX = 5;
const ALARMS_SHOWN = 8;
/** On a phone the values must still be within reach of the thumb. */
const ALARMS_SHOWN_PHONE = 5;
/** Devices of one class shown before "show more". */
const DEVICES_SHOWN = 12;

/** The more devices of a class, the fewer values of each: many meters are one line each. */
const valuesShown = ({ devices }: ClassGroup) => (devices.length <= 2 ? 3 : devices.length <= 4 ? 2 : 1);

/** The first screen: what is wrong, how the watched values are, and every device with its band, quality and age. */
export function Overview({ asset }: { asset: string | undefined }) {
  const words = text.value;
  const classes = plant.value;
  const columns = useColumns();
  const desk = useWide(1100);
  const aside = (
    <div class="overview-aside">
      <OpenAlarms />
      {desk && <DataHealth />}
    </div>
  );
  return (
    <Frame title={<Crumb page={words.overview} />} ranged={desk}>
      <div class="overview">
        {!desk && aside}
        <Cards classes={classes} />
        <div class="overview-body">
          <div class="overview-main">
            {loaded.value && <DistrictMap at={asset} still={false} />}
            <div class="class-columns">
              {!loaded.value ? (
                <div class="class-column">
                  <div class="panel">
                    <Skeleton rows={8} />
                  </div>
                </div>
              ) : classes.length === 0 ? (
                <div class="panel whole">
                  <Empty what={words.noDevices} why={words.noDevicesWhy} />
                </div>
              ) : (
                spread(classes, columns, heightOf).map((column, index) => (
                  <div key={index} class="class-column">
                    {column.map((group) => (
                      <ClassPanel key={group.class} group={group} />
                    ))}
                  </div>
                ))
              )}
            </div>
          </div>
          {desk ? aside : <DataHealth />}
        </div>
      </div>
    </Frame>
  );
}

/** A site that has just started needs so long to say what it has; until then the choice may improve. */
const SETTLED_MS = 30_000;

/** What the page chose where nobody did; kept while it is open. */
let chosenByPage: readonly string[] | undefined;

/** The watched values. */
export function Cards({ classes }: { classes: readonly ClassGroup[] }) {
  const watched = loaded.value ? watchedPoints(classes) : [];
  useShapes(classes, watched);
  return (
    <div class="cards">
      {loaded.value
        ? watched.map((id) => <StatCard key={id} id={id} title={cardTitle(id)} />)
        : Array.from({ length: CARDS_MAX }, (_, card) => (
            <div key={card} class="panel stat">
              <Skeleton rows={1} height={88} />
            </div>
          ))}
    </div>
  );
}

function watchedPoints(classes: readonly ClassGroup[]): readonly string[] {
  const chosen = preferences.value.watched ?? chosenByPage;
  if (chosen !== undefined) return chosen;
  const { points } = model.value;
  const hasValue = ({ id }: Point) => points.get(id)?.last?.value !== undefined;
  const ids = chooseWatched(classes, CARDS_MAX, hasValue).map(({ id }) => id);
  // Once there are enough they stay, whatever reports later: nothing jumps.
  if (ids.length === CARDS_MAX && performance.now() > SETTLED_MS) chosenByPage = ids;
  return ids;
}

function cardTitle(id: string): string {
  const point = model.peek().points.get(id);
  return point === undefined ? id : pointTitle(point);
}

/** Lines of a panel, for spreading panels over columns: the same arithmetic as what is drawn. */
function heightOf(group: ClassGroup): number {
  const values = valuesShown(group);
  return group.devices.slice(0, DEVICES_SHOWN).reduce((lines, device) => lines + linesOf(device, values), 2);
}

function linesOf({ points }: DeviceGroup, values: number): number {
  const count = keyPoints(points, values).length;
  return count > 1 ? count + 1 : 1;
}

/** Asks once for the recent shapes of what is shown, again when the range changes. */
function useShapes(classes: readonly ClassGroup[], watched: readonly string[]): void {
  const shown = [
    ...watched,
    ...classes.flatMap((group) =>
      group.devices
        .slice(0, DEVICES_SHOWN)
        .flatMap(({ points }) => keyPoints(points, valuesShown(group)).map(({ id }) => id)),
    ),
  ];
  const missing = [...new Set(shown)].filter((id) => !shaped.value.has(id));
  const key = missing.join();
  const chosen = range.value;
  // The key stands for the points that have no shape yet
  useEffect(() => {
    if (missing.length === 0) return;
    const abort = new AbortController();
    void loadShapes(missing, abort.signal);
    return () => abort.abort();
  }, [key, chosen]);
}

/** Devices of one class. @param count - how many there are when only some are given, one value each: on a wall */
export function ClassPanel({ group, count }: { group: ClassGroup; count?: number }) {
  const words = text.value;
  const [whole, setWhole] = useState(false);
  const values = count === undefined ? valuesShown(group) : 1;
  const shown = whole ? group.devices : group.devices.slice(0, DEVICES_SHOWN);
  const index = alarmIndex.value;
  const worst = worstAlarm(
    group.devices.flatMap(({ id }) => {
      const alarm = index.byAsset.get(id);
      return alarm === undefined ? [] : [alarm];
    }),
  );
  const more = group.devices.length - shown.length;
  return (
    <Panel
      title={className(group.class)}
      scope={words.devices(count ?? group.devices.length)}
      worst={worst}
      class="class-panel"
    >
      {shown.map((device) => (
        <DeviceLines key={device.id} group={device} values={values} />
      ))}
      {more > 0 && (
        <button type="button" class="button small quiet more" onClick={() => setWhole(true)}>
          {words.moreAlarms(more)}
        </button>
      )}
    </Panel>
  );
}

function DeviceLines({ group, values }: { group: DeviceGroup; values: number }) {
  const words = text.value;
  const names = deviceNames(group.device, group.id);
  const keys = keyPoints(group.points, values);
  const only = keys[0];
  if (only === undefined)
    return (
      <a class="device-line" href={hrefOf({ page: 'device', device: group.id })}>
        <b>
          <BothNames {...names} />
        </b>
        <span class="space" />
        <span class="reason">{words.standing.none}</span>
      </a>
    );
  if (keys.length === 1) return <ReadingRow key={only.id} id={only.id} {...names} />;
  const rest = group.points.length - keys.length;
  return (
    <div class="device-lines">
      <a class="device-line" href={hrefOf({ page: 'device', device: group.id })}>
        <b>
          <BothNames {...names} />
        </b>
        <span class="space" />
        <span class="faint">{rest > 0 ? words.moreValues(rest) : placeBeside(group, names.name)}</span>
      </a>
      {keys.map((point) => (
        <ReadingRow key={point.id} id={point.id} name={measurementName(point)} />
      ))}
    </div>
  );
}

/** The place, unless the name says it already. */
function placeBeside({ device }: DeviceGroup, name: string): string {
  const place = devicePlace(device) ?? '';
  return name.includes(place) ? '' : place;
}

/** The most urgent open alarms. @param most - so many; unless said as many as a desk or a phone has room for */
export function OpenAlarms({ most }: { most?: number }) {
  const words = text.value;
  const wide = useWide(641);
  const open = [...alarms.value.values()]
    .filter((alarm) => lampOf(alarm) !== 'held' && lampOf(alarm) !== 'none')
    .sort(compareAlarms);
  const shown = open.slice(0, most ?? (wide ? ALARMS_SHOWN : ALARMS_SHOWN_PHONE));
  return (
    <Panel
      title={words.openAlarms}
      scope={String(open.length)}
      aside={<span class="faint">{words.orderHint}</span>}
      class="open-alarms"
      id="open-alarms"
    >
      {!loaded.value ? (
        <Skeleton rows={4} height={34} />
      ) : open.length === 0 ? (
        <Empty what={words.noAlarms} why={words.noAlarmsWhy} />
      ) : (
        <ul class="brief-list">
          {shown.map((alarm) => (
            <AlarmBrief key={alarm.id} alarm={alarm} />
          ))}
        </ul>
      )}
      {open.length > 0 && (
        <a class="panel-foot" href="#/alarms">
          <span>{open.length > shown.length ? words.moreAlarms(open.length - shown.length) : ''}</span>
          <span>{words.allAlarms}</span>
        </a>
      )}
    </Panel>
  );
}

const NOT_GOOD: readonly Standing[] = ['uncertain', 'bad', 'stale', 'late', 'none'];

/** Points that are not good, by name; the others behind a press. */
const NOT_GOOD_SHOWN = 3;
const NOT_GOOD_LISTED = 100;

function NotGoodPoints({ count }: { count: number }) {
  const words = text.value;
  const [whole, setWhole] = useState(false);
  const most = whole ? NOT_GOOD_LISTED : NOT_GOOD_SHOWN;
  const rows = notGood(model.peek().points.values(), now.value, believed.value, most);
  const more = Math.min(count, NOT_GOOD_LISTED) - rows.length;
  return (
    <ul class="not-good">
      {rows.map(({ point, standing }) => {
        const why = standing === 'bad' || standing === 'uncertain' ? reasonText(point.last?.reason) : '';
        return (
          <li key={point.id}>
            <a href={hrefOf({ page: 'explore', point: point.id })}>
              <span>{pointTitle(point)}</span>
              <i>{why || words.standing[standing]}</i>
            </a>
          </li>
        );
      })}
      {more > 0 && (
        <li>
          <button type="button" class="button small quiet" onClick={() => setWhole(true)}>
            {words.moreAlarms(more)}
          </button>
        </li>
      )}
    </ul>
  );
}

/** How much of the data can be believed. @param brief - without the points that can't */
export function DataHealth({ brief = false }: { brief?: boolean }) {
  const words = text.value;
  // Counted with the second hand, not with every reading.
  const at = now.value;
  const points = [...model.peek().points.values()];
  const counts = countStandings(points, at, believed.value);
  const bad = points.length - counts.good;
  const kinds = NOT_GOOD.filter((standing) => counts[standing] > 0);
  const reporting = new Set(
    points
      .filter((point) => !['stale', 'none', 'bad'].includes(standingOf(point, at, believed.value)))
      .map(({ device }) => device),
  ).size;
  const known = new Set([...devices.value.keys(), ...points.map(({ device }) => device)]).size;
  const newest = Math.max(...points.map(({ last }) => last?.ts ?? 0));
  return (
    <Panel title={words.dataHealth} class="data-health">
      <div class="panel-body">
        {points.length === 0 ? (
          <Empty what={words.noDevices} />
        ) : (
          <>
            <span class="faint">{bad === 0 ? words.allGood(points.length) : words.notGood(bad, points.length)}</span>
            <div class="health-bar">
              {bad === 0 ? (
                <svg width="100%" height="12" aria-hidden="true">
                  <rect class="health-good" width="100%" height="12" rx="1.5" />
                </svg>
              ) : (
                kinds.map((standing) => (
                  <span key={standing} style={{ flexGrow: counts[standing] }}>
                    <svg width="100%" height="12" aria-hidden="true">
                      <rect width="100%" height="12" fill={patternOf(standing)} stroke="var(--ink2)" stroke-width="2" />
                    </svg>
                    <small>
                      {words.standing[standing]} <b>{counts[standing].toLocaleString('en-US')}</b>
                    </small>
                  </span>
                ))
              )}
            </div>
            {bad > 0 && believed.value && !brief && <NotGoodPoints count={bad} />}
            <div class="health-figures">
              <span>
                <b>{points.length === 0 ? '–' : percent(counts.good / points.length)}</b> <small>%</small>
                <i>{words.pointsGood}</i>
              </span>
              <span>
                <b>{words.devicesHeard(reporting, known)}</b>
                <i>{words.devicesReporting}</i>
              </span>
              <span>
                <b>{newest > 0 ? writeAge(at - newest, language.value) : '–'}</b>
                <i>{words.newestValue}</i>
              </span>
            </div>
          </>
        )}
      </div>
    </Panel>
  );
}

/** Never rounds up to 100: one bad point of a thousand must show. */
function percent(part: number): string {
  return part === 1 ? '100' : (Math.floor(part * 1_000) / 10).toFixed(1);
}
