import { createPublicKey } from 'node:crypto';
import { base64url, decodeProtectedHeader, flattenedVerify } from 'jose';
import { expect, test } from 'vitest';
import { kitMediaTypes } from '../../src/contract/kit-format.ts';
import { renderManifest, signManifest } from '../../src/kit/manifest.ts';
import { testSigner } from './tiny-kit.ts';

const signer = await testSigner();
const files = [{ path: 'oci-layout', size: 2, sha256: '0'.repeat(64), mediaType: 'application/json', role: 'oci' as const }];
const manifest = renderManifest({ name: 'tiny', version: '1', signedAt: '2026-01-02T03:04:05Z', signer, files });
const jws = Buffer.from(signManifest(manifest, signer)).toString();

async function verifyDetached(payload: Uint8Array): Promise<unknown> {
  const [header, , signature] = jws.split('.');
  return flattenedVerify({ protected: header!, payload: base64url.encode(payload), signature: signature! }, createPublicKey(signer.publicKeyPem));
}

test('a manifest is canonical JSON that names its signer and how it was compressed', () => {
  const text = Buffer.from(manifest).toString();
  expect(text).toMatch(/^\{"compression":\{"encoder":"zstd \d+\.\d+\.\d+","frameBytesMax":4194304,"level":1\},"files":\[/);
  expect(JSON.parse(text)).toMatchObject({ mediaType: kitMediaTypes.manifest, name: 'tiny', version: '1', signedAt: '2026-01-02T03:04:05Z', signer: { kind: 'release', keyId: signer.keyId }, files });
});

test('its signature is a detached JWS that names key and media type', () => {
  expect(jws).toMatch(/^[\w-]+\.\.[\w-]{86}$/);
  expect(decodeProtectedHeader({ protected: jws.split('.')[0]!, payload: '', signature: '' })).toEqual({ alg: 'ES256', cty: kitMediaTypes.manifest, kid: signer.keyId });
});

test('jose verifies the signature over the manifest, and over no other bytes', async () => {
  await expect(verifyDetached(manifest)).resolves.toBeDefined();
  await expect(verifyDetached(Buffer.concat([manifest, Buffer.from(' ')]))).rejects.toMatchObject({ code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
});
