import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { removeFolder } from './folders.ts';

/** Debian's chromium; the browser tests use no other. */
export const CHROMIUM = '/usr/bin/chromium';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=document-user-activation-required',
];

export interface OpenBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** A browser with an empty profile, in the site's language and zone whatever this machine has. */
export async function openBrowser(
  options: {
    readonly width?: number;
    readonly height?: number;
    readonly colorScheme?: 'light' | 'dark';
    readonly locale?: string;
    readonly touch?: boolean;
  } = {},
): Promise<OpenBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'hanfeng-browser-'));
  const { width = 1440, height = 900, colorScheme = 'light', locale = 'en-GB', touch = false } = options;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: ARGUMENTS,
    viewport: { width, height },
    colorScheme,
    locale,
    timezoneId: 'Europe/Berlin',
    hasTouch: touch,
    isMobile: touch,
  });
  return {
    context,
    async close() {
      await context.close();
      removeFolder(profile);
    },
  };
}
