/**
 * What is attested of each image and how cosign finds it (in-toto Statement v1, cosign's bundle referrers and its
 * signatures by tag).
 */

export const attestationMediaTypes = {
  /** Layer and artifact type of a referrer. */
  bundle: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  /** Payload of the DSSE envelope in it. */
  statement: 'application/vnd.in-toto+json',
  /** Layer of a signature by tag. */
  simpleSigning: 'application/vnd.dev.cosign.simplesigning.v1+json',
} as const;

export const statementType = 'https://in-toto.io/Statement/v1';

export const predicateTypes = {
  signature: 'https://sigstore.dev/cosign/sign/v1',
  sbom: 'https://cyclonedx.org/bom',
  provenance: 'https://slsa.dev/provenance/v1',
} as const;

/** Annotations of a referrer's manifest, and of the layer of a signature by tag. */
export const attestationAnnotations = {
  content: 'dev.sigstore.bundle.content',
  predicateType: 'dev.sigstore.bundle.predicateType',
  created: 'org.opencontainers.image.created',
  tagSignature: 'dev.cosignproject.cosign/signature',
} as const;

export const simpleSigningType = 'cosign container image signature';

/** Names what `recipe` and `resolvedDependencies` of our provenance mean: adr/0009-attestations.md. */
export const imageBuildType = 'https://docs.internal/zastava-runtime/image-build/v1';
export const artifactBuildType = 'https://docs.internal/zastava-runtime/artifact-build/v1';
