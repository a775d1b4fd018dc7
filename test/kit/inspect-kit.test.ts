import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { platforms } from '../../src/contract/oci.ts';
import { inspectKit } from '../../src/kit/inspect-kit.ts';
import { chunksOf, frame, seal, tinyFiles, type SealedKit } from './sealed-kit.ts';
import { testSigner } from './tiny-kit.ts';

let kit: SealedKit;

beforeAll(async () => {
  kit = await seal(await tinyFiles());
});

test('it shows what the kit says of itself, and says that nothing was verified', async () => {
  const { verified, manifest, images } = await inspectKit(chunksOf(kit.bytes), null);
  expect(verified).toBe('nothing');
  expect(manifest).toMatchObject({ name: 'tiny', version: '0.1.0', signer: { kind: 'release' } });
  expect(manifest.files.map(({ path }) => path)).toContain('signatures/index.json');
  expect(images).toHaveLength(1);
  expect(images[0]!.names).toEqual(['app-0.1.0', 'registry.internal/tiny/app:0.1.0', `registry.internal/tiny/app@${images[0]!.digest}`]);
  expect(images[0]!.platforms.map(({ platform }) => platform)).toEqual(platforms.map(({ os, architecture }) => `${os}/${architecture}`));
});

test('with a key the manifest is verified', async () => {
  expect((await inspectKit(chunksOf(kit.bytes), (await testSigner()).publicKeyPem)).verified).toBe('manifest');
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
  await expect(inspectKit(chunksOf(kit.bytes), stranger)).rejects.toMatchObject({ code: 'kit.manifest-signature-invalid' });
});

test('it reads no further than the last image index, and closes the file', async () => {
  const pieces = frame(kit.tar, 512);
  let read = 0;
  let closed = false;
  async function* counted(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of chunksOf(pieces, 64)) {
        read += chunk.length;
        yield chunk;
      }
    } finally {
      closed = true;
    }
  }
  await inspectKit(counted(), null);
  expect(read).toBeLessThan(pieces.length - 64);
  expect(closed).toBe(true);
});
