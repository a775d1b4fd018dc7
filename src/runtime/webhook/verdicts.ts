/**
 * Finds out about the images of a Pod, before the deadline whatever happens: each tag becomes a digest, each digest a verdict,
 * from the cache or by one question to the policy. What could not be found out is an answer, too; nothing is thrown.
 */
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { digestOf } from '../../bytes/digest.ts';
import type { ImageReference } from '../../bytes/image-reference.ts';
import type { Values } from '../../config/schema.ts';
import type { admissionStages } from '../../contract/label-values.ts';
import { metrics as catalogue } from '../../contract/metrics.ts';
import type { ResolveTag } from '../../registry/resolver.ts';
import type { AskPolicy, ImageVerdict, PolicyAnswer, PolicyQuestion } from '../scanner/policy.ts';
import type { Log } from '../telemetry/logs.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { DecisionReason, ImageAnswer, ImageAnswers } from './decision.ts';
import { describeFailure, within } from './failures.ts';
import type { PodReview } from './review.ts';
import { VerdictCache, type VerdictScope } from './verdict-cache.ts';

export interface VerdictSources {
  readonly webhook: Pick<Values['zastava']['webhook'], 'cacheTtlSeconds' | 'resolveTags' | 'tagPolicy'>;
  readonly ask: AskPolicy;
  readonly resolve: ResolveTag;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now: () => Date;
}

type Failure = Extract<ImageAnswer, { failure: DecisionReason }>;

/** An image's name, and `repo@sha256:…` or why there is none. */
type Found = readonly [string, string | Failure];

/** An image whose digest is known. */
interface Pinned {
  readonly name: string;
  readonly resolved: string;
}

interface KeptAnswer {
  readonly answer: PolicyAnswer;
  /** Image as sent → how long its verdict is kept. */
  readonly ttlSeconds: ReadonlyMap<string, number>;
}

/** Whoever asks the same may share an answer that is under way, if its time is not much shorter than his own. */
const sharedDeadlineMs = 1000;
const reasonsMax = 8;
const reasonCharactersMax = 300;
const unasked: Failure = { failure: 'webhook.overloaded', detail: '' };

export class VerdictFinder {
  readonly #sources: VerdictSources;
  readonly #cache: VerdictCache;
  readonly #underWay = new Map<string, { readonly kept: Promise<KeptAnswer>; readonly deadlineAt: number }>();

  constructor(sources: VerdictSources) {
    this.#sources = sources;
    this.#cache = new VerdictCache(sources.webhook.cacheTtlSeconds);
  }

  /** @param overloaded nobody is asked, what the cache has is used */
  async find(review: PodReview, deadlineAt: number, overloaded: boolean): Promise<ImageAnswers> {
    if (review.problems.length > 0 || review.imagesUnchanged) return new Map();
    const pinned: Pinned[] = [];
    const answers = new Map<string, ImageAnswer>();
    for (const [name, found] of await this.#pinAll(review, deadlineAt, overloaded)) {
      if (typeof found === 'string') pinned.push({ name, resolved: found });
      else answers.set(name, found);
    }
    const scope: VerdictScope = { namespace: review.namespace, labelsDigest: digestOf(canonicalJson(review.labels)) };
    const missing = this.#takeCached(pinned, scope, answers);
    if (missing.length === 0) return answers;
    const asked = overloaded ? missing.map(({ name, resolved }) => [name, { ...unasked, resolved }] as const) : await this.#timed('policy', this.#askFor(review, missing, scope, deadlineAt));
    return new Map([...answers, ...asked]);
  }

  /** For each image that a verdict is wanted of. */
  #pinAll({ uid, images }: PodReview, deadlineAt: number, overloaded: boolean): Promise<Found[]> {
    let resolves = false;
    const pinning = images.flatMap(({ name, reference }): (Found | Promise<Found>)[] => {
      if (!reference) return [];
      if (reference.digest !== undefined) return [[name, `${reference.name}@${reference.digest}`]];
      if (this.#sources.webhook.tagPolicy === 'deny') return [];
      if (overloaded) return [[name, unasked]];
      resolves = true;
      return [this.#resolve(uid, reference, deadlineAt).then((found) => [name, found])];
    });
    return resolves ? this.#timed('resolve', Promise.all(pinning)) : Promise.all(pinning);
  }

  async #resolve(admissionId: string, reference: ImageReference, deadlineAt: number): Promise<string | Failure> {
    const { webhook, resolve, log } = this.#sources;
    if (!webhook.resolveTags) return { failure: 'tag.unresolved', detail: 'resolving tags is switched off here' };
    const { domain, name, tag } = reference;
    try {
      return `${name}@${await within(deadlineAt, 'registry.timeout', `the tag at ${domain}`, () => resolve(reference, deadlineAt))}`;
    } catch (error) {
      log.warn({ scope: 'admission.resolve', admissionId, image: `${name}:${tag}`, error }, 'tag not resolved');
      return { failure: 'tag.unresolved', detail: describeFailure(error).detail };
    }
  }

