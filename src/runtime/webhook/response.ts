/** Decision → what the API server is told, and what the log is told (contract section 5). */
import { admissionReviewType, type AdmissionReviewResponse, type DecisionRecord } from '../../contract/admission.ts';
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { digestOf } from '../../bytes/digest.ts';
import type { Decision } from './decision.ts';
import type { PodReview } from './review.ts';

/** A message shows so many images and counts the rest: people read it in a terminal. */
const imagesShownMax = 5;

export function toResponse(review: PodReview, decision: Decision): AdmissionReviewResponse {
  const { uid } = review;
  if (decision.decision === 'allow') return { ...admissionReviewType, response: { uid, allowed: true } };
  return { ...admissionReviewType, response: { uid, allowed: false, status: { code: 403, reason: 'Forbidden', message: denial(review) } } };
}

export function toRecord({ uid, namespace, podSpec }: PodReview, { images, decision, mode, ttlSeconds }: Decision): DecisionRecord {
  return { admissionId: uid, namespace, podSpecDigest: digestOf(canonicalJson(podSpec)), images, decision, mode, ttlSeconds };
}

function denial({ namespace, podName, images }: PodReview): string {
  const shown = images.slice(0, imagesShownMax).map(({ where, name }) => `${where.replace('request.object.', '')} "${name}"`);
  const rest = images.length > imagesShownMax ? ` and ${images.length - imagesShownMax} more` : '';
  return (
    `Pod ${namespace}/${podName}: policy client not configured, so no verdict on its images (${shown.join(', ')}${rest}); ` +
    'what cannot be judged is denied. Do: deploy a version of zastava-webhook with a policy client, ' +
    'or take the namespace out of its reach with zastava.webhook.excludedNamespaces.'
  );
}
