/** The values files of test/golden/values, parsed, and image digests that belong to no image. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseImagesLock } from '../../src/config/parse-images-lock.ts';
import { parseValues } from '../../src/config/parse-values.ts';
import type { Values } from '../../src/config/schema.ts';
import type { ImagesLock } from '../../src/contract/images-lock.ts';

export const goldenFolder = join(import.meta.dirname, '../golden');

export const setNames = ['minimal', 'everything', 'watching', 'stepwise'] as const;
export type SetName = (typeof setNames)[number];

export function readSetText(name: SetName): string {
  return readFileSync(join(goldenFolder, 'values', `${name}.yaml`), 'utf8');
}

export function readSet(name: SetName): Values {
  return parseValues(readSetText(name), `${name}.yaml`);
}

export const placeholderImages: ImagesLock = parseImagesLock(readFileSync(join(goldenFolder, 'images.lock.json'), 'utf8'), 'images.lock.json');
