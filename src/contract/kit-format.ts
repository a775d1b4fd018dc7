/** The offline kit's format: names, order, shapes and limits (contract section 9, reference RFC 7515, zstd seekable format). */
import type { Digest } from './oci.ts';

export const kitPaths = {
  manifest: 'offline-manifest.json',
  manifestSignature: 'offline-manifest.json.jws',
  ociLayout: 'oci-layout',
  ociIndex: 'index.json',
  blobs: 'blobs/sha256/',
  /** A second OCI layout: cosign's signatures by tag, which `ctr images import` refuses beside images. */
  signatures: 'signatures/',
  /** Symbols, as a debug folder has them. */
  debug: 'debug/',
  /** The same as a third OCI layout, for registries: containerd would take artifacts with names for images. */
  debugStore: 'debug-store/',
  /** A fourth, of charts and manifests, for the same reason. */
  artifacts: 'artifacts/',
} as const;

/** The OCI layouts beside the one of the images. */
export const kitLayouts: readonly string[] = [kitPaths.signatures, kitPaths.debugStore, kitPaths.artifacts];

/** The archive starts with these, in this order; all other entries follow sorted by the bytes of their paths. */
export const kitHead: readonly string[] = [kitPaths.manifest, kitPaths.manifestSignature, kitPaths.ociLayout, kitPaths.ociIndex];

/** Suffixes of the files beside `<name>-<version>.tar.zst`. */
export const kitSuffixes = {
  archive: '.tar.zst',
  signature: '.tar.zst.sig',
  bundle: '.tar.zst.sigstore.json',
  certificateBundle: '.tar.zst.cert.sigstore.json',
  /** That the logs of earlier kits are beginnings of this one's. */
  consistency: '.tar.zst.consistency.json',
} as const;

export const kitMediaTypes = {
  manifest: 'application/vnd.zastava.offline-manifest.v1+json',
  trustedRoot: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  consistency: 'application/vnd.zastava.log-consistency.v1+json',
  logState: 'application/vnd.zastava.log-state.v1+json',
} as const;

/** What a file in the kit is for. `oci` are the layout's own files. */
export const kitRoles = ['oci', 'manifests', 'rules', 'dashboard', 'catalogue', 'values', 'document', 'tool', 'debug'] as const;
export type KitRole = (typeof kitRoles)[number];

export interface KitFileRecord {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lowercase hex digits. */
  readonly sha256: string;
  readonly mediaType: string;
  readonly role: KitRole;
}

/**
 * offline-manifest.json, as canonical JSON (RFC 8785). `files` has every entry of the archive but the manifest
 * and its JWS, in archive order.
 */
export interface KitManifest {
  readonly mediaType: typeof kitMediaTypes.manifest;
  readonly name: string;
  readonly version: string;
  /** RFC 3339, seconds, UTC. */
  readonly signedAt: string;
  readonly signer: { readonly kind: 'development' | 'release'; readonly keyId: Digest };
  /** Sizes and digest of what the frames hold. */
  readonly compression: { readonly encoder: string; readonly level: number; readonly frameBytesMax: number };
  readonly files: readonly KitFileRecord[];
}

const MiB = 1024 * 1024;

/** Limits against bombs and mistakes; a reader refuses what is beyond with `kit.limit-exceeded`. */
export const kitLimits = {
  /** Uncompressed bytes of one frame. */
  frameBytesMax: 8 * MiB,
  /** Frames of a kit of `totalBytesMax`, and room for smaller ones. */
  framesMax: 64 * 1024,
  /** zstd window, log2: 2^23 = 8 MiB. */
  windowLogMax: 23,
  entriesMax: 10_000,
  entryBytesMax: 8 * 1024 * MiB - 1,
  totalBytesMax: 64 * 1024 * MiB,
  /** Whole kit, uncompressed to compressed: gzip layers do not compress further, so a real kit is near 1. */
  ratioMax: 200,
  manifestBytesMax: 8 * MiB,
  signatureBytesMax: 64 * 1024,
  /** Proofs from every kit released before. */
  consistencyBytesMax: 8 * MiB,
  /** Files that verify looks into: OCI JSON, manifests, rules, catalogue. */
  documentBytesMax: 4 * MiB,
  /** All of them together. */
  documentsBytesMax: 32 * MiB,
  /** ustar: a name without prefix. */
  pathBytesMax: 100,
} as const;
