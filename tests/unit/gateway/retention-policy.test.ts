import { describe, expect, it } from 'vitest';
import { parseGatewayConfig } from '../../../gateway/config.ts';
import { retentionPolicy } from '../../../gateway/retention-policy.ts';

const DAY_MS = 86_400_000;
const registry = {
  points: () =>
    [
      { id: 0, device: 'lamp-1' },
      { id: 1, device: 'fm-1' },
      { id: 2, device: 'lamp-1' },
      { id: 3, device: 'unknown' },
    ] as never,
  device: (id: string) =>
    (id === 'unknown' ? undefined : { class: id.startsWith('lamp') ? 'lamp' : 'flow-meter' }) as never,
};
const retentionOf = (text: string) => {
  const { value, mistakes } = parseGatewayConfig(text, 'gateway.yaml');
  return { retention: value?.store.embedded.retention, mistakes };
};

describe('how long readings are kept', () => {
  it('for ever, unless said', () => {
    const { retention } = retentionOf('site: a');
    expect(retentionPolicy(retention as never, registry)).toEqual({ shorter: [] });
  });

  it('by age, by disk, and for less by asset class', () => {
    const { retention } = retentionOf(
      'store: { embedded: { retention: { maxAge: 730d, maxDisk: 50 GB, classes: { lamp: 90d, tree: 30d } } } }',
    );
    expect(retentionPolicy(retention as never, registry)).toEqual({
      maxAgeMs: 730 * DAY_MS,
      maxBytes: 50e9,
      shorter: [
        { name: 'lamp', maxAgeMs: 90 * DAY_MS, points: [0, 2] },
        { name: 'tree', maxAgeMs: 30 * DAY_MS, points: [] },
      ],
    });
  });

  it('less than a day is a mistake that says what is allowed', () => {
    const { mistakes } = retentionOf('store: { embedded: { retention: { maxAge: 2h } } }');
    expect(mistakes).toHaveLength(1);
  });
});
