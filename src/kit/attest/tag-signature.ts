/**
 * A signature as cosign keeps it under a tag, `sha256-<hex>.sig`: an image manifest whose one layer is the payload
 * ("simple signing") and whose layer annotation is the signature. In the layout its ref name has the image's name before.
 */
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { sha256Bytes } from '../../bytes/digest.ts';
import { attestationAnnotations, attestationMediaTypes, simpleSigningType } from '../../contract/attestations.ts';
import { ociAnnotations, ociMediaTypes, type Digest, type OciManifest } from '../../contract/oci.ts';
import type { Signer } from '../keys.ts';
import { blobOf, jsonBlob, type LayoutPart } from './blob.ts';

/** @param repository of the image, with its registry; its last part comes before the tag in the ref name. */
export function renderTagSignature(repository: string, digest: Digest, signer: Pick<Signer, 'signDigest'>): LayoutPart {
  const payload = Buffer.from(canonicalJson({
    critical: { identity: { 'docker-reference': repository }, image: { 'docker-manifest-digest': digest }, type: simpleSigningType },
    optional: null,
  }));
  const signature = Buffer.from(signer.signDigest(sha256Bytes(payload), payload)).toString('base64');
  const layer = blobOf(attestationMediaTypes.simpleSigning, payload);
  const config = jsonBlob(ociMediaTypes.config, { architecture: '', config: {}, os: '', rootfs: { diff_ids: [layer.descriptor.digest], type: 'layers' } });
  const manifest: OciManifest = {
    schemaVersion: 2,
    mediaType: ociMediaTypes.manifest,
    config: config.descriptor,
    layers: [{ ...layer.descriptor, annotations: { [attestationAnnotations.tagSignature]: signature } }],
  };
  const blob = jsonBlob(ociMediaTypes.manifest, manifest);
  return { entries: [{ ...blob.descriptor, annotations: { [ociAnnotations.refName]: tagSignatureName(repository, digest) } }], blobs: [blob, config, layer] };
}

/** `observer-sha256-<hex>.sig`. */
export function tagSignatureName(repository: string, digest: Digest): string {
  return `${repository.slice(repository.lastIndexOf('/') + 1)}-${digest.replace(':', '-')}.sig`;
}
