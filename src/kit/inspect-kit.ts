/**
 * What a kit says about itself, for people who want to look before they verify. Reads as far as the last image index and
 * no further. Nothing is verified but, when a key is given, the manifest's signature and the files shown against it.
 */
import { sha256Hex } from '../bytes/digest.ts';
import { refusal } from '../bytes/refusal.ts';
import { kitLayouts, kitLimits, kitPaths, type KitManifest } from '../contract/kit-format.ts';
import { ociAnnotations, ociMediaTypes, type Descriptor, type Digest, type OciIndex } from '../contract/oci.ts';
import { readKitEntries, readKitHead, readWhole } from './kit-entries.ts';
import { parsePublicKey } from './public-key.ts';
import { parseKitManifest } from './verify/kit-manifest.ts';
import { verifyManifestSignature } from './verify/manifest-signature.ts';

interface InspectedImage {
  readonly digest: Digest;
  /** Names that containerd and oras find it by, sorted. */
  readonly names: readonly string[];
  readonly platforms: readonly { readonly platform: string; readonly digest: Digest }[];
}

export interface InspectedKit {
  /** `nothing`: all of this is what the kit claims. `manifest`: it is what the holder of the key has signed. */
  readonly verified: 'nothing' | 'manifest';
  readonly manifest: KitManifest;
  readonly images: readonly InspectedImage[];
}

/** Throws what the readers of a kit throw; with `keyPem` also `kit.manifest-signature-invalid`. */
export async function inspectKit(input: AsyncIterable<Uint8Array>, keyPem: string | null): Promise<InspectedKit> {
  const entries = readKitEntries(input);
  try {
    const head = await readKitHead(entries);
    if (keyPem !== null) await verifyManifestSignature(head.manifest, head.signature, parsePublicKey(keyPem, 'given to inspect with'));
    const manifest = parseKitManifest(head.manifest);
    const indexes = new Map<string, OciIndex>();
    const due = new Map(manifest.files.filter(({ path, role, mediaType }) => role === 'oci' && mediaType === ociMediaTypes.index && !kitLayouts.some((folder) => path.startsWith(folder))).map((file) => [file.path, file]));
    while (due.size > 0) {
      const entry = await entries.next();
      if (entry.done === true) throw refusal('kit.entry-missing', { where: [...due.keys()].join(', '), expected: 'an image index', found: 'none' });
      const record = due.get(entry.value.path);
      if (record === undefined) continue;
      const bytes = await readWhole(entry.value, kitLimits.documentBytesMax);
      if (sha256Hex(bytes) !== record.sha256) throw refusal('kit.entry-digest', { where: record.path, expected: `sha256 ${record.sha256}`, found: 'another' });
      indexes.set(record.path, parseIndex(record.path, bytes));
      due.delete(record.path);
    }
    return { verified: keyPem === null ? 'nothing' : 'manifest', manifest, images: listImages(indexes) };
  } finally {
    await entries.return();
  }
}

function parseIndex(path: string, bytes: Buffer): OciIndex {
  try {
    const index = JSON.parse(bytes.toString('utf8')) as OciIndex;
    if (index.manifests.every(({ digest }) => /^sha256:[0-9a-f]{64}$/.test(digest))) return index;
  } catch {}
  throw refusal('kit.oci-invalid', { where: path, expected: 'an OCI image index', found: 'another document' });
}

/** The image indexes that index.json lists, in its order; each once. */
function listImages(indexes: ReadonlyMap<string, OciIndex>): InspectedImage[] {
  const images = new Map<Digest, { names: string[]; platforms: InspectedImage['platforms'] }>();
  for (const { digest, annotations = {} } of indexes.get(kitPaths.ociIndex)?.manifests ?? []) {
    const index = indexes.get(kitPaths.blobs + digest.slice('sha256:'.length));
    if (index === undefined) continue;
    const image = images.get(digest) ?? { names: [], platforms: index.manifests.flatMap(platformOf) };
    image.names.push(...[annotations[ociAnnotations.containerdName], annotations[ociAnnotations.refName]].filter((name) => name !== undefined));
    images.set(digest, image);
  }
  return [...images].map(([digest, { names, platforms }]) => ({ digest, names: names.sort(), platforms }));
}

function platformOf({ digest, platform }: Descriptor): InspectedImage['platforms'] {
  return platform === undefined ? [] : [{ platform: `${platform.os}/${platform.architecture}`, digest }];
}
