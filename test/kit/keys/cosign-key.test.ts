import { createHash, createPublicKey, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseSigner } from '../../../src/kit/keys.ts';
import { decryptCosignKey, isCosignKey } from '../../../src/kit/keys/cosign-key.ts';

/** Written by `cosign import-key-pair` 2.6 with the passphrase below; it protects nothing. */
const pem = `
-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJnQmJqdHYrT01JeFZ0dHgzM2U1SFZNSWhPZENZbldq
bGIrbU5SSXJnNytjPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJBL1hwcnFrbG94czB0bXJzaVROenRFQ2JjZDA0MXVMNSJ9LCJj
aXBoZXJ0ZXh0IjoiNGU0RWNFbDBqWDhQai8xTnc2VzFhRElzTWUwMENBZGJrbG9v
bE9xSlhKMmlSb2FaT2NRdmN1WGNKTEphN2tESDFqSXZ3YUg5UzV6amVhdXk3QVo1
TnAvdXk3TVc2cjAzSk9lSWUzUnp3bHBJZStYdks4SldVdHQvaVpUdkZOdFAvd3VO
ZnBXeWFSR2NpY1N2ZS9PU2hMd1YzTWE1amdaVmZ6djhyaUtTKy8zcHBLVjd4anZO
c01QY1lVMFlPNmdsREEra0ZFeGxtbVNEWXc9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`;
const publicKey = `
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpnjr0NnwwqGjInu792S5uzD9OZ+H
10AvpmmXfZWWvhjQXVbgKDz1H8dRIabd1h7mAoqqlWvzpkF0xWXMlP9a3g==
-----END PUBLIC KEY-----
`;
const passphrase = 'correct horse';

test("cosign's encrypted key signs", async () => {
  const signer = await parseSigner(pem.trimStart(), 'cosign.key', () => passphrase);
  expect(signer.kind).toBe('release');
  expect(createPublicKey(signer.publicKeyPem).equals(createPublicKey(publicKey.trimStart()))).toBe(true);
  expect(verify('sha256', Buffer.from('kit'), publicKey.trimStart(), signer.signDigest(createHash('sha256').update('kit').digest()))).toBe(true);
});

test.each([
  ['a wrong passphrase', 'wrong horse', /cannot be decrypted/],
  ['an empty passphrase', '', /cannot be decrypted/],
  ['no passphrase', undefined, /no passphrase was given/],
])('is refused for %s, and no secret is told', async (_, given, message) => {
  const error: unknown = await parseSigner(pem, 'cosign.key', () => given).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'kit.key-invalid', cause: undefined, message: expect.stringMatching(message) });
  expect((error as Error).message).not.toMatch(/horse/);
});

type Envelope = { kdf: { name: string; params: Record<string, number> }; cipher: { name: string }; ciphertext: string };

function changed(change: (envelope: Envelope) => void): string {
  const envelope = JSON.parse(Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64').toString()) as Envelope;
  change(envelope);
  return `-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n${Buffer.from(JSON.stringify(envelope)).toString('base64')}\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n`;
}

test('the older name of the same form is read too', () => {
  expect(isCosignKey(changed(() => {}))).toBe(true);
  expect(decryptCosignKey(changed(() => {}), passphrase)).toEqual(decryptCosignKey(pem, passphrase));
});

test.each<[string, (envelope: Envelope) => void, RegExp]>([
  ['4 GiB of memory', ({ kdf }) => (kdf.params['N'] = 2 ** 22), /out of bounds/],
  ['endless rounds', ({ kdf }) => (kdf.params['p'] = 2 ** 20), /out of bounds/],
  ['no cost at all', ({ kdf }) => (kdf.params['N'] = 0), /out of bounds/],
  ['another derivation', ({ kdf }) => (kdf.name = 'md5'), /another key derivation/],
  ['another cipher', ({ cipher }) => (cipher.name = 'none'), /another key derivation or cipher/],
  ['a changed byte', (envelope) => (envelope.ciphertext = envelope.ciphertext.replace(/^./, (sign) => (sign === 'A' ? 'B' : 'A'))), /tag/],
])('a file that asks for %s is refused', (_, change, message) => {
  expect(() => decryptCosignKey(changed(change), passphrase)).toThrow(message);
});
