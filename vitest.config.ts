import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { 'mcp-once': fileURLToPath(new URL('./src/index.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.test.ts'],
    // Most of a test's time is spent waiting for processes: two files at a time, even on two cores.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['src/key/**', 'src/ledger/**', 'src/call/**'],
      thresholds: { 'src/key/**': { lines: 95 }, 'src/ledger/**': { lines: 95 }, 'src/call/**': { lines: 95 } },
    },
  },
});
