import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SlowFirst } from './test/support/slow-first.ts';

export default defineConfig({
  resolve: {
    alias: {
      'mcp-once/testing': fileURLToPath(new URL('./src/testing.ts', import.meta.url)),
      'mcp-once': fileURLToPath(new URL('./src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Packages of their own: `npm run test:compat`. Processes, clocks and stores that fail: `npm run test:soak`.
    exclude: ['test/compat/**', 'test/chaos/**'],
    // Makes the bundle that tests start processes from.
    globalSetup: ['test/support/bundle.ts'],
    // Files share the modules of a worker: loading them again for each file takes longer than many files' tests.
    isolate: false,
    // Most of a test's time is spent waiting for processes: more files at a time than there are cores.
    maxWorkers: 4,
    sequence: { sequencer: SlowFirst },
    // These limits end a test that hangs. They are no bounds for the product or for the machine.
    expect: { poll: { timeout: 240_000 } },
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
