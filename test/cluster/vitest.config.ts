import { defineConfig } from 'vitest/config';

/** One stage, one walk along the runbook: the journeys are in one file, since each goes on from where the one before ended. */
export default defineConfig({
  test: { include: ['test/cluster/*.test.ts'], pool: 'forks', maxWorkers: 1, fileParallelism: false, testTimeout: 300_000, hookTimeout: 300_000, bail: 0, reporters: ['verbose'] },
});
