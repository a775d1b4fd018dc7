/** A Sigstore bundle as cosign attaches it to an image: an OCI 1.1 manifest whose subject is the image and whose one layer is the bundle. */
import { attestationAnnotations, attestationMediaTypes } from '../../contract/attestations.ts';
import { ociMediaTypes, type Descriptor, type OciManifest } from '../../contract/oci.ts';
import { blobOf, emptyBlob, jsonBlob, type LayoutPart } from './blob.ts';

/** @param created RFC 3339. */
export function renderReferrer({ mediaType, digest, size }: Descriptor, predicateType: string, bundle: string, created: string): LayoutPart {
  const layer = blobOf(attestationMediaTypes.bundle, bundle);
  const manifest: OciManifest = {
    schemaVersion: 2,
    mediaType: ociMediaTypes.manifest,
    artifactType: attestationMediaTypes.bundle,
    config: emptyBlob.descriptor,
    layers: [layer.descriptor],
    subject: { mediaType, digest, size },
    annotations: {
      [attestationAnnotations.content]: 'dsse-envelope',
      [attestationAnnotations.predicateType]: predicateType,
      [attestationAnnotations.created]: created,
    },
  };
  const blob = jsonBlob(ociMediaTypes.manifest, manifest);
  return { entries: [{ ...blob.descriptor, artifactType: attestationMediaTypes.bundle }], blobs: [blob, emptyBlob, layer] };
}
