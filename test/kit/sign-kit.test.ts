import { createPublicKey, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { beforeAll, describe, expect, test } from 'vitest';
import { kitMediaTypes } from '../../src/contract/kit-format.ts';
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

  test('hold a bundle that sigstore verifies by the key that the hint names, for this archive alone', async () => {
    const json: unknown = JSON.parse(await readFile(kit.bundle, 'utf8'));
    expect(json).toMatchObject({ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', messageSignature: { messageDigest: { algorithm: 'SHA2_256' } } });
    const bundle = bundleFromJSON(json);
    const rawBytes = createPublicKey(await readFile(kit.publicKey)).export({ type: 'spki', format: 'der' });
    const hint = Buffer.from(kit.plan.signer.keyId.slice(7), 'hex').toString('base64');
    const root = { mediaType: '', tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] };
    const trust = toTrustMaterial(root, { [hint]: { rawBytes, keyDetails: 5 } });
    const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
    expect(verifier.verify(toSignedEntity(bundle, archive)).key).toBeDefined();
    expect(() => verifier.verify(toSignedEntity(bundle, Buffer.concat([archive, Buffer.of(0)])))).toThrow('signature verification failed');
  });

  test('hold one and the same signature', async () => {
    const bundle = JSON.parse(await readFile(kit.bundle, 'utf8')) as { messageSignature: { signature: string } };
    expect(`${bundle.messageSignature.signature}\n`).toBe(await readFile(kit.signature, 'utf8'));
  });

  test('do not hold the trust, which is a folder of its own', async () => {
    expect(await readFile(kit.publicKey, 'utf8')).toBe(kit.plan.signer.publicKeyPem);
    expect(JSON.parse(await readFile(kit.trustedRoot, 'utf8'))).toEqual({ mediaType: kitMediaTypes.trustedRoot });
    expect(kit.publicKey).toBe(`${kit.folder}/trust/tiny.pub`);
  });
});
