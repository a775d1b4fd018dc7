/** The recipes that the operator's README prints, on both cosigns, where no network is: a look-up of anything would fail. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { attestationMediaTypes } from '../../src/contract/attestations.ts';
import { kitPaths } from '../../src/contract/kit-format.ts';
import { ociMediaTypes } from '../../src/contract/oci.ts';
import { type Outcome, run, succeed } from './harness/commands.ts';
import { kit, readManifest } from './harness/kit.ts';
import { describeWith, isRoot, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

/** What is attested, and the attestations. */
const attested: readonly string[] = [ociMediaTypes.index, ociMediaTypes.manifest, attestationMediaTypes.bundle];

describeWith(['unshare'], 'a namespace without network', () => {
  test('reaches not even this machine', async () => {
    const connect = "net.connect(443, '127.0.0.1').on('error', (error) => process.exit(error.code === 'ENETUNREACH' ? 7 : 1))";
    const { code } = await offline(process.execPath, ['-e', connect]);
    expect(code).toBe(7);
  });
});

for (const cosign of ['cosign2', 'cosign3'] as const) {
  describeWith([cosign, 'unshare'], `${cosign}, offline`, () => {
    const folder = scratch('cosign');
    const damaged = join(folder, 'damaged.tar.zst');
    copyFileSync(kit.archive, damaged);
    appendFileSync(damaged, '\n');
    const stranger = join(folder, 'stranger.pub');
    writeFileSync(stranger, generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }));

    const recipes = {
      'release log, with no leave to ignore anything': (blob: string, key: string) => ['--key', key, '--bundle', kit.bundle, '--trusted-root', kit.trustedRoot, blob],
      'bundle and trusted root': (blob: string, key: string) => ['--key', key, '--bundle', kit.bundle, '--trusted-root', kit.trustedRoot, '--insecure-ignore-tlog', blob],
      'detached signature': (blob: string, key: string) => ['--key', key, '--signature', kit.signature, '--insecure-ignore-tlog', blob],
    };
    // HOME: cosign must not find roots that an earlier run of somebody fetched.
    const cosignOffline = (args: readonly string[]): Promise<Outcome> => offline(peer(cosign), args, { HOME: folder, XDG_CACHE_HOME: undefined, TUF_ROOT: join(folder, 'tuf') });
    const verify = (args: readonly string[]): Promise<Outcome> => cosignOffline(['verify-blob', ...args]);

    for (const [recipe, argsFor] of Object.entries(recipes)) {
      test(`accepts the kit by ${recipe}`, async () => {
        const { code, stderr } = await verify(argsFor(kit.archive, kit.publicKey));
        expect(stderr).toContain('Verified OK');
        expect(code).toBe(0);
      });

      test(`refuses one byte more, by ${recipe}`, async () => {
        const { code, stderr } = await verify(argsFor(damaged, kit.publicKey));
        expect(stderr).not.toContain('Verified OK');
        expect(code).not.toBe(0);
      });

      test(`refuses another key, by ${recipe}`, async () => {
        const { code, stderr } = await verify(argsFor(kit.archive, stranger));
        expect(stderr).not.toContain('Verified OK');
        expect(code).not.toBe(0);
      });
    }

    test('refuses the kit by another release log, with no leave to ignore anything', async () => {
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const spki = publicKey.export({ type: 'spki', format: 'der' });
      const { tlogs: [log], ...root } = JSON.parse(readFileSync(kit.trustedRoot, 'utf8')) as { tlogs: [{ publicKey: object }] };
      const trustedRoot = join(folder, 'other-log.json');
      const other = { ...log, publicKey: { ...log.publicKey, rawBytes: spki.toString('base64') }, logId: { keyId: createHash('sha256').update(spki).digest('base64') } };
      writeFileSync(trustedRoot, JSON.stringify({ ...root, tlogs: [other] }));
      const { code, stderr } = await verify(['--key', kit.publicKey, '--bundle', kit.bundle, '--trusted-root', trustedRoot, kit.archive]);
      expect(stderr).not.toContain('Verified OK');
      expect(code).not.toBe(0);
    });

    test('accepts every attestation in the kit, with no leave to ignore anything', async () => {
      const paths = (await readManifest()).files.filter(({ path, mediaType }) => path.startsWith(kitPaths.blobs) && attested.includes(mediaType)).map(({ path }) => path);
      await succeed('tar', ['-xf', kit.tar, '-C', folder, ...paths]);
      const bundles = paths.filter((path) => readFileSync(join(folder, path), 'utf8').includes('"dsseEnvelope":'));
      expect(bundles.length).toBeGreaterThanOrEqual(2 * 8);
      for (const path of bundles) {
        const { dsseEnvelope: { payload } } = JSON.parse(readFileSync(join(folder, path), 'utf8')) as { dsseEnvelope: { payload: string } };
        const { predicateType, subject: [{ digest: { sha256 } }] } = JSON.parse(Buffer.from(payload, 'base64').toString()) as { predicateType: string; subject: [{ digest: { sha256: string } }] };
        const args = ['verify-blob-attestation', ...(cosign === 'cosign2' ? ['--new-bundle-format'] : []), '--key', kit.publicKey, '--bundle', join(folder, path), '--trusted-root', kit.trustedRoot, '--type', predicateType];
        expect(await cosignOffline([...args, join(folder, kitPaths.blobs, sha256)]), predicateType).toMatchObject({ code: 0, stderr: 'Verified OK\n' });
        expect(await cosignOffline([...args, damaged]), predicateType).not.toMatchObject({ code: 0 });
      }
    });
  });
}

/** Runs a command in a network namespace that has no network; without root, in a user namespace too. */
function offline(command: string, args: readonly string[], env: Record<string, string | undefined> = {}): Promise<Outcome> {
  return run(peer('unshare'), [isRoot ? '-n' : '-rn', '--', command, ...args], { env });
}
