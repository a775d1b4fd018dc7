/** The images that the stage itself needs, packed once for each version of what is in them: sandbox, CoreDNS, Authority and Scanner. */
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Descriptor } from '../../../src/contract/oci.ts';
import { buildImages } from '../../../src/images/build-images.ts';
import { bundleProgram } from '../../../src/images/bundle-program.ts';
import type { BuiltImage, ImageRecipe } from '../../../src/images/image.ts';
import { peer } from '../../peers/harness/peers.ts';
import { writeTinyImage } from '../../peers/harness/tiny-image.ts';
import { imageOf, platform as machine, writeArchive, type ArchivedImage } from './image-archive.ts';
import { sandboxImage } from './node.ts';

export const stageImages = { coredns: 'stage.local/coredns:1', authority: 'stage.local/authority:1', scanner: 'stage.local/scanner:1' } as const;

const checkout = join(import.meta.dirname, '../../..');
const entries = { authority: 'test/cluster/doubles/authority.ts', scanner: 'test/cluster/doubles/scanner.ts' } as const;
/** What packs them, and what they are packed of besides the programs. */
const sources = ['src/images/*.ts', 'test/cluster/stage/{images,image-archive}.ts', 'test/peers/harness/{oci,tiny}-image.ts', 'offline-kit/base.lock.json', 'package-lock.json'];
/** Of the kit's images: so the layers below are in the cache already. */
const epochSeconds = Date.parse('2026-11-24T00:00:00Z') / 1000;

/** The archives with all of them; older ones are removed. */
export async function packStageImages(): Promise<readonly string[]> {
  const folder = join(checkout, '.cache/stage');
  mkdirSync(folder, { recursive: true });
  const programs = await Promise.all([entries.authority, entries.scanner].map((entry) => bundleProgram({ root: checkout, entry })));
  const key = createHash('sha256');
  for (const part of [...programs, peer('coredns'), String(statSync(peer('coredns')).mtimeMs), ...globSync(sources, { cwd: checkout }).sort().map((path) => readFileSync(join(checkout, path)))]) key.update(part);
  const packed = join(folder, `images-${key.digest('hex').slice(0, 16)}`);
  const archives = ['sandbox.tar', 'images.tar'].map((name) => join(packed, name));
  if (existsSync(packed)) return archives;
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  const scratch = join(folder, `new-${process.pid}`);
  mkdirSync(scratch);
  const doubles = await buildImages([recipe('authority'), recipe('scanner')], { root: checkout, baseLock: readFileSync(join(checkout, 'offline-kit/base.lock.json'), 'utf8'), epochSeconds });
  const coredns = peer('coredns');
  const images = [
    ...doubles.map(archived),
    await imageOf(stageImages.coredns, [{ type: 'file', path: 'coredns', mode: 0o755, content: { file: coredns, size: statSync(coredns).size } }], join(scratch, 'coredns'), { Entrypoint: ['/coredns'] }),
  ];
  await writeArchive(join(scratch, 'images.tar'), images);
  await writeTinyImage(join(scratch, 'sandbox.tar'), sandboxImage);
  rmSync(join(scratch, 'coredns'));
  renameSync(scratch, packed);
  return archives;
}

function recipe(name: 'authority' | 'scanner'): ImageRecipe {
  return {
    name, title: name, description: `The stage's ${name}.`, version: '1', licenses: 'Apache-2.0', user: '0',
    program: { name, entry: entries[name] },
  };
}

/** Of the machine's own platform. */
function archived(image: BuiltImage): ArchivedImage {
  const child = image.children.find(({ platform }) => platform.architecture === machine.architecture)!;
  const manifest = JSON.parse(readFileSync(image.blobs.get(child.descriptor.digest)!.path, 'utf8')) as { config: Descriptor; layers: Descriptor[] };
  const digests = [child.descriptor, manifest.config, ...manifest.layers].map(({ digest }) => digest);
  return { name: stageImages[image.name as 'authority' | 'scanner'], manifest: child.descriptor, blobs: new Map(digests.map((digest) => [digest, image.blobs.get(digest)!.path])) };
}
