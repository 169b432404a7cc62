import { z } from 'zod';
import { rulesAsWritten } from '../desk.ts';
import { converted, measured } from './asset-points.ts';
import { present } from './inputs.ts';
import { findPoint } from './points.ts';
import type { Door } from './ports.ts';
import { type Route, route } from './route.ts';
import { pointView, viewPoint } from './views.ts';

const measuredView = pointView.extend({
  boundTo: z.string().optional().meta({ description: 'of an asset: the device point that measures it now' }),
});

/** One point, by the same names as its readings: of a device, or of an asset. */
export function onePointRoutes(door: Door): readonly Route[] {
  const { assets, registry, rulesOf, now } = door;
  return [
    route({
      method: 'GET',
      path: '/api/v1/points/{device}/{measurement}',
      access: 'viewer',
      tag: 'points',
      summary: 'One point of a device or asset with its newest value',
      params: z.object({ device: z.string(), measurement: z.string() }),
      answer: measuredView,
      handle({ params: { device: owner, measurement } }) {
        if (assets.of(owner, measurement).length > 0) return viewAssetPoint(door, owner, measurement);
        const point = findPoint(door, owner, measurement);
        return viewPoint(point, registry.device(point.device), registry.last(point.id), rulesOf(point.id), now());
      },
    }),
  ];
}

/**
 * The point of an asset, in its own units and limits; without a value while nothing measures it.
 *
 * @throws Problem point-unknown when nothing that ever measured it is known
 */
function viewAssetPoint(door: Door, owner: string, measurement: string): z.infer<typeof measuredView> {
  const { assets, registry, desk, rulesOf, now } = door;
  const asset = assets.asset(owner);
  const current = assets.current(owner, measurement);
  const { point, ...part } = measured(door, owner, measurement).parts.at(-1)!;
  const isMeasured = current?.device === point.device && current.source === point.measurement;
  const last = isMeasured ? registry.last(point.id) : undefined;
  const device = registry.device(point.device);
  const judged = new Set(isMeasured ? rulesOf(point.id).map(({ key }) => key) : []);
  const rules = device === undefined ? [] : rulesAsWritten(desk, point, device).filter(({ key }) => judged.has(key));
  const { normal, labels, labelsZh, ...info } = viewPoint(
    point,
    device,
    last === undefined ? undefined : converted(last, part),
    rules,
    now(),
  );
  const isPlain = part.scale === 1 && part.offset === 0;
  const band = normal?.map((value) => part.scale * value + part.offset).sort((a, b) => a - b);
  return {
    ...info,
    id: `${owner}/${measurement}`,
    device: owner,
    measurement,
    ...present({
      class: asset?.class,
      site: asset?.site ?? device?.site,
      normal: band as [number, number] | undefined,
      // Words for whole numbers of the device say nothing of others.
      labels: isPlain ? labels : undefined,
      labelsZh: isPlain ? labelsZh : undefined,
      boundTo: isMeasured ? `${point.device}/${point.measurement}` : undefined,
    }),
  };
}
