import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectDebugFiles, type ImageDebugFiles } from '../../src/images/debug-files.ts';
import { id, specimen } from '../bytes/small-elf.ts';
import { makeInputs } from './fake-inputs.ts';

let inputs: Awaited<ReturnType<typeof makeInputs>>;
let found: ImageDebugFiles;

beforeAll(async () => {
  inputs = await makeInputs();
  found = await collectDebugFiles(inputs);
});
afterAll(() => rm(inputs.root, { recursive: true }));

describe('the symbols of the images', () => {
  it('are those that a locked package has under the build-id of an ELF file, for both architectures', async () => {
    expect(found.files).toMatchObject(['amd64', 'arm64'].map((architecture) => ({ architecture, path: 'usr/lib/libm.so.6', package: 'libc6 1:1.0-1', buildId: id.toString('hex'), from: 'libc6-dbg 1:1.0-1' })));
    for (const { file } of found.files) expect((await readFile(file)).equals(specimen({ bits: 64, littleEndian: true }))).toBe(true);
  });

  it('are said to be missing where they are, and why; what is no ELF file is not mentioned', () => {
    expect(found.without).toEqual(['amd64', 'arm64'].map((architecture) => ({ architecture, path: 'usr/lib/libstdc++.so.6', package: 'libstdc++6 1:1.0-1', buildId: null, why: 'it has no GNU build-id' })));
  });

  it('are collected from the cache alone the second time', async () => {
    await rm(inputs.packagesFrom, { recursive: true });
    await rm(`${inputs.cache}/packages`, { recursive: true });
    expect(await collectDebugFiles(inputs)).toEqual(found);
  });
});
