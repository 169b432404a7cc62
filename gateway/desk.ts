import { join } from 'node:path';
import { type AssetCatalog, withAssets } from './asset-catalog.ts';
import { AssetBook } from './assets.ts';
import type { DeviceInfo, PointInfo, Rule } from './domain/plant.ts';
import type { PlantCatalog } from './plant-growth.ts';
import type { Registry } from './registry.ts';
import { changed, RuleChanges, withChanges } from './rule-changes.ts';

/** What people may change at run time, put over what the files say. */
export interface Desk {
  readonly assets: AssetBook;
  readonly changes: RuleChanges;
  /** Files, assets and changes together: what is judged. */
  readonly catalog: AssetCatalog;
  /** Without the changes. */
  readonly defaults: AssetCatalog;
}

/** @param dataDir - undefined keeps everything in memory. @throws Error when a file is there and can't be read */
export function openDesk(files: PlantCatalog, dataDir: string | undefined): Desk {
  const at = (name: string) => (dataDir === undefined ? undefined : join(dataDir, name));
  const assets = new AssetBook(at('assets.json'));
  const changes = new RuleChanges(at('rules.json'));
  return {
    assets,
    changes,
    catalog: withAssets(withChanges(files, changes), assets),
    defaults: withAssets(files, assets),
  };
}

/** Rules of a point as people read them: in the unit of its asset, changes included, also those that are switched off. */
export function rulesAsWritten({ defaults, changes }: Desk, point: PointInfo, device: DeviceInfo): readonly Rule[] {
  return defaults.rulesAsWritten(point, device).map((rule) => changed(rule, changes.of(rule.key)));
}

/** Finds the device point that a rule watches now, by the name in the rule's key; its rules as they are judged unless said otherwise. */
export function ruleFinder(
  desk: Desk,
  registry: Pick<Registry, 'pointId' | 'point' | 'device'>,
  rulesOf: (point: PointInfo, device: DeviceInfo) => readonly Rule[] = (point, device) =>
    desk.catalog.rulesFor(point, device),
): (key: string) => { readonly point: PointInfo; readonly rule: Rule } | undefined {
  return (key) => {
    const [, owner = '', measurement = ''] = /^([^/#]+)\/([^#]+)#/.exec(key) ?? [];
    const binding = desk.assets.of(owner, measurement).at(-1);
    const id =
      binding !== undefined && binding.to === undefined
        ? registry.pointId(binding.device, binding.source)
        : registry.pointId(owner, measurement);
    const point = id === undefined ? undefined : registry.point(id);
    const device = point === undefined ? undefined : registry.device(point.device);
    if (point === undefined || device === undefined) return undefined;
    const rule = rulesOf(point, device).find((one) => one.key === key);
    return rule === undefined ? undefined : { point, rule };
  };
}
