import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take the most CPU time, measured with their processes, the slowest first. A slow file that starts last
 * keeps one core waiting for the other.
 */
const slowFiles = [
  'test/wrap/oauth.test.ts',
  'test/e2e/sigkill-table.test.ts',
  'test/e2e/cancel-disconnect.test.ts',
  'test/e2e/reload.test.ts',
  'test/cli/serve.test.ts',
  'test/docs/commands.test.ts',
  'test/e2e/bad-ledger.test.ts',
  'test/e2e/separate.test.ts',
  'test/e2e/redis.test.ts',
  'test/wrap/faults.test.ts',
  'test/wrap/attacks.test.ts',
  'test/http/serve-http.test.ts',
  'test/wrap/changing.test.ts',
  'test/e2e/shipped-tools.test.ts',
  'test/sandbox/faults.test.ts',
  'test/wrap/relay/neighbours-attacks.test.ts',
  'test/core/ledger/stores/redis.test.ts',
  'test/docs/picture.test.ts',
  'test/guard/processes.test.ts',
];

/** Starts the slow files first, also where Vitest has no times of an earlier run. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const index = slowFiles.findIndex((file) => moduleId.endsWith(file));
      return index === -1 ? slowFiles.length : index;
    };
    // The sort is stable: the other files keep the order of Vitest.
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}
