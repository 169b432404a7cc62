import { z } from 'zod';
import type { Alarm } from '../contract/alarm.ts';
import { idSchema } from '../contract/reading.ts';

/** Group of all that no other group takes; the only one where none is configured. */
export const ALL = 'all';

/** `alarms.groups` of gateway.yaml: who has to deal with which alarms; each is judged by itself (EEMUA 191: per operator position). */
export const operatorGroupsSchema = z
  .array(
    z.strictObject({
      name: idSchema.refine((name) => name !== ALL, `not ${ALL}: that is what is left`).describe('Name of the group'),
      classes: z.array(idSchema).default([]).describe('Asset classes whose alarms it deals with'),
      assets: z.array(idSchema).default([]).describe('Assets whose alarms it deals with, whatever their class'),
    }),
  )
  .max(50)
  .default([])
  .refine((groups) => new Set(groups.map(({ name }) => name)).size === groups.length, 'each name once')
  .describe('Operator groups: floods and figures are per group; what is in none is `all`');
export type OperatorGroups = z.output<typeof operatorGroupsSchema>;

/** The group of an alarm: by its asset, then by its class; the first group that fits. */
export function operatorGroups(groups: OperatorGroups): (alarm: Pick<Alarm, 'asset' | 'assetClass'>) => string {
  const byAsset = new Map<string, string>();
  const byClass = new Map<string, string>();
  for (const { name, assets, classes } of groups) {
    for (const asset of assets) if (!byAsset.has(asset)) byAsset.set(asset, name);
    for (const assetClass of classes) if (!byClass.has(assetClass)) byClass.set(assetClass, name);
  }
  return ({ asset, assetClass }) => byAsset.get(asset) ?? byClass.get(assetClass ?? 'generic') ?? ALL;
}
