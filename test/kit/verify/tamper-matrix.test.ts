/** The tamper matrix: every region of a kit, as it is and under signatures made anew, is refused with its own code. */
import { expect, test } from 'vitest';
import { verifyKit } from '../../../src/kit/verify/verify-kit.ts';
import { kitPaths, type KitManifest } from '../../../src/contract/kit-format.ts';
import { splitTar, tinyFiles } from '../sealed-kit.ts';
import { wrongFileValues, wrongValues } from './manifest-tampering.ts';
import { outcomeOf, soundKit } from './tamper-cases.ts';
import { wholeMatrix } from './tamper-matrix.ts';
import { levels, regions, type Region } from './tamper-regions.ts';

const all = await wholeMatrix();
const cases = all.filter(({ lowered }) => !lowered);

test('the kit is accepted before anything is done to it', async () => {
  expect(await outcomeOf({ ...(await soundKit(await tinyFiles())), options: {} }, verifyKit)).toBe('accepted');
});

test.each(Object.keys(regions) as Region[])('%s', async (region) => {
  const ofRegion = cases.filter((one) => one.region === region);
  const found = await Promise.all(ofRegion.map(async (one) => `${one.name}: ${await outcomeOf(one, verifyKit)}`));
  expect(found).toEqual(ofRegion.map(({ name, code }) => `${name}: ${code}`));
});

test('every region has a case at each level that it has a code for', async () => {
  const missing = Object.entries(regions).flatMap(([region, codes]) => codes.flatMap((code, level) => (code === null || all.some(({ name }) => name.startsWith(`${region}: `) && name.endsWith(`(${levels[level]})`)) ? [] : [`${region}, ${levels[level]}`])));
  expect(missing).toEqual([]);
});

test('every field of the manifest and of its records has a case', async () => {
  const { tar } = await soundKit(await tinyFiles());
  const manifest = JSON.parse(splitTar(tar).find(({ path }) => path === kitPaths.manifest)!.bytes.toString()) as KitManifest;
  const fields = Object.entries(manifest).flatMap(([key, value]) => (typeof value === 'object' && !Array.isArray(value) ? [key, ...Object.keys(value as object).map((inner) => `${key}.${inner}`)] : [key]));
  expect(Object.keys(wrongValues).sort()).toEqual(fields.sort());
  expect(Object.keys(wrongFileValues).sort()).toEqual(Object.keys(manifest.files[0]!).sort());
});
