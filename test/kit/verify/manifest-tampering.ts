/** What may be done to the manifest: each field of it and of a file's record, their relations, and its form as a text. */
import { kitPaths, type KitFileRecord, type KitManifest } from '../../../src/contract/kit-format.ts';
import { ociMediaTypes } from '../../../src/contract/oci.ts';
import { byPath } from './content-tampering.ts';
import { isBlob, type Tampering } from './tamper-cases.ts';
import type { Region } from './tamper-regions.ts';

type ManifestChange = (manifest: KitManifest) => unknown;

/** Values that each field may not have; every field of the manifest stands here (a test sees to that). */
export const wrongValues: Readonly<Record<string, readonly unknown[]>> = {
  mediaType: ['text/plain', 1],
  name: ['../tiny', 'Tiny', '', 1],
  version: ['', '-1', 'a/b', null],
  signedAt: ['2026-01-02', '2026-01-02T03:04:05+00:00', 0],
  'signer.kind': ['other'],
  'signer.keyId': ['sha256:0', 'sha512:00'],
  signer: [null, []],
  'compression.encoder': ['', 3],
  'compression.level': [23, -8, 1.5],
  'compression.frameBytesMax': [0, 8 * 1024 * 1024 + 1, '1'],
  compression: ['zstd'],
  files: [{}, null, []],
};

/** The same for the record of a file. */
export const wrongFileValues: Readonly<Record<keyof KitFileRecord, readonly unknown[]>> = {
  path: ['../x', '/x', 'a//b', 'a\\b', 'café', 1],
  size: [-1, 0.5, 2 ** 40, '1'],
  sha256: ['', 'A'.repeat(64), '0'.repeat(63)],
  mediaType: ['text', 'text/plain; charset=utf-8', 1],
  role: ['', 'other', null],
};

/** A copy with the value at `path` (members by dots) replaced; `undefined` takes the member out. */
function set(value: unknown, path: string, to: unknown): unknown {
  const [key, ...rest] = path.split('.') as [string, ...string[]];
  const copy = { ...(value as Record<string, unknown>) };
  if (rest.length > 0) copy[key] = set(copy[key], rest.join('.'), to);
  else if (to === undefined) delete copy[key];
  else copy[key] = to;
  return copy;
}

function eachFile(change: (file: KitFileRecord) => unknown, which: (file: KitFileRecord) => boolean): ManifestChange {
  return (manifest) => ({ ...manifest, files: manifest.files.map((file) => (which(file) ? change(file) : file)) });
}

const isReadme = ({ path }: KitFileRecord): boolean => path === 'README.md';
const ofReadme = (change: Partial<Record<keyof KitFileRecord | 'comment', unknown>>): ManifestChange => eachFile((file) => ({ ...file, ...change }), isReadme);

/** One more file, by default of the last one's record, in the order of the kit. */
function withFile(path: string, more: object = {}): ManifestChange {
  return (manifest) => {
    const [layout, index, ...rest] = manifest.files;
    return { ...manifest, files: [layout, index, ...[...rest, { ...manifest.files.at(-1)!, path, ...more }].sort(byPath)] };
  };
}

/** Every wrong value of a field, and none at all. */
function shapes(region: Region, fields: Readonly<Record<string, readonly unknown[]>>, change: (field: string, value: unknown) => ManifestChange): Tampering[] {
  return Object.entries(fields).flatMap(([field, values]) =>
    [...values, undefined].map((value) => ({ region, what: `${field} ${JSON.stringify(value) ?? 'missing'}`, manifest: change(field, value) })),
  );
}

