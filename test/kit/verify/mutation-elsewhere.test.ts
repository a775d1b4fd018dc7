/**
 * The same for the checks whose cases are not in the matrix: of attestations, certificates, revocations and the release
 * log. With a check taken out, one of their own tests is red. With FULL=1 only, since each is a run of its own.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listMutants, staleRedundant } from './mutants.ts';

const root = join(import.meta.dirname, '../../..');
const full = process.env['FULL'] === '1';

/** Sources → the tests that are about them. */
const groups: readonly { readonly sources: readonly string[]; readonly tests: readonly string[] }[] = [
  { sources: ['src/kit/verify/artifacts.ts'], tests: ['test/kit/verify/artifacts.test.ts'] },
  { sources: ['src/kit/verify/attestations.ts', 'src/kit/verify/attested.ts'], tests: ['test/kit/verify/attestations.test.ts'] },
  { sources: ['src/kit/verify/revocations.ts', 'src/kit/verify/signing-keys.ts'], tests: ['test/kit/verify/signing-keys.test.ts'] },
  { sources: ['src/kit/certificates/certificate.ts', 'src/kit/certificates/trusted-root.ts', 'src/kit/certificates/verify-certificate.ts'], tests: ['test/kit/certificates', 'test/kit/verify/signing-keys.test.ts'] },
  { sources: ['src/kit/verify/release-log.ts', 'src/kit/log/checkpoint.ts', 'src/kit/log/trusted-log.ts', 'src/kit/log/consistency.ts', 'src/kit/log-state.ts'], tests: ['test/kit/verify/release-log.test.ts', 'test/kit/log', 'test/kit/log-state.test.ts'] },
];
const mutants = groups.flatMap(({ sources, tests }) => listMutants(sources).map((mutant) => ({ ...mutant, tests })));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mutation-'));
});

afterAll(() => rm(folder, { recursive: true }));

test('there are checks to take out', () => {
  for (const { sources } of groups) expect(listMutants(sources).length).toBeGreaterThan(0);
  expect(staleRedundant()).toEqual([]);
});

/** Runs tests on the sources of this checkout, one of them replaced; true when they are all green. */
async function areGreen(tests: readonly string[], replaced?: { readonly file: string; readonly source: string }): Promise<boolean> {
  const config = join(folder, 'vitest.config.mjs');
  const plugin = replaced === undefined ? '' : `{ name: 'mutant', enforce: 'pre', load: (id) => (id === ${JSON.stringify(join(root, replaced.file))} ? ${JSON.stringify(replaced.source)} : undefined) }`;
  await writeFile(config, `export default { root: ${JSON.stringify(root)}, plugins: [${plugin}], test: { isolate: false, bail: 1, maxWorkers: 1 } };`);
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', config, ...tests], { cwd: root }, (error) => resolve(error === null));
  });
}

describe.runIf(full)('one of its own tests is red', { timeout: 120_000 }, () => {
  test.each(groups)('and all are green with nothing taken out: $tests', async ({ tests }) => {
    expect(await areGreen(tests)).toBe(true);
  });

  test.each(mutants)('$name', async ({ tests, file, source }) => {
    expect(await areGreen(tests, { file, source })).toBe(false);
  });
});
