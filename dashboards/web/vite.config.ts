import { resolve } from 'node:path';
import { defineConfig } from 'vite';

/** Where `npm run dev` sends API requests; the gateway must run there. */
const DEV_GATEWAY = process.env.HANFENG_DEV_GATEWAY ?? 'http://127.0.0.1:8080';

export default defineConfig({
  root: import.meta.dirname,
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  build: {
    outDir: resolve(import.meta.dirname, '../../dist/web'),
    emptyOutDir: true,
    // The security policy forbids data: addresses, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    // The map library is one chunk of its own, fetched only where a map is drawn.
    chunkSizeWarningLimit: 1_200,
  },
  server: { host: '127.0.0.1', proxy: { '/api': DEV_GATEWAY, '/healthz': DEV_GATEWAY } },
});
