/**
 * Every byte of every file: path, size and SHA-256 against the manifest, in the archive's order, which is the manifest's.
 * The few files that later checks look into are kept, once their digest holds; all others pass through.
 */
import { createHash } from 'node:crypto';
import { refusal } from '../../bytes/refusal.ts';
import type { TarEntry } from '../../bytes/tar-entries.ts';
import { helmMediaTypes } from '../../contract/artifacts.ts';
import { kitLimits, kitPaths, type KitFileRecord, type KitRole } from '../../contract/kit-format.ts';
import { attestationMediaTypes } from '../../contract/attestations.ts';
import { ociMediaTypes } from '../../contract/oci.ts';
import type { Tally } from './report.ts';

/** A file that verify looks into; its bytes are as the manifest says. */
export interface KitDocument {
  readonly record: KitFileRecord;
  readonly bytes: Buffer;
}

const documentRoles: readonly KitRole[] = ['manifests', 'rules', 'catalogue', 'values'];
const documentTypes: readonly string[] = [ociMediaTypes.index, ociMediaTypes.manifest, ociMediaTypes.config, helmMediaTypes.chart, attestationMediaTypes.bundle, attestationMediaTypes.simpleSigning];

/** Gathers all that is wrong with single files; throws where the archive itself cannot be read on. */
export async function verifyContents(entries: AsyncGenerator<TarEntry, void>, files: readonly KitFileRecord[], tally: Tally): Promise<KitDocument[]> {
  const positions = new Map(files.map(({ path }, index) => [path, index]));
  const documents = new Documents();
  let due = 0;
  for await (const entry of entries) {
    const position = positions.get(entry.path);
    if (position === undefined) {
      tally.report('kit.entry-extra', { where: entry.path, expected: 'no such file', found: `one of ${entry.size} bytes` });
      continue;
    }
    reportMissing(files.slice(due, position), tally);
    due = position + 1;
    await verifyEntry(entry, files[position]!, documents, tally);
  }
  reportMissing(files.slice(due), tally);
  return documents.kept;
}

function reportMissing(files: readonly KitFileRecord[], tally: Tally): void {
  for (const { path, size } of files) tally.report('kit.entry-missing', { where: path, expected: `a file of ${size} bytes`, found: 'none' });
}

async function verifyEntry(entry: TarEntry, record: KitFileRecord, documents: Documents, tally: Tally): Promise<void> {
  if (entry.size !== record.size) {
    tally.report('kit.entry-size', { where: record.path, expected: `${record.size} bytes`, found: `${entry.size}` });
    return;
  }
  const keep = isDocument(record) ? documents.room(record) : undefined;
  const hash = createHash('sha256');
  let seen = 0;
  for await (const piece of entry.content) {
    hash.update(piece);
    keep?.set(piece, seen);
    seen += piece.length;
  }
  const found = hash.digest('hex');
  if (found !== record.sha256) {
    tally.report('kit.entry-digest', { where: record.path, expected: `sha256 ${record.sha256}`, found: `sha256 ${found}` });
    return;
  }
  tally.add(record.size);
  if (keep !== undefined) documents.kept.push({ record, bytes: keep });
}

function isDocument({ path, role, mediaType }: KitFileRecord): boolean {
  return documentRoles.includes(role) || (role === 'oci' && (path.endsWith(kitPaths.ociLayout) || documentTypes.includes(mediaType)));
}

/** What is kept in memory, within the limits on it. */
class Documents {
  readonly kept: KitDocument[] = [];
  #bytes = 0;

  room({ path, size }: KitFileRecord): Buffer {
    this.#bytes += size;
    if (size > kitLimits.documentBytesMax) throw refusal('kit.limit-exceeded', { where: path, expected: `at most ${kitLimits.documentBytesMax} bytes to look into`, found: `${size}` });
    if (this.#bytes > kitLimits.documentsBytesMax) throw refusal('kit.limit-exceeded', { where: path, expected: `at most ${kitLimits.documentsBytesMax} bytes of files to look into`, found: 'more' });
    return Buffer.allocUnsafeSlow(size);
  }
}
