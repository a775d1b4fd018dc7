/**
 * What the runtime policy says of the images that run here, kept by digest as long as the answer says. A Scanner that gives
 * none is left alone for a while.
 */
import { parseImageReference } from '../../../bytes/image-reference.ts';
import type { Posture, Workload } from '../../../contract/runtime-event.ts';
import type { AskPolicy, ImageVerdict } from '../../scanner/policy.ts';
import type { Log } from '../../telemetry/logs.ts';

export interface Judgement extends Pick<ImageVerdict, 'policyVerdict' | 'reasons'> {
  readonly policyRevision: string;
  readonly posture: Posture;
}

interface Kept {
  readonly judgement: Judgement;
  readonly until: number;
}

const waits = { askMs: 5000, afterFailureMs: 10_000 } as const;
const keptMax = 4096;
/** In one question. */
const imagesMax = 64;

export class Judgements {
  readonly #ask: AskPolicy;
  readonly #log: Log;
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, Promise<void>>();
  #quietUntil = 0;

  constructor({ ask, log }: { readonly ask: AskPolicy; readonly log: Log }) {
    [this.#ask, this.#log] = [ask, log];
  }

  /** The newest answer about the image of this workload, however old. */
  newest(workload: Workload): Judgement | undefined {
    const image = imageOf(workload);
    return image === undefined ? undefined : this.#kept.get(keyOf(workload.namespace, image))?.judgement;
  }

  /** Asks if it must; undefined when there is no answer. */
  async judge(workload: Workload): Promise<Judgement | undefined> {
    const image = imageOf(workload);
    if (image !== undefined && !this.#isFresh(workload.namespace, image)) await this.#question(workload.namespace, [image]);
    return this.newest(workload);
  }

  /** Asks about all whose answer is old by now. */
  async refresh(workloads: readonly Workload[]): Promise<void> {
    const stale = new Map<string, Set<string>>();
    for (const workload of workloads) {
      const image = imageOf(workload);
      if (image !== undefined && !this.#isFresh(workload.namespace, image)) stale.set(workload.namespace, (stale.get(workload.namespace) ?? new Set()).add(image));
    }
    for (const [namespace, images] of stale) {
      const list = [...images];
      for (let at = 0; at < list.length; at += imagesMax) await this.#question(namespace, list.slice(at, at + imagesMax));
    }
  }

  #isFresh(namespace: string, image: string): boolean {
    return performance.now() < (this.#kept.get(keyOf(namespace, image))?.until ?? 0);
  }

  /** Never fails: without an answer, what is known stays. */
  #question(namespace: string, images: readonly string[]): Promise<void> {
    if (performance.now() < this.#quietUntil) return Promise.resolve();
    const key = keyOf(namespace, images.join(' '));
    const asking = this.#underWay.get(key) ?? this.#askFor(namespace, images).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asking);
    return asking;
  }

  async #askFor(namespace: string, images: readonly string[]): Promise<void> {
    const askedAt = performance.now();
    try {
      const answer = await this.#ask({ namespace, labels: {}, images }, askedAt + waits.askMs);
      const life = Math.min(answer.ttlSeconds * 1000, answer.expiresAt.getTime() - Date.now());
      for (const [image, { policyVerdict, reasons, signed, hasSbomReferrers }] of answer.results) {
        // No verdict: what was known stays, and the next look asks again.
        if (policyVerdict === 'error') continue;
        const judgement = { policyVerdict, reasons, policyRevision: answer.policyRevision, posture: { imageSigned: signed, sbomReferrer: hasSbomReferrers } };
        this.#keep(keyOf(namespace, image), { judgement, until: askedAt + life });
      }
      if (this.#quietUntil > 0) this.#log.info({ scope: 'policy' }, 'Scanner answers about images again');
      this.#quietUntil = 0;
    } catch (error) {
      if (this.#quietUntil === 0) this.#log.warn({ scope: 'policy', error }, 'Scanner gives no answer about images: events go without posture');
      this.#quietUntil = performance.now() + waits.afterFailureMs;
    }
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptMax && oldest !== undefined) this.#kept.delete(oldest);
  }
}

/** `repo@sha256:…` by the digest that the image's name leads to; undefined where none is known. */
export function imageOf({ imageRef, images }: Workload): string | undefined {
  // A Pod can name an image by its id alone: a policy knows nothing by that name.
  const reference = imageRef.startsWith('sha256:') ? undefined : parseImageReference(imageRef);
  const digest = reference?.digest ?? images.index ?? images.manifest;
  return reference === undefined || digest === undefined ? undefined : `${reference.name}@${digest}`;
}

/** No part can have a blank in it. */
function keyOf(namespace: string, image: string): string {
  return `${namespace} ${image}`;
}
