import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const rank = ({ moduleId }: TestSpecification): string => (moduleId.endsWith('/reproducible.test.ts') ? '1' : '0') + moduleId;

/** By name, so that a log is easy to compare with another; the two cold builds of `reproducible` last. */
class CheapFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  }
}

/** Tests that hand the built kit to other people's tools (`provide`): one at a time, since each starts servers or containers. */
export default defineConfig({
  test: {
    include: ['test/peers/*.test.ts'],
    globalSetup: ['test/peers/harness/build-kit.ts'],
    maxWorkers: 1,
    fileParallelism: false,
    sequence: { sequencer: CheapFirst },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['verbose'],
  },
});
