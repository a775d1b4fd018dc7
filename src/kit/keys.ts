/**
 * Signing keys: ECDSA P-256 from PEM (SEC 1, PKCS#8, encrypted or not, or as cosign encrypts them). Signatures are deterministic (RFC 6979), so
 * that a kit built twice is the same file; Node's own are randomised, hence @noble/curves (adr/0007).
 * The secret stays in this module's closures and in no message.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, hkdfSync, type KeyObject } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { p256 } from '@noble/curves/nist.js';
import { digestOf, sha256Bytes } from '../bytes/digest.ts';
import { ZastavaError } from '../contract/errors.ts';
import type { Digest } from '../contract/oci.ts';
import { decryptCosignKey, isCosignKey } from './keys/cosign-key.ts';

export interface Signer {
  /** A development key is made on the spot; no site should trust it. */
  readonly kind: 'development' | 'release';
  /** SHA-256 of the public key's SubjectPublicKeyInfo, DER. */
  readonly keyId: Digest;
  readonly publicKeyPem: string;
  /** ECDSA over a SHA-256 digest of 32 bytes; ASN.1 DER, as cosign and OpenSSL want it. `message` is what the digest is of, for a signer elsewhere that takes no digests. */
  signDigest(sha256: Uint8Array, message?: Uint8Array): Uint8Array;
  /** ECDSA with SHA-256 over a message; r and s, 32 bytes each, as JWS wants it. */
  signMessage(message: Uint8Array): Uint8Array;
  /** Another key, made of this one's secret and of `info` by HKDF (RFC 5869): always the same, and it tells nothing of this one. */
  deriveSigner(info: string): Signer;
}

/** Explanatory text before the PEM (RFC 7468 section 2): a development key stays one wherever it is copied to. */
const developmentMark = 'DEVELOPMENT KEY: made by a build, protects nothing. Kits signed by it are for trying out.\n';

/**
 * Reads a private key. `passphrase` is asked only when the key is encrypted.
 * Anything but a P-256 private key is refused with `kit.key-invalid`; `source` names it in the message.
 */
export async function parseSigner(pem: string, source: string, passphrase?: () => string | undefined | Promise<string | undefined>): Promise<Signer> {
  const encrypted = isCosignKey(pem) || /BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(pem);
  const secret = encrypted ? await passphrase?.() : undefined;
  if (encrypted && secret === undefined) throw invalid(source, 'is encrypted and no passphrase was given');
  const key = readPrivateKey(pem, secret, source);
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType !== 'ec' || curve !== 'prime256v1') {
    throw invalid(source, `must be ECDSA P-256 (prime256v1), found ${key.asymmetricKeyType}${curve === undefined ? '' : ` ${curve}`}`);
  }
  return signerOf(key, pem.startsWith(developmentMark) ? 'development' : 'release');
}

/** The development key at `path`; made once, readable by its owner only. Another key there is refused with `kit.key-invalid`. */
export async function provideDevelopmentKey(path: string): Promise<Signer> {
  const pem = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return makeDevelopmentKey(path);
    throw new ZastavaError('environment', `The development key ${path} cannot be read.`, { cause: error });
  });
  const signer = await parseSigner(pem, path);
  if (signer.kind !== 'development') throw invalid(path, 'is not a development key; move it away and name it as the key to sign with');
  return signer;
}

async function makeDevelopmentKey(path: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = developmentMark + privateKey.export({ type: 'pkcs8', format: 'pem' });
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, pem, { flag: 'wx', mode: 0o600 });
  return pem;
}

function readPrivateKey(pem: string, passphrase: string | undefined, source: string): KeyObject {
  try {
    if (passphrase !== undefined && isCosignKey(pem)) return createPrivateKey({ key: decryptCosignKey(pem, passphrase), format: 'der', type: 'pkcs8' });
    return createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase });
  } catch {
    // The cause is left out: what OpenSSL says may quote its input.
    throw invalid(source, passphrase === undefined ? 'holds no private key in PEM that can be read' : 'cannot be decrypted: wrong passphrase, or damaged');
  }
}

function signerOf(key: KeyObject, kind: Signer['kind']): Signer {
  const secret = Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url');
  const publicKey = createPublicKey(key);
  const sign = (digest: Uint8Array, format: 'der' | 'compact'): Uint8Array => p256.sign(digest, secret, { prehash: false, lowS: false, extraEntropy: false, format });
  return {
    kind,
    keyId: digestOf(publicKey.export({ type: 'spki', format: 'der' })),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    signDigest: (sha256) => sign(sha256, 'der'),
    signMessage: (message) => sign(sha256Bytes(message), 'compact'),
    deriveSigner: (info) => signerOf(keyOfSeed(hkdfSync('sha256', secret, '', info, seedBytes)), kind),
  };
}

/** 16 bytes more than the secret has, so that no secret is likelier than another (FIPS 186-5, A.2.1). */
const seedBytes = 48;

function keyOfSeed(seed: ArrayBuffer): KeyObject {
  const { secretKey, publicKey } = p256.keygen(new Uint8Array(seed));
  const point = Buffer.from(p256.Point.fromBytes(publicKey).toBytes(false));
  const [d, x, y] = [secretKey, point.subarray(1, 33), point.subarray(33)].map((bytes) => Buffer.from(bytes).toString('base64url'));
  return createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', d: d!, x: x!, y: y! } });
}

function invalid(source: string, problem: string): ZastavaError {
  return new ZastavaError('kit.key-invalid', `The signing key ${source} ${problem}.`);
}
