import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bundleParts, bundleProgram } from '../../src/images/bundle-program.ts';

const folders: string[] = [];
async function checkout(linked: boolean): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'images-test-'));
  folders.push(root);
  const modules = linked ? join(root, 'elsewhere') : join(root, 'node_modules');
  await mkdir(join(modules, 'old'), { recursive: true });
  await writeFile(join(modules, 'old', 'package.json'), '{"name":"old","main":"index.js"}');
  await writeFile(join(modules, 'old', 'index.js'), "const os = require('os'); exports.line = os.EOL; exports.place = typeof __dirname + typeof __filename;\n");
  if (linked) await symlink(modules, join(root, 'node_modules'));
  await writeFile(join(root, 'main.ts'), "#!/usr/bin/env other\nimport { line, place } from 'old';\nconst all: string = line + place;\nprocess.stdout.write(JSON.stringify(all));\n");
  return root;
}
afterEach(async () => { for (const folder of folders.splice(0)) await rm(folder, { recursive: true }); });

describe('a bundled program', () => {
  it('runs alone, with a CommonJS package inside', async () => {
    const root = await checkout(false);
    const bytes = await bundleProgram({ root, entry: 'main.ts', outfile: 'dist/program.mjs' });
    expect(await readFile(join(root, 'dist/program.mjs'))).toEqual(bytes);
    await rm(join(root, 'node_modules'), { recursive: true });
    expect(execFileSync(process.execPath, [join(root, 'dist/program.mjs')], { encoding: 'utf8' })).toBe('"\\nstringstring"');
  });

  it('starts with its own interpreter line, and only that', async () => {
    const root = await checkout(false);
    const lines = Buffer.from(await bundleProgram({ root, entry: 'main.ts', interpreter: '/usr/local/bin/node' })).toString('utf8').split('\n');
    expect(lines[0]).toBe('#!/usr/local/bin/node');
    expect(lines.filter((line) => line.startsWith('#!'))).toHaveLength(1);
    expect(Buffer.from(await bundleProgram({ root, entry: 'main.ts' })).toString('utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it('is the same in every checkout, even where node_modules is a link, and names no folder of the machine', async () => {
    const [one, two] = [await checkout(false), await checkout(true)];
    const first = Buffer.from(await bundleProgram({ root: one, entry: 'main.ts' })).toString('utf8');
    expect(Buffer.from(await bundleProgram({ root: two, entry: 'main.ts' })).toString('utf8')).toBe(first);
    expect(first).not.toContain(tmpdir());
  });

  it('leaves external packages out', async () => {
    const root = await checkout(false);
    expect(Buffer.from(await bundleProgram({ root, entry: 'main.ts', external: ['old'] })).toString('utf8')).toMatch(/from "old"/);
  });

  it('fails when an import is not there, and says where', async () => {
    const root = await checkout(false);
    await writeFile(join(root, 'main.ts'), "import 'none';\n");
    await expect(bundleProgram({ root, entry: 'main.ts' })).rejects.toThrow('main.ts:1:7');
  });
});

describe('a program in parts', () => {
  async function withParts(linked = false): Promise<string> {
    const root = await checkout(linked);
    await writeFile(join(root, 'heavy.ts'), "import { line } from 'old';\nexport const heavy: string = `heavy${line}`;\n");
    await writeFile(join(root, 'main.ts'), "const all: string = process.argv[2] === 'heavy' ? (await import('./heavy.ts')).heavy : 'light';\nprocess.stdout.write(all);\n");
    return root;
  }
  const run = (main: string, ...args: string[]): string => execFileSync(process.execPath, [main, ...args], { encoding: 'utf8' });

  it('reads a part when it needs it, and not before', async () => {
    const root = await withParts();
    const { files: [main, ...parts] } = await bundleParts({ root, entry: 'main.ts', outdir: 'dist' });
    expect(main.name).toBe('main.mjs');
    expect(parts.length).toBeGreaterThan(0);
    expect(Buffer.from(main.bytes).toString('utf8')).not.toContain('EOL');
    await rm(join(root, 'node_modules'), { recursive: true });
    expect(run(join(root, 'dist/main.mjs'), 'heavy')).toBe('heavy\n');
    for (const { name } of parts) await rm(join(root, 'dist', name));
    expect(run(join(root, 'dist/main.mjs'))).toBe('light');
  });

  it('is the same in every checkout', async () => {
    const [one, two] = await Promise.all([false, true].map(async (linked) => (await bundleParts({ root: await withParts(linked), entry: 'main.ts' })).files));
    expect(two).toEqual(one);
  });
});
