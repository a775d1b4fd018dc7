/** What may be done to the archive under frames that are right: headers, order, padding, end; and to the signature in it. */
import { renderTarHeader, tarBlockBytes, tarEnd, tarPadding } from '../../../src/bytes/ustar.ts';
import { kitPaths } from '../../../src/contract/kit-format.ts';
import { signManifest } from '../../../src/kit/manifest.ts';
import type { Signer } from '../../../src/kit/keys.ts';
import { mtime, splitTar, tarOf, type SealedFile, type SealedKit } from '../sealed-kit.ts';
import { noise } from './file-tampering.ts';
import type { Tampering } from './tamper-cases.ts';

/** Field → bytes that another program might write there, in a header whose checksum is right again. */
const headerChanges: Readonly<Record<string, readonly [offset: number, text: string]>> = {
  'an absolute name': [0, '/zz\0'],
  'a name with ".."': [0, '../zz\0'],
  'a name with "." in it': [0, 'zz/./z\0'],
  'a name that ends with "/"': [0, 'zz/\0'],
  'a name that is not ASCII (NFC)': [0, 'zz\xc3\xa9\0'],
  'a name that is not ASCII (NFD)': [0, 'zze\xcc\x81\0'],
  'a name with a control character': [0, 'zz\x1b[31m\0'],
  'bytes after the end of the name': [50, 'x'],
  'an executable': [100, '0000755'],
  'an owner': [108, '0001750'],
  'a group': [116, '0001750'],
  'a size in base 256': [124, '\x80\0\0\0\0\0\0\0\0\0\0\0'],
  'a size with spaces': [124, '          0\0'],
  'another time': [136, '00000000001'],
  'a hard link': [156, `1${kitPaths.ociIndex}`],
  'a symbolic link': [156, '2../../etc/passwd'],
  'a character device': [156, '3'],
  'a folder': [156, '5'],
  'a FIFO': [156, '6'],
  'a PAX header': [156, 'x'],
  'a global PAX header': [156, 'g'],
  'a GNU long name': [156, 'L'],
  'a sparse file': [156, 'S'],
  'the GNU format': [257, 'ustar  \0'],
  'an owner by name': [265, 'root'],
  'a group by name': [297, 'root'],
  'a device': [329, '0000001'],
  'a prefix': [345, 'prefix'],
  'something in the unused bytes': [510, 'x'],
};

