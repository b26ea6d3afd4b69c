import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

export default defineConfig({
  ...base,
  test: {
    ...base.test,
    // The commands of the documents are here, too: some of them start packages of test/compat.
    include: ['test/compat/*.test.ts', 'test/docs/commands.test.ts'],
    // Takes minutes and Node 22: `npm run conformance`.
    exclude: process.env.CONFORMANCE === undefined ? ['test/compat/conformance.test.ts'] : [],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
