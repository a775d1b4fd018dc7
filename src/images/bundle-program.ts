/**
 * One TypeScript entry and all that it imports → one ECMAScript module for Node 24, the same bytes in every checkout.
 * esbuild is loaded when it is needed: a bundled command line does not have it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { findBundledPackages, type BundledPackage } from './bundled-packages.ts';

export interface BundleOptions {
  /** The checkout; paths below are relative to it. */
  readonly root: string;
  readonly entry: string;
  /** Also written there, executable. */
  readonly outfile?: string;
  /** Absolute path for the first line, `#!…`. Default: /usr/bin/env node. */
  readonly interpreter?: string;
  /** Packages that are not bundled but resolved when the program runs. */
  readonly external?: readonly string[];
}

/** CommonJS packages in the bundle call `require` for Node's own modules. */
const requireLine = "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);";

/** @throws esbuild's own error, whose `errors` say where. */
export async function bundleProgram(options: BundleOptions): Promise<Uint8Array> {
  return (await bundleWithPackages(options)).bytes;
}

/** The same, and the npm packages that code of went into the bundle. */
export async function bundleWithPackages(options: BundleOptions): Promise<{ bytes: Uint8Array; packages: readonly BundledPackage[] }> {
  const { build } = await import('esbuild');
  const result = await build({
    absWorkingDir: resolve(options.root),
    entryPoints: [options.entry],
    outfile: 'bundle.mjs',
    write: false,
    metafile: true,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // One letter beyond Latin-1 would double the memory of the whole text.
    charset: 'ascii',
    legalComments: 'inline',
    tsconfigRaw: '{}',
    preserveSymlinks: true,
    external: [...(options.external ?? [])],
    define: { __filename: 'import.meta.filename', __dirname: 'import.meta.dirname' },
    banner: { js: requireLine },
    logLevel: 'silent',
  });
  const body = result.outputFiles[0]!.text.replace(/^#!.*\n/, '');
  const bytes = Buffer.from(`#!${options.interpreter ?? '/usr/bin/env node'}\n${body}`);
  if (options.outfile !== undefined) {
    const file = resolve(options.root, options.outfile);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes, { mode: 0o755 });
  }
  const [output] = Object.values(result.metafile.outputs);
  const inputs = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return { bytes, packages: await findBundledPackages(options.root, inputs.map(([path]) => path)) };
}
