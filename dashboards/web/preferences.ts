import type { Language } from './format.ts';
import { isRangeName, type RangeName } from './range.ts';

/** What one person set on one browser. Nothing of the site is kept here. */
export interface Preferences {
  readonly theme: 'system' | 'light' | 'dark';
  readonly language?: Language;
  readonly range: RangeName;
  /** Points with a card at the top of the overview; undefined = the page chooses. */
  readonly watched?: readonly string[];
  readonly flashing: boolean;
  readonly sound: boolean;
  /** Single letters as keys (WCAG 2.1.4: can be switched off). */
  readonly keys: boolean;
}

export const DEFAULT_PREFERENCES: Preferences = {
  theme: 'system',
  range: '15m',
  flashing: true,
  sound: true,
  keys: true,
};

const KEY = 'hanfeng';
export const WATCHED_MAX = 6;

/** Reads what was stored; whatever does not fit falls back to its default. Pure. */
export function readPreferences(stored: string | null): Preferences {
  let raw: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(stored ?? '{}');
    if (typeof parsed === 'object' && parsed !== null) raw = parsed as Record<string, unknown>;
  } catch {
    // Broken by hand or by another version: start afresh.
  }
  const { theme, language, range, watched, flashing, sound, keys } = raw;
  return {
    theme: theme === 'light' || theme === 'dark' ? theme : 'system',
    range: typeof range === 'string' && isRangeName(range) ? range : DEFAULT_PREFERENCES.range,
    flashing: flashing !== false,
    sound: sound !== false,
    keys: keys !== false,
    ...(language === 'en' || language === 'zh' ? { language } : {}),
    ...(Array.isArray(watched)
      ? { watched: watched.filter((id) => typeof id === 'string').slice(0, WATCHED_MAX) }
      : {}),
  };
}

export function loadPreferences(): Preferences {
  try {
    return readPreferences(localStorage.getItem(KEY));
  } catch {
    return DEFAULT_PREFERENCES;
  }
}

export function savePreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
}
