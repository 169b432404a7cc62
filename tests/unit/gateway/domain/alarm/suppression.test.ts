import { describe, expect, it } from 'vitest';
import type { Millis } from '../../../../../contract/time.ts';
import {
  type MaintenanceWindow,
  SETTLE_MS,
  Suppression,
  type Topology,
} from '../../../../../gateway/domain/alarm/suppression.ts';
import type { Rule } from '../../../../../gateway/domain/plant.ts';
import { highRule } from '../timeline.ts';

/** A feeder with two lamps, which talk over `e1/l1`; one of them lies in a street. */
const PARENTS: Readonly<Record<string, readonly string[]>> = { 'lamp-1': ['feeder', 'street'], 'lamp-2': ['feeder'] };

const suppressionWith = (more: Partial<Topology> = {}, windows: readonly MaintenanceWindow[] = []) =>
  new Suppression({
    parents: (asset) => PARENTS[asset] ?? [],
    line: (device) => (device.startsWith('lamp') ? 'e1/l1' : undefined),
    device: () => undefined,
    hasBelow: (asset) => asset === 'feeder' || asset === 'e1',
    windows,
    ...more,
  });

const ruleOf = (asset: string, kind: string, more: Partial<Rule> = {}): Rule =>
  highRule({ key: `${asset}#${kind}`, asset, kind, pointId: '', ...more });

const lampOut = ruleOf('lamp-1', 'lamp-out');
const lampStale = ruleOf('lamp-1', 'stale');
const noSupply = ruleOf('feeder', 'no-supply', { explains: ['phase-lost'] });

describe('work that is planned', () => {
  const from = 1000;
  const to = 2000;
  const work = (more: Partial<MaintenanceWindow> = {}): MaintenanceWindow => ({
    asset: 'feeder',
    from,
    to,
    subtree: true,
    ...more,
  });

  it.each<readonly [Millis, boolean]>([
    [from - 1, false],
    [from, true],
    [to - 1, true],
    [to, false],
  ])('explains at %i: %s, its first moment included, its last not', (at, isExplained) => {
    expect(suppressionWith({}, [work()]).causeOf(lampOut, at) !== undefined).toBe(isExplained);
  });

  it('covers what hangs on its asset only when it says so, with its reason', () => {
    const narrow = suppressionWith({}, [work({ subtree: false, reason: 'painting' })]);
    expect(narrow.causeOf(lampOut, from)).toBeUndefined();
    expect(narrow.causeOf(noSupply, from)).toBe('maintenance: painting');
  });

  it('covers a danger that stands alone too', () => {
    expect(suppressionWith({}, [work()]).causeOf(ruleOf('lamp-1', 'tilt', { standsAlone: true }), from)).toBe(
      'maintenance',
    );
  });

  it('is looked at once when it ends', () => {
    const suppression = suppressionWith({}, [work()]);
    expect(suppression.isReleaseDue(to - 1)).toBe(false);
    expect(suppression.isReleaseDue(to)).toBe(true);
    suppression.released(to);
    expect(suppression.isReleaseDue(to + 1)).toBe(false);
  });
});

describe('a root', () => {
  it('explains what hangs on it and the named kinds of its own asset, nothing else', () => {
    const suppression = suppressionWith();
    suppression.rootRaised(noSupply);
    expect(suppression.causeOf(lampOut, 0)).toBe('feeder#no-supply');
    expect(suppression.causeOf(ruleOf('feeder', 'phase-lost'), 0)).toBe('feeder#no-supply');
    expect(suppression.causeOf(ruleOf('feeder', 'door-open'), 0)).toBeUndefined();
    expect(suppression.causeOf(ruleOf('pump-1', 'lamp-out'), 0)).toBeUndefined();
    expect(suppression.causeOf(noSupply, 0)).toBeUndefined();
  });

  it('never explains a danger of its own', () => {
    const suppression = suppressionWith();
    suppression.rootRaised(noSupply);
    expect(suppression.causeOf(ruleOf('lamp-1', 'tilt', { standsAlone: true }), 0)).toBeUndefined();
  });

  it('that is only silent explains silence, not what is said', () => {
    const suppression = suppressionWith();
    suppression.rootRaised(ruleOf('e1', 'offline'));
    expect(suppression.causeOf(lampStale, 0)).toBe('e1#offline');
    expect(suppression.causeOf(lampOut, 0)).toBeUndefined();
    const device = suppressionWith();
    device.rootRaised(ruleOf('feeder', 'stale'));
    expect(device.causeOf(lampStale, 0)).toBe('feeder#stale');
    expect(device.causeOf(lampOut, 0)).toBeUndefined();
  });

  it('is a whole device that is silent, not one of its points, and only with something below it', () => {
    const suppression = suppressionWith();
    expect(suppression.isRoot(ruleOf('feeder', 'stale'))).toBe(true);
    expect(suppression.isRoot(ruleOf('feeder', 'stale', { pointId: 'feeder/power' }))).toBe(false);
    expect(suppression.isRoot(lampStale)).toBe(false);
    expect(suppression.isRoot(lampOut)).toBe(false);
    expect(suppression.isRoot(noSupply)).toBe(true);
  });

  it('explains for two more minutes when it is gone, to the millisecond', () => {
    const suppression = suppressionWith();
    suppression.rootRaised(noSupply);
    suppression.rootCleared(noSupply, 1000);
    suppression.settle(1000 + SETTLE_MS - 1);
    expect(suppression.isReleaseDue(1000 + SETTLE_MS - 1)).toBe(false);
    expect(suppression.causeOf(lampOut, 1000)).toBe('feeder#no-supply');
    expect(suppression.isReleaseDue(1000 + SETTLE_MS)).toBe(true);
    suppression.settle(1000 + SETTLE_MS);
    expect(suppression.causeOf(lampOut, 1000 + SETTLE_MS)).toBeUndefined();
  });

  it('that comes back within these minutes goes on, over a restart too', () => {
    const before = suppressionWith();
    before.rootRaised(noSupply);
    before.rootCleared(noSupply, 1000);
    const suppression = suppressionWith();
    suppression.restore(JSON.parse(JSON.stringify(before.snapshot())), []);
    expect(suppression.causeOf(lampOut, 1000)).toBe('feeder#no-supply');
    suppression.rootRaised(noSupply);
    suppression.settle(1000 + SETTLE_MS);
    expect(suppression.causeOf(lampOut, 1000 + SETTLE_MS)).toBe('feeder#no-supply');
  });
});
