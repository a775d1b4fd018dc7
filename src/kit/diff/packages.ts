/** Packages of the images, by what changed rather than by where: a new version in four images is one change. */
import type { KitFacts } from '../facts/kit-facts.ts';
import type { PackageFact } from '../facts/packages.ts';
import type { Change } from './named.ts';

/** Platforms that only one kit has are changes of images; their packages are not listed one by one. */
export function diffPackages(a: KitFacts, b: KitFacts): Change[] {
  if (a.packages === null || b.packages === null) {
    if (a.packages === b.packages) return [];
    const [before, after] = [a.packages, b.packages].map((packages) => packages && `${packages.length} packages`) as [string | null, string | null];
    return [{ area: 'packages', kind: after === null ? 'removed' : 'added', what: 'list of packages (SBOM)', field: '', before, after }];
  }
  const [before, after] = [versionsByPlace(a.packages), versionsByPlace(b.packages)];
  const places = [...before.keys()].filter((place) => after.has(place)).sort();
  const changes = new Map<string, { change: Change; places: string[] }>();
  for (const place of places) {
    for (const change of diffPlace(before.get(place)!, after.get(place)!)) {
      const key = JSON.stringify(change);
      const known = changes.get(key) ?? { change, places: [] };
      known.places.push(place);
      changes.set(key, known);
    }
  }
  return [...changes].sort(([x], [y]) => (x < y ? -1 : 1)).map(([, { change, places: within }]) => ({ ...change, field: within.length === places.length ? '' : within.join(', ') }));
}

function diffPlace(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): Change[] {
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((what): Change[] => {
    const [before, after] = [a.get(what) ?? null, b.get(what) ?? null];
    if (before === after) return [];
    return [{ area: 'packages', kind: before === null ? 'added' : after === null ? 'removed' : 'changed', what, field: '', before, after }];
  });
}

/** Image and platform → package → its versions and licences, of which there may be several. */
function versionsByPlace(packages: readonly PackageFact[]): Map<string, Map<string, string>> {
  const places = new Map<string, Map<string, string>>();
  for (const { ecosystem, name, version, licences, within } of packages) {
    for (const place of within) {
      const versions = places.get(place) ?? new Map<string, string>();
      const known = versions.get(`${ecosystem} ${name}`);
      const own = licences === '' ? version : `${version} (${licences})`;
      versions.set(`${ecosystem} ${name}`, known === undefined ? own : `${known}, ${own}`);
      places.set(place, versions);
    }
  }
  return places;
}
