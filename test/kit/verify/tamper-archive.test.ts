/** Every byte of the archive inside a kit is changed, under frames that are right: each is refused with the code of its place. */
import { beforeAll, expect, test } from 'vitest';
import { ByteReader } from '../../../src/bytes/byte-reader.ts';
import { readTarEntries } from '../../../src/bytes/tar-entries.ts';
import { tarBlockBytes } from '../../../src/bytes/ustar.ts';
import type { ErrorCode } from '../../../src/contract/errors.ts';
import { kitLimits, type KitManifest } from '../../../src/contract/kit-format.ts';
import { readKitHead } from '../../../src/kit/kit-entries.ts';
import { parsePublicKey, type PublicKey } from '../../../src/kit/public-key.ts';
import { verifyContents } from '../../../src/kit/verify/contents.ts';
import { parseKitManifest } from '../../../src/kit/verify/kit-manifest.ts';
import { verifyManifestSignature } from '../../../src/kit/verify/manifest-signature.ts';
import { Tally } from '../../../src/kit/verify/report.ts';
import { chunksOf, sealTar, splitTar, verify } from '../sealed-kit.ts';
import { testSigner } from '../tiny-kit.ts';
import { codeInArchive } from './archive-places.ts';
import { archiveWithoutAttestations, flipped } from './bare-kits.ts';

let archive: Buffer;
let trusted: Buffer;

/** Bytes from one case to the next where the whole of verify runs; a prime, so that it meets every column of a header. */
const step = process.env['FULL'] === '1' ? 1 : 61;

beforeAll(async () => {
  archive = await archiveWithoutAttestations();
});

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
  const [manifest, jws] = splitTar(archive);
  const key = parsePublicKey((await testSigner()).publicKeyPem, 'of the tests');
  const { files } = parseKitManifest(manifest!.bytes);
  trusted = Buffer.concat([manifest!.bytes, jws!.bytes]);
  await verifyManifestSignature(manifest!.bytes, jws!.bytes, key);
  expect(await codeInside(archive, key, files)).toBeUndefined();
  const expected = codeInArchive(archive);
  const wrong: string[] = [];
  for (let at = 0; at < archive.length; at++) {
    const code = await codeInside(flipped(archive, at, 0x01), key, files);
    if (code !== expected(at)) wrong.push(`archive byte ${at}: ${code} instead of ${expected(at)}`);
  }
  expect(wrong).toEqual([]);
});

test(`so is each ${step === 1 ? '' : `${step}st `}through the whole of verify, the file signed anew`, async () => {
  const expected = codeInArchive(archive);
  const wrong: string[] = [];
  for (let at = 0; at < archive.length; at += step) {
    const { code } = await verify(await sealTar(flipped(archive, at, 0x01)));
    if (code !== expected(at)) wrong.push(`archive byte ${at}: ${code} instead of ${expected(at)}`);
  }
  expect(wrong).toEqual([]);
}, step === 1 ? 1_800_000 : 300_000);

test('each entry cut off at its header, in its content and in its padding is truncated', async () => {
  const cuts = splitTar(archive).flatMap(({ header, bytes }) => [header, header + 1, header + tarBlockBytes, header + tarBlockBytes + bytes.length - 1]);
  const wrong: string[] = [];
  for (const length of [...cuts.filter((cut) => cut > 0), archive.length - 1024, archive.length - 512, archive.length - 1]) {
    const { code } = await verify(await sealTar(archive.subarray(0, length)));
    if (code !== 'kit.truncated') wrong.push(`${length} bytes: ${code}`);
  }
  expect(wrong).toEqual([]);
});

test('a block more at its end is refused', async () => {
  expect((await verify(await sealTar(Buffer.concat([archive, Buffer.alloc(512)])))).code).toBe('kit.trailing-bytes');
});