  /** Puts what the cache has into `answers`. @returns the rest */
  #takeCached(pinned: readonly Pinned[], scope: VerdictScope, answers: Map<string, ImageAnswer>): Pinned[] {
    const { metrics, now } = this.#sources;
    const moment = now();
    const missing = pinned.filter(({ name, resolved }) => {
      const entry = this.#cache.get(resolved, scope, moment);
      if (!entry) return true;
      const { verdict, policyRevision, expiresAt } = entry;
      answers.set(name, { verdict, policyRevision, resolved, ttlSeconds: Math.floor((expiresAt.getTime() - moment.getTime()) / 1000), cached: true });
      return false;
    });
    metrics.count(catalogue.cacheHits, {}, pinned.length - missing.length);
    metrics.count(catalogue.cacheMisses, {}, missing.length);
    return missing;
  }

  async #askFor({ uid, namespace, labels }: PodReview, pinned: readonly Pinned[], scope: VerdictScope, deadlineAt: number): Promise<(readonly [string, ImageAnswer])[]> {
    const question = { namespace, labels, images: [...new Set(pinned.map(({ resolved }) => resolved))] };
    try {
      const { answer, ttlSeconds } = await within(deadlineAt, 'scanner.timeout', 'the verdict of Scanner', () => this.#askShared(question, scope, deadlineAt));
      return pinned.map(({ name, resolved }) => {
        const verdict = answer.results.get(resolved);
        if (!verdict) return [name, { failure: 'backend.rejected', detail: 'its answer has no verdict on this image', resolved }];
        return [name, { verdict: shortened(verdict), resolved, policyRevision: answer.policyRevision, ttlSeconds: ttlSeconds.get(resolved) ?? 0, cached: false }];
      });
    } catch (error) {
      const failure = describeFailure(error);
      this.#sources.log.warn({ scope: 'admission.policy', admissionId: uid, reason: failure.failure, error }, 'no verdict');
      return pinned.map(({ name, resolved }) => [name, { ...failure, resolved }]);
    }
  }

  #askShared(question: PolicyQuestion, scope: VerdictScope, deadlineAt: number): Promise<KeptAnswer> {
    const key = `${scope.namespace} ${scope.labelsDigest} ${question.images.join(' ')}`;
    const other = this.#underWay.get(key);
    if (other && other.deadlineAt >= deadlineAt - sharedDeadlineMs) return other.kept;
    const kept = this.#askAndKeep(question, scope, deadlineAt).finally(() => {
      if (this.#underWay.get(key)?.kept === kept) this.#underWay.delete(key);
    });
    this.#underWay.set(key, { kept, deadlineAt });
    return kept;
  }

  /** Asks, and keeps what may be kept, also for a caller who has stopped waiting. */
  async #askAndKeep(question: PolicyQuestion, scope: VerdictScope, deadlineAt: number): Promise<KeptAnswer> {
    const [ticket, askedAt] = [this.#cache.ticket(), this.#sources.now()];
    const answer = await this.#sources.ask(question, deadlineAt);
    if (!this.#cache.admits(answer.policyRevision, ticket)) return { answer, ttlSeconds: new Map() };
    const kept = question.images.flatMap((image) => {
      const verdict = answer.results.get(image);
      return verdict ? [[image, this.#cache.put(image, scope, shortened(verdict), answer, askedAt)] as const] : [];
    });
    return { answer, ttlSeconds: new Map(kept) };
  }

  async #timed<T>(stage: (typeof admissionStages)[number], work: Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work;
    this.#sources.metrics.observe(catalogue.admissionDuration, { stage }, performance.now() - start);
    return result;
  }
}

/** No more text than people read. */
function shortened(verdict: ImageVerdict): ImageVerdict {
  return { ...verdict, reasons: verdict.reasons.slice(0, reasonsMax).map((reason) => reason.slice(0, reasonCharactersMax)) };
}
