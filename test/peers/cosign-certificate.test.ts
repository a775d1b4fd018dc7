/** Certificate mode, and cosign's own key files, on both cosigns without network: recipes C and D of the operator's README, on a tiny kit. */
import { createHash, createPublicKey } from 'node:crypto';
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { provideDevelopmentCertificate } from '../../src/kit/certificates/development-certificate.ts';
import { parseSigner } from '../../src/kit/keys.ts';
import { decodeSignature } from '../../src/kit/keys/signing-requests.ts';
import { parsePublicKey } from '../../src/kit/public-key.ts';
import { signKit, type KitSignatures } from '../../src/kit/sign-kit.ts';
import { writeTrust, type TrustFiles } from '../../src/kit/trust.ts';
import { makeTinyKit, testKeyPem, type TinyKit } from '../kit/tiny-kit.ts';
import { type Outcome, run, succeed } from './harness/commands.ts';
import { describeWith, isRoot, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

const identity = 'https://kit.example/trial';

for (const cosign of ['cosign2', 'cosign3'] as const) {
  describeWith([cosign, 'unshare'], `${cosign}, offline, by certificate`, () => {
    const folder = scratch('cosign-certificate');
    let kit: TinyKit;
    let beside: KitSignatures;
    let trust: TrustFiles;
    let damaged: string;

    beforeAll(async () => {
      kit = await makeTinyKit();
      const certificate = await provideDevelopmentCertificate(join(folder, 'cert.pem'), kit.plan.notary.signer, { identity });
      beside = await signKit({ ...kit, name: 'tiny' }, kit.plan.notary, certificate);
      trust = await writeTrust(join(kit.folder, 'trust'), 'tiny', kit.plan.notary, certificate);
      damaged = join(folder, 'damaged.tar.zst');
      copyFileSync(kit.path, damaged);
      appendFileSync(damaged, '\n');
    });

    const env = { HOME: folder, XDG_CACHE_HOME: undefined, TUF_ROOT: join(folder, 'tuf'), COSIGN_PASSWORD: 'correct horse' };
    const verify = (args: readonly string[]): Promise<Outcome> => run(peer('unshare'), [isRoot ? '-n' : '-rn', '--', peer(cosign), 'verify-blob', ...args], { env });
    const recipes = {
      'C, certificate bundle and trusted root': (blob: string, name: string) => ['--bundle', beside.certificateBundle!, '--trusted-root', trust.trustedRoot, '--insecure-ignore-sct', '--certificate-identity', name, '--certificate-oidc-issuer-regexp', '.*', blob],
      'D, certificate and detached signature': (blob: string, name: string) => ['--certificate', beside.certificate!, '--signature', beside.signature, '--ca-roots', trust.authority!, '--insecure-ignore-tlog', '--insecure-ignore-sct', '--certificate-identity', name, '--certificate-oidc-issuer-regexp', '.*', blob],
    };

    for (const [recipe, argsFor] of Object.entries(recipes)) {
      test(`accepts the kit by recipe ${recipe}`, async () => {
        const { code, stderr } = await verify(argsFor(kit.path, identity));
        expect(stderr).toContain('Verified OK');
        expect(code).toBe(0);
      });

      test(`refuses one byte more, and another identity, by recipe ${recipe}`, async () => {
        for (const args of [argsFor(damaged, identity), argsFor(kit.path, 'https://kit.example/release')]) {
          const { code, stderr } = await verify(args);
          expect(stderr).not.toContain('Verified OK');
          expect(code).not.toBe(0);
        }
      });
    }

    test('its encrypted keys sign kits', async () => {
      const pem = join(folder, 'key.pem');
      writeFileSync(pem, testKeyPem);
      await succeed(peer(cosign), ['import-key-pair', '--key', pem, '--output-key-prefix', join(folder, 'imported')], { env });
      await succeed(peer(cosign), ['generate-key-pair', '--output-key-prefix', join(folder, 'made')], { env });
      for (const name of ['imported', 'made']) {
        const signer = await parseSigner(readFileSync(join(folder, `${name}.key`), 'utf8'), name, () => env.COSIGN_PASSWORD);
        expect(createPublicKey(signer.publicKeyPem).equals(createPublicKey(readFileSync(join(folder, `${name}.pub`))))).toBe(true);
        await expect(parseSigner(readFileSync(join(folder, `${name}.key`), 'utf8'), name, () => 'wrong horse')).rejects.toMatchObject({ code: 'kit.key-invalid' });
      }
    });

    test('its signature of a message is one that kit sign takes', async () => {
      const pem = join(folder, 'signing.pem');
      const message = join(folder, 'message');
      writeFileSync(pem, testKeyPem);
      writeFileSync(message, 'offline manifest');
      await succeed(peer(cosign), ['import-key-pair', '--key', pem, '--output-key-prefix', join(folder, 'signing')], { env });
      const asked = cosign === 'cosign3' ? ['--use-signing-config=false', '--new-bundle-format=false'] : [];
      await succeed(peer(cosign), ['sign-blob', '--yes', '--key', join(folder, 'signing.key'), '--tlog-upload=false', ...asked, '--output-signature', join(folder, 'message.sig'), message], { env });
      const key = parsePublicKey(readFileSync(join(folder, 'signing.pub'), 'utf8'), 'signing.pub');
      expect(key.verifiesDigest(createHash('sha256').update('offline manifest').digest(), decodeSignature(readFileSync(join(folder, 'message.sig'))))).toBe(true);
    });
  });
}
