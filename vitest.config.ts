import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { 'mcp-once': fileURLToPath(new URL('./src/index.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.test.ts'],
    // Takes minutes and Node 22: `npm run conformance`.
    exclude: process.env.CONFORMANCE === undefined ? ['test/e2e/conformance.test.ts'] : [],
    // Most of a test's time is spent waiting for processes: more files at a time than there are cores.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['src/key/**', 'src/ledger/**', 'src/call/**'],
      thresholds: { 'src/key/**': { lines: 95 }, 'src/ledger/**': { lines: 95 }, 'src/call/**': { lines: 95 } },
    },
  },
});
