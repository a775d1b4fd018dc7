/**
 * Who vouches for images and artifacts, once they have left the kit: each has a signature (as a bundle and by tag) and its
 * provenance, an image's index and every platform's manifest alike, and the latter its bill of materials; all by the key that was given,
 * of the very digest that they are attached to, and nothing else is attached. The layouts are known to hold.
 */
import { refusal } from '../../bytes/refusal.ts';
import { predicateTypes } from '../../contract/attestations.ts';
import { kitPaths } from '../../contract/kit-format.ts';
import { ociMediaTypes, type Descriptor, type Digest, type OciIndex, type OciManifest } from '../../contract/oci.ts';
import type { PublicKey } from '../public-key.ts';
import { readStatement, readTagSignature } from './attested.ts';
import type { KitDocument } from './contents.ts';
import type { Tally } from './report.ts';

const tagged = 'signature by tag';
const names: Readonly<Record<string, string>> = {
  [predicateTypes.signature]: 'signature',
  [predicateTypes.sbom]: 'bill of materials',
  [predicateTypes.provenance]: 'provenance',
};

/** Gathers `kit.attestation-invalid` for each that does not hold and `kit.attestation-missing` for each that is not there. */
export function verifyAttestations(documents: readonly KitDocument[], key: PublicKey, tally: Tally): void {
  const layouts = ['', kitPaths.artifacts].map((folder) => new Layout(folder, documents));
  const signatures = new Layout(kitPaths.signatures, documents);
  const wanted = new Map<Digest, readonly string[]>(layouts.flatMap((layout) => layout.entries.flatMap((entry) => wantedOf(entry, layout))));
  const found = new Set<string>();
  const note = (path: string, digest: Digest, what: string, bytes: Buffer): void => {
    if (!wanted.has(digest)) throw refusal('kit.attestation-invalid', { where: path, expected: 'an image or artifact of the kit as its subject', found: digest });
    found.add(`${digest} ${what}`);
    tally.add(bytes.length);
  };
  for (const [layout, path, manifest] of layouts.flatMap((layout) => [...layout.referrers()].map(([path, manifest]) => [layout, path, manifest] as const))) {
    tally.guard(() => {
      const bundle = layout.onlyLayer(path, manifest);
      note(path, manifest.subject!.digest, readStatement(path, manifest, bundle, key), bundle);
    });
  }
  for (const entry of signatures.entries) {
    tally.guard(() => {
      const path = signatures.pathOf(entry);
      const manifest = signatures.json<OciManifest>(entry);
      const payload = signatures.onlyLayer(path, manifest);
      note(path, readTagSignature(path, entry, manifest, payload, key), tagged, payload);
    });
  }
  for (const [digest, kinds] of wanted) {
    for (const kind of kinds.filter((candidate) => !found.has(`${digest} ${candidate}`))) {
      tally.report('kit.attestation-missing', { where: digest, expected: `its ${names[kind] ?? kind}`, found: 'none' });
    }
  }
}

/** What must be attested of an entry of index.json and of all below it. Referrers are not attested themselves. */
function wantedOf(entry: Descriptor, layout: Layout): [Digest, string[]][] {
  const { signature, sbom, provenance } = predicateTypes;
  if (entry.mediaType === ociMediaTypes.index) {
    const children = layout.json<OciIndex>(entry).manifests.flatMap((child) => wantedOf(child, layout));
    return [[entry.digest, [signature, tagged, provenance]], ...children];
  }
  const { subject, config } = layout.json<OciManifest>(entry);
  if (subject !== undefined) return [];
  return [[entry.digest, config.mediaType === ociMediaTypes.config ? [signature, tagged, sbom, provenance] : [signature, tagged, provenance]]];
}

/** One of the kit's OCI layouts, as far as its documents go. */
class Layout {
  readonly entries: readonly Descriptor[];
  readonly #folder: string;
  readonly #documents: Map<string, Buffer>;

  constructor(folder: string, documents: readonly KitDocument[]) {
    this.#folder = folder;
    this.#documents = new Map(documents.map(({ record, bytes }) => [record.path, bytes]));
    const index = this.#documents.get(folder + kitPaths.ociIndex);
    this.entries = index === undefined ? [] : (JSON.parse(index.toString('utf8')) as OciIndex).manifests;
  }

  *referrers(): Generator<[path: string, manifest: OciManifest]> {
    for (const entry of this.entries.filter(({ mediaType }) => mediaType === ociMediaTypes.manifest)) {
      const manifest = this.json<OciManifest>(entry);
      if (manifest.subject !== undefined) yield [this.pathOf(entry), manifest];
    }
  }

  pathOf({ digest }: Descriptor): string {
    return this.#folder + kitPaths.blobs + digest.slice('sha256:'.length);
  }

  json<T>(descriptor: Descriptor): T {
    return JSON.parse(this.#documents.get(this.pathOf(descriptor))!.toString('utf8')) as T;
  }

  /** The bytes of a manifest's one layer, if verify looks into files of its media type. */
  onlyLayer(path: string, { layers }: OciManifest): Buffer {
    const [layer, ...more] = layers;
    const bytes = layer && this.#documents.get(this.pathOf(layer));
    if (bytes !== undefined && more.length === 0) return bytes;
    throw refusal('kit.attestation-invalid', { where: path, expected: 'one layer, a Sigstore bundle or a simple signature', found: layers.map(({ mediaType }) => mediaType).join(', ') || 'none' });
  }
}
