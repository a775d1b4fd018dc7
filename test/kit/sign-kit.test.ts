import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { beforeAll, describe, expect, test } from 'vitest';
import { kitMediaTypes } from '../../src/contract/kit-format.ts';
import { provideDevelopmentCertificate } from '../../src/kit/certificates/development-certificate.ts';
import type { SigningCertificate } from '../../src/kit/certificates/signing-certificate.ts';
import { developmentLog } from '../../src/kit/log/release-log.ts';
import { signKit } from '../../src/kit/sign-kit.ts';
import { writeTrust } from '../../src/kit/trust.ts';
import { verifyReleased } from './released-kits.ts';
import { makeTinyKit, type TinyKit } from './tiny-kit.ts';

describe('the files beside a kit', () => {
  let kit: TinyKit;
  let archive: Buffer;

  beforeAll(async () => {
    kit = await makeTinyKit();
    archive = await readFile(kit.path);
  });

  test('are named after it', () => {
    expect(kit.signature).toBe(`${kit.path}.sig`);
    expect(kit.bundle).toBe(`${kit.path}.sigstore.json`);
  });

  test('hold a signature of the archive that OpenSSL accepts', async () => {
    const text = await readFile(kit.signature, 'utf8');
    expect(text).toMatch(/^[A-Za-z0-9+/]+=*\n$/);
    expect(verify('sha256', archive, await readFile(kit.publicKey), Buffer.from(text, 'base64'))).toBe(true);
  });

  test('hold a bundle of v0.3 with an entry of the log that the notary writes', async () => {
    const json: unknown = JSON.parse(await readFile(kit.bundle, 'utf8'));
    expect(json).toMatchObject({ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', messageSignature: { messageDigest: { algorithm: 'SHA2_256' } } });
    const keyId = Buffer.from(kit.plan.notary.log.logId.slice(7), 'hex').toString('base64');
    expect(json).toMatchObject({ verificationMaterial: { tlogEntries: [{ logId: { keyId } }] } });
  });

  test('hold a bundle that sigstore verifies by the key that the hint names, for this archive alone', async () => {
    const { verificationMaterial, ...bundle } = bundleFromJSON(JSON.parse(await readFile(kit.bundle, 'utf8')));
    const unlogged = { ...bundle, verificationMaterial: { ...verificationMaterial, tlogEntries: [] } };
    const rawBytes = createPublicKey(await readFile(kit.publicKey)).export({ type: 'spki', format: 'der' });
    const hint = Buffer.from(kit.plan.notary.signer.keyId.slice(7), 'hex').toString('base64');
    const root = { mediaType: '', tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] };
    const trust = toTrustMaterial(root, { [hint]: { rawBytes, keyDetails: 5 } });
    const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
    expect(verifier.verify(toSignedEntity(unlogged, archive)).key).toBeDefined();
    expect(() => verifier.verify(toSignedEntity(unlogged, Buffer.concat([archive, Buffer.of(0)])))).toThrow('signature verification failed');
  });

  test('hold one and the same signature', async () => {
    const bundle = JSON.parse(await readFile(kit.bundle, 'utf8')) as { messageSignature: { signature: string } };
    expect(`${bundle.messageSignature.signature}\n`).toBe(await readFile(kit.signature, 'utf8'));
  });

  test('do not hold the trust, which is a folder of its own', async () => {
    expect(await readFile(kit.publicKey, 'utf8')).toBe(kit.plan.notary.signer.publicKeyPem);
    expect(JSON.parse(await readFile(kit.trustedRoot, 'utf8'))).toMatchObject({ mediaType: kitMediaTypes.trustedRoot, tlogs: [{ baseUrl: `https://${kit.plan.notary.log.host}`, publicKey: { keyDetails: 'PKIX_ECDSA_P256_SHA_256' } }] });
    expect(kit.publicKey).toBe(`${kit.folder}/trust/tiny.pub`);
  });
});

describe('with a certificate', () => {
  let kit: TinyKit;
  let certificate: SigningCertificate;

  beforeAll(async () => {
    kit = await makeTinyKit((plan) => plan, new Date());
    certificate = await provideDevelopmentCertificate(join(kit.folder, 'certificate.pem'), kit.plan.notary.signer);
  });

  test('a second bundle and the certificate lie beside the kit, and its authority in the trust', async () => {
    expect(kit).toMatchObject({ certificateBundle: `${kit.path}.cert.sigstore.json`, certificate: join(kit.folder, 'out/tiny.cert') });
    expect(new X509Certificate(await readFile(kit.certificate!)).raw.equals(certificate.leaf)).toBe(true);
    expect(new X509Certificate(await readFile(kit.authority!)).raw.equals(certificate.chain[0]!)).toBe(true);
  });

  test('the kit holds by key, by certificate, and in the log', async () => {
    const trustedRootJson = await readFile(kit.trustedRoot, 'utf8');
    const report = await verifyReleased(kit, { allowDevelopment: true, certificate: { identity: certificate.identity, trustedRootJson } });
    expect(report).toMatchObject({ ok: true, trust: 'certificate', notChecked: [] });
    expect(report.checks.find(({ name }) => name === 'release log')).toMatchObject({ count: 10 });
  });

  test('what an earlier kit of this name left beside goes away', async () => {
    const before = await readdir(join(kit.folder, 'out'));
    const { notary, recipe } = kit.plan;
    await signKit({ ...kit, name: recipe.name }, { ...notary, log: developmentLog(notary.signer) });
    await writeTrust(join(kit.folder, 'trust'), recipe.name, notary);
    expect(before).toContain('tiny.cert');
    expect((await readdir(join(kit.folder, 'out'))).sort()).toEqual(['tiny-0.1.0.tar.zst', 'tiny-0.1.0.tar.zst.sig', 'tiny-0.1.0.tar.zst.sigstore.json']);
    expect((await readdir(join(kit.folder, 'trust'))).sort()).toEqual(['tiny.pub', 'trusted_root.json']);
  });
});
