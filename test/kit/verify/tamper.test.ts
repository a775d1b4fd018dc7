/** Every byte of a tiny kit is changed and every prefix of it is cut off: each is refused with the code of its place. */
import { beforeAll, describe, expect, test } from 'vitest';
import { ByteReader } from '../../../src/bytes/byte-reader.ts';
import { readTarEntries } from '../../../src/bytes/tar-entries.ts';
import { tarBlockBytes } from '../../../src/bytes/ustar.ts';
import type { ErrorCode } from '../../../src/contract/errors.ts';
import { kitLimits, kitPaths, type KitManifest } from '../../../src/contract/kit-format.ts';
import { readKitHead } from '../../../src/kit/kit-entries.ts';
import { parsePublicKey, type PublicKey } from '../../../src/kit/public-key.ts';
import { verifyContents } from '../../../src/kit/verify/contents.ts';
import { parseKitManifest } from '../../../src/kit/verify/kit-manifest.ts';
import { verifyManifestSignature } from '../../../src/kit/verify/manifest-signature.ts';
import { Tally } from '../../../src/kit/verify/report.ts';
import { testSigner } from '../tiny-kit.ts';
import { chunksOf, seal, sealTar, splitTar, tinyFiles, verify, type SealedKit } from '../sealed-kit.ts';

const frameBytes = 4096;
let kit: SealedKit;

beforeAll(async () => {
  const { tar } = await seal(await tinyFiles());
  kit = await sealTar(tar, undefined, frameBytes);
});

