import type { AssetBook, Binding } from './assets.ts';
import type { Whereabouts } from './domain/alarm/raising.ts';
import type { DeviceInfo, ExpressionTest, PointInfo, Rule, RuleTest } from './domain/plant.ts';
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
    return catalog.rulesFor(asPoint, asAsset, device.id).map((rule) => toDevice(rule, binding));
  };
  return {
    ...catalog,
    rulesFor: (point, device) =>
      judged(point, device, (rule, binding) => ({
        ...onDevices(inDeviceUnits(rule, binding), book),
        since: binding.from,
      })),
    sheetFor: (point, device) =>
      book.boundTo(point.device, point.measurement) !== undefined || book.isRetired(point.device, point.measurement)
        ? undefined
        : catalog.sheetFor?.(point, device),
    rulesAsWritten: (point, device) => judged(point, device, (rule) => rule),
  };
}

/** Limits are written for the asset's value; the judge sees the device's. */
function inDeviceUnits(rule: Rule, { scale, offset }: { readonly scale: number; readonly offset: number }): Rule {
  if ((scale === 1 && offset === 0) || rule.setpoint === undefined) return rule;
  return { ...rule, setpoint: (rule.setpoint - offset) / scale, deadband: rule.deadband / Math.abs(scale) };
}

/** What an asset or a device hangs on and lies within, for roots and planned work: the tree of assets and the files together. */
export function whereaboutsOf(
  device: (id: string) => DeviceInfo | undefined,
  book: AssetBook,
): (id: string) => Whereabouts | undefined {
  return (id) => {
    const asset = book.asset(id);
    const info = device(id);
    const within = book.assetsOf(id).filter((name) => name !== id);
    const upstream = info?.upstream ?? asset?.parent;
    const kind = info?.class ?? asset?.class;
    if (kind === undefined) return undefined;
    const location = info?.location ?? asset?.location;
    return {
      class: kind,
      ...(location === undefined ? {} : { location }),
      ...(upstream === undefined ? {} : { upstream }),
      ...(within.length === 0 ? {} : { within }),
    };
  };
}

/** Points that a rule of an asset looks at, as the judge knows them: those of the devices that measure them now. */
function onDevices(rule: Rule, book: AssetBook): Rule {
  const { test } = rule;
  if (test === undefined) return rule;
  const binding = (name: string) => {
    const slash = name.indexOf('/');
    return book.current(name.slice(0, slash), name.slice(slash + 1));
  };
  const pointOf = (name: string) => {
    const found = name === rule.pointId ? undefined : binding(name);
    return found === undefined ? name : `${found.device}/${found.source}`;
  };
  /** An expression is written for values of the asset: what is scaled is scaled in it. */
  const expressionOf = (written: ExpressionTest): ExpressionTest => {
    let { cel } = written;
    const inputs: Record<string, string> = {};
    for (const [name, point] of Object.entries(written.inputs)) {
      inputs[name] = pointOf(point);
      const { scale = 1, offset = 0 } = binding(point) ?? {};
      if (scale !== 1 || offset !== 0)
        cel = cel.replace(new RegExp(`\\b${name}\\b`, 'g'), `(${double(scale)} * ${name} + ${double(offset)})`);
    }
    return { ...written, cel, inputs };
  };
  const moved = (): RuleTest => {
    switch (test.type) {
      case 'expression':
        return expressionOf(test);
      case 'evenings':
        return { ...test, out: expressionOf(test.out), fine: expressionOf(test.fine) };
      case 'deviation':
        return { ...test, from: pointOf(test.from) };
      case 'discrepancy':
        return { ...test, feedback: pointOf(test.feedback) };
      case 'integral':
        return { ...test, flow: pointOf(test.flow) };
      case 'nights':
        return test.level === undefined ? test : { ...test, level: pointOf(test.level) };
      case 'run':
        return test.current === undefined ? test : { ...test, current: pointOf(test.current) };
      case 'baseline':
        return test.beside === undefined
          ? test
          : { ...test, beside: { ...test.beside, point: pointOf(test.beside.point) } };
      default:
        return test;
    }
  };
  return { ...rule, test: moved() };
}

/** A number as CEL wants a double. */
function double(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
