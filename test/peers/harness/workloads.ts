/**
 * What the observer's tests run: programs that a compiler makes of ../workloads, once for each change of them or of the
 * compilers, and the image of them; and what `readelf -n` says of each, which is what an event must say.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { succeed } from './commands.ts';
import type { ImageFile } from './oci-image.ts';
import { peer, type Peer } from './peers.ts';

export const workloadNeeds: readonly Peer[] = ['gcc', 'musl-gcc', 'go', 'readelf'];

const sources = join(import.meta.dirname, '../workloads');
const cacheRoot = process.env['ZASTAVA_PEERS_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'zastava-peers');

/** Name of a program in /app → how it is made from work.c. */
const compiled = {
  wait: { define: 'WAIT', flags: ['-Wl,--build-id=sha1'] },
  brief: { define: 'BRIEF', flags: ['-Wl,--build-id=md5'] },
  deleted: { define: 'DELETED', flags: [] },
  memory: { define: 'MEMORY', flags: [] },
  renamed: { define: 'RENAMED', flags: [] },
  drop: { define: 'DROP', flags: [] },
  plain: { define: 'PLAIN', flags: [] },
  private: { define: 'PLAIN', flags: [] },
  stripped: { define: 'PLAIN', flags: ['-static', '-s', '-Wl,--build-id=none'] },
  musl: { define: 'PLAIN', flags: ['-Wl,--build-id=sha1'], compiler: 'musl-gcc' },
} as const;

const scripts = {
  'start.sh': '#!/bin/sh\nexec /app/wait\n',
  'stay.sh': '#!/bin/sh\n/app/wait &\nwait\n',
} as const;

/** Where the compilers' own libraries come from, and where the image has them. */
const systemFiles = [
  ['/bin/dash', 'usr/bin/dash'],
  ['/lib/x86_64-linux-gnu/libc.so.6', 'usr/lib/x86_64-linux-gnu/libc.so.6'],
  ['/lib64/ld-linux-x86-64.so.2', 'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'],
  ['/lib/ld-musl-x86_64.so.1', 'usr/lib/x86_64-linux-musl/libc.so'],
] as const;

/** Whose the folder /home/user is. */
export const privateUser = 1234;

/** Builds what is not built yet. @returns the folder that is the image's root, so that `file` below it is what a container runs. */
export async function buildWorkloads(): Promise<string> {
  const hash = createHash('sha256').update(readFileSync(import.meta.filename));
  for (const path of readdirSync(sources, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort()) hash.update(readFileSync(path));
  for (const [path] of systemFiles) hash.update(readFileSync(path));
  hash.update(await succeed(peer('gcc'), ['--version'])).update(await succeed(peer('go'), ['version']));
  const root = join(cacheRoot, `workloads-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(root)) return root;
  mkdirSync(cacheRoot, { recursive: true });
  const making = mkdtempSync(join(cacheRoot, 'making-'));
  try {
    await build(making);
    renameSync(making, root);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return root;
}

async function build(root: string): Promise<void> {
  for (const [from, to] of systemFiles) {
    mkdirSync(join(root, to, '..'), { recursive: true });
    cpSync(realpathSync(from), join(root, to));
  }
  const app = join(root, 'app');
  mkdirSync(join(app, 'lib'), { recursive: true });
  const library = join(app, 'lib/libanswer.so');
  await succeed(peer('gcc'), ['-shared', '-fPIC', '-O1', '-Wl,-soname,libanswer.so', '-o', library, join(sources, 'library.c')]);
  for (const [name, { define, flags, ...rest }] of Object.entries(compiled)) {
    const linked = ['WAIT', 'BRIEF'].includes(define) ? [library, '-Wl,-rpath,$ORIGIN/lib'] : [];
    await succeed(peer('compiler' in rest ? rest.compiler : 'gcc'), ['-O1', `-D${define}`, `-DNAME="${name}"`, ...flags, '-o', join(app, name), join(sources, 'work.c'), ...linked]);
  }
  for (const [name, flags] of [['go', '-s -w'], ['go-only', '-s -w -B none']] as const) {
    const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' };
    await succeed(peer('go'), ['build', '-trimpath', '-buildvcs=false', '-ldflags', flags, '-o', join(app, name), '.'], { cwd: join(sources, 'go'), env });
  }
}

/** The image's files, with /bin and /lib as Debian has them. */
export function workloadFiles(root: string): ImageFile[] {
  const file = (path: string): ImageFile => ({ path, content: readFileSync(join(root, path)) });
  const programs = [...Object.keys(compiled), 'go', 'go-only', 'lib/libanswer.so'].filter((name) => name !== 'private');
  return [
    ...(['bin', 'lib', 'lib64'] as const).map((path) => ({ path, target: `usr/${path}` })),
    { path: 'usr/bin/sh', target: 'dash' },
    { path: 'usr/lib64/ld-linux-x86-64.so.2', target: '/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2' },
    { path: 'usr/lib/ld-musl-x86_64.so.1', target: 'x86_64-linux-musl/libc.so' },
    ...systemFiles.map(([, to]) => file(to)),
    ...programs.map((name) => file(`app/${name}`)),
    ...Object.entries(scripts).map(([name, text]) => ({ path: `app/${name}`, content: Buffer.from(text) })),
    { path: 'tmp', mode: 0o1777 },
    { path: 'home/user', mode: 0o700, owner: privateUser },
    { path: 'home/user/private', content: readFileSync(join(root, 'app/private')), mode: 0o700, owner: privateUser },
  ];
}

export interface NoteIds {
  readonly buildId?: string;
  readonly goBuildId?: string;
}

/** What `readelf -n` prints, of all the notes that it finds by sections. */
export async function readelfIds(path: string): Promise<NoteIds> {
  const text = await succeed(peer('readelf'), ['-n', '--wide', path]);
  const buildId = /Build ID: ([0-9a-f]+)/.exec(text)?.[1];
  const go = /GO BUILDID\s+description data: ((?:[0-9a-f]{2} ?)+)/.exec(text)?.[1];
  return { ...(buildId !== undefined && { buildId }), ...(go !== undefined && { goBuildId: Buffer.from(go.replaceAll(' ', ''), 'hex').toString() }) };
}
