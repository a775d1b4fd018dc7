/** offline-kit/images.lock.json: the digests of the images, so that manifests need no image build (contract section 9). */
import type { Digest } from './oci.ts';
import type { Component } from './label-values.ts';

export interface ImagesLock {
  /** Program → its multi-arch index and, for each platform, its manifest. */
  readonly images: Readonly<Record<Component, ImageDigests>>;
}

export interface ImageDigests {
  readonly index: Digest;
  readonly platforms: Readonly<Record<'linux/amd64' | 'linux/arm64', Digest>>;
}
