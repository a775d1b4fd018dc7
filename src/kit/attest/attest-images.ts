/**
 * Everything that is said about the images of a kit, signed: for each index and each platform's manifest a signature
 * (as a referrer, and by tag) and its provenance, for each platform's manifest a bill of materials too (adr/0009).
 */
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { predicateTypes, statementType } from '../../contract/attestations.ts';
import type { Descriptor } from '../../contract/oci.ts';
import type { BuiltImage } from '../../images/image.ts';
import { signDsseBundles } from '../bundle.ts';
import type { Notary } from '../notary.ts';
import type { KitRecipe } from '../recipe.ts';
import type { LayoutPart } from './blob.ts';
import { renderProvenance, type BuildOrigin } from './provenance.ts';
import { renderReferrer } from './referrer.ts';
import { renderSbom } from './sbom.ts';
import { renderTagSignature } from './tag-signature.ts';

export interface AttestInput {
  readonly recipe: KitRecipe;
  readonly version: string;
  readonly registry: string;
  readonly notary: Notary;
  readonly provenance: BuildOrigin;
}

export interface ImageAttestations {
  /** For the layout that has the images. */
  readonly referrers: LayoutPart;
  /** For the layout of signatures by tag. */
  readonly signatures: LayoutPart;
}

interface Attestation {
  readonly subject: Descriptor;
  readonly predicateType: string;
  readonly predicate: unknown;
}

/** The bundles become leaves of the notary's log in one go, in the order of the images. */
export function attestImages(images: readonly BuiltImage[], input: AttestInput): ImageAttestations {
  const { recipe, registry, notary } = input;
  const attestations = images.flatMap((image) => attestationsOf(image, input));
  const bundles = signDsseBundles(attestations.map(renderStatement), notary);
  const created = new Date(recipe.epoch * 1000).toISOString().replace('.000Z', 'Z');
  const signed = images.flatMap((image) => subjectsOf(image).map(({ digest }) => renderTagSignature(`${registry}/${image.name}`, digest, notary.signer)));
  return {
    referrers: joined(attestations.map(({ subject, predicateType }, at) => renderReferrer(subject, predicateType, bundles[at]!, created))),
    signatures: joined(signed),
  };
}

function subjectsOf({ index, children }: BuiltImage): Descriptor[] {
  return [index, ...children.map(({ descriptor }) => descriptor)];
}

function attestationsOf(image: BuiltImage, { recipe, version, registry, provenance: origin }: AttestInput): Attestation[] {
  const own = recipe.images.find(({ name }) => name === image.name)!;
  const facts = { recipe: own, epoch: recipe.epoch, version, origin };
  const repository = `${registry}/${image.name}`;
  return [
    ...subjectsOf(image).map((subject) => ({ subject, predicateType: predicateTypes.signature, predicate: {} })),
    ...image.children.map((child) => ({ subject: child.descriptor, predicateType: predicateTypes.sbom, predicate: renderSbom({ image, child, repository, version, licenses: own.licenses }) })),
    { subject: image.index, predicateType: predicateTypes.provenance, predicate: renderProvenance({ ...facts, components: image.children.flatMap(({ components }) => components) }) },
    ...image.children.map(({ descriptor, components }) => ({ subject: descriptor, predicateType: predicateTypes.provenance, predicate: renderProvenance({ ...facts, components }) })),
  ];
}

/** in-toto Statement v1. */
function renderStatement({ subject, predicateType, predicate }: Attestation): Buffer {
  const [algorithm, hex] = subject.digest.split(':') as [string, string];
  return Buffer.from(canonicalJson({ _type: statementType, subject: [{ digest: { [algorithm]: hex } }], predicateType, predicate }));
}

function joined(parts: readonly LayoutPart[]): LayoutPart {
  return { entries: parts.flatMap(({ entries }) => entries), blobs: parts.flatMap(({ blobs }) => blobs) };
}
