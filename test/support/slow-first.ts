import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take the most CPU time, measured with their processes, the slowest first. A slow file that starts last
 * keeps one core waiting for the other.
 */
const slowFiles = [
  'test/wrap/as-they-came.test.ts',
  'test/e2e/sigkill-table.test.ts',
  'test/cli/serve.test.ts',
  'test/wrap/faults.test.ts',
  'test/core/ledger/stores/redis.test.ts',
  'test/e2e/redis.test.ts',
  'test/docs/commands.test.ts',
  'test/e2e/reload.test.ts',
  'test/http/replicas.test.ts',
  'test/e2e/bad-ledger.test.ts',
  'test/e2e/separate.test.ts',
  'test/wrap/attacks.test.ts',
  'test/sandbox/faults.test.ts',
  'test/e2e/shipped-tools.test.ts',
  'test/http/serve-http.test.ts',
  'test/wrap/redis.test.ts',
  'test/wrap/changing.test.ts',
  'test/e2e/cancel-disconnect.test.ts',
  'test/wrap/end-unknown.test.ts',
  'test/openapi/tools/tools.test.ts',
  'test/e2e/lost-answers.test.ts',
  'test/guard/processes.test.ts',
  'test/wrap/relay/neighbours-attacks.test.ts',
  'test/cli/demo.test.ts',
  'test/server/stdio-process.test.ts',
  'test/server/stdio-revisions.test.ts',
  'test/wrap/slow-schema-attacks.test.ts',
  'test/app/features.test.ts',
  'test/e2e/bad-input.test.ts',
  'test/e2e/suspended.test.ts',
  'test/wrap/command.test.ts',
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
