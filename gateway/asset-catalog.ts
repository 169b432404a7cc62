import type { AssetBook, Binding } from './assets.ts';
import type { DeviceInfo, PointInfo, Rule } from './domain/plant.ts';
import type { PlantCatalog } from './plant-growth.ts';

/** What the judge is given, and the same as people write it. */
export interface AssetCatalog extends PlantCatalog {
  /** Limits in the units of the asset. */
  rulesAsWritten(point: PointInfo, device: DeviceInfo): readonly Rule[];
}

/**
 * Puts assets over what the files say of devices: a bound device point is judged by the class and under the name of its
 * asset, so an alarm and its history follow the asset when the instrument changes. A device point that was bound once and is no
 * longer has no rules: it was taken down.
 */
export function withAssets(catalog: PlantCatalog, book: AssetBook): AssetCatalog {
  const judged = (point: PointInfo, device: DeviceInfo, toDevice: (rule: Rule, binding: Binding) => Rule) => {
    const bound = book.boundTo(point.device, point.measurement);
    if (bound === undefined)
      return book.isRetired(point.device, point.measurement) ? [] : catalog.rulesFor(point, device);
    const { asset, binding } = bound;
    const asAsset: DeviceInfo = {
      ...device,
      id: asset.id,
      class: asset.class,
      attributes: { ...device.attributes, ...asset.attributes },
      ...(asset.name === undefined ? {} : { name: asset.name }),
      ...(asset.location === undefined ? {} : { location: asset.location }),
      ...(asset.site === undefined ? {} : { site: asset.site }),
    };
    const asPoint: PointInfo = { ...point, device: asset.id, measurement: binding.measurement };
    return catalog.rulesFor(asPoint, asAsset).map((rule) => toDevice(rule, binding));
  };
  return {
    ...catalog,
    rulesFor: (point, device) => judged(point, device, inDeviceUnits),
    rulesAsWritten: (point, device) => judged(point, device, (rule) => rule),
  };
}

/** Limits are written for the asset's value; the judge sees the device's. */
function inDeviceUnits(rule: Rule, { scale, offset }: { readonly scale: number; readonly offset: number }): Rule {
  if ((scale === 1 && offset === 0) || rule.setpoint === undefined) return rule;
  return { ...rule, setpoint: (rule.setpoint - offset) / scale, deadband: rule.deadband / Math.abs(scale) };
}
