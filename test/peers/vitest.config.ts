import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const rank = ({ moduleId }: TestSpecification): string => (moduleId.endsWith('/reproducible.test.ts') ? '1' : '0') + moduleId;

/** By name, so that a log is easy to compare with another; the two cold builds of `reproducible` last. */
class CheapFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  }
}

/** What floods, measures or watches this machine as a whole: each has it for itself. */
const alone = [
  'admission-load', 'buffer-disks', 'buffer-power-loss', 'containerd', 'observer-image', 'observer-looks', 'observer-processes', 'observer-source',
  'observer-storm', 'prometheus', 'reproducible',
].map((name) => `test/peers/${name}.test.ts`);

const patience = { testTimeout: 300_000, hookTimeout: 300_000 };

/** Tests that hand the built kit to other people's tools (`provide`). */
export default defineConfig({
  test: {
    globalSetup: ['test/peers/harness/build-kit.ts'],
    sequence: { sequencer: CheapFirst },
    reporters: ['verbose'],
    projects: [
      { test: { ...patience, name: 'together', include: ['test/peers/*.test.ts'], exclude: alone, maxWorkers: 2, sequence: { groupOrder: 0 } } },
      { test: { ...patience, name: 'alone', include: alone, maxWorkers: 1, fileParallelism: false, sequence: { groupOrder: 1 } } },
    ],
  },
});
