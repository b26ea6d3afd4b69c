import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { 'mcp-once': fileURLToPath(new URL('./src/index.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.test.ts'],
    // Needs packages of its own: `npm run test:compat`.
    exclude: ['test/compat/**'],
    // Most of a test's time is spent waiting for processes: more files at a time than there are cores.
    maxWorkers: 3,
    // A condition holds as soon as its event has happened. The limit is for a busy machine, not for the product.
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['src/core/**'],
      thresholds: {
        'src/core/key/**': { lines: 95 },
        'src/core/ledger/**': { lines: 95 },
        'src/core/call/**': { lines: 95 },
      },
    },
  },
});
