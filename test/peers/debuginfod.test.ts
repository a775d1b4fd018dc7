/** The symbols of the kit as elfutils and gdb get them: imported, served, found by build-id; and by oras from the kit's layout. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { debugPath, type DebugManifest } from '../../src/contract/debug-store.ts';
import { succeed } from './harness/commands.ts';
import { kit } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

const program = join(import.meta.dirname, '../../src/cli/zastava/main.ts');

describeWith(['debuginfod-find', 'gdb', 'eu-unstrip', 'readelf', 'oras', 'zstd', 'tar'], 'the debug store', () => {
  const folder = scratch('debuginfod');
  const store = join(folder, 'debug');
  let libc: DebugManifest['files'][number];
  let library: string;
  let url: string;
  let server: ReturnType<typeof spawn>;
  const withUrl = (): NodeJS.ProcessEnv => ({ ...process.env, DEBUGINFOD_URLS: url, DEBUGINFOD_CACHE_PATH: join(folder, 'cache'), HOME: folder });

  beforeAll(async () => {
    await succeed(process.execPath, [program, 'debug', 'import', kit.archive, '--to', store, '--key', kit.publicKey]);
    const { files } = JSON.parse(readFileSync(join(store, 'debug-manifest.json'), 'utf8')) as DebugManifest;
    libc = files.find(({ path, architecture }) => architecture === 'amd64' && path?.endsWith('/libc.so.6') === true)!;
    library = join(folder, 'libc.so.6');
    await succeed('sh', ['-c', `zstd -d -q -c "$0" | tar -x -C "$1"`, kit.archive, folder]);
    await takeFromImage(folder, libc.path!, library);
    server = spawn(process.execPath, [program, 'debug', 'serve', '--dir', store, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface(server.stdout!), 'line') as [string];
    url = line.replace('DEBUGINFOD_URLS=', '');
  });
  afterAll(async () => {
    const ended = once(server, 'exit');
    server.kill();
    expect(await ended).toEqual([0, null]);
  });

  test('debuginfod-find gets the symbols of a build-id', async () => {
    const file = (await succeed('debuginfod-find', ['debuginfo', libc.buildId], { env: withUrl() })).trim();
    expect(readFileSync(file).equals(readFileSync(join(store, debugPath(libc.buildId))))).toBe(true);
  });

  test('debuginfod-find is told what is not there', async () => {
    await expect(succeed('debuginfod-find', ['debuginfo', 'ab'.repeat(20)], { env: withUrl() })).rejects.toThrow(/No such file/);
  });

  test('gdb names the source line of a function of the stripped library', async () => {
    const commands = ['set debuginfod enabled on', `file ${library}`, 'info line malloc'];
    const said = await succeed('gdb', ['-nx', '-batch', ...commands.flatMap((command) => ['-ex', command])], { env: withUrl() });
    expect(said).toMatch(/Line \d+ of "\.?.*malloc\.c"/);
  });

  test('eu-unstrip puts library and symbols together', async () => {
    const whole = join(folder, 'whole.so');
    await succeed('eu-unstrip', [library, join(store, debugPath(libc.buildId)), '-o', whole]);
    expect(await succeed('readelf', ['-S', '-W', whole])).toContain('.debug_info');
  });

  test('oras brings one file by its build-id from the layout of the kit, under the name that a debug folder has', async () => {
    const to = join(folder, 'pulled/.build-id');
    await succeed(peer('oras'), ['pull', '--oci-layout', `${join(folder, 'debug-store')}:${libc.buildId}`, '--output', to]);
    expect(readFileSync(join(folder, 'pulled', debugPath(libc.buildId))).equals(readFileSync(join(store, debugPath(libc.buildId))))).toBe(true);
  });
});

/** A file of the observer's first layer for amd64 that has it, from the OCI layout in `layout`. */
async function takeFromImage(layout: string, path: string, to: string): Promise<void> {
  const read = <T>(digest: string): T => JSON.parse(readFileSync(join(layout, 'blobs/sha256', digest.slice(7)), 'utf8')) as T;
  interface Listing { readonly manifests: readonly { readonly digest: string; readonly platform?: { readonly architecture: string } }[]; readonly layers: readonly { readonly digest: string }[] }
  const { manifests: [image] } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Listing;
  const child = read<Listing>(image!.digest).manifests.find(({ platform }) => platform?.architecture === 'amd64');
  const { layers: [base] } = read<Listing>(child!.digest);
  await succeed('sh', ['-c', `tar -xzf "$0" -O "$1" > "$2"`, join(layout, 'blobs/sha256', base!.digest.slice(7)), path, to]);
}
