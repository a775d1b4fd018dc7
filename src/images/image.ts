/** What the room takes and gives: recipes in, built images out. It knows nothing of the application that the images are for. */
import type { Descriptor, Digest, Platform } from '../contract/oci.ts';
import type { Architecture } from './base-lock.ts';

/** One image: the base, Node and one program on top, for every platform of the contract. */
export interface ImageRecipe {
  /** Last part of the repository name, and the key in the lock of image digests. */
  readonly name: string;
  readonly program: {
    /** The program's name on PATH. */
    readonly name: string;
    /** Source file that starts it, relative to the checkout. */
    readonly entry: string;
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

/** A package that is in an image, as its bill of materials and its provenance name it. */
export interface ImageComponent {
  readonly kind: 'debian' | 'node' | 'npm';
  readonly name: string;
  readonly version: string;
  /** Debian's name, or `all`; npm packages of programs have none. */
  readonly architecture?: Architecture | 'all';
  /** Debian's name of the suite. */
  readonly suite?: string;
  /** As the package itself says: an SPDX expression from npm, the short names of its copyright file from Debian. Sorted. */
  readonly licenses: readonly string[];
  /** Of the package's file as it was fetched, where a lock pins it. */
  readonly pinned?: { readonly algorithm: 'sha256' | 'sha512'; readonly hex: string };
}

export interface ImageChild {
  readonly platform: Platform;
  readonly descriptor: Descriptor;
  /** Debian's packages, Node, then the npm packages in the program's bundle. */
  readonly components: readonly ImageComponent[];
}

export interface BuiltImage {
  readonly name: string;
  readonly index: Descriptor;
  /** One per platform, in the contract's order. */
  readonly children: readonly ImageChild[];
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
