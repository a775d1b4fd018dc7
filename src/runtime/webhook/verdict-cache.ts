/**
 * Verdicts that may be used again (contract section 5). The key is the image as it was judged, `repo@sha256:…`, with the namespace and
 * the labels, never a name that can change its meaning; what lies here is what the policy said, never an error or a fail-open.
 *
 *   one policy revision at a time: an answer of another one empties the cache.
 *
 * Of two answers that were under way at once nobody knows which is the newer; if their revisions differ, neither stays.
 */
import type { Digest } from '../../contract/oci.ts';
import type { ImageVerdict, PolicyAnswer } from '../scanner/policy.ts';

/** At some 500 bytes each, and at most 4 KB: what decisions need of a verdict, and no lists of build-ids. */
const entriesMax = 8192;

export interface CachedVerdict {
  readonly verdict: ImageVerdict;
  readonly policyRevision: string;
  readonly expiresAt: Date;
}

/** Where a verdict holds. */
export interface VerdictScope {
  readonly namespace: string;
  /** Of the canonical JSON of the labels that the policy was asked with. */
  readonly labelsDigest: Digest;
}

export class VerdictCache {
  readonly #entries = new Map<string, CachedVerdict>();
  readonly #lifeMax: number;
  #revision: string | undefined;
  #generation = 0;

  /** @param lifeSecondsMax `zastava.webhook.cacheTtlSeconds`; 0 keeps nothing. */
  constructor(lifeSecondsMax: number) {
    this.#lifeMax = lifeSecondsMax * 1000;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(image: string, scope: VerdictScope, now: Date): CachedVerdict | undefined {
    const key = keyOf(image, scope);
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.expiresAt <= now) return undefined;
    // Back at the end: the first of the map is the one that was not asked for the longest.
    this.#entries.set(key, entry);
    return entry;
  }

  /** To be called when a question goes out; the ticket belongs to its answer. */
  ticket(): number {
    return this.#generation;
  }

  /**
   * Takes note of an answer's revision. Call it before `put` for the verdicts of that answer.
   * @returns whether they may be kept
   */
  admits(policyRevision: string, ticket: number): boolean {
    if (policyRevision === this.#revision) return true;
    this.#entries.clear();
    const newer = ticket === this.#generation;
    this.#generation += 1;
    this.#revision = newer ? policyRevision : undefined;
    return newer;
  }

  /** @returns how long it will be kept, in whole seconds; 0: not at all */
  put(image: string, scope: VerdictScope, verdict: ImageVerdict, answer: Pick<PolicyAnswer, 'ttlSeconds' | 'expiresAt' | 'policyRevision'>, askedAt: Date): number {
    const { policyRevision } = answer;
    const expiresAt = new Date(Math.min(askedAt.getTime() + Math.min(answer.ttlSeconds * 1000, this.#lifeMax), answer.expiresAt.getTime()));
    const seconds = Math.floor((expiresAt.getTime() - askedAt.getTime()) / 1000);
    if (!(seconds > 0) || verdict.policyVerdict === 'error') return 0;
    const key = keyOf(image, scope);
    const { policyVerdict, signed, hasSbomReferrers, reasons } = verdict;
    this.#entries.delete(key);
    this.#entries.set(key, { verdict: { policyVerdict, signed, hasSbomReferrers, reasons }, policyRevision, expiresAt });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > entriesMax && oldest !== undefined) this.#entries.delete(oldest);
    return seconds;
  }
}

/** No part can have a blank in it. */
function keyOf(image: string, { namespace, labelsDigest }: VerdictScope): string {
  return `${image} ${namespace} ${labelsDigest}`;
}
