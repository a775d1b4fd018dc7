/**
 * The verdict: a pure, total function of the review. This version has no policy client, so no image can be judged,
 * and what cannot be judged is denied.
 */
import type { AdmissionDecision, AdmissionMode, ImageFinding } from '../../contract/admission.ts';
import type { decisionReasons } from '../../contract/label-values.ts';
import type { PodReview } from './review.ts';

export interface Decision {
  readonly decision: AdmissionDecision;
  readonly mode: AdmissionMode;
  readonly reason: (typeof decisionReasons)[number];
  readonly images: readonly ImageFinding[];
  readonly ttlSeconds: number;
}

export function decide(review: PodReview): Decision {
  const reason = 'policy.unconfigured';
  return {
    decision: 'deny',
    mode: 'enforced',
    reason,
    images: review.images.map(({ name }) => ({ name, resolved: null, signed: null, hasSbomReferrers: null, policyVerdict: 'error', reasons: [reason] })),
    ttlSeconds: 0,
  };
}
