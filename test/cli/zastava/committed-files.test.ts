import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { renderCommittedFiles } from '../../../src/cli/zastava/committed-files.ts';
import { parseImagesLock } from '../../../src/config/parse-images-lock.ts';

const root = join(import.meta.dirname, '../../..');
const lockPath = join(root, 'offline-kit/images.lock.json');

test.each([...renderCommittedFiles(parseImagesLock(readFileSync(lockPath, 'utf8'), lockPath), packageJson.version)])('%s is fresh (if not: npm run synth)', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(text);
});
