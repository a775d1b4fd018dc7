/** Files of a kit that are compared by digest, and its signatures. */
import { digestOf } from '../../bytes/digest.ts';
import { kitPaths } from '../../contract/kit-format.ts';
import type { KitFacts, ReadKit } from '../facts/kit-facts.ts';
import { placeOf } from '../facts/packages.ts';
import { diffNamed, type Change } from './named.ts';

/** Every file outside the layouts. One whose content is compared elsewhere is here, too, when its bytes differ: a comment may matter. */
export function diffDocuments(a: KitFacts, b: KitFacts): Change[] {
  return diffNamed('documents', digests(a, isDocument), digests(b, isDocument));
}

/** The manifest's signature and what it names, attestations by what they are about, and the layout of signatures by tag. */
export function diffSignatures(a: ReadKit, b: ReadKit): Change[] {
  return diffNamed('signatures', signatures(a), signatures(b));
}

function isDocument(path: string, role: string): boolean {
  return role !== 'oci' && !path.startsWith(kitPaths.signatures);
}

function signatures({ facts, manifestSignature }: ReadKit): Map<string, unknown> {
  const { signer, signedAt } = facts.manifest;
  const named = new Map<string, unknown>([[kitPaths.manifestSignature, { digest: manifestSignature, signer, signedAt }]]);
  for (const { predicateType, subjects, bundle } of facts.attestations) {
    const key = `${predicateType} of ${subjects.map((digest) => placeOf(digest, facts.images)).join(', ')}`;
    named.set(key, [...((named.get(key) as string[] | undefined) ?? []), bundle].sort());
  }
  const tagged = digests(facts, (path) => path.startsWith(kitPaths.signatures));
  if (tagged.size > 0) named.set(kitPaths.signatures, digestOf(JSON.stringify([...tagged])));
  return named;
}

function digests({ manifest }: KitFacts, wanted: (path: string, role: string) => boolean): Map<string, string> {
  return new Map(manifest.files.filter(({ path, role }) => wanted(path, role)).map(({ path, sha256 }) => [path, `sha256:${sha256}`]));
}
