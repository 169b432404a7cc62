import { join } from 'node:path';
import { type AssetCatalog, withAssets } from './asset-catalog.ts';
import { AssetBook } from './assets.ts';
import type { PlantCatalog } from './plant-growth.ts';
import { RuleChanges, withChanges } from './rule-changes.ts';

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
