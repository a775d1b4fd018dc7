/**
 * Entries of the log as Rekor v1 has them, so that cosign checks them: a leaf's body (hashedrekord or dsse 0.0.1, canonical
 * JSON) binds an artifact's digest, a signature and its key; an entry proves that the body is in the log.
 */
import type { Bundle, TransparencyLogEntry } from '@sigstore/bundle';
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { sha256Hex } from '../../bytes/digest.ts';
import { attestationMediaTypes } from '../../contract/attestations.ts';
import type { Digest } from '../../contract/oci.ts';

/** In the form of a Sigstore bundle. */
export type LogEntry = TransparencyLogEntry;

/** `hashedrekord`; `verifierPem` is the public key, or the certificate. */
function renderMessageBody(sha256: Uint8Array, signature: Uint8Array, verifierPem: string): string {
  return canonicalJson({
    apiVersion: '0.0.1',
    kind: 'hashedrekord',
    spec: {
      data: { hash: { algorithm: 'sha256', value: Buffer.from(sha256).toString('hex') } },
      signature: { content: base64(signature), publicKey: { content: base64(verifierPem) } },
    },
  });
}

/** `dsse`, of an envelope with an in-toto statement. */
function renderEnvelopeBody(payload: Uint8Array, signature: Uint8Array, verifierPem: string): string {
  const envelope = canonicalJson({ payload: base64(payload), payloadType: attestationMediaTypes.statement, signatures: [{ sig: base64(signature) }] });
  return canonicalJson({
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      envelopeHash: { algorithm: 'sha256', value: sha256Hex(envelope) },
      payloadHash: { algorithm: 'sha256', value: sha256Hex(payload) },
      signatures: [{ signature: base64(signature), verifier: base64(verifierPem) }],
    },
  });
}

/** The body that the entry of a bundle must have, whose signature is checked with `verifierPem`. */
export function bodyOfBundle({ content }: Pick<Bundle, 'content'>, verifierPem: string): string {
  if (content.$case === 'messageSignature') return renderMessageBody(content.messageSignature.messageDigest.digest, content.messageSignature.signature, verifierPem);
  const { payload, signatures } = content.dsseEnvelope;
  return renderEnvelopeBody(payload, signatures[0]?.sig ?? Buffer.alloc(0), verifierPem);
}

/** What the log signs when it takes an entry in: Rekor's signed entry timestamp. */
export function renderPromise(entry: Pick<LogEntry, 'canonicalizedBody' | 'integratedTime' | 'logIndex'>, logId: Digest): string {
  return canonicalJson({
    body: base64(entry.canonicalizedBody),
    integratedTime: Number(entry.integratedTime),
    logID: logId.slice('sha256:'.length),
    logIndex: Number(entry.logIndex),
  });
}

function base64(bytes: Uint8Array | string): string {
  return Buffer.from(bytes).toString('base64');
}
