/**
 * What changes in the cluster between two kits: images, packages, manifests, permissions, alerts, values, documents;
 * and, unless they are to be ignored, who signed what and when. Two kits of one commit differ in signatures alone.
 */
import type { Digest } from '../../contract/oci.ts';
import { readKitFacts, type KitFacts, type ReadKit } from '../facts/kit-facts.ts';
import type { ObjectFact } from '../facts/objects.ts';
import { diffDocuments, diffSignatures } from './files.ts';
import { diffNamed, type Change } from './named.ts';
import { diffPackages } from './packages.ts';

export interface DiffOptions {
  /** Leave out the manifest's JWS, signer and signing time, bundles, image signatures and log entries. Default: false. */
  readonly ignoreSignatures?: boolean;
}

export interface ComparedKit {
  readonly name: string;
  readonly version: string;
  readonly signedAt: string;
  readonly signer: { readonly kind: string; readonly keyId: Digest };
  /** Hex, of the file. */
  readonly sha256: string;
}

export interface KitDifference {
  /** Nothing differs. */
  readonly same: boolean;
  readonly a: ComparedKit;
  readonly b: ComparedKit;
  /** In the order of `changeAreas`. */
  readonly changes: readonly Change[];
}

/** Reads each kit once, against its own manifest. Neither is verified: whoever made them. Throws what the readers throw. */
export async function diffKits(a: AsyncIterable<Uint8Array>, b: AsyncIterable<Uint8Array>, options: DiffOptions = {}): Promise<KitDifference> {
  return compare(await readKitFacts(a), await readKitFacts(b), options);
}

function compare(a: ReadKit, b: ReadKit, options: DiffOptions): KitDifference {
  const changes = [...diffFacts(a.facts, b.facts), ...(options.ignoreSignatures === true ? [] : diffSignatures(a, b))];
  return { same: changes.length === 0, a: comparedKit(a), b: comparedKit(b), changes };
}

export function comparedKit({ facts, sha256 }: Pick<ReadKit, 'facts' | 'sha256'>): ComparedKit {
  const { name, version, signedAt, signer } = facts.manifest;
  return { name, version, signedAt, signer, sha256 };
}

/** All but the signatures. Pure. */
export function diffFacts(a: KitFacts, b: KitFacts): Change[] {
  return [
    ...diffNamed('kit', new Map([[a.manifest.name, kitItself(a)]]), new Map([[b.manifest.name, kitItself(b)]])),
    ...diffNamed('images', imagesByName(a), imagesByName(b)),
    ...diffNamed('images', a.artifacts, b.artifacts),
    ...diffPackages(a, b),
    ...diffNamed('manifests', objectsByName(a, false), objectsByName(b, false)),
    ...diffNamed('permissions', objectsByName(a, true), objectsByName(b, true)),
    ...once(diffNamed('alerts', rulesByName(a), rulesByName(b))),
    ...diffNamed('values', a.values, b.values),
    ...diffDocuments(a, b),
  ];
}

function kitItself({ manifest: { version, compression } }: KitFacts): object {
  return { version, compression };
}

function imagesByName({ images }: KitFacts): Map<string, object> {
  return new Map(images.map(({ name, repository, digest, references, platforms }) => [name, {
    repository, digest,
    // One that names the digest says nothing more.
    references: references.filter((reference) => !reference.endsWith(`@${digest}`)),
    platforms: Object.fromEntries(platforms.map(({ platform, digest: child, config }) => [platform, { digest: child, config }])),
  }]));
}

function objectsByName({ objects }: KitFacts, grants: boolean): Map<string, object> {
  return byName(objects.filter((each) => each.grants === grants), nameOf, ({ body }) => body);
}

function nameOf({ kind, namespace, name }: ObjectFact): string {
  return `${kind} ${namespace === null ? '' : `${namespace}/`}${name}`;
}

/** By file, too: the same rules stand in a file for Prometheus and in an object for its operator, and may differ. */
function rulesByName({ rules }: KitFacts): Map<string, object> {
  return byName(rules, ({ path, group, name }) => JSON.stringify([path, group, name]), ({ body }) => body);
}

/** Names that are there again get a number. */
function byName<T>(items: readonly T[], name: (item: T) => string, value: (item: T) => object): Map<string, object> {
  const named = new Map<string, object>();
  for (const item of items) {
    let key = name(item);
    for (let number = 2; named.has(key); number++) key = `${name(item)} #${number}`;
    named.set(key, value(item));
  }
  return named;
}

/** Rules by their name alone; a change that is the same in several files is one. */
function once(changes: readonly Change[]): Change[] {
  const unique = new Map(changes.map((change) => {
    const [, list, number] = /^(\[.*\])( #\d+)?$/.exec(change.what)!;
    const [, group, name] = JSON.parse(list!) as string[];
    const renamed = { ...change, what: `${group}: ${name}${number ?? ''}` };
    return [JSON.stringify(renamed), renamed] as const;
  }));
  return [...unique.values()];
}
