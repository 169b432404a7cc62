import { useEffect } from 'preact/hooks';
import { compareAlarms, worstAlarm } from '../alarms.ts';
import { hasPlaces } from '../map/state.ts';
import { Empty } from '../parts/panel.tsx';
import { onWall } from '../plant.ts';
import { alarmIndex, loaded, plant, text } from '../state.ts';
import { DistrictMap } from './district-map.tsx';
import { Crumb, Frame } from './frame.tsx';
import { useWide } from './layout.ts';
import { Cards, ClassPanel, DataHealth, OpenAlarms } from './overview.tsx';

/** With five cards, map, alarms and data health: eleven panels of the twelve that can be read from across a room. */
const CLASSES_BESIDE_MAP = 3;
/** With five cards and the alarms. */
const CLASSES_WITHOUT_MAP = 6;
/** Devices of a panel that fit without scrolling. */
const DEVICES = 5;
/** Alarms that fit beside the map; more on a screen of 4K. */
const ALARMS = { usual: 5, large: 11 };

/** The overview on a wall (`?kiosk=wall`): one screen, nothing scrolls, what is abnormal first. */
export function Wall() {
  const words = text.value;
  const alarms = useWide(3200) ? ALARMS.large : ALARMS.usual;
  const { byAsset } = alarmIndex.value;
  const worstOf = (devices: readonly string[]) => worstAlarm(devices.flatMap((id) => byAsset.get(id) ?? []));
  const chosen = onWall(plant.value, worstOf, compareAlarms, {
    classes: hasPlaces.value ? CLASSES_BESIDE_MAP : CLASSES_WITHOUT_MAP,
    devices: DEVICES,
  });
  useEffect(() => {
    const { classList } = document.documentElement;
    classList.add('wall');
    return () => classList.remove('wall');
  }, []);
  return (
    <Frame title={<Crumb page={words.overview} />} ranged={false}>
      <div class={`wall-board${hasPlaces.value ? '' : ' without-map'}`}>
        <Cards classes={plant.value} />
        {loaded.value && <DistrictMap at={undefined} still />}
        <OpenAlarms most={alarms} />
        <div class="wall-classes">
          {loaded.value && plant.value.length === 0 && (
            <div class="panel">
              <Empty what={words.noDevices} why={words.noDevicesWhy} />
            </div>
          )}
          {chosen.map(({ group, count }) => (
            <ClassPanel key={group.class} group={group} count={count} />
          ))}
          {hasPlaces.value && <DataHealth brief />}
        </div>
      </div>
    </Frame>
  );
}
