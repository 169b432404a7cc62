import { describe, expect, it } from 'vitest';
import { busiest, readFlood, readPerformance } from '../../../dashboards/web/performance.ts';
import { hrefOf, parseRoute } from '../../../dashboards/web/route.ts';

const FROM = '2026-11-22T00:00:00.000Z';
const TO = '2026-11-29T00:00:00.000Z';

describe('the performance of the alarms', () => {
  it('is read with its targets, advice and groups; what is absent is nothing', () => {
    const found = readPerformance({
      from: FROM,
      to: TO,
      raised: 37,
      slots: [0, 12, 'x'],
      rate: { perTenMinutes: 0.04 },
      targets: [{ name: 'mean per 10 minutes', value: 0.04, target: '1', met: true, source: 'EEMUA 191' }],
      chattering: [
        {
          rule: 'bx-01/door#state',
          asset: 'bx-01',
          kind: 'state',
          count: 37,
          advice: 'wait',
          remedies: { deadband: { value: 0.8, alarms: 1, of: 37 }, onDelay: {} },
          lastAt: TO,
        },
      ],
      groups: [{ group: 'water', raised: 3 }],
    });
    expect(found).toMatchObject({ raised: 37, slots: [0, 12, 0], perTenMinutes: 0.04, floods: [], stale: [] });
    expect(found?.chattering[0]?.remedies).toEqual([{ kind: 'deadband', value: 0.8, alarms: 1, of: 37 }]);
    expect(found?.groups).toEqual([expect.objectContaining({ group: 'water', raised: 3, targets: [] })]);
    expect(readPerformance({ from: 'yesterday' })).toBeUndefined();
  });

  it('keeps every peak when a year is drawn in few columns', () => {
    const slots = Array.from({ length: 1000 }, (_, index) => (index === 777 ? 14 : 0));
    const columns = busiest(slots, 90);
    expect(columns).toHaveLength(90);
    expect(Math.max(...columns)).toBe(14);
    expect(columns.filter((value) => value > 0)).toHaveLength(1);
    expect(busiest([1, 2], 90)).toEqual([1, 2]);
  });

  it('names what most of a flood hangs on: a root before an asset', () => {
    const flood = { id: 'f1', from: FROM, alarms: 40, peak: 38, standing: 3, explained: 120 };
    expect(
      readFlood({ ...flood, roots: [{ name: 'ci-21#dead', alarms: 31 }], assets: [{ name: 'ci-21', alarms: 40 }] }),
    ).toMatchObject({ mostly: { name: 'ci-21#dead', alarms: 31 }, group: 'all' });
    expect(readFlood({ ...flood, assets: [] })?.mostly).toBeUndefined();
    expect(readFlood({ alarms: 3 })).toBeUndefined();
  });
});

describe('an address', () => {
  it('leads to the leakage page, to one zone of it and to the performance page, and back', () => {
    for (const hash of ['#/leakage', '#/leakage/dma%201', '#/performance']) expect(hrefOf(parseRoute(hash))).toBe(hash);
    expect(parseRoute('#/leakage/dma%201')).toEqual({ page: 'leakage', zone: 'dma 1' });
  });
});
