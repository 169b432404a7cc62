import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OpenBrowser, openBrowser } from '../support/browser.ts';
import { FakeApi } from '../support/fake-api.ts';
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

/** First content must be on the screen after this. */
const FIRST_CONTENT_MS = 1_000;

const BURST = {
  id: 'burst-1',
  asset: 'fm-07',
  point: 'fm-07/flow',
  priority: 1,
  message: 'Suspected burst: inflow 66 m³/h above expected. DMA 07 Binhu East, since 02:57. Close V-0716.',
  response: '1. Call the crew on duty.\n2. Close valve V-0716.',
  value: 164,
  setpoint: 157,
  unit: 'm3/h',
} as const;

/** The page alone, against a stand-in for the gateway that fails at a word. */
describeWithPeers(['chromium'], 'the page', () => {
  const api = new FakeApi({ password: 'printed-once-0815' });
  let browser: OpenBrowser;
  let page: Page;
  let complaints: string[];
  let tones: () => Promise<number>;

  beforeAll(async () => {
    buildPage();
    await api.start();
    browser = await openBrowser();
    page = await browser.context.newPage();
    complaints = complaintsOf(page);
    tones = await countTones(page);
  });

  afterAll(async () => {
    await browser?.close();
    await api.stop();
  });

  /** Findings of what a key opens, which Escape closes. */
  const accessibilityOf = async (key: string) => {
    await page.keyboard.press(key);
    await page.getByRole('dialog').waitFor();
    const findings = await accessibilityFindings(page);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    return findings;
  };
  const digitsOf = (point: string) => page.locator(`a.reading-row[href$="${point}"] .digits`).first().textContent();

  it('shows first content within a second, and nothing of the site before sign-in', async () => {
    await page.goto(api.url);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    // The first navigation also starts the browser itself, which is not ours.
    // A machine that is busy with other things only ever makes it later: the best of a few is the page's own.
    let paintMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 5 && paintMs >= FIRST_CONTENT_MS; tries++) {
      await page.reload();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      const paint = () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime;
      paintMs = Math.min(paintMs, await until('the first paint', () => page.evaluate(paint)));
    }
    expect(paintMs).toBeLessThan(FIRST_CONTENT_MS);
    await page.getByText('Gateway reachable').waitFor();
    expect(await page.textContent('body')).not.toMatch(/Kaizhou|开州|alarm/i);
  });

  it('refuses a wrong password in words', async () => {
    await signIn(page, api.url, 'wrong');
    await page.getByText('User name or password is wrong.').waitFor();
  });

  it('sets the administrator on the first run and opens the overview', async () => {
    await setUp(page, api.url, 'printed-once-0815');
    expect(api.password).toBe(CHOSEN_PASSWORD);
    await page.locator('.reading-row').first().waitFor();
    expect(await page.locator('[data-link]').getAttribute('data-link')).toBe('live');
  });

  it('shows a value change without asking again', async () => {
    const before = await digitsOf('fm-01/flow');
    const asked = api.requests.length;
    await until('another value', async () => (await digitsOf('fm-01/flow')) !== before);
    expect(api.requests.slice(asked)).toEqual([]);
  });

  it('hears and shows an alarm that arrives', async () => {
    await page.locator('h1').click();
    api.fail('fm-07/flow', 66);
    api.raise(BURST);
    await page.getByRole('link', { name: /Suspected burst/ }).waitFor();
    await until('a tone', async () => (await tones()) > 0);
    expect(await page.locator('.sound-button').getAttribute('data-sound')).toBe('ringing');
    expect(await page.locator('[role=alert]').first().textContent()).toContain('Suspected burst');
    expect(await page.getByRole('status', { name: 'Open alarms by priority' }).textContent()).toContain('1 new');
  });

  it('goes silent for five minutes on one press and says so', async () => {
    await page.locator('.sound-button').click();
    await page.getByText(/Silenced \d:\d\d/).waitFor();
    const before = await tones();
    await page.goto(`${api.url}/#/alarms`);
    expect(await tones()).toBe(before);
  });

  it('acknowledges by keyboard, and a second tab on the same stream shows it', async () => {
    const second = await browser.context.newPage();
    const others = complaintsOf(second);
    await second.goto(`${api.url}/#/alarms`);
    await second.locator(`tr[data-alarm="${BURST.id}"]`).waitFor();
    const streams = api.requests.filter((request) => request === 'GET /live').length;
    await page.bringToFront();
    await page.locator('main').click({ position: { x: 300, y: 600 } });
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('a');
    await second.locator(`tr[data-alarm="${BURST.id}"][data-state="acknowledged"]`).waitFor();
    await page.locator(`tr[data-alarm="${BURST.id}"][data-state="acknowledged"]`).waitFor();
    expect(streams).toBe(1);
    expect(others).toEqual([]);
    await second.close();
  });

  it('shows what to do and the journal beside the alarm', async () => {
    await page.goto(`${api.url}/#/alarms/${BURST.id}`);
    const details = page.getByRole('region', { name: 'Details' });
    await details.getByText('Close valve V-0716').waitFor();
    await details.getByText('Acknowledged').first().waitFor();
    await details.locator('.journal').getByText('admin').first().waitFor();
    await details.locator('canvas').waitFor();
  });

  it('is shelved with a time and a reason, commented and taken out of service from its details', async () => {
    api.raise({ id: 'door-1', asset: 'bs-042', priority: 3, message: 'Door open. BS-042.', state: 'acknowledged' });
    await page.goto(`${api.url}/#/alarms/door-1`);
    const details = page.getByRole('region', { name: 'Details' });
    await details.getByRole('heading', { name: 'Door open' }).waitFor();
    await page.keyboard.press('c');
    await details.getByRole('textbox', { name: 'Comment' }).fill('Painter on site, <b>until</b> noon');
    await details.getByRole('form').getByRole('button', { name: 'Comment' }).click();
    await details.locator('.journal').getByText('Painter on site, <b>until</b> noon').waitFor();
    await details.getByRole('button', { name: /^Shelve/ }).click();
    const shelve = details.getByRole('button', { name: 'Shelve for 2 h' });
    expect(await shelve.isDisabled()).toBe(true);
    await details.getByRole('textbox', { name: 'Reason' }).fill('Painting');
    await shelve.click();
    await page
      .locator('tr[data-alarm="door-1"]')
      .getByText(/^Shelved until \d\d:\d\d$/)
      .waitFor();
    await details.getByRole('button', { name: 'Unshelve' }).click();
    await page.locator('tr[data-alarm="door-1"]').getByText('Shelved').waitFor({ state: 'detached' });
    await details.getByRole('button', { name: 'Out of service' }).click();
    await details.getByRole('textbox', { name: 'Reason' }).fill('Lock is replaced');
    await details.getByRole('form').getByRole('button', { name: 'Out of service' }).click();
    await details.getByRole('button', { name: 'Back in service' }).waitFor();
    expect(api.journal.filter(({ alarm }) => alarm === 'door-1').map(({ event }) => event)).toEqual([
      'raise',
      'acknowledge',
      'comment',
      'shelve',
      'unshelve',
      'out-of-service',
    ]);
  });

  it('shows what a root alarm explains, and leads from a suppressed one to its root', async () => {
    api.raise({ id: 'root-1', rule: 'lc-0187#dead', asset: 'lc-0187', priority: 2, message: 'Cabinet dead. LC-0187.' });
    for (const lamp of ['a', 'b'])
      api.raise({
        id: `lamp-${lamp}`,
        asset: `lamp-${lamp}`,
        priority: 3,
        message: `Lamp ${lamp} out. Kaizhou Avenue.`,
        holds: ['suppressed'],
        explainedBy: 'lc-0187#dead',
      });
    await page.goto(`${api.url}/#/alarms/root-1`);
    const details = page.getByRole('region', { name: 'Details' });
    await details.getByRole('heading', { name: 'Explains 2 alarms' }).waitFor();
    await details.getByRole('link', { name: /Lamp b out/ }).click();
    await details.getByText('Suppressed, explained by:').waitFor();
    await details.getByRole('link', { name: 'Cabinet dead' }).waitFor();
  });

  it('shows the size of a leak with its interval, what was lost, and inflow against what was expected', async () => {
    const at = Date.now();
    const hour = 3_600_000;
    api.raise({
      id: 'leak-1',
      kind: 'leak',
      asset: 'dma-4',
      priority: 2,
      message: 'Leak, sudden: 12.4 m3/h, 10.1 to 14.7. dma-4, since 03:00. Send a crew.',
      messageZh: '突发漏损：12.4 m³/h。dma-4，始于 03:00。',
      since: new Date(at - 5 * hour).toISOString(),
      evidence: {
        type: 'abrupt',
        zone: 'dma-4',
        size: 12.4,
        interval: [10.1, 14.7],
        lostM3: 62,
        sensors: [{ sensor: 'pt-04', drop: 12 }],
        series: Array.from({ length: 24 }, (_, slot) => [
          new Date(at - (24 - slot) * hour).toISOString(),
          slot === 9 ? null : 40 + slot + (slot > 18 ? 12 : 0),
          40 + slot,
        ]),
      },
    });
    await page.goto(`${api.url}/#/alarms/leak-1`);
    const details = page.getByRole('region', { name: 'Details' });
    await details.getByText('between 10.1 and 14.7').waitFor();
    await details.getByText('62 m³').waitFor();
    await details.getByText('pt‑04').or(details.getByText('pt-04')).first().waitFor();
    await details.getByRole('img', { name: /12 m³\/h too much/ }).waitFor();
  });

  it('has a page of leakage: the open leak with its evidence, every zone, the rate that is shown, and why a figure is absent', async () => {
    await page.goto(`${api.url}/#/leakage`);
    const leak = page.getByRole('region', { name: 'Leak', exact: true });
    await leak.getByRole('heading', { name: 'Harbour' }).waitFor();
    await leak.getByText('10.1 to 14.7 m³/h').waitFor();
    await leak.getByText('lost so far').waitFor();
    await page.getByText('learning, 9 days left').waitFor();
    const zones = page.getByRole('region', { name: 'Zones' });
    await zones.getByText('grade II').waitFor();
    await zones.getByRole('link', { name: 'Anzhen' }).click();
    await page.waitForURL(/#\/leakage\/dma-9$/);
    const figures = page.getByRole('region', { name: 'Figures', exact: true });
    await figures.getByText('no customer meters are configured').waitFor();
    await figures.getByText('outside the limits of the formula: fewer than 3000 connections').waitFor();
    await page.getByRole('button', { name: 'Earlier period' }).click();
    await page.getByText('Oct 2026', { exact: true }).waitFor();
  });

  it('tries another sensitivity on the past and says what would have rung sooner', async () => {
    const panel = page.getByRole('region', { name: 'What if it were keener' });
    await panel.getByRole('combobox', { name: 'Sensitivity' }).selectOption('2');
    await panel.getByRole('button', { name: 'Try it' }).click();
    await panel.getByRole('cell', { name: '12 h sooner' }).waitFor();
    await panel.getByText('Not enough history to learn from: Anzhen').waitFor();
    await panel.getByRole('combobox', { name: 'Sensitivity' }).selectOption('0.5');
    await panel.getByRole('button', { name: 'Try it' }).click();
    await panel.getByRole('cell', { name: 'would not ring' }).first().waitFor();
  });

  it('has a page of how well the alarms work: each figure against its target, and what would help', async () => {
    await page.goto(`${api.url}/#/alarms`);
    await page.getByRole('link', { name: 'Performance' }).click();
    const row = page.getByRole('row', { name: /chattering rules/ });
    await row.getByText('not met').waitFor();
    await page.getByRole('region', { name: 'Chattering' }).getByText('deadband 12.0 kVA: 2 instead of 31').waitFor();
    await page.getByRole('img', { name: '40 alarms, at most 14 in ten minutes' }).waitFor();
    await page.getByRole('combobox', { name: 'Operator group' }).selectOption('power');
    await page.getByRole('link', { name: /^Open/ }).click();
    await page.locator('tr[data-alarm]').first().waitFor();
  });

  it('says above the list that a flood goes on, since when, and what most of it hangs on', async () => {
    api.floods = [
      { id: 'f1', from: new Date().toISOString(), alarms: 23, peak: 23, standing: 5, explained: 40, assets: [] },
    ];
    api.raise({ id: 'flooded-1', asset: 'bs-042', priority: 4, message: 'Humidity in the box. BS-042.', flood: 'f1' });
    await page.getByText(/Flood: 23 alarms since \d\d:\d\d\./).waitFor();
    await page.getByText('40 more did not ring, a root explains them.').waitFor();
  });

  it('jumps by Ctrl K and a few letters to a page, an alarm, a device or a measurement, and keeps the focus in sight', async () => {
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
    const jump = async (typed: string, address: RegExp) => {
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Search' }).fill(typed);
      await page.keyboard.press('Enter');
      await page.waitForURL(address);
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    };
    await jump('perf', /#\/performance$/);
    await expect.poll(focused).toContain('Alarms');
    await jump('fm-03', /#\/devices\/fm-03$/);
    await jump('fm-03 press', /#\/explore\/fm-03\/pressure$/);
    await jump('suspected', /#\/alarms\/burst-1$/);
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search' }).fill('no such thing');
    await page.getByText('Nothing is called “no such thing”.').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await accessibilityOf('Control+k')).toEqual([]);
    expect(await accessibilityOf('?')).toEqual([]);
  });

  it('is worked with keys alone: rows carry the focus, details take it, Escape gives it back, and two keys never press one', async () => {
    const focused = () =>
      page.evaluate(() => document.activeElement?.closest('[data-alarm]')?.getAttribute('data-alarm'));
    await page.goto(`${api.url}/#/overview`);
    api.raise({ id: 'keys-1', asset: 'bs-042', priority: 1, message: 'Water in the cable trench. BS-042.' });
    await page.locator('.annunciator').getByText('1 new').first().waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('a');
    await page.locator('tr[data-alarm="keys-1"]').waitFor();
    expect(await page.locator('tr[data-alarm="keys-1"]').getAttribute('data-state')).toBe('unacknowledged');
    await page.keyboard.press('ArrowDown');
    await expect.poll(focused).toBe('keys-1');
    await page.keyboard.press('Enter');
    await page.locator('.details h2:focus').getByText('Water in the cable trench').waitFor();
    await page.keyboard.press('h');
    await page.locator('.ask textarea:focus').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.details h2:focus').waitFor();
    await page.keyboard.press('a');
    await page.locator('tr[data-alarm="keys-1"][data-state="acknowledged"]').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(focused).toBe('keys-1');
    // An alarm that leaves the list hands its place on.
    api.change('keys-1', { state: 'normal', active: false });
    await page.locator('tr[data-alarm="keys-1"]').waitFor({ state: 'detached' });
    await expect.poll(focused).toBe(await page.locator('tr[data-alarm]').first().getAttribute('data-alarm'));
    await page.keyboard.press('s');
    await page.locator('.sound-button[data-sound=silenced]').focus();
    await page.keyboard.press('Enter');
    await page.locator('[role=menuitem]:focus').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.sound-button:focus').waitFor();
  });

  it('zooms a trend by dragging, asks the gateway for finer slots, and goes back by a double click', async () => {
    await page.goto(`${api.url}/#/explore/fm-07/pressure`);
    const plot = page.locator('.u-over');
    await plot.waitFor();
    const box = await plot.boundingBox();
    if (box === null) throw new Error('no plot');
    const asked = api.requests.length;
    await page.mouse.move(box.x + box.width * 0.3, box.y + 80);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 90, { steps: 6 });
    await page.mouse.up();
    await page.getByRole('button', { name: 'Back to live' }).waitFor();
    await until('finer slots', async () => api.requests.slice(asked).includes('GET /points/fm-07/pressure/readings'));
    await page.mouse.dblclick(box.x + box.width * 0.5, box.y + 90);
    await page.getByRole('button', { name: 'Back to live' }).waitFor({ state: 'detached' });
  });

  it('says that the connection is lost, greys every value, and tells what came meanwhile', async () => {
    await page.goto(`${api.url}/#/overview`);
    await page.locator('.reading-row').first().waitFor();
    await api.stop();
    await page.getByText(/Connection lost \d\d:\d\d ago\./).waitFor();
    await page.getByText(/Values are from \d\d:\d\d:\d\d\./).waitFor();
    await page.getByText(/Next try in \d+ s\.|Trying now\./).waitFor();
    expect(await page.locator('.reading-row .value:not(.is-stale):not(.is-bad)').count()).toBe(0);
    api.raise({
      id: 'missed-1',
      asset: 'lc-0187',
      priority: 2,
      message: 'Phase B lost on circuit 5, 41 lamps. LC-0187.',
    });
    await api.start();
    await page
      .getByRole('button', { name: 'Try now' })
      .click()
      .catch(() => undefined);
    await page.getByText('1 alarm came meanwhile.').waitFor({ timeout: 40_000 });
    await until('live values', async () => (await page.locator('.reading-row .value.is-stale').count()) === 0);
    await page.getByRole('button', { name: 'Show' }).click();
    await page.locator('tr[data-alarm="missed-1"]').waitFor();
  });

  it('says on every page what can not be had while the gateway is away, goes on by itself, and keeps what was typed', async () => {
    const open = async (where: string) => {
      const tab = await browser.context.newPage();
      await tab.goto(`${api.url}/#/${where}`);
      await tab.locator('[data-link=live]').waitFor();
      return tab;
    };
    const form = await open(`alarms/${BURST.id}`);
    const details = form.getByRole('region', { name: 'Details' });
    await details.getByRole('button', { name: 'Comment' }).click();
    await details.getByRole('textbox', { name: 'Comment' }).fill('Crew 2 is on its way.');
    const others = [
      { tab: await open('overview'), to: '#/performance', failed: 'It is asked for by itself', came: '.target-table' },
      { tab: await open('overview'), to: '#/leakage', failed: 'It is asked for by itself', came: '.balance-table' },
      { tab: await open('overview'), to: '#/explore/fm-03/flow', failed: 'No connection, so no', came: 'canvas' },
    ];
    await api.stop();
    await form.getByText(/Connection lost \d\d:\d\d ago\./).waitFor();
    await details.locator('form').getByRole('button', { name: 'Comment' }).click();
    await details.getByText('Not done: The gateway does not answer.').waitFor();
    for (const { tab, to, failed } of others) {
      await tab.evaluate((hash) => {
        location.hash = hash;
      }, to);
      await tab.getByText(failed).first().waitFor();
    }
    await api.start();
    // Only sooner: the next try comes by itself.
    await form
      .getByRole('button', { name: 'Try now' })
      .click({ timeout: 2_000 })
      .catch(() => undefined);
    for (const { tab, failed, came } of others) {
      await tab.locator(`main ${came}`).first().waitFor();
      await tab.getByText(failed).first().waitFor({ state: 'detached' });
      await tab.close();
    }
    await details.locator('form').getByRole('button', { name: 'Comment' }).click();
    await details.locator('.journal').getByText('Crew 2 is on its way.').waitFor();
    await form.close();
  });

  it('says that nobody can tell who is signed in, or that the lists did not come, until they do', async () => {
    api.refused.add('GET /session');
    await page.reload();
    await page.getByRole('heading', { name: 'The gateway does not answer.' }).waitFor();
    api.refused.add('GET /alarms');
    api.refused.delete('GET /session');
    await page.getByText('Alarms and devices did not come.').waitFor();
    api.refused.clear();
    await page.locator('tr[data-alarm]').first().waitFor();
    await page.getByText('Alarms and devices did not come.').waitFor({ state: 'detached' });
  });

  it('writes what a device calls itself as text', async () => {
    api.raise({
      id: 'evil-1',
      asset: '<img src=x onerror=alert(1)>',
      location: '<b>x</b>',
      priority: 4,
      message: '<script>document.title="gone"</script>.',
    });
    await page.getByRole('link', { name: '<script>document' }).waitFor();
    expect(await page.title()).toMatch(/^\(\d+\) Hanfeng$/);
    expect(await page.locator('main img, main script').count()).toBe(0);
  });

  it('keeps every alarm state and quality apart for assistive technology, in both themes and on a phone', async () => {
    api.uncertain.add('fm-03/flow');
    api.bad.set('pl-0305/pressure', 'timeout');
    api.mute('pl-0901/pressure');
    api.raise({
      id: 'rtn-1',
      asset: 'tn-03',
      priority: 2,
      state: 'rtn-unacknowledged',
      active: false,
      message: 'Sump level was high. Tunnel.',
    });
    api.raise({ id: 'held-1', asset: 'bs-042', priority: 3, holds: ['shelved'], message: 'Winding B warm. BS-042.' });
    api.raise({ id: 'p3-1', asset: 'bs-042', priority: 3, message: 'Box door open. BS-042.' });
    const findings: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const)
      for (const phone of [false, true]) {
        const one = await openBrowser({ colorScheme, ...(phone ? { width: 390, height: 844, touch: true } : {}) });
        const view = await one.context.newPage();
        await view.goto(api.url);
        await view.getByRole('heading', { name: 'Sign in' }).waitFor();
        const check = async (where: string) =>
          findings.push(
            ...(await accessibilityFindings(view)).map(
              (found) => `${colorScheme} ${phone ? 'phone ' : ''}${where}: ${found}`,
            ),
          );
        await check('sign-in');
        await signIn(view, api.url, CHOSEN_PASSWORD);
        await view.locator('.reading-row').first().waitFor();
        for (const where of [
          'overview',
          'alarms',
          `alarms/${BURST.id}`,
          'alarms/leak-1',
          'explore/fm-07/pressure',
          'devices/fm-07',
          'settings',
          // The wide pages once per theme and once per size: axe takes long over them.
          ...((colorScheme === 'dark') === phone ? ['leakage/dma-9', 'performance'] : []),
        ]) {
          await view.goto(`${api.url}/#/${where}`);
          await view.locator('.panel').first().waitFor();
          await check(where);
          // 320 px is what 200 % zoom leaves of a small window.
          if (phone) await view.setViewportSize({ width: 320, height: 700 });
          // A chart takes its new width a moment after the window has it.
          await expect
            .poll(
              () =>
                view.evaluate(() =>
                  Math.max(
                    document.documentElement.scrollWidth - innerWidth,
                    ...[...document.querySelectorAll('main')].map((main) => main.scrollWidth - main.clientWidth),
                  ),
                ),
              { message: `${where} scrolls sideways` },
            )
            .toBeLessThanOrEqual(0);
          if (phone) await view.setViewportSize({ width: 390, height: 844 });
        }
        await one.close();
      }
    expect(findings).toEqual([]);
    // A bound, not an expectation: axe over four browsers on a machine that does ten other things.
  }, 600_000);

  it('draws the district of its own data alone, by keyboard and in both themes', async () => {
    api.places.set('fm-07', { latitude: 31.166, longitude: 108.418 });
    for (const [index, id] of ['fm-01', 'fm-03', 'pl-0712', 'lc-0231', 'tn-03', 'bs-042'].entries())
      api.places.set(id, { latitude: 31.16 + (index % 3) * 0.004, longitude: 108.4 + index * 0.003 });
    api.map = {
      zones: [{ zone: 'dma-7', name: 'Binhu East', nameZh: '滨湖东', devices: ['fm-07', 'pl-0712'] }],
      assets: [],
    };
    const findings: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      const one = await openBrowser({ colorScheme });
      const view = await one.context.newPage();
      const wrong = complaintsOf(view);
      const elsewhere: string[] = [];
      view.on('request', (request) => {
        if (!request.url().startsWith(api.url)) elsewhere.push(request.url());
      });
      await signIn(view, api.url, CHOSEN_PASSWORD);
      const map = view.getByRole('region', { name: 'District map' });
      const burst = map.locator('.map-mark[data-asset="fm-07"]');
      await burst.waitFor();
      await map.getByText('Suspected burst').first().waitFor();
      // Where the glyph is drawn is where the map has it: inside, and apart from the others.
      const field = await map.locator('.map-field').boundingBox();
      const glyph = await burst.boundingBox();
      expect(glyph?.x).toBeGreaterThan(field?.x ?? Number.POSITIVE_INFINITY);
      expect((glyph?.x ?? 0) + (glyph?.width ?? 0)).toBeLessThan((field?.x ?? 0) + (field?.width ?? 0));
      findings.push(...(await accessibilityFindings(view)).map((found) => `${colorScheme}: ${found}`));
      await map.getByRole('button', { name: 'Water' }).click();
      await burst.waitFor({ state: 'detached' });
      await map.getByRole('button', { name: 'Water' }).click();
      await burst.focus();
      await view.keyboard.press('Enter');
      await view.locator('.details h2, .details h3').first().waitFor();
      expect(view.url()).toContain(`alarms/${BURST.id}`);
      await view.keyboard.press('m');
      await view.waitForURL(/overview\/fm-07/);
      await map.locator('.map-here').waitFor();
      expect(elsewhere).toEqual([]);
      expect(wrong).toEqual([]);
      await one.close();
    }
    expect(findings).toEqual([]);
  });

  it('is a wall on request: one screen, nothing to press, nothing under 16 px, and back by two keys', async () => {
    const findings: string[] = [];
    for (const { width, height, zoom } of [
      { width: 1920, height: 1080, zoom: 1.4 },
      { width: 3840, height: 2160, zoom: 2 },
    ]) {
      const one = await openBrowser({ width, height, colorScheme: width > 2000 ? 'light' : 'dark' });
      const view = await one.context.newPage();
      const wrong = complaintsOf(view);
      await signIn(view, `${api.url}/?kiosk=wall`, CHOSEN_PASSWORD);
      await view.locator('.wall-classes .reading-row .digits').first().waitFor();
      if (api.places.size > 0) await view.locator('.map-mark').first().waitFor();
      expect(await view.locator('.rail, .range, .jump-button, .map-buttons, .map-layers, .more').count()).toBe(0);
      await view.locator('.clock').waitFor();
      expect(await view.locator('main .panel').count()).toBeLessThanOrEqual(12);
      const seen = await view.evaluate(() => {
        const app = document.querySelector('.app') as HTMLElement;
        const main = document.querySelector('main') as HTMLElement;
        const walker = document.createTreeWalker(app, NodeFilter.SHOW_TEXT);
        const small: string[] = [];
        for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
          const element = node.parentElement as Element;
          const { width: wide, height: high } = element.getBoundingClientRect();
          // The digit of a glyph is a part of its shape.
          if (!node.textContent?.trim() || wide < 2 || high < 2 || element.closest('.glyph, .unseen, .skip') !== null)
            continue;
          const scale =
            element instanceof SVGGraphicsElement
              ? (element.getScreenCTM()?.a ?? 1)
              : ((element as { currentCSSZoom?: number }).currentCSSZoom ?? 1);
          const size = Number.parseFloat(getComputedStyle(element).fontSize) * scale;
          if (size < 16) small.push(`${node.textContent.trim()} ${size.toFixed(1)} px`);
        }
        return {
          zoom: Number.parseFloat(getComputedStyle(app).zoom),
          small,
          below: Math.max(document.documentElement.scrollHeight - innerHeight, main.scrollHeight - main.clientHeight),
          beside: document.documentElement.scrollWidth - innerWidth,
        };
      });
      expect(seen).toEqual({ zoom, small: [], below: 0, beside: 0 });
      findings.push(...(await accessibilityFindings(view)).map((found) => `${width}: ${found}`));
      // Both at once: a busy machine must not take longer between two keys than a person.
      const toggle = () =>
        view.evaluate(() => {
          for (const key of ['d', 'k'])
            document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
        });
      await toggle();
      await view.locator('.rail').waitFor();
      expect(view.url()).not.toContain('kiosk');
      await toggle();
      await view.locator('.rail').waitFor({ state: 'detached' });
      expect(view.url()).toContain('kiosk=wall');
      expect(wrong).toEqual([]);
      await one.close();
      // The larger one, and the tests after this one, without a map: so many dots drawn in software take long.
      api.places.clear();
    }
    expect(findings).toEqual([]);
  });

  it('shows everything else where a browser has no WebGL', async () => {
    api.places.set('fm-07', { latitude: 31.166, longitude: 108.418 });
    const one = await openBrowser();
    const view = await one.context.newPage();
    const asked: string[] = [];
    view.on('request', (request) => asked.push(request.url()));
    await view.addInitScript(() => {
      HTMLCanvasElement.prototype.getContext = () => null;
    });
    await signIn(view, api.url, CHOSEN_PASSWORD);
    await view.getByText('No map: this browser has no WebGL.').waitFor();
    await view.locator('.reading-row').first().waitFor();
    await view.locator('.open-alarms .alarm-brief').first().waitFor();
    expect(asked.filter((url) => /engine|maplibre/.test(url))).toEqual([]);
    await one.close();
    api.places.clear();
  });

  it('stands still for people who asked for less motion', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.goto(`${api.url}/#/alarms`);
    await page.locator('.lamp-unacknowledged .moves').first().waitFor({ state: 'attached' });
    const moving = await page.evaluate(
      () => document.getAnimations().filter(({ playState }) => playState === 'running').length,
    );
    expect(moving).toBe(0);
  });

  it('speaks Chinese on request, in every tab, and remembers it', async () => {
    await page.goto(`${api.url}/#/settings`);
    await page.getByRole('radio', { name: '简体中文' }).check({ force: true });
    await page.getByRole('heading', { name: '外观' }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
    await page.goto(`${api.url}/#/alarms/leak-1`);
    await page.getByRole('heading', { name: '突发漏损' }).waitFor();
    await page.goto(`${api.url}/#/settings`);
    await page.reload();
    await page.getByRole('heading', { name: '外观' }).waitFor();
  });

  it('goes back to the sign-in page when the session ends, and keeps nothing on the screen', async () => {
    await page.getByRole('button', { name: '退出登录' }).click();
    await page.getByRole('heading', { name: '登录' }).waitFor();
    expect(await page.textContent('body')).not.toMatch(/Kaizhou|开州/);
    expect(complaints).toEqual([]);
  });
});
