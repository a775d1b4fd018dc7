/** The recipes that the operator's README prints, on both cosigns, where no network is: a look-up of anything would fail. */
import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Outcome, run } from './harness/commands.ts';
import { kit } from './harness/kit.ts';
import { describeWith, isRoot, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

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
      'bundle and trusted root': (blob: string, key: string) => ['--key', key, '--bundle', kit.bundle, '--trusted-root', kit.trustedRoot, '--insecure-ignore-tlog', blob],
      'detached signature': (blob: string, key: string) => ['--key', key, '--signature', kit.signature, '--insecure-ignore-tlog', blob],
    };
    // HOME: cosign must not find roots that an earlier run of somebody fetched.
    const verify = (args: readonly string[]): Promise<Outcome> => offline(peer(cosign), ['verify-blob', ...args], { HOME: folder, XDG_CACHE_HOME: undefined, TUF_ROOT: join(folder, 'tuf') });

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
  });
}

/** Runs a command in a network namespace that has no network; without root, in a user namespace too. */
function offline(command: string, args: readonly string[], env: Record<string, string | undefined> = {}): Promise<Outcome> {
  return run(peer('unshare'), [isRoot ? '-n' : '-rn', '--', command, ...args], { env });
}
