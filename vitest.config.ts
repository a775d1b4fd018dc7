import { defineConfig } from 'vitest/config';

/** Tests that need only what `npm ci` brings. Those that need other people's tools: test/peers and test/cluster. */
export default defineConfig({
  test: { include: ['test/**/*.test.ts'], exclude: ['test/peers/**', 'test/cluster/**'], globalSetup: ['test/temporary-files.ts'], isolate: false, maxWorkers: 2, testTimeout: 60_000 },
});
