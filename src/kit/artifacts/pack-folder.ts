/**
 * A folder as the one layer of an OCI artifact: tar and gzip, of nothing but paths, bytes and one time. Verify packs the
 * files of the kit again, and so knows that an artifact holds these and no others.
 */
import { storedGzip } from '../../bytes/stored-gzip.ts';
import { renderTarHeader, tarEnd, tarPadding } from '../../bytes/ustar.ts';

/** @param epoch seconds since 1970, of every file. Sorted by the bytes of the paths; folders have no entries of their own. */
export function packFolder(files: ReadonlyMap<string, Uint8Array>, epoch: number): Buffer {
  const entries = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([path, bytes]) => [
    renderTarHeader({ path, size: bytes.length, mtime: epoch }), bytes, Buffer.alloc(tarPadding(bytes.length)),
  ]);
  return storedGzip(Buffer.concat([...entries, tarEnd]));
}
