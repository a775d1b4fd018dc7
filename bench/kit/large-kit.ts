/**
 * A kit that is made up to size by the real assembleKit and signKit: the tiny one, with layers of random bytes, which do
 * not compress, as gzip layers do not.
 */
import { createHash, randomFillSync } from 'node:crypto';
import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson } from '../../src/bytes/canonical-json.ts';
import { digestOf } from '../../src/bytes/digest.ts';
import { ociMediaTypes, type Descriptor, type Digest, type OciIndex, type OciManifest } from '../../src/contract/oci.ts';
import type { BuiltImage } from '../../src/images/image.ts';
import { assembleKit, type AssembledKit, type KitPlan } from '../../src/kit/assemble-kit.ts';
import { signKit } from '../../src/kit/sign-kit.ts';
import { writeTrust } from '../../src/kit/trust.ts';
import { tinyPlan } from '../../test/kit/tiny-kit.ts';

const MiB = 2 ** 20;
const layerBytes = 256 * MiB;

export interface LargeKit extends AssembledKit {
  readonly folder: string;
  readonly publicKey: string;
  readonly bundle: string;
  readonly trustedRoot: string;
  /** Of assembleKit alone. */
  readonly seconds: number;
}

/** Layers of about `bytes` in all, on the disk in a folder of its own; remove it afterwards. */
export async function largePlan(bytes: number): Promise<{ folder: string; plan: KitPlan }> {
  const folder = await mkdtemp(join(tmpdir(), 'large-kit-'));
  const plan = await tinyPlan(folder);
  const image = await withLayers(plan.images[0]!, join(folder, 'cache'), bytes);
  const named = (text: string): string => text.replaceAll(plan.images[0]!.index.digest, image.index.digest);
  const sources = new Map([...plan.sources].map(([path, source]) => [path, source instanceof Uint8Array ? Buffer.from(named(Buffer.from(source).toString())) : source]));
  return { folder, plan: { ...plan, images: [image], sources } };
}

export async function makeLargeKit(bytes: number): Promise<LargeKit> {
  const { folder, plan } = await largePlan(bytes);
  const start = process.hrtime.bigint();
  const kit = await assembleKit(plan);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  await rm(join(folder, 'cache'), { recursive: true });
  const signed = await signKit({ ...kit, name: plan.recipe.name }, plan.notary);
  const trust = await writeTrust(join(folder, 'trust'), plan.recipe.name, plan.notary);
  return { ...kit, folder, seconds, publicKey: trust.publicKey, trustedRoot: trust.trustedRoot, bundle: signed.bundle };
}

/** The image again, its first platform with more layers. */
async function withLayers(image: BuiltImage, cache: string, bytes: number): Promise<BuiltImage> {
  await mkdir(cache, { recursive: true });
  const blobs = new Map(image.blobs);
  const [first, ...others] = image.children;
  const manifest = JSON.parse(await readFile(blobs.get(first!.descriptor.digest)!.path, 'utf8')) as OciManifest;
  const layers = Array.from({ length: Math.ceil(bytes / layerBytes) }, (_, index) => randomLayer(cache, Math.min(layerBytes, bytes - index * layerBytes), blobs));
  const put = async (mediaType: string, value: unknown): Promise<Descriptor> => {
    const text = canonicalJson(value);
    const digest = digestOf(text);
    const path = join(cache, digest.slice('sha256:'.length));
    await writeFile(path, text);
    blobs.set(digest, { path, size: text.length });
    return { mediaType, digest, size: text.length };
  };
  const descriptor = { ...(await put(ociMediaTypes.manifest, { ...manifest, layers: [...manifest.layers, ...layers] })), platform: first!.platform };
  const children = [{ ...first!, descriptor }, ...others];
  const index: Omit<OciIndex, 'annotations'> = { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: children.map((child) => child.descriptor) };
  const root = await put(ociMediaTypes.index, index);
  blobs.delete(image.index.digest);
  blobs.delete(first!.descriptor.digest);
  return { ...image, index: root, children, blobs };
}

function randomLayer(cache: string, size: number, blobs: Map<Digest, { path: string; size: number }>): Descriptor {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(8 * MiB);
  const partial = join(cache, `partial-${blobs.size}`);
  const file = openSync(partial, 'w');
  for (let left = size; left > 0; left -= buffer.length) {
    const piece = randomFillSync(buffer).subarray(0, left);
    hash.update(piece);
    writeSync(file, piece);
  }
  closeSync(file);
  const hex = hash.digest('hex');
  const path = join(cache, hex);
  renameSync(partial, path);
  blobs.set(`sha256:${hex}`, { path, size });
  return { mediaType: ociMediaTypes.layer, digest: `sha256:${hex}`, size };
}
