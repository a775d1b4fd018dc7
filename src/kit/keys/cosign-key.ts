/**
 * cosign's encrypted private key: PEM around JSON that names its own key derivation (scrypt) and cipher (NaCl's
 * secretbox, XSalsa20-Poly1305), around PKCS#8. Costs are limited before any is paid: the file may be anybody's.
 */
import { scryptSync } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';

const pemPattern = /-----BEGIN ENCRYPTED (SIGSTORE|COSIGN) PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END ENCRYPTED \1 PRIVATE KEY-----/;

/** Bytes that scrypt may take: four times what cosign itself asks for. */
const memoryBytesMax = 256 * 1024 * 1024;

export function isCosignKey(pem: string): boolean {
  return /BEGIN ENCRYPTED (SIGSTORE|COSIGN) PRIVATE KEY/.test(pem);
}

/** PKCS#8, DER. Throws when it is damaged, too costly or of another passphrase; the error says nothing of the key. */
export function decryptCosignKey(pem: string, passphrase: string): Buffer {
  const { kdf, cipher, ciphertext } = JSON.parse(Buffer.from(pemPattern.exec(pem)?.[2] ?? '', 'base64').toString()) as Envelope;
  if (kdf.name !== 'scrypt' || cipher.name !== 'nacl/secretbox') throw new Error('another key derivation or cipher');
  const { N, r, p } = kdf.params;
  if (![N, r, p].every((value) => Number.isSafeInteger(value) && value > 0) || 128 * N * r > memoryBytesMax || p > 16) throw new Error('key derivation out of bounds');
  const key = scryptSync(passphrase, Buffer.from(kdf.salt, 'base64'), 32, { N, r, p, maxmem: 2 * memoryBytesMax });
  return Buffer.from(xsalsa20poly1305(key, Buffer.from(cipher.nonce, 'base64')).decrypt(Buffer.from(ciphertext, 'base64')));
}

interface Envelope {
  readonly kdf: { readonly name: string; readonly params: { readonly N: number; readonly r: number; readonly p: number }; readonly salt: string };
  readonly cipher: { readonly name: string; readonly nonce: string };
  readonly ciphertext: string;
}
