import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The coverage of the engine by its own tests. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/core/{key,ledger,call,recognition}/**/*.test.ts'],
    exclude: ['test/core/ledger/*processes*.test.ts'],
    coverage: {
      provider: 'v8',
      include: ['src/core/**'],
      thresholds: {
        'src/core/key/**': { lines: 95 },
        'src/core/ledger/**': { lines: 95 },
        'src/core/call/**': { lines: 95 },
        'src/core/recognition/**': { lines: 95 },
      },
    },
  },
});
