/** The admission flow in one piece: bytes of a review → answer, with the decision logged and counted. */
import type { AdmissionReviewResponse } from '../../contract/admission.ts';
import { metrics as catalogue } from '../../contract/metrics.ts';
import type { Log } from '../telemetry/logs.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { decide } from './decision.ts';
import { toRecord, toResponse } from './response.ts';
import { parseReview } from './review.ts';

export type Admit = (body: Uint8Array) => AdmissionReviewResponse;

/** @returns the flow; it throws `admission.review-invalid`, and never allows by an error. */
export function createAdmit(log: Log, metrics: Metrics): Admit {
  const decisionLog = log.child({ scope: 'admission.decision' });
  // This version makes one kind of decision; shown from the start, so that a rate sees the first.
  metrics.count(catalogue.decisions, { decision: 'deny', mode: 'enforced', reason: 'policy.unconfigured' }, 0);
  return (body) => {
    const review = parseReview(body);
    const decision = decide(review);
    decisionLog.info(toRecord(review, decision), `${decision.decision} (${decision.reason})`);
    metrics.count(catalogue.decisions, { decision: decision.decision, mode: decision.mode, reason: decision.reason });
    return toResponse(review, decision);
  };
}
