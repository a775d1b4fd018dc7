/**
 * The verdict on a Pod: a pure and total function of the review, of what was found out about its images, and of the values.
 * What a reason stands for decides, not where it came from:
 *
 *   refused    policy or rules say no        → deny, in a namespace that fails open, too
 *   unjudged   nobody could say              → deny, or allow where the namespace fails open
 *   warn, pass                               → allow
 *
 * Where a namespace only warns or audits, all is allowed, and the mode says so.
 */
import type { AdmissionDecision, AdmissionMode, ImageFinding } from '../../contract/admission.ts';
import type { decisionReasons } from '../../contract/label-values.ts';
import type { Values } from '../../config/schema.ts';
import type { ImageVerdict } from '../scanner/policy.ts';
import type { PodImage, PodReview } from './review.ts';

export type DecisionReason = (typeof decisionReasons)[number];

/** The policy's verdict on one image. */
interface JudgedAnswer {
  readonly verdict: ImageVerdict;
  /** `repo@sha256:…`: what the verdict is about. */
  readonly resolved: string;
  readonly policyRevision: string;
  /** How long the verdict may be used again. */
  readonly ttlSeconds: number;
  readonly cached: boolean;
}

/** What was found out about one image: the verdict, or why there is none. */
export type ImageAnswer = JudgedAnswer | { readonly failure: DecisionReason; readonly detail: string; readonly resolved?: string };

/** By the image's name as the Pod has it. */
export type ImageAnswers = ReadonlyMap<string, ImageAnswer>;

export type Rules = Pick<Values['zastava']['webhook'], 'enforcement' | 'failOpenNamespaces' | 'tagPolicy'>;

export interface JudgedImage {
  readonly image: PodImage;
  readonly reason: DecisionReason;
  /** What the reason means here, where it says too little. */
  readonly detail: string;
  readonly finding: ImageFinding;
  readonly answer?: JudgedAnswer;
}

export interface Decision {
  readonly decision: AdmissionDecision;
  readonly mode: AdmissionMode;
  readonly reason: DecisionReason;
  /** The user is to be told what is wrong, although the Pod is allowed. */
  readonly tellsUser: boolean;
  /** None where none was judged. */
  readonly images: readonly JudgedImage[];
  readonly policyRevision: string | null;
  readonly ttlSeconds: number;
}

type Weight = 'pass' | 'warn' | 'unjudged' | 'refused';

/** From the lightest. */
const weights: readonly Weight[] = ['pass', 'warn', 'unjudged', 'refused'];

export const weightOf: Readonly<Record<DecisionReason, Weight>> = {
  'policy.pass': 'pass',
  'images.unchanged': 'pass',
  'policy.warn': 'warn',
  'policy.error': 'unjudged',
  'backend.unavailable': 'unjudged',
  'backend.timeout': 'unjudged',
  'backend.rejected': 'unjudged',
  'authority.unavailable': 'unjudged',
  'authority.rejected': 'unjudged',
  'tag.unresolved': 'unjudged',
  'webhook.overloaded': 'unjudged',
  'webhook.failed': 'unjudged',
  'policy.fail': 'refused',
  'tag.refused': 'refused',
  'image.invalid': 'refused',
  'images.none': 'refused',
  'review.invalid': 'refused',
};

export function decide(review: PodReview, answers: ImageAnswers, rules: Rules, now: Date): Decision {
  const rule = ruleOf(review.namespace, rules, now);
  const judged = review.problems.length === 0 && !review.imagesUnchanged;
  const images = judged ? review.images.map((image) => judge(image, answers.get(image.name), rules.tagPolicy)) : [];
  const reason = reasonOf(review, images);
  const weight = weightOf[reason];
  const told = images.flatMap(({ answer }) => answer ?? []);
  const toldOfAll = told.length > 0 && told.length === images.length;
  const mode = modeOf(rule, weight, toldOfAll && told.every(({ cached }) => cached));
  const denied = (weight === 'refused' || weight === 'unjudged') && (mode === 'enforced' || mode === 'cached');
  return {
    decision: denied ? 'deny' : 'allow',
    mode,
    reason,
    tellsUser: rule !== 'audit',
    images,
    policyRevision: told[0]?.policyRevision ?? null,
    ttlSeconds: toldOfAll && images.every((image) => weightOf[image.reason] !== 'unjudged') ? Math.min(...told.map(({ ttlSeconds }) => ttlSeconds)) : 0,
  };
}

function modeOf(rule: ReturnType<typeof ruleOf>, weight: Weight, cached: boolean): AdmissionMode {
  if (rule === 'warn') return 'warned';
  if (rule === 'audit') return 'audited';
  if (rule === 'failOpen' && weight === 'unjudged') return 'failOpen';
  return cached ? 'cached' : 'enforced';
}

/** The rule of a namespace now; one that cannot be read is enforced. */
function ruleOf(namespace: string, { enforcement, failOpenNamespaces }: Rules, now: Date): 'enforce' | 'failOpen' | 'warn' | 'audit' {
  if (namespace === '') return 'enforce';
  const own = Object.hasOwn(enforcement.namespaces, namespace) ? enforcement.namespaces[namespace] : undefined;
  const rule = own ?? enforcement.default;
  if (rule !== 'enforce') return rule;
  const failsOpen = failOpenNamespaces.some(({ name, until }) => name === namespace && (until === undefined || now < new Date(until)));
  return failsOpen ? 'failOpen' : 'enforce';
}

/** The weightiest; the first of the Pod among equals. */
function reasonOf({ problems, imagesUnchanged }: PodReview, images: readonly JudgedImage[]): DecisionReason {
  if (problems.length > 0) return 'review.invalid';
  if (imagesUnchanged) return 'images.unchanged';
  if (images.length === 0) return 'images.none';
  return images.map(({ reason }) => reason).reduce((worst, reason) => (weights.indexOf(weightOf[reason]) > weights.indexOf(weightOf[worst]) ? reason : worst));
}

function judge(image: PodImage, answer: ImageAnswer | undefined, tagPolicy: Rules['tagPolicy']): JudgedImage {
  const { name, reference } = image;
  const unknown = { name, resolved: answer?.resolved ?? null, signed: null, hasSbomReferrers: null };
  const without = (reason: DecisionReason, detail: string): JudgedImage => ({ image, reason, detail, finding: { ...unknown, policyVerdict: 'error', reasons: [reason] } });
  if (!reference) return without('image.invalid', '');
  if (reference.digest === undefined && tagPolicy === 'deny') return without('tag.refused', '');
  if (!answer) return without('webhook.failed', 'nobody asked');
  if ('failure' in answer) return without(answer.failure, answer.detail);
  const { policyVerdict, signed, hasSbomReferrers, reasons } = answer.verdict;
  return { image, reason: `policy.${policyVerdict}`, detail: reasons.join('; '), finding: { ...unknown, signed, hasSbomReferrers, policyVerdict, reasons }, answer };
}