/** The header of an empty file `zz`, changed. */
function header([offset, text]: readonly [number, string]): Buffer {
  const block = Buffer.from(renderTarHeader({ path: 'zz', size: 0, mtime }));
  block.write(text, offset, 'latin1');
  block.write('        ', 148, 'latin1');
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function withMore(tar: Buffer, ...more: readonly Uint8Array[]): Buffer {
  return Buffer.concat([tar.subarray(0, -tarEnd.length), ...more, tarEnd]);
}

export function archiveTampering(kit: SealedKit, files: readonly SealedFile[], signer: Signer): Tampering[] {
  const entries = splitTar(kit.tar);
  const [manifest, jws, ...rest] = entries;
  const end = kit.tar.length - tarEnd.length;
  const padded = entries.find(({ bytes }) => tarPadding(bytes.length) > 0)!;
  const flip = (at: number) => (tar: Buffer): Buffer => {
    tar[at]! ^= 1;
    return tar;
  };
  const ofEntries = (list: readonly { path: string; bytes: Uint8Array }[]) => (): Buffer => tarOf(list);
  const withJws = (change: (text: string) => string) => ofEntries([manifest!, { ...jws!, bytes: Buffer.from(change(jws!.bytes.toString())) }, ...rest]);
  const [protectedHeader, , signature] = jws!.bytes.toString().split('.') as [string, string, string];
  const otherHeader = (value: object): string => `${Buffer.from(JSON.stringify(value)).toString('base64url')}..${signature}`;
  return [
    ...Object.entries(headerChanges).map(([what, change]): Tampering => ({ region: 'header field', what, tar: (tar) => withMore(tar, header(change)) })),
    { region: 'header field', what: 'a checksum that is wrong', tar: flip(rest[0]!.header + 150) },
    { region: 'archive order', what: 'another file before the manifest', tar: ofEntries([{ path: 'README', bytes: Buffer.from('x') }, ...entries]) },
    { region: 'archive order', what: 'manifest and signature exchanged', tar: ofEntries([jws!, manifest!, ...rest]) },
    { region: 'archive order', what: 'the manifest again at the end', tar: ofEntries([...entries, manifest!]) },
    { region: 'archive order', what: 'the last file twice', tar: ofEntries([...entries, entries.at(-1)!]) },
    { region: 'archive order', what: 'the last two files exchanged', tar: ofEntries([...entries.slice(0, -2), entries.at(-1)!, entries.at(-2)!]) },
    { region: 'archive order', what: 'nothing in it', tar: () => Buffer.from(tarEnd) },
    { region: 'archive order', what: 'a file after the first zero block', tar: (tar) => Buffer.concat([tar.subarray(0, end + tarBlockBytes), header([0, 'zz\0'])]) },
    { region: 'padding', what: 'a byte that is not zero', tar: flip(padded.header + tarBlockBytes + padded.bytes.length) },
    { region: 'end of the archive', what: 'a block more', tar: (tar) => Buffer.concat([tar, Buffer.alloc(tarBlockBytes)]) },
    { region: 'end of the archive', what: 'a second archive', tar: (tar) => Buffer.concat([tar, tar]) },
    { region: 'cut archive', what: 'one zero block at its end', tar: (tar) => tar.subarray(0, -tarBlockBytes) },
    { region: 'cut archive', what: 'no zero block at its end', tar: (tar) => tar.subarray(0, end) },
    { region: 'cut archive', what: 'half a header', tar: (tar) => tar.subarray(0, rest[1]!.header + 100) },
    { region: 'cut archive', what: 'half a file', tar: (tar) => tar.subarray(0, rest[1]!.header + tarBlockBytes + 1) },
    { region: 'archive size', what: 'a signature beyond its limit', tar: ofEntries([manifest!, { ...jws!, bytes: noise(65_537) }, ...rest]) },
    { region: 'archive size', what: 'a manifest beyond its limit', tar: ofEntries([{ ...manifest!, bytes: noise(70_000) }, jws!, ...rest]), lowered: true },
    { region: 'archive size', what: 'more entries than a kit may have', tar: ofEntries([...entries, ...Array.from({ length: 90 }, (_, index) => ({ path: `zz${index + 10}`, bytes: Buffer.alloc(0) }))]), lowered: true },
    { region: 'archive size', what: 'more bytes than a kit may have', tar: ofEntries([...entries, { path: 'zz', bytes: Buffer.alloc(17 * 2 ** 20, noise(65_536)) }]), lowered: true },
    { region: 'archive size', what: 'an entry larger than one may be', tar: (tar) => withMore(tar, Buffer.from(renderTarHeader({ path: 'zz', size: 8 * 1024 ** 3 - 1, mtime }))), lowered: true },
    ...[0, 10, protectedHeader.length + 2, jws!.bytes.length - 1].map((at): Tampering => ({ region: 'JWS', what: `its byte ${at}`, tar: flip(jws!.header + tarBlockBytes + at) })),
    { region: 'JWS', what: 'of another manifest', tar: withJws(() => Buffer.from(signManifest(Buffer.from('{}'), signer)).toString()) },
    { region: 'JWS', what: 'no algorithm', tar: withJws(() => otherHeader({ alg: 'none' })) },
    { region: 'JWS', what: 'an algorithm of its own', tar: withJws(() => otherHeader({ alg: 'HS256', kid: signer.keyId })) },
    { region: 'JWS', what: 'a key within', tar: withJws(() => otherHeader({ alg: 'ES256', jwk: {} })) },
    { region: 'JWS', what: 'the same header in other words', tar: withJws(() => signedOtherwise(manifest!.bytes, signer)) },
    { region: 'JWS', what: 'a line end', tar: withJws((text) => `${text}\n`) },
    { region: 'JWS', what: 'a payload within', tar: withJws((text) => text.replace('..', `.${manifest!.bytes.toString('base64url')}.`)) },
    { region: 'JWS', what: 'a fourth part', tar: withJws((text) => `${text}.`) },
    { region: 'JWS', what: 'nothing', tar: withJws(() => '') },
    { region: 'file content', what: 'one bit of each document', tar: (tar) => rest.filter(({ path }) => !path.includes('blobs')).reduce((changed, entry) => flip(entry.header + tarBlockBytes)(changed), tar) },
    { region: 'missing file', what: 'the last one', files: (list) => list.slice(0, -1) },
    { region: 'missing file', what: 'one in the middle', files: (list) => list.filter(({ path }) => path !== files.at(-2)!.path) },
  ];
}

/** A signature that is right, under a header that says the same in another order. */
function signedOtherwise(manifest: Uint8Array, signer: Signer): string {
  const header = Buffer.from(`{"kid":"${signer.keyId}","alg":"ES256"}`).toString('base64url');
  const signature = signer.signMessage(Buffer.from(`${header}.${Buffer.from(manifest).toString('base64url')}`));
  return `${header}..${Buffer.from(signature).toString('base64url')}`;
}
