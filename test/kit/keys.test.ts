import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { parseSigner, provideDevelopmentKey } from '../../src/kit/keys.ts';
import { testKeyPem, testSigner } from './tiny-kit.ts';

const passphrase = 'correct horse';
const sample = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const encrypted = sample.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString();

function sha256(message: string): Buffer {
  return createHash('sha256').update(message).digest();
}

describe('a signer', () => {
  // RFC 6979 appendix A.2.5, P-256 with SHA-256.
  test.each([
    ['sample', 'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716', 'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8'],
    ['test', 'f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367', '019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083'],
  ])('signs %j as RFC 6979 does', async (message, r, s) => {
    const signer = await testSigner();
    expect(Buffer.from(signer.signMessage(Buffer.from(message))).toString('hex')).toBe(r + s);
  });

  test('makes DER signatures that OpenSSL accepts, the same each time', async () => {
    const signer = await testSigner();
    const message = Buffer.from('a kit');
    const signature = signer.signDigest(sha256('a kit'));
    expect(verify('sha256', message, signer.publicKeyPem, signature)).toBe(true);
    expect(verify('sha256', Buffer.from('another kit'), signer.publicKeyPem, signature)).toBe(false);
    expect(signer.signDigest(sha256('a kit'))).toEqual(signature);
  });

  test('is named by the SHA-256 of its public key in DER', async () => {
    const signer = await testSigner();
    const der = createPublicKey(signer.publicKeyPem).export({ type: 'spki', format: 'der' });
    expect(signer.keyId).toBe(`sha256:${createHash('sha256').update(der).digest('hex')}`);
  });

  test.each([
    ['PKCS#8', sample.export({ type: 'pkcs8', format: 'pem' }).toString()],
    ['SEC 1', sample.export({ type: 'sec1', format: 'pem' }).toString()],
    ['SEC 1 after its parameters', `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${sample.export({ type: 'sec1', format: 'pem' }).toString()}`],
    ['encrypted PKCS#8', encrypted],
    ['encrypted SEC 1', sample.export({ type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString()],
  ])('is read from %s', async (_name, pem) => {
    const signer = await parseSigner(pem, 'k.pem', () => passphrase);
    expect(signer.kind).toBe('release');
    expect(signer.publicKeyPem).toBe(createPublicKey(sample).export({ type: 'spki', format: 'pem' }));
  });

  test('asks for a passphrase only when the key is encrypted', async () => {
    const ask = vi.fn(() => passphrase);
    await parseSigner(testKeyPem, 'k.pem', ask);
    expect(ask).toHaveBeenCalledTimes(0);
    await parseSigner(encrypted, 'k.pem', ask);
    expect(ask).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['a wrong passphrase', encrypted, 'wrong horse', /k\.pem cannot be decrypted/],
    ['no passphrase', encrypted, undefined, /k\.pem is encrypted and no passphrase was given/],
    ['another curve', pemOf('P-384'), '', /must be ECDSA P-256 \(prime256v1\), found ec secp384r1/],
    ['secp256k1', pemOf('secp256k1'), '', /found ec secp256k1/],
    ['Ed25519', generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), '', /found ed25519/],
    ['a public key', createPublicKey(sample).export({ type: 'spki', format: 'pem' }).toString(), '', /holds no private key/],
    ['no PEM', 'secret text', '', /holds no private key/],
    ["a damaged key in cosign's own form", '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n', '', /k\.pem cannot be decrypted/],
  ])('is refused for %s, and no secret is told', async (_name, pem, given, message) => {
    const error: unknown = await parseSigner(pem, 'k.pem', () => given).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'kit.key-invalid', message: expect.stringMatching(message), cause: undefined });
    expect((error as Error).message).not.toMatch(/horse|secret/);
  });
});

describe('the development key', () => {
  test('is made once, for its owner alone, and stays a development key under another name', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'keys-')), 'deep/development.key.pem');
    const made = await provideDevelopmentKey(path);
    expect(made.kind).toBe('development');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await provideDevelopmentKey(path)).keyId).toBe(made.keyId);
    expect((await parseSigner(await readFile(path, 'utf8'), 'release.pem')).kind).toBe('development');
  });

  test('is not replaced by a release key that lies in its place', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'keys-')), 'development.key.pem');
    await writeFile(path, testKeyPem);
    await expect(provideDevelopmentKey(path)).rejects.toMatchObject({ code: 'kit.key-invalid' });
    expect(await readFile(path, 'utf8')).toBe(testKeyPem);
  });
});

function pemOf(namedCurve: string): string {
  return generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
