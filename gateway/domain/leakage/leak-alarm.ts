import type { Rule } from '../plant.ts';
import type { ZoneModel } from './network.ts';

/** A leak as the judge knows its rules; each has one of its own. @param zone - where it is, with its names for people */
export function leakRule(
  key: string,
  { id: zone, name, nameZh }: Pick<ZoneModel, 'id' | 'name' | 'nameZh'>,
  type: 'abrupt' | 'slow',
): Rule {
  return {
    key,
    kind: 'leak',
    asset: zone,
    assetClass: 'water-zone',
    location: zone,
    ...(name === undefined ? {} : { locationName: name }),
    ...(nameZh === undefined ? {} : { locationZh: nameZh }),
    point: -1,
    pointId: '',
    priority: type === 'abrupt' ? 2 : 3,
    unit: 'm3/h',
    deadband: 0,
    onDelayMs: 0,
    offDelayMs: 0,
    latch: false,
    title: type === 'abrupt' ? 'Leak, sudden' : 'Leak, growing',
    titleZh: type === 'abrupt' ? '突发漏损' : '渐增漏损',
    response: 'Send a crew to the sensors that fell most.',
    responseZh: '请派人到压力下降最多的测点查漏。',
  };
}

/** Words after the size: its interval, m3/h. */
export const intervalWords = (low: number, high: number) => ({
  against: `${figure(low)} to ${figure(high)}`,
  againstZh: `${figure(low)} 至 ${figure(high)}`,
});

const figure = (value: number): string => String(Number(value.toPrecision(3)));

/** Five digits are plenty for evidence. */
export function round<T extends number | null>(value: T): T {
  return (value === null ? null : Number(value.toPrecision(5))) as T;
}
