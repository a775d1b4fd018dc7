/**
 * `/proc/<pid>/maps` (proc(5)): the files of which a process has mapped code. Data files that are mapped without the right
 * to execute are no libraries. Paths are the container's to choose, and only the kernel's numbers are to be trusted.
 */
import { textLimits } from './proc-text.ts';

export interface MappedFile {
  /** As the kernel writes it, its escaped line ends undone; ` (deleted)` may be a part of the name. */
  readonly path: string;
  readonly inode: bigint;
  /** `<major>:<minor>`, hexadecimal. */
  readonly device: string;
  /** `<start>-<end>` of one of its mappings with code: its name in map_files. */
  readonly range: string;
}

const mapping = /^([0-9a-f]{1,16}-[0-9a-f]{1,16}) [r-][w-]x[ps] [0-9a-f]{1,16} ([0-9a-f]{2,8}:[0-9a-f]{2,8}) (\d{1,20}) +(\/.*)$/;

/** Each file once, in the order of addresses. Lines that are no mapping of a file are passed over. */
export function parseMaps(text: string): MappedFile[] {
  const files = new Map<string, MappedFile>();
  for (const line of text.split('\n')) {
    const [, range, device, inode, path] = mapping.exec(line) ?? [];
    if (range === undefined || device === undefined || inode === undefined || path === undefined || path.length > textLimits.pathCharsMax) continue;
    if (inode === '0') continue;
    const key = `${device} ${inode}`;
    if (!files.has(key)) files.set(key, { path: path.replaceAll('\\012', '\n'), inode: BigInt(inode), device, range });
  }
  return [...files.values()];
}
