/** Decisions in words, for the person who made the Pod: which image, where it stands, why, and what to do. */
import type { Decision, DecisionReason, JudgedImage } from './decision.ts';
import { weightOf } from './decision.ts';
import type { PodReview } from './review.ts';

/** A message shows so many images and counts the rest: people read it in a terminal. */
const imagesShownMax = 5;
const nameCharactersMax = 160;
const detailCharactersMax = 300;

interface Words {
  readonly why: string;
  readonly todo: string;
}

const byDigest = 'name the image by its digest (repository@sha256:…)';
const tryAgain = 'try again; if it goes on, the operators of zastava-webhook find the cause in its log by the id';

const words: Readonly<Record<DecisionReason, Words>> = {
  'policy.pass': { why: 'the runtime policy passes it', todo: '' },
  'policy.warn': { why: 'the runtime policy warns of it', todo: '' },
  'policy.fail': {
    why: 'the runtime policy refuses it',
    todo: 'put right what the reasons name and use the new image; "stellaops-cli runtime policy test --image <digest> --namespace <ns>" shows the verdict',
  },
  'policy.error': { why: 'the runtime policy could not judge it', todo: 'see that the image was pushed and scanned, then try again' },
  'backend.unavailable': { why: 'no verdict: Scanner cannot be reached', todo: tryAgain },
  'backend.timeout': { why: 'no verdict in time', todo: tryAgain },
  'backend.rejected': { why: 'no verdict: Scanner did not answer the question', todo: tryAgain },
  'authority.unavailable': { why: 'no verdict: Authority cannot be reached, which gives the token for Scanner', todo: tryAgain },
  'authority.rejected': { why: 'no verdict: Authority gives no token for Scanner', todo: tryAgain },
  'tag.unresolved': { why: 'its tag was not resolved to a digest', todo: byDigest },
  'tag.refused': { why: 'it has no digest, and here only images with one are accepted', todo: byDigest },
  'image.invalid': { why: 'no container runtime can read this name', todo: 'correct the name' },
  'images.none': { why: 'it names no image', todo: 'name an image' },
  'images.unchanged': { why: 'it names the same images as before', todo: '' },
  'review.invalid': { why: 'it cannot be read', todo: 'correct the Pod; if it is right, tell the operators of zastava-webhook' },
  'webhook.overloaded': { why: 'no verdict: the webhook has too much to do', todo: tryAgain },
  'webhook.failed': { why: 'no verdict: a mistake in the webhook', todo: tryAgain },
};

/** One message for a Pod that is denied. */
export function explainDecision(review: PodReview, decision: Decision): string {
  const { reason, images } = decision;
  const grave = images.filter(({ reason }) => weightOf[reason] === weightOf[decision.reason]);
  const shown = grave.slice(0, imagesShownMax).map(explainImage);
  const more = grave.length > shown.length ? [`and ${grave.length - shown.length} more`] : [];
  const problems = review.problems.slice(0, imagesShownMax).map(({ where, expected, found }) => printable(`${where}: expected ${expected}, found ${found}`, detailCharactersMax));
  const why = images.length === 0 ? [[words[reason].why, ...problems].join('; ')] : [...shown, ...more];
  const todos = [...new Set(grave.length === 0 ? [words[reason].todo] : grave.map(({ reason }) => words[reason].todo))];
  return `Pod ${review.namespace}/${review.podName}: ${why.join('. ')}. Do: ${todos.join('; or ')}. (Id ${printable(review.uid, nameCharactersMax)}.)`;
}

/** One warning for each image of an allowed Pod that something is to be said of. */
export function explainImages(review: PodReview, { reason, images }: Decision): string[] {
  if (images.length === 0 && weightOf[reason] !== 'pass') return [`Pod ${review.namespace}/${review.podName}: ${words[reason].why}`];
  return images.flatMap((judged) => {
    const { image, reason } = judged;
    if (weightOf[reason] !== 'pass') return [explainImage(judged)];
    return image.reference?.digest === undefined ? [`${nameOf(judged)}: it has no digest, so another image may be run than was judged; ${byDigest}`] : [];
  });
}

function explainImage(judged: JudgedImage): string {
  const { reason, detail } = judged;
  return `${nameOf(judged)}: ${words[reason].why}${detail === '' ? '' : ` (${printable(detail, detailCharactersMax)})`}`;
}

function nameOf({ image, finding }: JudgedImage): string {
  const [first = '', ...others] = image.where;
  const place = others.length > 0 ? `${first} and ${others.length} more` : first;
  const digest = finding.resolved?.split('@')[1];
  const resolved = digest === undefined || image.name.includes(digest) ? '' : ` (${digest})`;
  return `${place} "${printable(image.name, nameCharactersMax)}"${resolved}`;
}

/** Foreign text on one line of a terminal. */
export function printable(text: string, max: number): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ');
  return clean.length > max ? `${clean.slice(0, max)}…` : clean;
}
