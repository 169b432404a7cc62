import type { Alarm } from '../../../contract/alarm.ts';
import { compareAlarms, lampOf, messageOf, whatOf } from '../alarms.ts';
import type { Place } from '../jump.ts';
import type { Device, Point } from '../model.ts';
import { placeOf } from '../parts/alarm-row.tsx';
import { className, deviceNames, devicePlace, measurementName, pointTitle } from '../parts/name.tsx';
import type { Route } from '../route.ts';
import { alarms, devices, language, plant, text } from '../state.ts';

/** Pages with the letter that leads there after `g`. */
export const PAGES: readonly { readonly page: Route['page']; readonly letter: string }[] = [
  { page: 'overview', letter: 'o' },
  { page: 'leakage', letter: 'l' },
  { page: 'alarms', letter: 'a' },
  { page: 'performance', letter: 'p' },
  { page: 'explore', letter: 'e' },
  { page: 'settings', letter: 's' },
];

export function pageName(page: Route['page']): string {
  const words = text.value;
  if (page === 'leakage') return words.leakage.title;
  if (page === 'performance') return words.performance.title;
  return words[page as 'overview' | 'alarms' | 'explore' | 'settings'];
}

/** Everything the page holds, as it is called now: pages, open alarms, devices, points. */
export function heldPlaces(): readonly Place[] {
  const listed = [...alarms.peek().values()].filter((alarm) => lampOf(alarm) !== 'none').sort(compareAlarms);
  const owners = plant.peek().flatMap((group) => group.devices);
  return [
    ...PAGES.map(({ page }): Place => {
      const title = pageName(page);
      return {
        kind: 'page',
        id: page,
        title,
        under: page === 'performance' ? text.value.alarms : '',
        route: { page } as Route,
        words: `${title} ${page}`.toLowerCase(),
      };
    }),
    ...listed.map(alarmPlace),
    ...owners.map(({ id, device }) => devicePlaceOf(id, device)),
    ...owners.flatMap(({ device, points }) => points.map((point) => pointPlace(point, device))),
  ];
}

export function alarmPlace(alarm: Alarm): Place {
  const title = whatOf(messageOf(alarm, language.value));
  const { name, other = '' } = placeOf(alarm);
  const words =
    `${title} ${name} ${other} ${alarm.message} ${alarm.messageZh ?? ''} ${alarm.asset} ${alarm.id}`.toLowerCase();
  return { kind: 'alarm', id: alarm.id, title, under: name, route: { page: 'alarms', alarm: alarm.id }, words, alarm };
}

export function devicePlaceOf(id: string, device: Device | undefined): Place {
  const { name, other = '' } = deviceNames(device, id);
  const kind = className(device?.class ?? 'generic');
  const place = devicePlace(device) ?? '';
  const words = `${name} ${other} ${id} ${kind} ${device?.class ?? ''} ${device?.location ?? ''} ${device?.locationZh ?? ''}`;
  return {
    kind: 'device',
    id,
    title: name,
    under: [kind, place === name ? '' : place].filter(Boolean).join(', '),
    route: { page: 'device', device: id },
    words: words.toLowerCase(),
  };
}

export function pointPlace(point: Point, device: Device | undefined = devices.peek().get(point.device)): Place {
  const quantity = measurementName(point);
  const { name, other = '' } = deviceNames(device, point.device);
  const words = `${quantity} ${name} ${other} ${point.id} ${point.label ?? ''} ${point.labelZh ?? ''} ${device?.location ?? ''} ${device?.locationZh ?? ''}`;
  return {
    kind: 'point',
    id: point.id,
    title: pointTitle(point, device),
    under: point.id,
    route: { page: 'explore', point: point.id },
    words: words.toLowerCase(),
  };
}
