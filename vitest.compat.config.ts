import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/compat/*.test.ts'],
    // Takes minutes and Node 22: `npm run conformance`.
    exclude: process.env.CONFORMANCE === undefined ? ['test/compat/conformance.test.ts'] : [],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
