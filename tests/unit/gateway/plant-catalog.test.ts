import { expect, it } from 'vitest';
import { catalogOf } from '../../../gateway/plant-catalog.ts';
import { parseDeviceFile } from '../../../gateway/plant-files.ts';
import { classSchema } from '../../../gateway/plant-schema.ts';
import { NO_TIMETABLE } from '../../../gateway/schedule-config.ts';

const words = {
  title: 'Meter too small',
  titleZh: '口径偏小',
  response: 'Check the bore.',
  responseZh: '请核对口径。',
  cause: 'A bore too small.',
  causeZh: '口径偏小。',
};
const meter = classSchema.parse({
  class: 'meter',
  label: 'Meter',
  points: { flow: { unit: 'm3/h', labelZh: '流量' } },
  alarms: [{ point: 'flow', kind: 'high', priority: 2, setpoint: 80, ...words }],
});

function ruleWith(alarm: string) {
  const { devices } = parseDeviceFile(`- { id: a, class: meter, alarms: [{ point: flow, ${alarm} }] }`, 'devices.yaml');
  const catalog = catalogOf({
    site: 's',
    classes: new Map([['meter', meter]]),
    devices: new Map(devices.map((device) => [device.id, device])),
    rules: [],
    timetable: NO_TIMETABLE,
  });
  const device = catalog.describeDevice('a', {});
  return catalog.rulesFor({ ...catalog.describePoint(device, 'flow', {}), id: 1 }, device)[0];
}

it('what a site writes in English is not told in Chinese by other words of the class', () => {
  const { titleZh, responseZh, causeZh } =
    ruleWith('kind: high, title: Inflow high, response: Close V-0116.') ?? expect.fail('no rule');
  expect([titleZh, responseZh, causeZh]).toEqual(['流量偏高', undefined, '口径偏小。']);
  const both = ruleWith('kind: high, response: Close V-0116., responseZh: 请关闭 V-0116。');
  expect(both).toMatchObject({ titleZh: '口径偏小', response: 'Close V-0116.', responseZh: '请关闭 V-0116。' });
});
