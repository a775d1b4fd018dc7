/**
 * No check of the verifier is dead, and no region of the matrix idle: with a check taken out, some case has another
 * outcome. All of them with FULL=1; otherwise a few, so that the table of mutants and the low limits stay right.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { tinyFiles } from '../sealed-kit.ts';
import { listMutants, MutantWorkshop, sourcesUnder, staleRedundant } from './mutants.ts';
import { outcomeOf, soundKit, type Verify } from './tamper-cases.ts';
import { wholeMatrix } from './tamper-matrix.ts';
import { regions, type Region } from './tamper-regions.ts';

const full = process.env['FULL'] === '1';

/** Writers, and what renders: they refuse mistakes of their callers, not bytes of a kit. */
const noReaders = ['canonical-json', 'digest', 'refusal', 'release', 'seek-table', 'stored-gzip', 'ustar'].map((name) => `src/bytes/${name}.ts`);
/** Their cases are not in the matrix, but in tests of their own. */
const elsewhere = ['artifacts', 'attestations', 'attested', 'release-log', 'revocations', 'signing-keys'].map((name) => `src/kit/verify/${name}.ts`);
const sources = sourcesUnder('src/bytes', 'src/kit/verify').filter((file) => !noReaders.includes(file) && !elsewhere.includes(file));

const workshop = new MutantWorkshop();
const cases = await wholeMatrix();
const mutants = listMutants([...sources, 'src/kit/kit-entries.ts', 'src/kit/public-key.ts']);

afterAll(() => workshop.close());

test('the table of mutants is of the sources as they are', () => {
  expect(mutants.length).toBeGreaterThan(100);
  expect(staleRedundant()).toEqual([]);
});

test('with low limits and nothing taken out, the verifier says what the matrix says', async () => {
  const verify = await workshop.load();
  expect(await outcomeOf({ ...(await soundKit(await tinyFiles())), options: {} }, verify)).toBe('accepted');
  const found: string[] = [];
  for (const one of cases) found.push(`${one.name}: ${await outcomeOf(one, verify)}`);
  expect(found).toEqual(cases.map(({ name, code }) => `${name}: ${code}`));
});

/** Regions in which the verifier says something else than the matrix; ends with the first of them unless `all` are wanted. */
async function regionsThatDiffer(verify: Verify, all: boolean): Promise<Region[]> {
  const differ: Region[] = [];
  for (const one of cases) {
    if ((await outcomeOf(one, verify)) === one.code) continue;
    differ.push(one.region);
    if (!all) break;
  }
  return differ;
}

describe('without this check some case has another outcome', { timeout: 120_000 }, () => {
  const noticed = new Set<Region>();

  test.each(mutants.filter((_, index) => full || index % 40 === 3))('$name', async (mutant) => {
    const regionsHit = await regionsThatDiffer(await workshop.load(mutant), full);
    expect(regionsHit).not.toEqual([]);
    for (const region of regionsHit) noticed.add(region);
  });

  // JWS header, JWS signature, the manifest's own word and the signature of the file: four checks stand behind the key.
  test.runIf(full)('and every region but "wrong key" has a case that one check alone stands for', () => {
    expect((Object.keys(regions) as Region[]).filter((region) => !noticed.has(region))).toEqual(['wrong key']);
  });
});
