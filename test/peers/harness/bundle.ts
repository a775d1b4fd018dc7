/** An image of the kit as a bundle that runc runs: skopeo takes one platform out, umoci unpacks it. */
import { chmodSync, lstatSync, openSync, readFileSync, readlinkSync, readSync, closeSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Component } from '../../../src/contract/label-values.ts';
import type { Platform } from '../../../src/contract/oci.ts';
import { succeed } from './commands.ts';
import { kit } from './kit.ts';
import { peer } from './peers.ts';

interface RuntimeConfig {
  process: { args: string[]; env: string[]; terminal: boolean; capabilities?: unknown };
  root: { path: string; readonly?: boolean };
  mounts: { destination: string; type: string; source: string; options?: string[] }[];
}

/** Where the emulator lies in a container whose programs this machine cannot run itself. */
const emulator = '/qemu-aarch64-static';

/** Puts the image of one platform into an OCI layout of its own, since umoci 0.4 knows only images of one platform. */
export async function unpackImage(folder: string, program: Component, architecture: Platform['architecture']): Promise<{ bundle: string; manifest: string }> {
  const layout = join(folder, `${program}-${architecture}.oci`);
  const bundle = join(folder, `${program}-${architecture}`);
  await succeed(peer('skopeo'), ['--insecure-policy', 'copy', '-q', '--override-os=linux', `--override-arch=${architecture}`, `oci-archive:${kit.tar}:${program}-${kit.version}`, `oci:${layout}:${program}`]);
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  await succeed(peer('umoci'), ['unpack', '--image', `${layout}:${program}`, bundle]);
  return { bundle, manifest: index.manifests[0]?.digest ?? '' };
}

/** Makes umoci's config.json what a hardened Pod is: no capability, read-only root, its files at /etc/zastava; under qemu on request. */
export function configureBundle(bundle: string, options: { etc: string; env: Readonly<Record<string, string>>; emulated: boolean }): void {
  const path = join(bundle, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as RuntimeConfig;
  config.process.terminal = false;
  config.process.capabilities = {};
  config.process.env.push(...Object.entries(options.env).map(([name, value]) => `${name}=${value}`));
  config.root.readonly = true;
  config.mounts.push(
    { destination: '/etc/zastava', type: 'bind', source: options.etc, options: ['rbind', 'ro'] },
    ...['/tmp', '/var/run/zastava', '/var/lib/zastava'].map((destination) => ({ destination, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=1777'] })),
  );
  if (options.emulated) {
    config.mounts.push({ destination: emulator, type: 'bind', source: peer('qemu-aarch64-static'), options: ['bind', 'ro'] });
    config.process.args = [emulator, ...emulatedArgs(join(bundle, 'rootfs'), config.process.args)];
  }
  writeFileSync(path, JSON.stringify(config));
  chmodSync(bundle, 0o755);
}

/** What the kernel would do before it starts a program, and qemu-user leaves to it: follow links, and read the `#!` line. */
function emulatedArgs(rootfs: string, [program = '', ...rest]: readonly string[]): string[] {
  const candidates = program.includes('/') ? [program] : ['/usr/local/bin', '/usr/bin', '/bin'].map((folder) => join(folder, program));
  const found = candidates.find((path) => lstatSync(join(rootfs, path), { throwIfNoEntry: false }));
  if (found === undefined) throw new Error(`${program} is not in the image`);
  const status = lstatSync(join(rootfs, found));
  const path = status.isSymbolicLink() ? posix.resolve(posix.dirname(found), readlinkSync(join(rootfs, found))) : found;
  const head = Buffer.alloc(256);
  const file = openSync(join(rootfs, path), 'r');
  readSync(file, head);
  closeSync(file);
  const interpreter = /^#!\s*(.+)\n/.exec(head.toString('latin1'))?.[1]?.trim().split(/\s+/) ?? [];
  return [...interpreter, path, ...rest];
}
