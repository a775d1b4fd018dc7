/** In-toto statements of a kit (DSSE in Sigstore bundles, referrers of its images): what is said about which digest. */
import { refusal } from '../../bytes/refusal.ts';
import { attestationMediaTypes } from '../../contract/attestations.ts';
import type { Digest } from '../../contract/oci.ts';
import { listOf, objectOf, parseJson, textOf, type DocumentSet, type Json } from './documents.ts';

export interface Attestation {
  readonly predicateType: string;
  readonly subjects: readonly Digest[];
  readonly predicate: Json;
  /** Of the bundle: changes with the signature, too. */
  readonly bundle: Digest;
}

/** Throws `kit.document-invalid` for a bundle that is none, or an envelope without a statement. */
export function gatherAttestations(documents: DocumentSet): Attestation[] {
  return documents.ofType(attestationMediaTypes.bundle).flatMap(({ record, bytes }) => {
    const payload = textOf(objectOf(parseJson(record.path, bytes)['dsseEnvelope'])['payload']);
    if (payload === null) return [];
    const { predicateType, subject, predicate } = parseJson(`${record.path}: payload`, Buffer.from(payload, 'base64'));
    if (typeof predicateType !== 'string') throw refusal('kit.document-invalid', { where: record.path, expected: 'an in-toto statement', found: 'another payload' });
    const subjects = listOf(subject).map((each) => `sha256:${objectOf(objectOf(each)['digest'])['sha256']}` as const);
    return [{ predicateType, subjects, predicate: objectOf(predicate), bundle: `sha256:${record.sha256}` as const }];
  });
}
