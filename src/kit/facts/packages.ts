/** What the images are made of, package by package, from the SBOMs in the kit (CycloneDX as predicate of a statement). */
import { predicateTypes } from '../../contract/attestations.ts';
import type { Attestation } from './attestations.ts';
import { listOf, objectOf, textOf, type Json } from './documents.ts';
import type { ImageFact } from './images.ts';

export interface PackageFact {
  /** The type of its package URL: `deb`, `npm`, `generic`; without one the component's type. */
  readonly ecosystem: string;
  readonly name: string;
  readonly version: string;
  /** SPDX ids, expressions or names, as the SBOM has them; empty when it has none. */
  readonly licences: string;
  /** `observer linux/amd64`, sorted. */
  readonly within: readonly string[];
}

/** Sorted; one for each package, version and licence. Null when no SBOM is in the kit. */
export function gatherPackages(attestations: readonly Attestation[], images: readonly ImageFact[]): PackageFact[] | null {
  const sboms = attestations.filter(({ predicateType }) => predicateType === predicateTypes.sbom);
  if (sboms.length === 0) return null;
  const packages = new Map<string, Omit<PackageFact, 'within'> & { within: Set<string> }>();
  for (const { subjects, predicate } of sboms) {
    const places = subjects.map((digest) => placeOf(digest, images));
    for (const component of componentsOf(predicate)) {
      const found = packageOf(component);
      const key = JSON.stringify(found);
      const known = packages.get(key) ?? { ...found, within: new Set<string>() };
      places.forEach((place) => known.within.add(place));
      packages.set(key, known);
    }
  }
  return [...packages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, found]) => ({ ...found, within: [...found.within].sort() }));
}

/** The image and platform that a digest is, or the digest itself. */
export function placeOf(digest: string, images: readonly ImageFact[]): string {
  for (const { name, digest: index, platforms } of images) {
    if (index === digest) return name;
    const child = platforms.find((platform) => platform.digest === digest);
    if (child) return `${name} ${child.platform}`;
  }
  return digest;
}

function componentsOf(parent: Json): Json[] {
  return listOf(parent['components']).map(objectOf).flatMap((component) => [component, ...componentsOf(component)]);
}

function packageOf(component: Json): Omit<PackageFact, 'within'> {
  const ecosystem = /^pkg:([a-z0-9.+-]+)\//.exec(textOf(component['purl']) ?? '')?.[1] ?? textOf(component['type']) ?? 'unknown';
  const group = textOf(component['group']);
  const name = `${group === null ? '' : `${group}/`}${textOf(component['name']) ?? 'without name'}`;
  const licences = listOf(component['licenses']).map(objectOf).map(({ license, expression }) => {
    const { id, name: named } = objectOf(license);
    return textOf(expression) ?? textOf(id) ?? textOf(named) ?? '';
  });
  return { ecosystem, name, version: textOf(component['version']) ?? 'unknown', licences: licences.filter((text) => text !== '').join(', ') };
}
