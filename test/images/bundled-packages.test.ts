import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bundleParts } from '../../src/images/bundle-program.ts';

const roots: string[] = [];
afterEach(async () => { for (const root of roots.splice(0)) await rm(root, { recursive: true }); });

/** A checkout: `outer` has a part of ES modules and a package of its own; `idle` is imported and gives nothing. */
async function checkout(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'images-test-'));
  roots.push(root);
  const texts = {
    'package.json': '{"name":"program","version":"9.9.9","license":"Apache-2.0"}',
    'src/main.ts': "import { outer } from 'outer';\nimport { unused } from 'idle';\nimport { scoped } from '@scope/inner';\nimport type { Shape } from 'never';\nconst all: Shape = [outer, scoped];\nconsole.log(all);\n",
    'node_modules/outer/package.json': '{"name":"outer","version":"1.0.0","license":"MIT","exports":"./esm/index.js"}',
    'node_modules/outer/esm/package.json': '{"type":"module"}',
    'node_modules/outer/esm/index.js': "import { deep } from 'deep';\nexport const outer = `outer and ${deep}`;\n",
    'node_modules/outer/node_modules/deep/package.json': '{"name":"deep","version":"0.1.0","license":{"type":"BSD"},"type":"module","main":"index.js"}',
    'node_modules/outer/node_modules/deep/index.js': "export const deep = 'deep';\n",
    'node_modules/idle/package.json': '{"name":"idle","version":"1.0.0","type":"module","main":"index.js","sideEffects":false}',
    'node_modules/idle/index.js': "export const unused = 'idle';\n",
    'node_modules/@scope/inner/package.json': '{"name":"@scope/inner","version":"2.0.0-rc.1","license":"(MIT OR ISC)","type":"module","main":"index.js"}',
    'node_modules/@scope/inner/index.js': "export const scoped = 'scoped';\n",
  };
  for (const [path, text] of Object.entries(texts)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

describe('the packages in a bundle', () => {
  it('are those that code of is in it, each by the package.json that names it', async () => {
    const { packages } = await bundleParts({ root: await checkout(), entry: 'src/main.ts' });
    expect(packages).toEqual([
      { folder: 'node_modules/@scope/inner', name: '@scope/inner', version: '2.0.0-rc.1', license: '(MIT OR ISC)' },
      { folder: 'node_modules/outer', name: 'outer', version: '1.0.0', license: 'MIT' },
      { folder: 'node_modules/outer/node_modules/deep', name: 'deep', version: '0.1.0' },
    ]);
  });

  it('are none that the program finds at run time', async () => {
    const { packages } = await bundleParts({ root: await checkout(), entry: 'src/main.ts', external: ['outer'] });
    expect(packages.map(({ name }) => name)).toEqual(['@scope/inner']);
  });
});
