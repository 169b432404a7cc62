import { defineConfig } from 'vitest/config';

const oxc = { jsx: { runtime: 'automatic' as const, importSource: 'preact' } };
/** Bounds, not expectations: a machine that does ten other things at once must not fail a test. */
const expect = { poll: { timeout: 60_000 } };
/** They need the demo's fixed ports, or both cores for themselves: one after another, when nothing else runs. */
const ALONE = ['tests/integration/{demo,simulator-scenarios,modbus-neighbours}.test.ts', 'tests/e2e/web-demo.test.ts'];

export default defineConfig({
  oxc,
  test: {
    projects: [
      {
        oxc,
        test: {
          name: 'unit',
          include: ['tests/{unit,property,cases,conformance}/**/*.test.{ts,tsx}'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect,
          sequence: { groupOrder: 0 },
        },
      },
      {
        oxc,
        test: {
          name: 'peers',
          include: ['tests/{integration,e2e}/**/*.test.{ts,tsx}'],
          exclude: ALONE,
          testTimeout: 240_000,
          hookTimeout: 120_000,
          expect,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        oxc,
        test: {
          name: 'alone',
          include: ALONE,
          testTimeout: 240_000,
          hookTimeout: 120_000,
          expect,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
