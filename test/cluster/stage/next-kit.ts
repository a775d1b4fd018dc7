/** The kit of a later version: this checkout with another version in it, built by `kit build` and signed by the same key. Made once for each content. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { programVersion } from '../../../src/contract/programs.ts';
import { succeed } from '../../peers/harness/commands.ts';
import { copyCheckout, readTree } from '../../peers/harness/tree.ts';

const checkout = join(import.meta.dirname, '../../..');
export const nextVersion = programVersion.replace(/\d+$/, (patch) => String(Number(patch) + 1));

/** Where a version stands in the sources. */
const versioned = ['package.json', 'src/contract/programs.ts'];

/** The folder that it lies in. */
export async function provideNextKit(): Promise<string> {
  const kits = join(checkout, '.cache/next-kit');
  const source = join(kits, `new-${process.pid}`);
  rmSync(source, { recursive: true, force: true });
  mkdirSync(source, { recursive: true });
  await copyCheckout(checkout, source);
  // No part of a kit.
  rmSync(join(source, 'test'), { recursive: true });
  for (const name of versioned) {
    const text = readFileSync(join(source, name), 'utf8');
    writeFileSync(join(source, name), text.replace(`'${programVersion}'`, `'${nextVersion}'`).replace(`"version": "${programVersion}"`, `"version": "${nextVersion}"`));
  }
  const key = createHash('sha256').update(JSON.stringify(await readTree(source))).update(readFileSync(join(checkout, '.keys/development.key.pem'))).digest('hex').slice(0, 16);
  const kit = join(kits, key);
  if (!existsSync(kit)) {
    for (const shared of ['node_modules', '.cache', '.keys']) symlinkSync(join(checkout, shared), join(source, shared));
    // It is no commit: git must not find the checkout around it.
    await succeed(process.execPath, ['src/cli/zastava/main.ts', 'kit', 'build', '--quiet', '--out', 'next'], { cwd: source, env: { GIT_CEILING_DIRECTORIES: kits } });
    for (const name of readdirSync(kits)) if (join(kits, name) !== source) rmSync(join(kits, name), { recursive: true });
    renameSync(join(source, 'next'), kit);
  }
  rmSync(source, { recursive: true });
  return kit;
}
