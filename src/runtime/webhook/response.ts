/** Decision → what the API server, its user and the log are told (contract section 5). */
import { admissionLimits, admissionReviewType, type AdmissionReviewResponse, type DecisionRecord } from '../../contract/admission.ts';
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { digestOf } from '../../bytes/digest.ts';
import type { Digest } from '../../contract/oci.ts';
import { weightOf, type Decision } from './decision.ts';
import { explainDecision, explainImages } from './explanation.ts';
import type { PodReview } from './review.ts';

/** Characters of the images in an audit annotation: some twenty of them. */
const annotationCharactersMax = 4096;

export function toResponse(review: PodReview, decision: Decision): AdmissionReviewResponse {
  const allowed = decision.decision === 'allow';
  const warnings = allowed && decision.tellsUser ? cutToLimits(explainImages(review, decision)) : [];
  return {
    ...admissionReviewType,
    response: {
      uid: review.uid,
      allowed,
      ...(!allowed && { status: { ...statusOf(decision), message: explainDecision(review, decision) } }),
      ...(warnings.length > 0 && { warnings }),
      auditAnnotations: annotationsOf(decision),
    },
  };
}

export function toRecord({ uid, namespace, podName, podSpec, dryRun }: PodReview, decision: Decision): DecisionRecord {
  return {
    admissionId: uid,
    namespace,
    pod: podName,
    podSpecDigest: digestOfSpec(podSpec),
    images: decision.images.map(({ finding }) => finding),
    decision: decision.decision,
    mode: decision.mode,
    reason: decision.reason,
    policyRevision: decision.policyRevision,
    dryRun,
    ttlSeconds: decision.ttlSeconds,
  };
}

function statusOf({ reason }: Decision): { code: number; reason: string } {
  if (reason === 'review.invalid') return { code: 400, reason: 'BadRequest' };
  return weightOf[reason] === 'unjudged' ? { code: 503, reason: 'ServiceUnavailable' } : { code: 403, reason: 'Forbidden' };
}

/** Each key is the last part of a qualified name, as the API server wants it. */
function annotationsOf({ decision, mode, reason, policyRevision, images }: Decision): Record<string, string> {
  const resolved = images.map(({ finding }) => finding.resolved ?? finding.name).join(' ').slice(0, annotationCharactersMax);
  return {
    decision,
    mode,
    reason,
    ...(resolved !== '' && { images: resolved }),
    ...(policyRevision !== null && { 'policy-revision': policyRevision }),
  };
}

function cutToLimits(warnings: readonly string[]): string[] {
  const { warningCharactersMax, warningsCharactersMax } = admissionLimits;
  const shown = warnings.slice(0, warningsCharactersMax / warningCharactersMax - 1).map((text) => cut(text, warningCharactersMax));
  const rest = warnings.length - shown.length;
  return rest > 0 ? [...shown, `and ${rest} more images; the audit log and the webhook's own have all`] : shown;
}

/** Whole characters, as the API server counts them. */
function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${Array.from(text).slice(0, max - 1).join('')}…`;
}

/** A spec with half a surrogate pair, or nested beyond the stack, has no canonical form; no API server sends one. */
function digestOfSpec(podSpec: PodReview['podSpec']): Digest | null {
  try {
    return digestOf(canonicalJson(podSpec));
  } catch {
    return null;
  }
}
