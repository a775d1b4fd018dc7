/** The admission flow in one piece: bytes of a review → answer, with the decision logged and counted. */
import type { AdmissionReviewResponse } from '../../contract/admission.ts';
import { decisionReasons } from '../../contract/label-values.ts';
import { metrics as catalogue } from '../../contract/metrics.ts';
import { decide, weightOf, type ImageAnswer, type ImageAnswers, type Rules } from './decision.ts';
import { toRecord, toResponse } from './response.ts';
import { parseReview, type PodReview } from './review.ts';
import { VerdictFinder, type VerdictSources } from './verdicts.ts';

/**
 * @param deadlineAt when the answer must be there, on performance.now()'s clock (ms)
 * @param overloaded nobody is asked: what the cache does not have is unjudged, and the answer comes at once
 * @throws `admission.review-invalid` when there is no uid to answer to; nothing else
 */
export type Admit = (body: Uint8Array, deadlineAt: number, overloaded?: boolean) => Promise<AdmissionReviewResponse>;

export interface AdmitParts extends Omit<VerdictSources, 'webhook' | 'now'> {
  readonly webhook: VerdictSources['webhook'] & Rules;
  readonly now?: () => Date;
}

export function createAdmit(parts: AdmitParts): Admit {
  const { webhook, log, metrics, now = () => new Date() } = parts;
  // A record has known fields alone and no secret; looking for one in each line takes longer than to write it.
  const decisionLog = log.child({ scope: 'admission.decision' }, { redact: [] });
  const finder = new VerdictFinder({ ...parts, now });
  // Shown from the start, so that a rate sees the first one.
  metrics.count(catalogue.decisions, { decision: 'allow', mode: 'enforced', reason: 'policy.pass' }, 0);
  for (const mode of ['enforced', 'cached'] as const) metrics.count(catalogue.decisions, { decision: 'deny', mode, reason: 'policy.fail' }, 0);
  for (const reason of decisionReasons) {
    if (weightOf[reason] === 'unjudged') metrics.count(catalogue.decisions, { decision: 'allow', mode: 'failOpen', reason }, 0);
  }

  async function findSafely(review: PodReview, deadlineAt: number, overloaded: boolean): Promise<ImageAnswers> {
    try {
      return await finder.find(review, deadlineAt, overloaded);
    } catch (error) {
      log.error({ scope: 'admission', admissionId: review.uid, error }, 'review failed');
      const failed: ImageAnswer = { failure: 'webhook.failed', detail: '' };
      return new Map(review.images.map(({ name }) => [name, failed]));
    }
  }

  return async (body, deadlineAt, overloaded = false) => {
    const start = performance.now();
    const review = parseReview(body);
    metrics.observe(catalogue.admissionDuration, { stage: 'parse' }, performance.now() - start);
    const answers = await findSafely(review, deadlineAt, overloaded);

    const deciding = performance.now();
    const decision = decide(review, answers, webhook, now());
    const response = toResponse(review, decision);
    decisionLog.info(toRecord(review, decision), `${decision.decision} (${decision.reason})`);
    if (!review.dryRun) metrics.count(catalogue.decisions, { decision: decision.decision, mode: decision.mode, reason: decision.reason });
    metrics.observe(catalogue.admissionDuration, { stage: 'decide' }, performance.now() - deciding);
    return response;
  };
}