export const manifestTampering: readonly Tampering[] = [
  ...shapes('manifest field', wrongValues, (field, value) => (manifest) => set(manifest, field, value)),
  ...shapes('file record: form', wrongFileValues, (field, value) => eachFile((file) => set(file, field, value), isReadme)),
  { region: 'manifest field', what: 'an unknown member', manifest: (manifest) => ({ ...manifest, comment: 'hello' }) },
  { region: 'manifest field', what: 'an unknown member of the signer', manifest: (manifest) => set(manifest, 'signer.comment', 'hello') },
  { region: 'manifest field', what: 'a list instead', manifest: (manifest) => [manifest] },
  { region: 'manifest field', what: 'more files than a kit may have', manifest: (manifest) => ({ ...manifest, files: [...manifest.files, ...Array.from({ length: 90 }, (_, index) => ({ ...manifest.files.at(-1)!, path: `zz${index + 10}` }))] }), lowered: true },
  { region: 'manifest text', what: 'a line end', manifestText: (text) => `${text}\n` },
  { region: 'manifest text', what: 'white space', manifestText: (text) => JSON.stringify(JSON.parse(text), null, 1) },
  { region: 'manifest text', what: 'members in another order', manifestText: (text) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse())) },
  { region: 'manifest text', what: 'a member twice', manifestText: (text) => text.replace('{', '{"version":"9.9.9",') },
  { region: 'manifest text', what: 'a byte order mark', manifestText: (text) => `\uFEFF${text}` },
  { region: 'manifest text', what: 'bytes that are not UTF-8', manifestText: (text) => Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.of(0xff), Buffer.from('}')]) },
  { region: 'manifest text', what: 'no JSON', manifestText: () => 'offline' },
  { region: 'manifest text', what: 'nothing', manifestText: () => '' },
  { region: 'signer', what: 'another key', manifest: (manifest) => set(manifest, 'signer.keyId', `sha256:${'0'.repeat(64)}`) },
  { region: 'signer kind', what: 'a development key', manifest: (manifest) => set(manifest, 'signer.kind', 'development') },
  { region: 'file record: renamed', what: 'a document', manifest: ofReadme({ path: 'README.me' }) },
  { region: 'file record: path', what: 'one that is not there', manifest: withFile('zzz') },
  { region: 'file record: size', what: 'a byte more', manifest: eachFile((file) => ({ ...file, size: file.size + 1 }), isReadme) },
  { region: 'file record: size', what: 'a byte more of a blob', manifest: eachFile((file) => ({ ...file, size: file.size + 1 }), isBlob) },
  { region: 'file record: sha256', what: 'of another file', manifest: ofReadme({ sha256: '0'.repeat(64) }) },
  { region: 'file record: media type', what: 'a manifest as bytes', manifest: eachFile((file) => ({ ...file, mediaType: 'application/octet-stream' }), ({ mediaType }) => mediaType === ociMediaTypes.manifest) },
  { region: 'file record: form', what: 'an unknown member', manifest: ofReadme({ comment: 'hello' }) },
  { region: 'file record: form', what: 'a file that is no object', manifest: (manifest) => ({ ...manifest, files: [...manifest.files, 'zzz'] }) },
  { region: 'file record: form', what: 'a blob under a name that is not its digest', manifest: eachFile((file) => ({ ...file, sha256: '0'.repeat(64) }), isBlob) },
  { region: 'file record: form', what: 'the role of a layout file for a document', manifest: ofReadme({ role: 'oci' }) },
  { region: 'file record: form', what: 'the role of a document for a blob', manifest: eachFile((file) => ({ ...file, role: 'document' }), isBlob) },
  { region: 'file record: form', what: 'the role of a document for index.json', manifest: eachFile((file) => ({ ...file, role: 'document' }), ({ path }) => path === kitPaths.ociIndex) },
  { region: 'file record: form', what: 'a file that is also a folder', manifest: withFile('tools/tool.mjs/x') },
  { region: 'file record: form', what: 'names that differ in case', manifest: withFile('tools/TOOL.mjs') },
  { region: 'file record: form', what: 'folders and file that differ in case', manifest: withFile('readme.MD/x') },
  { region: 'file record: form', what: 'the manifest itself', manifest: withFile(kitPaths.manifest) },
  { region: 'file record: form', what: 'a file twice', manifest: (manifest) => ({ ...manifest, files: [...manifest.files, manifest.files.at(-1)] }) },
  { region: 'file record: form', what: 'index.json again', manifest: (manifest) => ({ ...manifest, files: [...manifest.files.slice(0, 2), ...[...manifest.files.slice(2), manifest.files[1]!].sort(byPath)] }) },
  { region: 'file record: form', what: 'index.json before oci-layout', manifest: (manifest) => ({ ...manifest, files: [manifest.files[1], manifest.files[0], ...manifest.files.slice(2)] }) },
  { region: 'file record: form', what: 'oci-layout alone', manifest: (manifest) => ({ ...manifest, files: manifest.files.slice(0, 1) }) },
  { region: 'file record: form', what: 'files in another order', manifest: (manifest) => ({ ...manifest, files: [...manifest.files.slice(0, 2), ...manifest.files.slice(2).reverse()] }) },
];
