/**
 * Sigstore bundles v0.3 of what a notary signs: message signatures over a file's digest, in key or certificate mode, and
 * DSSE envelopes with in-toto statements; each with its entry in the notary's log. The texts are canonical JSON.
 */
import { bundleToJSON, toDSSEBundle, toMessageSignatureBundle, type Bundle, type SerializedBundle } from '@sigstore/bundle';
import { canonicalJson } from '../bytes/canonical-json.ts';
import { sha256Bytes } from '../bytes/digest.ts';
import { attestationMediaTypes } from '../contract/attestations.ts';
import { encodePem } from './certificates/certificate.ts';
import type { Signer } from './keys.ts';
import { bodyOfBundle } from './log/log-entry.ts';
import type { Notary } from './notary.ts';

export interface MessageBundles {
  /** In key mode. */
  readonly bundle: string;
  /** In certificate mode; null without a certificate. */
  readonly certificateBundle: string | null;
}

/** Bundles of one signature over `sha256` (32 bytes). Both become leaves at once, so that they share the log's head. `certificate`: DER. */
export function signMessageBundles(sha256: Buffer, notary: Notary, certificate?: Uint8Array): MessageBundles {
  const { signer } = notary;
  const signature = Buffer.from(signer.signDigest(sha256));
  const drafts: Draft[] = [{ bundle: toMessageSignatureBundle({ digest: sha256, signature, keyHint: keyHintOf(signer) }), verifierPem: signer.publicKeyPem }];
  if (certificate) drafts.push({ bundle: toMessageSignatureBundle({ digest: sha256, signature, certificate: Buffer.from(certificate) }), verifierPem: encodePem(certificate) });
  const [bundle, certificateBundle = null] = enter(drafts, notary);
  return { bundle: bundle!, certificateBundle };
}

/** One bundle a payload, each an in-toto statement; all become leaves of the log at once. */
export function signDsseBundles(payloads: readonly Buffer[], notary: Notary): string[] {
  return enter(payloads.map((payload) => draftEnvelope(payload, notary.signer)), notary);
}

interface Draft {
  readonly bundle: Bundle;
  /** What the signature is checked with: the public key, or the certificate. */
  readonly verifierPem: string;
}

function draftEnvelope(payload: Buffer, signer: Signer): Draft {
  const type = attestationMediaTypes.statement;
  const message = preAuthEncoding(type, payload);
  const signature = Buffer.from(signer.signDigest(sha256Bytes(message), message));
  const bundle = toDSSEBundle({ artifact: payload, artifactType: type, signature, keyHint: keyHintOf(signer) });
  // The key's name in the envelope is nobody's to rely on; some verifiers refuse one that they do not know.
  bundle.content.dsseEnvelope.signatures[0]!.keyid = '';
  return { bundle, verifierPem: signer.publicKeyPem };
}

/** What is signed of an envelope, by DSSE v1. */
function preAuthEncoding(type: string, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);
}

/** Writes all of them down in the log, and renders them with their entries. */
function enter(drafts: readonly Draft[], { log, signedAt }: Notary): string[] {
  const entries = log.append(drafts.map(({ bundle, verifierPem }) => bodyOfBundle(bundle, verifierPem)), Date.parse(signedAt) / 1000);
  return drafts.map(({ bundle }, at) => {
    const { verificationMaterial } = bundle;
    return canonicalJson(withFirstIndex(bundleToJSON({ ...bundle, verificationMaterial: { ...verificationMaterial, tlogEntries: [entries[at]!] } })));
  });
}

/** protobuf's JSON leaves a zero out, and verifiers do not all put it back: the first entry of a log says its index, too. */
function withFirstIndex(bundle: SerializedBundle): SerializedBundle {
  const { tlogEntries, ...material } = bundle.verificationMaterial;
  const whole = tlogEntries.map((entry) => ({ ...entry, logIndex: entry.logIndex ?? '0', ...(entry.inclusionProof && { inclusionProof: { ...entry.inclusionProof, logIndex: entry.inclusionProof.logIndex ?? '0' } }) }));
  return { ...bundle, verificationMaterial: { ...material, tlogEntries: whole } } as SerializedBundle;
}

/** cosign and sigstore find the key by base64 of the SHA-256 of its SubjectPublicKeyInfo. */
function keyHintOf({ keyId }: Signer): string {
  return Buffer.from(keyId.slice('sha256:'.length), 'hex').toString('base64');
}
