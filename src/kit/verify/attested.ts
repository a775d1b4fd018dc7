/**
 * Reads what is attached to an image, and believes it only when the key has signed it: a Sigstore bundle with an in-toto
 * statement (DSSE), and cosign's simple signing payload. Everything that is wrong with one is `kit.attestation-invalid`.
 */
import { bundleFromJSON, isBundleWithDsseEnvelope, isBundleWithPublicKey } from '@sigstore/bundle';
import { refusal } from '../../bytes/refusal.ts';
import { attestationAnnotations, attestationMediaTypes, predicateTypes, simpleSigningType, statementType } from '../../contract/attestations.ts';
import { ociAnnotations, type Descriptor, type Digest, type OciManifest } from '../../contract/oci.ts';
import { tagSignatureName } from '../attest/tag-signature.ts';
import type { PublicKey } from '../public-key.ts';

interface Statement {
  readonly _type?: unknown;
  readonly subject?: readonly { readonly digest?: Readonly<Record<string, unknown>> }[];
  readonly predicateType?: unknown;
  readonly predicate?: Readonly<Record<string, unknown>>;
}

/** What a predicate must at least be; of a signature nothing is asked. */
const shapes: Readonly<Record<string, (predicate: Readonly<Record<string, unknown>>) => boolean>> = {
  [predicateTypes.signature]: () => true,
  [predicateTypes.sbom]: ({ bomFormat, components }) => bomFormat === 'CycloneDX' && Array.isArray(components),
  [predicateTypes.provenance]: ({ buildDefinition, runDetails }) => typeof buildDefinition === 'object' && typeof runDetails === 'object',
};

/** The predicate type of a referrer's statement, whose signature holds and whose subject is the referrer's. */
export function readStatement(path: string, manifest: OciManifest, bundle: Buffer, key: PublicKey): string {
  const statement = parse<Statement>(path, 'an in-toto statement', openEnvelope(path, bundle, key));
  const predicateType = String(statement.predicateType);
  require(path, statementType, statement._type);
  require(path, `the subject ${manifest.subject?.digest}`, ...subjectsOf(statement));
  require(path, predicateType, manifest.annotations?.[attestationAnnotations.predicateType]);
  require(path, attestationMediaTypes.bundle, manifest.artifactType);
  const { predicate } = statement;
  if (typeof predicate !== 'object' || predicate === null || shapes[predicateType]?.(predicate) !== true) throw invalid(path, `a predicate of ${Object.keys(shapes).join(', ')}`, predicateType);
  return predicateType;
}

function subjectsOf({ subject }: Statement): string[] {
  return Array.isArray(subject) ? subject.map((one: { digest?: { sha256?: unknown } } | null) => `the subject sha256:${one?.digest?.sha256}`) : [];
}

/** The payload of a bundle's DSSE envelope, signed once, by the key. */
function openEnvelope(path: string, bytes: Buffer, key: PublicKey): Buffer {
  const bundle = parseBundle(path, bytes);
  const { payload, payloadType, signatures } = bundle.content.dsseEnvelope;
  require(path, attestationMediaTypes.statement, payloadType);
  require(path, `the key hint ${key.hint}`, `the key hint ${bundle.verificationMaterial.content.publicKey.hint}`);
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload]);
  if (signatures.length !== 1 || !key.verifiesMessage(signed, signatures[0]!.sig)) throw invalid(path, `one signature, by ${key.keyId}`, `${signatures.length}, or by another`);
  return payload;
}

function parseBundle(path: string, bytes: Buffer) {
  try {
    const bundle = bundleFromJSON(JSON.parse(bytes.toString('utf8')));
    if (isBundleWithDsseEnvelope(bundle) && isBundleWithPublicKey(bundle)) return bundle;
  } catch (cause) {
    throw invalid(path, 'a Sigstore bundle', cause instanceof Error ? cause.message : String(cause), cause);
  }
  throw invalid(path, 'a bundle of a DSSE envelope and a public key', 'one of another kind');
}

interface SimpleSigning {
  readonly critical?: { readonly identity?: { readonly 'docker-reference'?: unknown }; readonly image?: { readonly 'docker-manifest-digest'?: unknown }; readonly type?: unknown };
}

/** The digest of the image that a signature by tag is of: signed by the key, and under the name that it must have. */
export function readTagSignature(path: string, entry: Descriptor, manifest: OciManifest, payload: Buffer, key: PublicKey): Digest {
  const signature = Buffer.from(String(manifest.layers[0]?.annotations?.[attestationAnnotations.tagSignature]), 'base64');
  if (!key.verifiesMessage(payload, signature)) throw invalid(path, `the signature of its payload by ${key.keyId}`, 'another, or none');
  const { critical } = parse<SimpleSigning>(path, 'a simple signing payload', payload);
  require(path, simpleSigningType, critical?.type);
  const digest = critical?.image?.['docker-manifest-digest'] as Digest;
  require(path, tagSignatureName(String(critical?.identity?.['docker-reference']), `sha256:${String(digest).slice('sha256:'.length)}`), entry.annotations?.[ociAnnotations.refName]);
  return digest;
}

function parse<T extends object>(path: string, expected: string, bytes: Buffer): T {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as T;
  } catch (cause) {
    throw invalid(path, expected, 'no JSON', cause);
  }
  throw invalid(path, expected, 'another value');
}

/** Exactly one value, and that one. */
function require(path: string, expected: string, ...found: unknown[]): void {
  if (found.length !== 1 || found[0] !== expected) throw invalid(path, expected, found.map(String).join(', ') || 'none');
}

function invalid(where: string, expected: string, found: string, cause?: unknown): Error {
  return refusal('kit.attestation-invalid', { where, expected, found: found.slice(0, 200) }, cause);
}
