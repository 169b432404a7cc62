import type { Logger } from 'pino';
import type { GatewayConfig } from '../config.ts';
import type { Place } from '../domain/leakage/locate/pattern.ts';
import { modelOf, zonesOf } from '../leakage-config.ts';
import { LeakPlaces, modelLabel, type QuarterHistory } from './leak-places.ts';
import { Locator } from './locator.ts';
import type { OpenedModel } from './models.ts';

/** Joins zones, models and history into what places leaks. */
export function openLeakPlaces(
  config: Pick<GatewayConfig, 'leakage' | 'timezone' | 'file'>,
  models: ReadonlyMap<string, OpenedModel>,
  parts: {
    readonly history: QuarterHistory;
    readonly placeOf: (point: string) => Place | undefined;
    readonly log: Pick<Logger, 'warn'>;
  },
): { readonly places: LeakPlaces; close(): Promise<void> } {
  const { history, placeOf, log } = parts;
  const locators = new Map([...models].map(([file, { inp }]) => [file, new Locator(inp, log)]));
  const places = new LeakPlaces({
    zones: zonesOf(config.leakage),
    timezone: config.timezone,
    history,
    placeOf,
    modelOf: (zone) => {
      const setting = modelOf(config.leakage, zone, config.file);
      const model = setting === undefined ? undefined : models.get(setting.file);
      const locator = setting === undefined ? undefined : locators.get(setting.file);
      if (setting === undefined || model === undefined || locator === undefined) return undefined;
      return { locator, names: setting.names, label: modelLabel(setting.file, model.inp) };
    },
  });
  return {
    places,
    close: async () => {
      for (const locator of locators.values()) await locator.close();
    },
  };
}
