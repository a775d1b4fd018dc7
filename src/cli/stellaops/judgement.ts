/** What the webhook would decide of a Pod, by its own `decide`, in words and as data. */
import type { Values } from '../../config/schema.ts';
import { decide, type Decision, type ImageAnswers } from '../../runtime/webhook/decision.ts';
import { explainDecision, explainImages, printable } from '../../runtime/webhook/explanation.ts';
import type { PodReview } from '../../runtime/webhook/review.ts';
import { styled } from '../terminal/terminal.ts';
import type { NamedReview } from './pod-reviews.ts';

export type Webhook = Values['zastava']['webhook'];

/** Finds out about the images of a Pod; throws nothing. */
export type Find = (review: PodReview) => Promise<ImageAnswers>;

export interface Judged {
  readonly source: string;
  readonly review: PodReview;
  readonly decision: Decision;
  /** The webhook is not asked about Pods of this namespace at all. */
  readonly excluded: boolean;
}

export async function judge({ source, review, pinned = review }: NamedReview, find: Find, webhook: Webhook): Promise<Judged> {
  const excluded = webhook.excludedNamespaces.includes(review.namespace);
  const answers: ImageAnswers = excluded ? new Map() : await find(pinned);
  return { source, review, decision: decide(review, answers, webhook, new Date()), excluded };
}

/** `unasked`: neither, since Scanner or Authority could not be asked from here. */
export function outcomeOf({ decision, excluded }: Judged): 'allowed' | 'denied' | 'unasked' {
  if (excluded) return 'allowed';
  if (/^(?:backend|authority)\./.test(decision.reason)) return 'unasked';
  return decision.decision === 'deny' ? 'denied' : 'allowed';
}

/** 1 when something would be denied, 3 when something could not be asked about. */
export function setExitCode(outcomes: readonly ReturnType<typeof outcomeOf>[]): void {
  if (outcomes.includes('denied')) process.exitCode = 1;
  else if (outcomes.includes('unasked')) process.exitCode = 3;
}

export function describe(judged: Judged): string[] {
  const { review, decision, excluded } = judged;
  if (excluded) return [`The webhook is not asked: ${review.namespace} is one of zastava.webhook.excludedNamespaces`];
  if (outcomeOf(judged) === 'unasked') return [`${styled('yellow', 'No verdict could be had from here')}: ${explainDecision(review, decision)}`];
  if (decision.decision === 'deny') return [`${styled('red', 'The webhook would deny it')} (${decision.mode}, ${decision.reason}): ${explainDecision(review, decision)}`];
  const warnings = explainImages(review, decision).map((text) => `  ${decision.tellsUser ? 'warning' : 'not told to the user'}: ${text}`);
  return [`${styled('green', 'The webhook would allow it')} (${decision.mode}, ${decision.reason})`, ...warnings];
}

/** One row of a table: what, where, decision, mode and reason. */
export function rowOf(judged: Judged): string[] {
  const { source, review, decision, excluded } = judged;
  const outcome = { allowed: 'allow', denied: 'deny', unasked: 'unknown' }[outcomeOf(judged)];
  return [printable(source, 120), review.namespace, outcome, ...(excluded ? ['not asked', 'namespace excluded'] : [decision.mode, decision.reason])];
}

export function summaryOf(judged: Judged): object {
  const { source, review, decision, excluded } = judged;
  const base = { pod: source, namespace: review.namespace, outcome: outcomeOf(judged) };
  if (excluded) return { ...base, excluded };
  const { mode, reason, images } = decision;
  return { ...base, decision: decision.decision, mode, reason, images: images.map(({ finding }) => finding), ...(decision.decision === 'deny' && { message: explainDecision(review, decision) }) };
}
