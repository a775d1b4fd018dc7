/** Shapes and media types of the OCI image spec 1.1 that images and kit share. */

export const ociMediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  /** The config of a manifest that is not an image's; its one content is `{}`. */
  empty: 'application/vnd.oci.empty.v1+json',
} as const;

/** `sha256:` and 64 lowercase hex digits. */
export type Digest = `sha256:${string}`;

export interface Platform {
  readonly os: 'linux';
  readonly architecture: 'amd64' | 'arm64';
}

/** Every image is built for these, in this order (runbook section 5: multi-arch). */
export const platforms: readonly Platform[] = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
];

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
}

export interface OciIndex {
  readonly schemaVersion: 2;
  readonly mediaType: typeof ociMediaTypes.index;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface OciManifest {
  readonly schemaVersion: 2;
  readonly mediaType: typeof ociMediaTypes.manifest;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  /** What the manifest is, where it is not an image's. */
  readonly artifactType?: string;
  /** What it refers to, which makes it a referrer. */
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Content of the file `oci-layout`. */
export const ociLayout = { imageLayoutVersion: '1.0.0' } as const;

/** Annotations of entries in index.json (contract section 9). */
export const ociAnnotations = {
  refName: 'org.opencontainers.image.ref.name',
  containerdName: 'io.containerd.image.name',
} as const;
