/**
 * Two kits that are smaller than the tiny one, for tests in which each byte costs a pass over all of them: one without
 * images, and the archive of one of whose image nothing is attested. Those checks have cases of their own in the matrix.
 */
import { canonicalJson } from '../../../src/bytes/canonical-json.ts';
import { kitPaths } from '../../../src/contract/kit-format.ts';
import { ociMediaTypes, type OciIndex } from '../../../src/contract/oci.ts';
import { attestationFiles, replace, seal, sealTar, tinyFiles, type SealedKit } from '../sealed-kit.ts';

const frameBytes = 4096;

const without = (paths: readonly string[]): Record<string, undefined> => Object.fromEntries(paths.map((path) => [path, undefined]));

/** A kit that holds, in several frames. */
export async function kitWithoutImages(): Promise<SealedKit> {
  const files = await tinyFiles();
  const blobs = files.map(({ path }) => path).filter((path) => path.startsWith(kitPaths.blobs) || path.startsWith(kitPaths.signatures));
  const empty: OciIndex = { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [] };
  const few = replace(files, { ...without(blobs), [kitPaths.ociIndex]: canonicalJson(empty), 'manifests/deployment.yaml': 'kind: Namespace\n' });
  return sealTar((await seal(few)).tar, undefined, frameBytes);
}

/** Every file in it is as its manifest says. */
export async function archiveWithoutAttestations(): Promise<Buffer> {
  const files = await tinyFiles();
  return (await seal(replace(files, without(attestationFiles(files))))).tar;
}

export function flipped(bytes: Buffer, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= mask;
  return copy;
}
