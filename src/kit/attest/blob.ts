/** Bytes that become a blob of an OCI layout, and the descriptor that leads to them. */
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { digestOf } from '../../bytes/digest.ts';
import { ociMediaTypes, type Descriptor } from '../../contract/oci.ts';

export interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What an OCI layout gets: entries for its index.json, and blobs, of which several may be the same. */
export interface LayoutPart {
  readonly entries: readonly Descriptor[];
  readonly blobs: readonly Blob[];
}

export function joined(parts: readonly LayoutPart[]): LayoutPart {
  return { entries: parts.flatMap(({ entries }) => entries), blobs: parts.flatMap(({ blobs }) => blobs) };
}

export function blobOf(mediaType: string, content: Uint8Array | string): Blob {
  const bytes = Buffer.from(content);
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

export function jsonBlob(mediaType: string, value: unknown): Blob {
  return blobOf(mediaType, canonicalJson(value));
}

/** Image spec 1.1, section "Guidance for an Empty Descriptor". */
export const emptyBlob: Blob = blobOf(ociMediaTypes.empty, '{}');
