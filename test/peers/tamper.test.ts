/** The real kit is refused as the tiny one is, where every byte is changed: here bytes of every region and, one in eight without FULL=1, of every entry, drawn by lot but the same each time. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { sha256Bytes } from '../../src/bytes/digest.ts';
import { renderSeekTable } from '../../src/bytes/seek-table.ts';
import { tarBlockBytes, tarPadding } from '../../src/bytes/ustar.ts';
import type { SeekRow } from '../../src/contract/zstd-seekable.ts';
import { compression } from '../../src/kit/archive.ts';
import { parseSigner, type Signer } from '../../src/kit/keys.ts';
import { openKit } from '../../src/kit/open-kit.ts';
import type { SignatureFiles } from '../../src/kit/verify/file-signature.ts';
import { verifyKit } from '../../src/kit/verify/verify-kit.ts';
import { chunksOf, compress, signDigest, splitTar } from '../kit/sealed-kit.ts';
import { codeInArchive } from '../kit/verify/archive-places.ts';
import { flipped } from '../kit/verify/bare-kits.ts';
import { codesOfPlace, placesOf, type Place } from '../kit/verify/zstd-places.ts';
import { kit } from './harness/kit.ts';

const [samplesOfRegion, entriesStep] = process.env['FULL'] === '1' ? [40, 1] : [4, 8];

let bytes: Buffer;
let tar: Buffer;
let places: Place[];
let signatures: SignatureFiles;
let signer: Signer;

beforeAll(async () => {
  bytes = readFileSync(kit.archive);
  tar = readFileSync(kit.tar);
  places = placesOf(bytes);
  ({ signatures } = await openKit(kit.archive));
  signer = await parseSigner(readFileSync(kit.key, 'utf8'), kit.key);
});

async function codeOf(changed: Buffer, beside: SignatureFiles): Promise<string> {
  const report = await verifyKit(chunksOf(changed, 1024 * 1024), { keyPem: signer.publicKeyPem, signatures: beside, fileBytes: changed.length });
  return report.ok ? 'accepted' : (report.code ?? 'refused without a code');
}

const signedAnew = (changed: Buffer): SignatureFiles => signDigest(Buffer.from(sha256Bytes(changed)), signer);

/** Numbers from 0 to below `end`, the same each time. */
function* lots(end: number, count: number): Generator<number> {
  for (let state = 1; count > 0; count--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield Math.floor((state / 2 ** 32) * end);
  }
}

test('the kit is accepted before anything is changed', async () => {
  expect(await codeOf(bytes, signatures)).toBe('accepted');
});

test('bytes of each region of the file', async () => {
  const wrong: string[] = [];
  let samples = 0;
  for (const what of new Set(places.map((place) => place.what))) {
    const ofRegion = places.filter((place) => place.what === what && place.to > place.from);
    for (const lot of lots(ofRegion.length, samplesOfRegion)) {
      const place = ofRegion[lot]!;
      const [offset] = lots(place.to - place.from, 1);
      const changed = flipped(bytes, place.from + offset!, 0x81);
      samples += 2;
      const codes: readonly string[] = codesOfPlace[what]!;
      const asItIs = await codeOf(changed, signatures);
      if (!codes.includes(asItIs)) wrong.push(`${what}, byte ${place.from + offset!}: ${asItIs}`);
      const anew = await codeOf(changed, signedAnew(changed));
      // By a right signature, what only that signature told is a kit like any other.
      const expected = asItIs === 'kit.signature-invalid' ? 'accepted' : asItIs;
      if (anew !== expected) wrong.push(`${what}, byte ${place.from + offset!}, signed anew: ${anew}`);
    }
  }
  process.stderr.write(`\n${samples} changes of the file, ${bytes.length} bytes\n`);
  expect(wrong).toEqual([]);
}, 1_800_000);

/** The kit with one byte of its archive changed, under a frame that is right. */
function withTarByte(at: number): Buffer {
  const { frameBytesMax } = compression;
  const ends = places.filter(({ what }) => what === 'checksum').map(({ to }) => to);
  const starts = [0, ...ends];
  const frame = Math.floor(at / frameBytesMax);
  const piece = flipped(tar.subarray(frame * frameBytesMax, (frame + 1) * frameBytesMax), at % frameBytesMax, 0x01);
  const frames = ends.map((end, index) => (index === frame ? compress(piece) : bytes.subarray(starts[index], end)));
  const rows = frames.map(({ length }, index): SeekRow => ({ compressed: length, decompressed: Math.min(frameBytesMax, tar.length - index * frameBytesMax) }));
  return Buffer.concat([...frames, renderSeekTable(rows)]);
}

test('header, content and padding of entries of the archive, the file signed anew', async () => {
  const expected = codeInArchive(tar);
  const wrong: string[] = [];
  let samples = 0;
  for (const { header, bytes: content, path } of splitTar(tar).filter((_, index) => index % entriesStep === 0)) {
    const start = header + tarBlockBytes;
    const [inHeader] = lots(tarBlockBytes, 1);
    const [inContent] = lots(content.length, 1);
    for (const at of [header + inHeader!, ...(content.length > 0 ? [start + inContent!] : []), ...(tarPadding(content.length) > 0 ? [start + content.length] : [])]) {
      const changed = withTarByte(at);
      const code = await codeOf(changed, signedAnew(changed));
      samples++;
      if (code !== expected(at)) wrong.push(`${path}, archive byte ${at}: ${code} instead of ${expected(at)}`);
    }
  }
  process.stderr.write(`\n${samples} changes of the archive, ${tar.length} bytes\n`);
  expect(wrong).toEqual([]);
}, 1_800_000);
