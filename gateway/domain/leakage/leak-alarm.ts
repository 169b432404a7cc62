import type { Rule } from '../plant.ts';
import type { ZoneModel } from './network.ts';

/** What to do, a sentence a step; the first stands in the message. Without pressures no sensor says where to begin. */
const FIRST = {
  sensors: ['Send a crew to the sensors that fell most.', '请派人到压力下降最多的测点查漏。'],
  none: ['Send a crew with listening gear into the area.', '请派人携带听漏设备到该片区查漏。'],
} as const;
const THEN = {
  abrupt: [
    'Ask first whether works, flushing or a fire draw the water. Listen along the likeliest pipes and close the smallest section that stops the flow. Repair, open slowly and flush.',
    '出发前确认是否有施工、冲洗或消防用水。沿最可疑的管段听漏，关闭能止水的最小管段。修复后缓慢开阀并冲洗。',
  ],
  slow: [
    'Compare inlet meter and boundary valves with their last check: drift looks the same. Narrow it down at night, with noise loggers or by closing one section after the other. Repair.',
    '先核对进口流量计和边界阀门：计量漂移看起来一样。夜间用噪声记录仪或逐段关阀缩小范围。查明后修复。',
  ],
} as const;
const LAST = [
  'Watch the next nights: the alarm ends when the flow is back.',
  '关注随后几夜的流量：恢复后报警自行结束。',
] as const;

/**
 * A leak as the judge knows its rules; each has one of its own.
 *
 * @param zone - where it is, with its names for people
 * @param hasSensors - whether pressures tell where to begin
 */
export function leakRule(
  key: string,
  { id: zone, name, nameZh }: Pick<ZoneModel, 'id' | 'name' | 'nameZh'>,
  type: 'abrupt' | 'slow',
  hasSensors: boolean,
): Rule {
  const steps = [FIRST[hasSensors ? 'sensors' : 'none'], THEN[type], LAST];
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
    response: steps.map(([english]) => english).join(' '),
    responseZh: steps.map(([, chinese]) => chinese).join(''),
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
