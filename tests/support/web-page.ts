import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { Page } from 'playwright-core';

const root = resolve(import.meta.dirname, '../..');

/** The password the tests give the administrator on the first run. */
export const CHOSEN_PASSWORD = 'the lake is calm tonight';

/** Builds the page the way `npm run build` does. */
export function buildPage(): void {
  const built = spawnSync(
    process.execPath,
    [resolve(root, 'node_modules/vite/bin/vite.js'), 'build', 'dashboards/web'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  if (built.status !== 0) throw new Error(`vite build failed:\n${built.stdout}\n${built.stderr}`);
}

/** What a page complained about; a test ends by expecting none. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error.stack ?? error)));
  page.on('console', (message) => {
    // Asking who is signed in is answered by 401, and a lost gateway by refused connections: the page says both itself.
    if (
      message.type() === 'error' &&
      !/Failed to load resource|ERR_CONNECTION|ERR_INCOMPLETE|net::/.test(message.text())
    )
      complaints.push(message.text());
  });
  return complaints;
}

/** Counts the tones the page starts, without a loudspeaker. */
export async function countTones(page: Page): Promise<() => Promise<number>> {
  await page.addInitScript(() => {
    const counter = window as unknown as { tones: number };
    counter.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
      counter.tones += 1;
      return start.apply(this, when);
    };
  });
  return () => page.evaluate(() => (window as unknown as { tones: number }).tones);
}

export async function signIn(page: Page, address: string, password: string): Promise<void> {
  await page.goto(address);
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** From the printed password to the overview, as a person does it once. */
export async function setUp(page: Page, address: string, printed: string): Promise<void> {
  await signIn(page, address, printed);
  await page.getByRole('heading', { name: 'Create the administrator' }).waitFor();
  await page.getByLabel('New password').fill(CHOSEN_PASSWORD);
  await page.getByLabel('Time zone of the site').selectOption('Asia/Shanghai');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'First devices' }).waitFor();
  await page.getByRole('button', { name: 'Open the overview' }).click();
  await page.getByRole('link', { name: 'Overview' }).first().waitFor();
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Serious and critical findings of axe-core on what the page shows now. */
export async function accessibilityFindings(page: Page): Promise<readonly string[]> {
  // As text through the debugger: the page's own security policy stays as it is.
  await page.evaluate(readFileSync(AXE, 'utf8'));
  return page.evaluate(async () => {
    interface Finding {
      readonly id: string;
      readonly impact: string;
      readonly help: string;
      readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
    }
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: readonly Finding[] }> } };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, help, nodes }) =>
          `${id}: ${help}\n${nodes
            .slice(0, 4)
            .map(({ target, failureSummary }) => `  ${target.join(' ')}: ${failureSummary}`)
            .join('\n')}`,
      );
  });
}
