/**
 * Two clones at different paths, by different users, at different times and in different time zones, under umask 022
 * and 077, with nothing cached: the same bytes. And the same as this checkout's, which may be warm.
 */
import { chmodSync, copyFileSync, lutimesSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { KitManifest } from '../../src/contract/kit-format.ts';
import { succeed } from './harness/commands.ts';
import { checkout, kit } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { releaseArguments } from './harness/release.ts';
import { scratch } from './harness/scratch.ts';
import { copyCheckout, readTree } from './harness/tree.ts';

interface Clone {
  /** Below the scratch folder. */
  readonly path: string;
  readonly uid: number;
  readonly umask: string;
  readonly env: Readonly<Record<string, string>>;
  /** Modification time of every source. */
  readonly checkedOut: Date;
}

const clones: readonly Clone[] = [
  { path: 'a', uid: 0, umask: '022', env: { TZ: 'UTC', LC_ALL: 'C' }, checkedOut: new Date('2001-02-03T04:05:06Z') },
  { path: 'somewhere else/b', uid: 65534, umask: '077', env: { TZ: 'Pacific/Chatham', LC_ALL: 'C.UTF-8' }, checkedOut: new Date('2026-07-08T09:10:11Z') },
];

/** How this machine reaches its network is the only thing that a clone takes from it. */
const network = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(https?|no|all)_proxy$|^NODE_EXTRA_CA_CERTS$|^SSL_CERT_(FILE|DIR)$/i.test(name)));

describeWith(['root', 'git', 'npm', 'setpriv', 'tar', 'zstd'], 'a kit built twice from nothing', () => {
  const folder = scratch('clones');
  const outOf = ({ path }: Clone): string => join(folder, path, 'home', 'out');

  beforeAll(async () => {
    for (const clone of clones) await buildClone(join(folder, clone.path), clone, outOf(clone));
  }, 1_800_000);

  test('has the same files inside', async () => {
    const [first, ...others] = await Promise.all([...clones.map(outOf), kit.out].map(readInventory));
    for (const other of others) expect(other).toEqual(first);
  });

  test('has the same bytes, signatures and trust', async () => {
    const [first, ...others] = await Promise.all([...clones.map(outOf), kit.out].map(readTree));
    expect(Object.keys(first ?? {})).toContain(`zastava-runtime-${kit.version}.tar.zst.sigstore.json`);
    for (const other of others) expect(other).toEqual(first);
  });
});

/** Clones, installs and builds as the README says, as that user. */
async function buildClone(folder: string, { uid, umask, env, checkedOut }: Clone, out: string): Promise<void> {
  const [source, home] = [join(folder, 'source'), join(folder, 'home')];
  mkdirSync(folder, { recursive: true });
  for (const path of [dirname(folder), folder]) chmodSync(path, 0o755);
  await copyCheckout(checkout, source, Number.parseInt(umask, 8));
  for (const name of readdirSync(source, { recursive: true, encoding: 'utf8' })) lutimesSync(join(source, name), checkedOut, checkedOut);
  mkdirSync(home);
  const [key, logKey] = [join(home, 'test.key'), join(home, 'log.key')];
  copyFileSync(kit.key, key);
  copyFileSync(kit.logKey, logKey);
  await succeed('chown', ['-R', `${uid}:${uid}`, folder]);

  const registry = (await succeed(peer('npm'), ['config', 'get', 'registry'], { cwd: checkout })).trim();
  const path = `${dirname(peer('npm'))}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  const variables = Object.entries({ ...network, ...env, HOME: home, PATH: path, npm_config_registry: registry }).map(([name, value]) => `${name}=${value}`);
  const as = (...command: string[]): Promise<string> =>
    succeed(peer('setpriv'), [
      `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--', 'env', '-i', ...variables,
      'sh', '-c', 'umask "$1"; shift; exec "$@"', 'sh', umask, ...command,
    ], { cwd: source });

  await as('npm', 'ci');
  await as('node_modules/.bin/node', ...releaseArguments({ key, logKey, out, signingTime: kit.signingTime }));
}

/** The archive's own list of files: says which one differs, where two archives only say that they do. */
async function readInventory(out: string): Promise<KitManifest> {
  return JSON.parse(await succeed(peer('tar'), ['--zstd', '-xOf', join(out, `zastava-runtime-${kit.version}.tar.zst`), 'offline-manifest.json'])) as KitManifest;
}
