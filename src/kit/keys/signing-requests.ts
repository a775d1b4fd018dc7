/**
 * The folder through which a kit is signed by a key that is elsewhere: `<hex>.digest` is what to sign (32 bytes),
 * `<hex>.message` what that is the SHA-256 of, where it is known and not the kit itself, `<hex>.sig` the signature
 * (ASN.1 DER, or base64 of it), and `signing-time` what every build of it says.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { refusal } from '../../bytes/refusal.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { kitSuffixes } from '../../contract/kit-format.ts';
import type { PublicKey } from '../public-key.ts';
import { deferSigner, type DeferredSigner } from './deferred-signer.ts';

export interface Elsewhere {
  /** Where the requests lie; beside the kit. */
  readonly folder: string;
  /** PEM, of the key that is elsewhere. */
  readonly publicKeyPem: string;
  /** RFC 3339, seconds, UTC; used when no earlier round has fixed another. */
  readonly signedAt: string;
}

/** Digests in hex and their files, still to be signed. */
export interface Pending {
  readonly pending: readonly string[];
}

/** The folder of the kit that will be, or is, at `kitPath`. */
export function requestsFolder(kitPath: string): string {
  return `${kitPath.slice(0, -kitSuffixes.archive.length)}.to-sign`;
}

/**
 * Runs one round: `build` makes what it can with the signatures that are there. When some are missing, gives the files
 * that are to be signed before the next round; the folder stays, so that a round can be repeated.
 */
export async function buildWithRequests<T extends object>(elsewhere: Elsewhere, build: (signer: DeferredSigner, signedAt: string) => Promise<T>): Promise<T | Pending> {
  const { folder, publicKeyPem } = elsewhere;
  const names = await namesIn(folder);
  const signedAt = names.includes('signing-time') ? (await readFile(join(folder, 'signing-time'), 'utf8')).trim() : elsewhere.signedAt;
  const signer = deferSigner(publicKeyPem, 'of the key elsewhere', await readSignatures(folder, names));
  try {
    return await build(signer, signedAt);
  } catch (error) {
    if (!(error instanceof ZastavaError) || error.code !== 'kit.signatures-pending') throw error;
    return { pending: await writeRequests(folder, names, signer.missing, signedAt) };
  }
}

/** Digests that wait for a signature. */
export async function readPending(folder: string): Promise<string[]> {
  const names = await namesIn(folder);
  return names.filter((name) => name.endsWith('.digest')).map((name) => basename(name, '.digest')).filter((hex) => !names.includes(`${hex}.sig`)).sort();
}

/** Notes a signature (ASN.1 DER) of one of the digests in the folder. */
export async function answerRequest(folder: string, hex: string, signature: Uint8Array): Promise<void> {
  await writeFile(join(folder, `${hex}.sig`), `${Buffer.from(signature).toString('base64')}\n`);
}

/** Which of the digests (hex) this signature is of; throws `kit.signature-invalid` when it is none of them by this key. */
export function matchSignature(signature: Uint8Array, digests: readonly string[], key: PublicKey, source: string): string {
  const found = digests.find((hex) => key.verifiesDigest(Buffer.from(hex, 'hex'), signature));
  if (found !== undefined) return found;
  throw refusal('kit.signature-invalid', { where: source, expected: `a signature by ${key.keyId} of ${digests.length === 0 ? 'something that was asked for' : digests.join(' or ')}`, found: 'another' });
}

/** ASN.1 DER, or base64 of it. */
export function decodeSignature(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').trim();
  return /^[A-Za-z0-9+/]+=*$/.test(text) ? Buffer.from(text, 'base64') : bytes;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function readSignatures(folder: string, names: readonly string[]): Promise<Map<string, Uint8Array>> {
  const files = names.filter((name) => /^[0-9a-f]{64}\.sig$/.test(name));
  return new Map(await Promise.all(files.map(async (name) => [basename(name, '.sig'), decodeSignature(await readFile(join(folder, name)))] as const)));
}

/** Requests of an earlier round that nobody asks for any more go away; what was signed stays. */
async function writeRequests(folder: string, names: readonly string[], missing: DeferredSigner['missing'], signedAt: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  for (const name of names) if (/\.(digest|message)$/.test(name)) await rm(join(folder, name));
  await writeFile(join(folder, 'signing-time'), `${signedAt}\n`);
  for (const [hex, message] of missing) {
    await writeFile(join(folder, `${hex}.digest`), Buffer.from(hex, 'hex'));
    if (message) await writeFile(join(folder, `${hex}.message`), message);
  }
  return [...missing.keys()].map((hex) => join(folder, `${hex}.digest`)).sort();
}
