/**
 * What a kit brings into a cluster, as values that can be compared and shown: images, packages, objects, rules, values.
 * Taken from the documents that verify keeps, in its one pass; nothing here says whether the kit may be trusted.
 */
import { createHash } from 'node:crypto';
import { digestOf } from '../../bytes/digest.ts';
import { ZastavaError } from '../../contract/errors.ts';
import type { KitManifest } from '../../contract/kit-format.ts';
import type { Digest } from '../../contract/oci.ts';
import { readKitEntries, readKitHead } from '../kit-entries.ts';
import { verifyContents, type KitDocument } from '../verify/contents.ts';
import { parseKitManifest } from '../verify/kit-manifest.ts';
import { Tally } from '../verify/report.ts';
import { gatherAttestations, type Attestation } from './attestations.ts';
import { DocumentSet } from './documents.ts';
import { gatherArtifacts, gatherImages, type ImageFact } from './images.ts';
import { gatherObjects, type ObjectFact } from './objects.ts';
import { gatherPackages, type PackageFact } from './packages.ts';
import { gatherRules, type RuleFact } from './rules.ts';

export interface KitFacts {
  readonly manifest: KitManifest;
  readonly images: readonly ImageFact[];
  /** Name → digest of what index.json lists beside images. */
  readonly artifacts: ReadonlyMap<string, string>;
  readonly attestations: readonly Attestation[];
  /** Null when the kit has no SBOM. */
  readonly packages: readonly PackageFact[] | null;
  readonly objects: readonly ObjectFact[];
  readonly rules: readonly RuleFact[];
  /** Path → content of each values file. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** Pure. Throws `kit.document-invalid` for a document that cannot be read. */
export function gatherKitFacts(manifest: KitManifest, kept: readonly KitDocument[]): KitFacts {
  const documents = new DocumentSet(kept);
  const images = gatherImages(documents);
  const attestations = gatherAttestations(documents);
  return {
    manifest,
    images,
    artifacts: gatherArtifacts(documents),
    attestations,
    packages: gatherPackages(attestations, images),
    objects: gatherObjects(documents),
    rules: gatherRules(documents),
    values: new Map(documents.yaml('values').map(({ record, value }) => [record.path, value])),
  };
}

/** A kit that was read as it is, against its own manifest only: whoever made it. */
export interface ReadKit {
  readonly facts: KitFacts;
  /** Hex, of the file. */
  readonly sha256: string;
  /** Of the manifest's JWS. */
  readonly manifestSignature: Digest;
}

/** One pass. Throws what the readers of a kit throw, and the first kind of problem of files that differ from the manifest. */
export async function readKitFacts(input: AsyncIterable<Uint8Array>): Promise<ReadKit> {
  const hash = createHash('sha256');
  const entries = readKitEntries(input, (chunk) => hash.update(chunk));
  try {
    const head = await readKitHead(entries);
    const manifest = parseKitManifest(head.manifest);
    const tally = new Tally();
    const documents = await verifyContents(entries, manifest.files, tally);
    const [problem] = tally.problems;
    if (problem) throw new ZastavaError(problem.code, 'The files of the kit are not those of its manifest.', { problems: tally.problems });
    return { facts: gatherKitFacts(manifest, documents), sha256: hash.digest('hex'), manifestSignature: digestOf(head.signature) };
  } finally {
    await entries.return();
  }
}
