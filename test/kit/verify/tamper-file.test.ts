/** Every byte of a kit's file is changed and every length of it is cut off: each is refused with the code of its place. */
import { beforeAll, expect, test } from 'vitest';
import { zstdDecompressSync } from 'node:zlib';
import type { ErrorCode } from '../../../src/contract/errors.ts';
import { signFile, verify, type SealedKit } from '../sealed-kit.ts';
import { testSigner } from '../tiny-kit.ts';
import { flipped, kitWithoutImages } from './bare-kits.ts';
import { codesOfPlace, placesOf, type Place } from './zstd-places.ts';

let kit: SealedKit;

beforeAll(async () => {
  kit = await kitWithoutImages();
});

const masksOf = (what: string): readonly number[] => (what === 'block' ? [0xff] : [0x01, 0x80]);

/** Every byte with every mask of its place; what is wrong about the code that it gives. */
async function wrongCodes(codeOf: (bytes: Buffer) => Promise<ErrorCode | null>, isRight: (code: ErrorCode | null, place: Place, bytes: Buffer) => boolean): Promise<string[]> {
  const wrong: string[] = [];
  for (const place of placesOf(kit.bytes)) {
    for (let at = place.from; at < place.to; at++) {
      for (const mask of masksOf(place.what)) {
        const bytes = flipped(kit.bytes, at, mask);
        const code = await codeOf(bytes);
        if (!isRight(code, place, bytes)) wrong.push(`${place.what}, byte ${at} ^ ${mask}: ${code}`);
      }
    }
  }
  return wrong;
}

test('the kit is right before anything is changed', async () => {
  expect(await verify(kit)).toMatchObject({ ok: true, code: null });
  expect(new Set(placesOf(kit.bytes).map(({ what }) => what))).toEqual(new Set(Object.keys(codesOfPlace).filter((what) => what !== 'window')));
});

test('each changed byte of frames and seek table is refused with the code of its place', async () => {
  const wrong = await wrongCodes(
    async (bytes) => (await verify({ bytes, signatures: kit.signatures })).code,
    (code, { what }) => code !== null && codesOfPlace[what]!.includes(code),
  );
  expect(wrong).toEqual([]);
});

test('so is each with the file signed anew, unless it holds the same archive to the last byte', async () => {
  const signer = await testSigner();
  const wrong = await wrongCodes(
    async (bytes) => (await verify({ bytes, signatures: signFile(bytes, signer) })).code,
    (code, { what }, bytes) => (code === null ? what === 'block' && archiveIn(bytes).equals(kit.tar) : codesOfPlace[what]!.includes(code) && code !== 'kit.signature-invalid'),
  );
  expect(wrong).toEqual([]);
});

/** By Node's own reader, each frame alone. */
function archiveIn(bytes: Buffer): Buffer {
  const ends = placesOf(bytes).filter(({ what }) => what === 'checksum').map(({ to }) => to);
  return Buffer.concat(ends.map((end, index) => zstdDecompressSync(bytes.subarray(ends[index - 1] ?? 0, end))));
}

test('cut off at every length it is truncated', async () => {
  const wrong: string[] = [];
  for (let length = 0; length < kit.bytes.length; length++) {
    const { code } = await verify({ bytes: kit.bytes.subarray(0, length), signatures: kit.signatures });
    if (code !== 'kit.truncated') wrong.push(`${length} bytes: ${code}`);
  }
  expect(wrong).toEqual([]);
});
