/**
 * The one table of what tampering must lead to. Region of a kit → the code that a change there is refused with:
 * as it is; with the signature of the file made anew by the right key; with the manifest's JWS made anew as well.
 * `null`: there is no such case, because what is changed is that signature, or the change would be a kit like any other.
 */
import type { ErrorCode } from '../../../src/contract/errors.ts';

type Codes = readonly [asItIs: ErrorCode | null, fileSigned: ErrorCode | null, allSigned: ErrorCode | null];

const atEach = (code: ErrorCode): Codes => [code, code, null];
/** Inside the manifest: its signature comes first; only under a right one the check of the content itself. */
const inManifest = (code: ErrorCode): Codes => ['kit.manifest-signature-invalid', 'kit.manifest-signature-invalid', code];

export const regions = {
  // the compressed file
  'frame': atEach('kit.compression-invalid'),
  'frame size': atEach('kit.limit-exceeded'),
  'seek table': atEach('kit.seek-table-invalid'),
  'end of the file': atEach('kit.trailing-bytes'),
  'cut file': atEach('kit.truncated'),
  'compressed otherwise': ['kit.signature-invalid', null, null],
  // the archive
  'header field': atEach('kit.archive-invalid'),
  'entry name': ['kit.archive-invalid', 'kit.archive-invalid', 'kit.manifest-invalid'],
  'entry order': ['kit.archive-invalid', 'kit.archive-invalid', 'kit.manifest-invalid'],
  'archive order': atEach('kit.archive-invalid'),
  'padding': atEach('kit.archive-invalid'),
  'end of the archive': atEach('kit.trailing-bytes'),
  'cut archive': atEach('kit.truncated'),
  'archive size': atEach('kit.limit-exceeded'),
  // the manifest and its signature
  'JWS': atEach('kit.manifest-signature-invalid'),
  'manifest field': inManifest('kit.manifest-invalid'),
  'manifest text': inManifest('kit.manifest-invalid'),
  'signer': inManifest('kit.manifest-signature-invalid'),
  'signer kind': inManifest('kit.development-key'),
  'file record: path': inManifest('kit.entry-missing'),
  'file record: renamed': inManifest('kit.entry-extra'),
  'file record: size': inManifest('kit.entry-size'),
  'file record: sha256': inManifest('kit.entry-digest'),
  'file record: media type': inManifest('kit.oci-invalid'),
  'file record: form': inManifest('kit.manifest-invalid'),
  // the files
  'file content': atEach('kit.entry-digest'),
  'file length': atEach('kit.entry-size'),
  'extra file': atEach('kit.entry-extra'),
  'missing file': atEach('kit.entry-missing'),
  'name that differs in case': ['kit.entry-extra', 'kit.entry-extra', 'kit.manifest-invalid'],
  'document size': [null, null, 'kit.limit-exceeded'],
  // what the files say; under signatures that are right
  'blob': ['kit.entry-digest', 'kit.entry-digest', 'kit.manifest-invalid'],
  'blob under its new digest': [null, null, 'kit.closure-missing'],
  'missing blob': ['kit.entry-missing', 'kit.entry-missing', 'kit.closure-missing'],
  'extra blob': ['kit.entry-extra', 'kit.entry-extra', 'kit.closure-extra'],
  'descriptor': [null, null, 'kit.closure-missing'],
  'OCI document': [null, null, 'kit.oci-invalid'],
  'image': [null, null, 'kit.image-missing'],
  'metric': [null, null, 'kit.metric-unknown'],
  'document': [null, null, 'kit.document-invalid'],
  // beside the kit, and the caller
  'signature beside': ['kit.signature-invalid', null, null],
  'no signature beside': ['kit.signature-missing', null, null],
  'size of a signature beside': ['kit.limit-exceeded', null, null],
  'log of a development kit': ['kit.development-key', null, null],
  'too few signatures': ['kit.signatures-too-few', null, null],
  'wrong key': ['kit.manifest-signature-invalid', null, null],
  'no key': ['kit.trust-missing', null, null],
  'key that is none': ['kit.key-invalid', null, null],
} as const satisfies Readonly<Record<string, Codes>>;

export type Region = keyof typeof regions;

export const levels = ['as it is', 'the file signed anew', 'manifest and file signed anew'] as const;
