import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The tests that `npm test` runs in a shorter form, in full length. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    env: { SOAK: '1' },
    exclude: ['test/compat/**'],
    include: [
      'test/chaos/*.test.ts',
      'test/app/features.test.ts',
      'test/core/**/*.model.test.ts',
      'test/docs/picture.test.ts',
      'test/e2e/{bad-ledger,cancel-disconnect,redis,repeats,separate,sigkill-table}.test.ts',
      'test/http/idle.test.ts',
      'test/http/replicas.test.ts',
      // With the proxy in a process of its own.
      'test/wrap/{*,relay/*}.test.ts',
    ],
  },
});
