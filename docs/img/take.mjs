/**
 * Takes the pictures of this folder from a running demo (`npm start`, its past written, an administrator set):
 *
 *   HANFENG_PASSWORD='…' node docs/img/take.mjs [http://127.0.0.1:8080] [folder] [name …]
 *
 * The faults are switched on before, as README.md beside this file says. Without names all pictures are taken.
 */
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [address = 'http://127.0.0.1:8080', folder = import.meta.dirname, ...names] = process.argv.slice(2);
const { HANFENG_USER: username = 'admin', HANFENG_PASSWORD: password } = process.env;
if (password === undefined) throw new Error("HANFENG_PASSWORD is not set: the administrator's password of the demo");

/** A flow meter with a story to tell. */
const TREND = 'explore/fm-01/flow';
const SIZES = {
  desk: { viewport: { width: 1440, height: 900 } },
  wall: { viewport: { width: 1920, height: 1080 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};
/** Name, page, size, theme; `alarm` opens the most urgent one, `sight` is how it is seen. */
const PICTURES = [
  ...['light', 'dark'].flatMap((theme) => [
    { name: `live-${theme}`, page: 'overview', size: 'desk', theme },
    { name: `alarms-${theme}`, page: 'alarms', size: 'desk', theme, alarm: true },
    { name: `leakage-${theme}`, page: 'leakage', size: 'desk', theme },
    { name: `performance-${theme}`, page: 'performance', size: 'desk', theme },
    { name: `phone-${theme}`, page: 'overview', size: 'phone', theme },
  ]),
  { name: 'wall-dark', page: 'overview', size: 'wall', theme: 'dark', query: '?kiosk=wall' },
  { name: 'alarms-grey', page: 'alarms', size: 'desk', theme: 'light', alarm: true, sight: 'achromatopsia' },
  { name: 'alarms-deuteranopia', page: 'alarms', size: 'desk', theme: 'light', alarm: true, sight: 'deuteranopia' },
  { name: 'trend-light', page: TREND, size: 'desk', theme: 'light' },
  { name: 'phone-alarm-light', page: 'alarms', size: 'phone', theme: 'light', alarm: true },
  { name: 'phone-leakage-light', page: 'leakage', size: 'phone', theme: 'light' },
  { name: 'search-light', page: 'overview', size: 'desk', theme: 'light', search: 'binhu' },
].filter(({ name }) => names.length === 0 || names.includes(name));

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  let storageState;
  for (const { name, page: where, size, theme, alarm, sight, search, query = '' } of PICTURES) {
    const context = await browser.newContext({
      ...SIZES[size],
      colorScheme: theme,
      locale: 'en-GB',
      reducedMotion: 'reduce',
      storageState,
    });
    const page = await context.newPage();
    await page.goto(`${address}/${query}#/${where}`);
    if (storageState === undefined) {
      await page.getByLabel('User name').fill(username);
      await page.getByLabel('Password', { exact: true }).fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.locator('[data-link=live]').waitFor();
      storageState = await context.storageState();
    }
    await page.locator('[data-link=live]').waitFor();
    await page.locator('.panel').first().waitFor();
    if (alarm) await page.locator('tr[data-alarm], .alarm-brief').first().click();
    if (search !== undefined) {
      await page.keyboard.press('Control+k');
      await page.keyboard.type(search);
    }
    // Figures are computed from history, charts are drawn when their slots have come.
    await page.locator('.skeleton').first().waitFor({ state: 'detached', timeout: 120_000 });
    await page.locator('canvas, .panel').last().waitFor();
    // The map comes after the page, its names once it stands still.
    if (where === 'overview' && size !== 'phone') await page.locator('.map-scale').waitFor();
    if (sight !== undefined) {
      const session = await context.newCDPSession(page);
      await session.send('Emulation.setEmulatedVisionDeficiency', { type: sight });
    }
    await page.mouse.move(0, 0);
    // Two seconds of readings, so that no row is caught half drawn.
    await page.waitForTimeout(2_000);
    await page.screenshot({ path: join(folder, `${name}.png`) });
    console.log(`${name}.png`);
    await context.close();
  }
} finally {
  await browser.close();
}
