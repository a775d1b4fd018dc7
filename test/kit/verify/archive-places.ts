/** Where the structure of a kit's archive is, and the code that a change there must have. */
import { tarBlockBytes } from '../../../src/bytes/ustar.ts';
import type { ErrorCode } from '../../../src/contract/errors.ts';
import { kitPaths } from '../../../src/contract/kit-format.ts';
import { splitTar } from '../sealed-kit.ts';

/** The code that a change inside the archive must have, when the frames around it are made anew. */
export function codeInArchive(tar: Buffer): (at: number) => ErrorCode {
  const entries = splitTar(tar);
  return (at) => {
    const entry = entries.findLast(({ header }) => header <= at)!;
    const content = entry.header + tarBlockBytes;
    if (at < content || at >= content + entry.bytes.length) return 'kit.archive-invalid';
    if (entry.path === kitPaths.manifest || entry.path === kitPaths.manifestSignature) return 'kit.manifest-signature-invalid';
    return 'kit.entry-digest';
  };
}