interface Place {
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

/** Where the structure of the file is, told apart by RFC 8878 and the seekable format, independently of the reader. */
function placesOf(bytes: Buffer): Place[] {
  const places: Place[] = [];
  let at = 0;
  const add = (what: string, length: number): void => void places.push({ what, from: at, to: (at += length) });
  while (bytes.readUInt32LE(at) === 0xfd2fb528) {
    add('frame magic', 4);
    const sizeFlag = bytes[at]! >> 6;
    add('frame descriptor', 1);
    add('content size', [1, 2, 4, 8][sizeFlag]!);
    for (let last = false; !last; ) {
      const header = bytes.readUIntLE(at, 3);
      last = (header & 1) === 1;
      add('block header', 3);
      add('block', ((header >> 1) & 3) === 1 ? 1 : header >> 3);
    }
    add('checksum', 4);
  }
  const rows = bytes.length - at - 8 - 9;
  add('seek table magic', 4);
  add('seek table', 4 + rows + 9);
  expect(at).toBe(bytes.length);
  return places;
}

const codesOfPlace: Readonly<Record<string, readonly ErrorCode[]>> = {
  'frame magic': ['kit.compression-invalid'],
  'frame descriptor': ['kit.compression-invalid', 'kit.limit-exceeded'],
  'content size': ['kit.compression-invalid', 'kit.limit-exceeded'],
  // A length that points beyond the end of the file.
  'block header': ['kit.compression-invalid', 'kit.truncated'],
  // Some bits of an entropy table decode to the same content: then it is for the signature of the file to tell.
  'block': ['kit.compression-invalid', 'kit.signature-invalid'],
  'checksum': ['kit.compression-invalid'],
  'seek table magic': ['kit.compression-invalid'],
  'seek table': ['kit.seek-table-invalid'],
};

function flipped(bytes: Buffer, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= mask;
  return copy;
}

describe('the file as it lies on the disk', () => {
  test('the kit is right before anything is changed', async () => {
    expect(await verify(kit)).toMatchObject({ ok: true, code: null, notChecked: [] });
    expect(new Set(placesOf(kit.bytes).map(({ what }) => what))).toEqual(new Set(Object.keys(codesOfPlace)));
  });

  test('each changed byte of frames and seek table is refused with the code of its place', async () => {
    const wrong: string[] = [];
    for (const { what, from, to } of placesOf(kit.bytes)) {
      for (let at = from; at < to; at++) {
        for (const mask of what === 'block' ? [0xff] : [0x01, 0x80]) {
          const { code } = await verify({ bytes: flipped(kit.bytes, at, mask), signatures: kit.signatures });
          if (code === null || !codesOfPlace[what]!.includes(code)) wrong.push(`${what}, byte ${at} ^ ${mask}: ${code}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test('cut off at each boundary of its structure, and one byte to each side, it is truncated', async () => {
    const wrong: string[] = [];
    for (const length of new Set(placesOf(kit.bytes).flatMap(({ from, to }) => [from, from + 1, to - 1]))) {
      const { code } = await verify({ bytes: kit.bytes.subarray(0, length), signatures: kit.signatures });
      if (code !== 'kit.truncated') wrong.push(`${length} bytes: ${code}`);
    }
    expect(wrong).toEqual([]);
  });

  test('a byte more at its end is refused', async () => {
    expect((await verify({ bytes: Buffer.concat([kit.bytes, Buffer.of(0)]), signatures: kit.signatures })).code).toBe('kit.trailing-bytes');
  });
});

/** The code that a change inside the archive must have, when the frames around it are made anew. */
function codeInArchive(tar: Buffer): (at: number) => ErrorCode {
  const entries = splitTar(tar);
  return (at) => {
    const entry = entries.findLast(({ header }) => header <= at)!;
    const content = entry.header + tarBlockBytes;
    if (at < content || at >= content + entry.bytes.length) return 'kit.archive-invalid';
    if (entry.path === kitPaths.manifest || entry.path === kitPaths.manifestSignature) return 'kit.manifest-signature-invalid';
    return 'kit.entry-digest';
  };
}

describe('the archive inside, under frames that are right', () => {
  let trusted: Buffer;

  /** The checks of the inside alone, without a word from zstd or from the signatures beside the kit. */
  async function codeInside(tar: Buffer, key: PublicKey, files: KitManifest['files']): Promise<ErrorCode | undefined> {
    const tally = new Tally();
    try {
      const entries = readTarEntries(new ByteReader('archive', chunksOf(tar)), kitLimits);
      const head = await readKitHead(entries);
      if (!Buffer.concat([head.manifest, head.signature]).equals(trusted)) await verifyManifestSignature(head.manifest, head.signature, key);
      await verifyContents(entries, files, tally);
    } catch (error) {
      tally.reportAll(error);
    }
    return tally.problems[0]?.code;
  }

  test('each changed byte of headers, padding, manifest, JWS and files is refused with the code of its place', async () => {
    const [manifest, jws] = splitTar(kit.tar);
    const key = parsePublicKey((await testSigner()).publicKeyPem, 'of the tests');
    const { files } = parseKitManifest(manifest!.bytes);
    trusted = Buffer.concat([manifest!.bytes, jws!.bytes]);
    await verifyManifestSignature(manifest!.bytes, jws!.bytes, key);
    expect(await codeInside(kit.tar, key, files)).toBeUndefined();
    const expected = codeInArchive(kit.tar);
    const wrong: string[] = [];
    for (let at = 0; at < kit.tar.length; at++) {
      const code = await codeInside(flipped(kit.tar, at, 0x01), key, files);
      if (code !== expected(at)) wrong.push(`archive byte ${at}: ${code} instead of ${expected(at)}`);
    }
    expect(wrong).toEqual([]);
  });

  test('so is each 61st through the whole of verify, the file signed anew', async () => {
    const expected = codeInArchive(kit.tar);
    const wrong: string[] = [];
    for (let at = 0; at < kit.tar.length; at += 61) {
      const { code } = await verify(await sealTar(flipped(kit.tar, at, 0x01)));
      if (code !== expected(at)) wrong.push(`archive byte ${at}: ${code} instead of ${expected(at)}`);
    }
    expect(wrong).toEqual([]);
  });

  test('each entry cut off at its header, in its content and in its padding is truncated', async () => {
    const cuts = splitTar(kit.tar).flatMap(({ header, bytes }) => [header, header + 1, header + tarBlockBytes, header + tarBlockBytes + bytes.length - 1]);
    const wrong: string[] = [];
    for (const length of [...cuts.filter((cut) => cut > 0), kit.tar.length - 1024, kit.tar.length - 512, kit.tar.length - 1]) {
      const { code } = await verify(await sealTar(kit.tar.subarray(0, length)));
      if (code !== 'kit.truncated') wrong.push(`${length} bytes: ${code}`);
    }
    expect(wrong).toEqual([]);
  });

  test('a block more at its end is refused', async () => {
    expect((await verify(await sealTar(Buffer.concat([kit.tar, Buffer.alloc(512)])))).code).toBe('kit.trailing-bytes');
  });
});
