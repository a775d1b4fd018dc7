/**
 * The debug store: symbols by build-id, where gdb looks below a debug folder (GDB manual, "Debugging Information in Separate
 * Files"), and what the kit says about those that it brings and those that nobody publishes.
 */
import type { Platform } from './oci.ts';

/** Where a site keeps it (runbook section 7). */
export const debugFolder = '/var/opt/debug';

export const debugManifestName = 'debug-manifest.json';

export const debugMediaTypes = {
  manifest: 'application/vnd.zastava.debug-manifest.v1+json',
  /** Of an OCI artifact: the symbols of one build-id in one layer. */
  artifact: 'application/vnd.zastava.debug-file.v1',
  file: 'application/x-elf-debug',
} as const;

/** Of an OCI layer: the name that oras gives to the file when it pulls it. */
export const titleAnnotation = 'org.opencontainers.image.title';

/** Bytes of lowercase hex, as many as the linker chose: 2 to 64. */
export function isBuildId(text: string): boolean {
  return /^(?:[0-9a-f]{2}){2,64}$/.test(text);
}

/** Below a debug folder. */
export function debugPath(buildId: string): string {
  return `${executablePath(buildId)}.debug`;
}

/** The program or library itself, in a folder that has those too. */
export function executablePath(buildId: string): string {
  return `.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}`;
}

/** Of a file in an image. */
interface ImageFile {
  /** In the image, without a leading slash; absent for files of a folder that the builder gave. */
  readonly path?: string;
  readonly architecture?: Platform['architecture'];
  /** Name and version of the package that the file is from. */
  readonly package?: string;
}

export interface DebugManifest {
  readonly mediaType: typeof debugMediaTypes.manifest;
  /** Sorted by build-id. */
  readonly files: readonly (ImageFile & { readonly buildId: string; readonly size: number; readonly sha256: string; readonly from: string })[];
  /** Files of the images that have no symbols here, and why. */
  readonly without: readonly (ImageFile & { readonly buildId: string | null; readonly why: string })[];
}
