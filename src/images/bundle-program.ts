/**
 * One TypeScript entry and all that it imports → ECMAScript modules for Node 24, the same bytes in every checkout.
 * esbuild is loaded when it is needed: a bundled command line does not have it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { findBundledPackages, type BundledPackage } from './bundled-packages.ts';

export interface BundleOptions {
  /** The checkout; paths below are relative to it. */
  readonly root: string;
  readonly entry: string;
  /** Absolute path for the first line, `#!…`. Default: /usr/bin/env node. */
  readonly interpreter?: string;
  /** Packages that are not bundled but resolved when the program runs. */
  readonly external?: readonly string[];
}

export interface ProgramFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const mainName = 'main.mjs';
/** CommonJS packages in the bundle call `require` for Node's own modules. */
const requireLine = "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);";

/**
 * The whole program in one file.
 * @param options `outfile`: also written there, executable.
 * @throws esbuild's own error, whose `errors` say where.
 */
export async function bundleProgram({ outfile, ...options }: BundleOptions & { readonly outfile?: string }): Promise<Uint8Array> {
  const { files: [{ bytes }] } = await runEsbuild(options, false);
  if (outfile !== undefined) await writeProgram(resolve(options.root, outfile), bytes);
  return bytes;
}

/**
 * The program as images have it: `main.mjs`, and beside it the parts that it imports when it needs them, each named by
 * its content. A worker thread has only its own part in memory.
 * @param options `outdir`: also written there.
 * @returns `main.mjs` first, then by name; and the npm packages that code of went into them.
 */
export async function bundleParts({ outdir, ...options }: BundleOptions & { readonly outdir?: string }): Promise<{ files: readonly [ProgramFile, ...ProgramFile[]]; packages: readonly BundledPackage[] }> {
  const { files, inputs } = await runEsbuild(options, true);
  if (outdir !== undefined) for (const { name, bytes } of files) await writeProgram(resolve(options.root, outdir, name), bytes);
  return { files, packages: await findBundledPackages(options.root, inputs) };
}

async function runEsbuild({ root, entry, interpreter = '/usr/bin/env node', external = [] }: BundleOptions, splitting: boolean): Promise<{ files: [ProgramFile, ...ProgramFile[]]; inputs: string[] }> {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: resolve(root),
    entryPoints: { main: entry },
    outdir: '.',
    outExtension: { '.js': '.mjs' },
    write: false,
    metafile: true,
    bundle: true,
    splitting,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // One letter beyond Latin-1 would double the memory of the whole text.
    charset: 'ascii',
    legalComments: 'inline',
    tsconfigRaw: '{}',
    preserveSymlinks: true,
    external: [...external],
    define: { __filename: 'import.meta.filename', __dirname: 'import.meta.dirname' },
    banner: { js: requireLine },
    logLevel: 'silent',
  });
  const outputs = outputFiles.map(({ path, contents }) => ({ name: basename(path), bytes: contents })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const main = outputs.find(({ name }) => name === mainName);
  if (!main) throw new Error(`esbuild wrote no ${mainName} of ${entry}`);
  const body = Buffer.from(main.bytes).toString('latin1').replace(/^#!.*\n/, '');
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs)).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return {
    files: [{ name: mainName, bytes: Buffer.from(`#!${interpreter}\n${body}`, 'latin1') }, ...outputs.filter((output) => output !== main)],
    inputs: [...new Set(inputs.map(([path]) => path))],
  };
}

async function writeProgram(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes, { mode: 0o755 });
}
