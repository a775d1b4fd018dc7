/** What the room takes and gives: recipes in, built images out. It knows nothing of the application that the images are for. */
import type { Descriptor, Digest, Platform } from '../contract/oci.ts';

/** One image: the base, Node and one program on top, for every platform of the contract. */
export interface ImageRecipe {
  /** Last part of the repository name, and the key in the lock of image digests. */
  readonly name: string;
  readonly program: {
    /** The program's name on PATH. */
    readonly name: string;
    /** Source file that starts it, relative to the checkout. */
    readonly entry: string;
    /** Where the bundle is also written, relative to the checkout. */
    readonly bundle: string;
  };
  /** Numeric uid, and gid. 65532 is `nonroot` in the image's passwd. */
  readonly user: '0' | '65532';
  readonly title: string;
  readonly description: string;
  readonly version: string;
  /** SPDX expression. */
  readonly licenses: string;
  /** Added to PATH and NODE_ENV. */
  readonly env?: Readonly<Record<string, string>>;
  /** For example `8080/tcp`. */
  readonly ports?: readonly string[];
}

export interface BuiltImage {
  readonly name: string;
  readonly index: Descriptor;
  /** One per platform, in the contract's order. */
  readonly children: readonly { readonly platform: Platform; readonly descriptor: Descriptor }[];
  /** Every blob that the index reaches, the index too; files on disk. Size in bytes. */
  readonly blobs: ReadonlyMap<Digest, { readonly path: string; readonly size: number }>;
}

/** What a build is doing. Each subject has one `started` and one `finished`; `cached` tells that there was nothing to do. */
export interface ImageProgress {
  readonly step: 'fetch' | 'bundle' | 'layer';
  /** For example `base amd64`. */
  readonly subject: string;
  readonly state: 'started' | 'running' | 'finished' | 'cached';
  /** Uncompressed bytes so far, and all of them, when `running`. */
  readonly done?: number;
  readonly total?: number;
}

export type OnImageProgress = (event: ImageProgress) => void;
