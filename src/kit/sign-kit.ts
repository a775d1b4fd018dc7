/**
 * The files beside a kit that vouch for it: `.sig` (base64 of a DER signature, for `cosign --signature` and OpenSSL) and
 * `.sigstore.json` (Sigstore bundle v0.3, key mode); with a certificate `.cert.sigstore.json` and the certificate itself;
 * with the release log the proof that it extends what was released before. All hold the one signature over the archive's SHA-256.
 */
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { kitSuffixes } from '../contract/kit-format.ts';
import { signMessageBundles } from './bundle.ts';
import { encodePem } from './certificates/certificate.ts';
import type { SigningCertificate } from './certificates/signing-certificate.ts';
import { renderConsistency } from './log/consistency.ts';
import type { Notary } from './notary.ts';

export interface SealedArchive {
  readonly path: string;
  /** Of the archive, 64 hex digits. */
  readonly sha256: string;
  /** The recipe's; the certificate's file is named after it. */
  readonly name: string;
}

export interface KitSignatures {
  readonly signature: string;
  readonly bundle: string;
  readonly certificateBundle?: string;
  readonly certificate?: string;
  readonly consistency?: string;
}

/** Writes them beside the kit and takes away what an earlier kit of this name left there; gives their paths. */
export async function signKit({ path, sha256, name }: SealedArchive, notary: Notary, certificate?: SigningCertificate): Promise<KitSignatures> {
  const { bundle, certificateBundle } = signMessageBundles(Buffer.from(sha256, 'hex'), notary, certificate?.leaf);
  const { messageSignature } = JSON.parse(bundle) as { messageSignature: { signature: string } };
  const proofs = notary.log.proveConsistency();
  const stem = path.slice(0, -kitSuffixes.archive.length);
  const texts = {
    signature: [stem + kitSuffixes.signature, messageSignature.signature],
    bundle: [stem + kitSuffixes.bundle, bundle],
    certificateBundle: [stem + kitSuffixes.certificateBundle, certificateBundle],
    certificate: [join(dirname(path), `${name}.cert`), certificate && encodePem(certificate.leaf).trimEnd()],
    consistency: [stem + kitSuffixes.consistency, proofs && renderConsistency(proofs)],
  } as const;
  for (const [file, text] of Object.values(texts)) await (text ? writeFile(file, `${text}\n`) : rm(file, { force: true }));
  return Object.fromEntries(Object.entries(texts).flatMap(([key, [file, text]]) => (text ? [[key, file]] : []))) as unknown as KitSignatures;
}
