import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OpenBrowser, openBrowser } from '../support/browser.ts';
import { type Demo, startDemo } from '../support/demo.ts';
import { describeWithPeers } from '../support/peers.ts';
import { until } from '../support/ports.ts';
import {
  accessibilityFindings,
  buildPage,
  CHOSEN_PASSWORD,
  complaintsOf,
  countTones,
  setUp,
  signIn,
} from '../support/web-page.ts';

/** Pictures are written only when asked for: `HANFENG_PICTURES=docs/img`. */
const PICTURES = process.env.HANFENG_PICTURES;
const picture = async (page: Page, name: string) => {
  if (PICTURES === undefined) return;
  const folder = resolve(import.meta.dirname, '../..', PICTURES);
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
};

/** The story of the first minute, on the real thing: simulators, edges, broker, store, gateway and browser. */
describeWithPeers(['chromium'], 'the first screen on the demo district', () => {
  let demo: Demo;
  let browser: OpenBrowser;
  let page: Page;
  let complaints: string[];
  let tones: () => Promise<number>;

  beforeAll(async () => {
    buildPage();
    demo = await startDemo();
    browser = await openBrowser();
    page = await browser.context.newPage();
    complaints = complaintsOf(page);
    tones = await countTones(page);
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    await demo?.close();
  });

  const rows = () => page.locator('tr[data-alarm]');

  it('sets the administrator on the first run', async () => {
    await setUp(page, demo.address, demo.firstPassword());
    await page.locator('.reading-row').first().waitFor();
    await until('the live feed', async () => (await page.locator('[data-link]').getAttribute('data-link')) === 'live');
  });

  it('shows a live value change', async () => {
    // Any of them: at night the flow of one meter shows the same whole number for minutes.
    const digits = async () => (await page.locator('.reading-row .digits').allTextContents()).join(' ');
    const before = await digits();
    await until('another value', async () => (await digits()) !== before);
    await picture(page, 'overview-calm-light');
  });

  it('hears and sees a fault arrive', async () => {
    await page.locator('h1').click();
    await demo.fault('co-rise', 'tn-air-2', true);
    await page
      .getByRole('link', { name: /^(?=.*CO).*New/ })
      .first()
      .waitFor({ timeout: 60_000 });
    await until('a tone', async () => (await tones()) > 0);
    expect(await page.locator('.sound-button').getAttribute('data-sound')).toBe('ringing');
    await picture(page, 'overview-alarm-light');
  });

  it('acknowledges it, and a second tab shows it', async () => {
    const second = await browser.context.newPage();
    await second.goto(`${demo.address}/#/alarms`);
    await second.locator('tr[data-alarm]').first().waitFor();
    await page.goto(`${demo.address}/#/alarms`);
    const first = rows().first();
    const id = (await first.getAttribute('data-alarm')) as string;
    await first.click();
    await page.getByRole('region', { name: 'Details' }).getByRole('button', { name: 'Acknowledge' }).click();
    await second.locator(`tr[data-alarm="${id}"][data-state="acknowledged"]`).waitFor();
    await page.getByRole('region', { name: 'Details' }).locator('.journal').getByText('admin').waitFor();
    await picture(page, 'alarms-light');
    await second.close();
  });

  it('says so when the gateway is killed, and catches up when it is back', async () => {
    await page.goto(`${demo.address}/#/overview`);
    await page.locator('.reading-row').first().waitFor();
    await demo.kill();
    await page.getByText(/Connection lost \d\d:\d\d ago\./).waitFor();
    await until('no value looks fresh', async () => (await page.locator('.value.is-good').count()) === 0);
    await picture(page, 'connection-lost-light');
    await demo.start();
    await page.getByText(/alarms? came meanwhile\.|No alarm came meanwhile\./).waitFor({ timeout: 60_000 });
    await until('live values', async () => (await page.locator('.value.is-good').count()) > 10);
    expect(await page.locator('[data-link]').getAttribute('data-link')).toBe('live');
  });

  it('draws the trend of a real point with its gap', async () => {
    await page.goto(`${demo.address}/#/explore/fm-01/flow`);
    await page.locator('.trend canvas').waitFor();
    await page.getByText('Values as a table').click();
    await until('values', async () => (await page.locator('.trend-table tbody tr').count()) > 3);
    await page.getByText('Values as a table').click();
    await picture(page, 'trend-light');
  });

  it('has nothing serious for assistive technology in either theme, on desk and phone', async () => {
    const findings: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const)
      for (const phone of [false, true]) {
        const one = await openBrowser({ colorScheme, ...(phone ? { width: 390, height: 844, touch: true } : {}) });
        const view = await one.context.newPage();
        await signIn(view, demo.address, CHOSEN_PASSWORD);
        await view.locator('.reading-row').first().waitFor();
        const size = phone ? 'phone' : 'desk';
        for (const where of ['overview', 'alarms', 'explore/tn-air-2/co', 'devices/fm-01', 'settings']) {
          await view.goto(`${demo.address}/#/${where}`);
          await view.locator('.panel').first().waitFor();
          findings.push(
            ...(await accessibilityFindings(view)).map((found) => `${colorScheme} ${size} ${where}: ${found}`),
          );
          if (colorScheme === 'dark' || phone) await picture(view, `${where.split('/')[0]}-${size}-${colorScheme}`);
        }
        await one.close();
      }
    expect(findings).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
