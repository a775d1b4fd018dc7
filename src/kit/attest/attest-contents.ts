/**
 * Everything that is said about the images and artifacts of a kit, signed: for each index, each platform's manifest and
 * each artifact a signature (as a referrer, and by tag) and its provenance, for each platform's manifest a bill of
 * materials too (adr/0009).
 */
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { predicateTypes, statementType } from '../../contract/attestations.ts';
import type { KitFileRecord } from '../../contract/kit-format.ts';
import type { Descriptor } from '../../contract/oci.ts';
import type { BuiltImage } from '../../images/image.ts';
import type { BuiltArtifact } from '../artifacts/build-artifacts.ts';
import { signDsseBundles } from '../bundle.ts';
import type { Notary } from '../notary.ts';
import type { KitRecipe } from '../recipe.ts';
import { joined, type LayoutPart } from './blob.ts';
import { renderArtifactProvenance, renderProvenance, type BuildOrigin } from './provenance.ts';
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

export interface AttestedContents {
  readonly images: readonly BuiltImage[];
  readonly artifacts: readonly BuiltArtifact[];
  /** The kit's values files, which manifests are made of. */
  readonly values: readonly Pick<KitFileRecord, 'path' | 'sha256'>[];
}

export interface Attestations {
  /** Referrers, for the layout that has the images. */
  readonly ofImages: LayoutPart;
  /** Referrers, for the layout that has the artifacts. */
  readonly ofArtifacts: LayoutPart;
  /** For the layout of signatures by tag. */
  readonly signatures: LayoutPart;
}

interface Attestation {
  readonly subject: Descriptor;
  readonly predicateType: string;
  readonly predicate: unknown;
}

/** The bundles become leaves of the notary's log in one go, in the order of the images and then of the artifacts. */
export function attestContents(contents: AttestedContents, input: AttestInput): Attestations {
  const { recipe, registry, notary } = input;
  const ofImages = contents.images.flatMap((image) => attestationsOfImage(image, input));
  const attestations = [...ofImages, ...contents.artifacts.flatMap((artifact) => attestationsOfArtifact(artifact, contents, input))];
  const bundles = signDsseBundles(attestations.map(renderStatement), notary);
  const created = new Date(recipe.epoch * 1000).toISOString().replace('.000Z', 'Z');
  const referrers = attestations.map(({ subject, predicateType }, at) => renderReferrer(subject, predicateType, bundles[at]!, created));
  const subjects = [
    ...contents.images.flatMap((image) => subjectsOf(image).map(({ digest }) => [image.name, digest] as const)),
    ...contents.artifacts.map(({ repository, descriptor }) => [repository, descriptor.digest] as const),
  ];
  return {
    ofImages: joined(referrers.slice(0, ofImages.length)),
    ofArtifacts: joined(referrers.slice(ofImages.length)),
    signatures: joined(subjects.map(([name, digest]) => renderTagSignature(`${registry}/${name}`, digest, notary.signer))),
  };
}

function subjectsOf({ index, children }: BuiltImage): Descriptor[] {
  return [index, ...children.map(({ descriptor }) => descriptor)];
}

function attestationsOfImage(image: BuiltImage, { recipe, version, registry, provenance: origin }: AttestInput): Attestation[] {
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

function attestationsOfArtifact({ recipe: own, descriptor: subject }: BuiltArtifact, { images, values }: AttestedContents, { recipe: { epoch }, version, provenance: origin }: AttestInput): Attestation[] {
  return [
    { subject, predicateType: predicateTypes.signature, predicate: {} },
    { subject, predicateType: predicateTypes.provenance, predicate: renderArtifactProvenance({ recipe: own, epoch, version, images, values: own.kind === 'manifests' ? values : [], origin }) },
  ];
}

/** in-toto Statement v1. */
function renderStatement({ subject, predicateType, predicate }: Attestation): Buffer {
  const [algorithm, hex] = subject.digest.split(':') as [string, string];
  return Buffer.from(canonicalJson({ _type: statementType, subject: [{ digest: { [algorithm]: hex } }], predicateType, predicate }));
}
