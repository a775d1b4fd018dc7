/**
 * Two releases of one checkout, as a maintainer makes them and a site takes them: keys, release log, cosign without leave to
 * ignore anything, and a site that refuses to go back. The commands are those of the README and SECURITY.md.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type Outcome, run, succeed } from './harness/commands.ts';
import { checkout } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';
import { copyCheckout } from './harness/tree.ts';

const builds = 240_000;

describeWith(['cosign2', 'cosign3', 'git', 'openssl', 'unshare'], 'releases', () => {
  const folder = scratch('release');
  const source = join(folder, 'source');
  const at = (...parts: string[]): string => join(folder, ...parts);
  const zastava = (...args: string[]): Promise<Outcome> => run(process.execPath, [join(source, 'src/cli/zastava/main.ts'), ...args], { cwd: source, env: { ZASTAVA_KEY_PASSPHRASE: undefined, COSIGN_PASSWORD: undefined } });
  const works = async (...args: string[]): Promise<Outcome> => {
    const outcome = await zastava(...args);
    expect(outcome, args.join(' ')).toMatchObject({ code: 0 });
    return outcome;
  };
  const release = (version: string, ...more: string[]): string[] => ['kit', 'release', '--version', version, '--log-key', at('keys', 'release-log.key.pem'), '--out', at('out'), '--commit', '0'.repeat(40), ...more];
  const key = at('keys', 'zastava-runtime.key.pem');
  const kitOf = (version: string): string => at('out', `zastava-runtime-${version}.tar.zst`);
  const leaves = (): string[] => readdirSync(join(source, 'offline-kit/release-log')).sort();
  const trust = ['--key', at('out/trust/zastava-runtime.pub'), '--trusted-root', at('out/trust/trusted_root.json'), '--log-state', at('site-state.json')];

  beforeAll(async () => {
    await copyCheckout(checkout, source);
    mkdirSync(join(checkout, '.cache'), { recursive: true });
    for (const shared of ['node_modules', '.cache']) symlinkSync(join(checkout, shared), join(source, shared));
    for (const kind of ['kit', 'log']) await works('keys', 'make', kind, '--to', at('keys'));
    await works(...release('1.0.1', '--key', key, '--signing-time', '2026-01-01T00:00:00Z'));
    await works(...release('1.0.2', '--key', key, '--signing-time', '2026-02-01T00:00:00Z'));
  }, builds);

  test('write leaves and a head each, and leave nothing else behind', () => {
    expect(leaves().filter((name) => name.endsWith('.head'))).toHaveLength(2);
    expect(readdirSync(at('out')).sort()).toEqual(
      ['1.0.1', '1.0.2'].flatMap((version) => ['', '.consistency.json', '.sig', '.sigstore.json'].map((suffix) => `zastava-runtime-${version}.tar.zst${suffix}`)).concat('trust').sort(),
    );
  });

  for (const cosign of ['cosign2', 'cosign3'] as const) {
    test(`are accepted by ${cosign} without any --insecure`, async () => {
      const args = ['verify-blob', '--key', at('out/trust/zastava-runtime.pub'), '--bundle', `${kitOf('1.0.2')}.sigstore.json`, '--trusted-root', at('out/trust/trusted_root.json'), kitOf('1.0.2')];
      const { stderr } = await run(peer('unshare'), ['--map-root-user', '--net', peer(cosign), ...args], { env: { HOME: folder } });
      expect(stderr).toContain('Verified OK');
    });
  }

  test('are taken by a site one after the other, and not back again but loudly', async () => {
    await works('kit', 'verify', kitOf('1.0.1'), ...trust);
    await works('kit', 'verify', kitOf('1.0.2'), ...trust);
    const state = readFileSync(at('site-state.json'), 'utf8');
    const back = await zastava('kit', 'verify', kitOf('1.0.1'), ...trust);
    expect(back.code).toBe(1);
    expect(back.stderr).toContain('error[kit.log-rollback]');
    const allowed = await works('kit', 'verify', kitOf('1.0.1'), ...trust, '--allow-older');
    expect(allowed.stderr).toContain('--allow-older');
    expect(readFileSync(at('site-state.json'), 'utf8')).toBe(state);
  });

  test('are refused to a development key, and nothing is written down', async () => {
    const before = leaves();
    await works('kit', 'build', '--out', at('development'));
    const { code, stderr } = await zastava(...release('1.0.3', '--key', join(source, '.keys/development.key.pem')));
    expect(code).toBe(2);
    expect(stderr).toContain('a development key makes no release');
    expect(leaves()).toEqual(before);
    expect(existsSync(kitOf('1.0.3'))).toBe(false);
  }, builds);

  test('by a key elsewhere are written down when the last signature is there, and not before', async () => {
    const before = leaves();
    const publicKey = at('keys', 'zastava-runtime.pub');
    const round = release('1.0.3', '--unsigned', '--key', publicKey, '--signing-time', '2026-03-01T00:00:00Z', '--json', '--quiet');
    const target = at('out', 'unreleased', 'zastava-runtime-1.0.3.tar.zst');
    let rounds = 0;
    for (;;) {
      const { pending } = JSON.parse((await works(...round)).stdout) as { pending?: readonly string[] };
      if (pending === undefined) break;
      expect(leaves()).toEqual(before);
      expect(existsSync(kitOf('1.0.3'))).toBe(false);
      expect(++rounds).toBeLessThan(5);
      for (const digest of pending) {
        const signature = at(`${rounds}.sig`);
        await succeed(peer('openssl'), ['pkeyutl', '-sign', '-inkey', key, '-in', digest, '-out', signature]);
        await works('kit', 'sign', target, '--key', publicKey, '--signature', signature);
      }
    }
    expect(rounds).toBeGreaterThan(0);
    expect(leaves().filter((name) => name.endsWith('.head'))).toHaveLength(3);
    expect(existsSync(dirname(target))).toBe(false);
    await works('kit', 'verify', kitOf('1.0.3'), ...trust);
  }, builds);
});
