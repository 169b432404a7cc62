import { join } from 'node:path';
import { z } from 'zod';
import { SmallFile } from '../small-file.ts';

export const settingsSchema = z.strictObject({
  language: z.enum(['en', 'zh']),
  pressureUnit: z.enum(['MPa', 'kPa', 'm', 'bar']),
  timezone: z.string().max(64).refine(isTimezone, 'a name of the IANA time zone database, for example Asia/Shanghai'),
});

/** How the screens of this site speak; chosen at the first setup. */
export type SiteSettings = z.infer<typeof settingsSchema>;

export interface Settings {
  get(): SiteSettings;
  /** On disk when it resolves. */
  set(next: SiteSettings): Promise<void>;
}

/**
 * @param dataDir - undefined keeps them in memory
 * @param defaults - what holds until somebody chose
 */
export function openSettings(dataDir: string | undefined, defaults: SiteSettings): Settings {
  const file = new SmallFile(dataDir === undefined ? undefined : join(dataDir, 'settings.json'));
  let current = defaults;
  try {
    current = settingsSchema.parse({ ...defaults, ...(JSON.parse(file.read() ?? '{}') as object) });
  } catch {
    // A torn file falls back to the defaults.
  }
  return {
    get: () => current,
    async set(next) {
      await file.write(() => `${JSON.stringify(next, null, 2)}\n`);
      current = next;
    },
  };
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
