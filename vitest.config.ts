import { defineConfig } from 'vitest/config';

const oxc = { jsx: { runtime: 'automatic' as const, importSource: 'preact' } };

export default defineConfig({
  oxc,
  test: {
    projects: [
      {
        oxc,
        test: {
          name: 'unit',
          include: ['tests/{unit,property,cases,conformance}/**/*.test.{ts,tsx}'],
          testTimeout: 20_000,
        },
      },
      {
        oxc,
        test: {
          name: 'peers',
          include: ['tests/{integration,e2e}/**/*.test.{ts,tsx}'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
