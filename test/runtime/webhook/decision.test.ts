import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decisionReasons } from '../../../src/contract/label-values.ts';
import { decide, weightOf, type DecisionReason, type ImageAnswer, type Rules } from '../../../src/runtime/webhook/decision.ts';
import { readReview } from '../../../src/runtime/webhook/review.ts';
import { admissionReview } from '../../fakes/admission-review.ts';

const now = new Date('2026-11-24T12:00:00Z');
const digestOf = (index: number) => `sha256:${String(index).repeat(64)}`;

// The model: tables, written from the contract and not from the code.

const verdicts = ['pass', 'warn', 'fail', 'error'] as const;
const failures = ['backend.unavailable', 'backend.timeout', 'backend.rejected', 'authority.unavailable', 'authority.rejected', 'tag.unresolved', 'webhook.overloaded', 'webhook.failed'] as const;

/** How a name is written and what is answered for it → the reason, with tags allowed and denied. */
const reasons = {
  digest: { pass: 'policy.pass', warn: 'policy.warn', fail: 'policy.fail', error: 'policy.error', failure: 'its own', nothing: 'webhook.failed' },
  tag: { pass: 'policy.pass', warn: 'policy.warn', fail: 'policy.fail', error: 'policy.error', failure: 'its own', nothing: 'webhook.failed' },
  tagDenied: { pass: 'tag.refused', warn: 'tag.refused', fail: 'tag.refused', error: 'tag.refused', failure: 'tag.refused', nothing: 'tag.refused' },
  invalid: { pass: 'image.invalid', warn: 'image.invalid', fail: 'image.invalid', error: 'image.invalid', failure: 'image.invalid', nothing: 'image.invalid' },
} as const;

/** Rule of the namespace, and the gravest thing said of an image → decision and mode. */
const outcomes = {
  enforce: { good: 'allow enforced', unknown: 'deny enforced', bad: 'deny enforced' },
  failOpen: { good: 'allow enforced', unknown: 'allow failOpen', bad: 'deny enforced' },
  warn: { good: 'allow warned', unknown: 'allow warned', bad: 'allow warned' },
  audit: { good: 'allow audited', unknown: 'allow audited', bad: 'allow audited' },
} as const;

const bad: readonly string[] = ['policy.fail', 'tag.refused', 'image.invalid', 'images.none', 'review.invalid'];
const good: readonly string[] = ['policy.pass', 'policy.warn', 'images.unchanged'];

const gravity = (reason: string) => (bad.includes(reason) ? 'bad' : good.includes(reason) ? 'good' : 'unknown');

/** Namespaces by what the values say of them: their own mode, the default, and how they fail open. */
const namespaceRules = [
  { name: 'enforced', own: 'enforce', failOpen: [], rule: 'enforce' },
  { name: 'constructor', own: undefined, failOpen: [], rule: 'default' },
  { name: 'open', own: undefined, failOpen: [{ name: 'open' }], rule: 'failOpen or default' },
  { name: 'open-enforced', own: 'enforce', failOpen: [{ name: 'open-enforced', until: '2026-11-24T12:00:01Z' }], rule: 'failOpen' },
  { name: 'open-past', own: 'enforce', failOpen: [{ name: 'open-past', until: '2026-11-24T12:00:00Z' }], rule: 'enforce' },
  { name: 'open-zone', own: 'enforce', failOpen: [{ name: 'open-zone', until: '2026-11-24T13:00:00+02:00' }], rule: 'enforce' },
  { name: 'open-warned', own: 'warn', failOpen: [{ name: 'open-warned' }], rule: 'warn' },
  { name: 'warned', own: 'warn', failOpen: [], rule: 'warn' },
  { name: 'audited', own: 'audit', failOpen: [], rule: 'audit' },
] as const;

function ruleOf(rule: (typeof namespaceRules)[number]['rule'], standard: keyof typeof outcomes): keyof typeof outcomes {
  if (rule === 'default') return standard;
  if (rule === 'failOpen or default') return standard === 'enforce' ? 'failOpen' : standard;
  return rule;
}

const image = fc.record({
  kind: fc.constantFrom('digest', 'tag', 'invalid'),
  answer: fc.oneof({ weight: 3, arbitrary: fc.constant('pass' as const) }, fc.constantFrom(...verdicts), fc.constantFrom(...failures), fc.constant('nothing' as const)),
  cached: fc.boolean(),
  ttlSeconds: fc.nat(300),
});

const situation = fc.record({
  images: fc.array(image, { maxLength: 4 }),
  namespace: fc.constantFrom(...namespaceRules),
  standard: fc.constantFrom('enforce', 'warn', 'audit'),
  tagPolicy: fc.constantFrom('warn', 'deny'),
  unchanged: fc.boolean(),
  broken: fc.boolean(),
});
type Situation = typeof situation extends fc.Arbitrary<infer Value> ? Value : never;

function decideFor({ images, namespace, standard, tagPolicy, unchanged, broken }: Situation) {
  const nameOf = (kind: string, index: number) => (kind === 'digest' ? `a.b/c${index}@${digestOf(index)}` : kind === 'tag' ? `a.b/c${index}:1` : `A${index} b`);
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api' }, spec: { containers: images.map(({ kind }, index) => ({ image: nameOf(kind, index) })), ...(broken && { volumes: 7 }) } };
  const review = readReview(admissionReview({ namespace: namespace.name, operation: 'UPDATE', object, oldObject: unchanged ? { spec: { containers: object.spec.containers } } : null }));
  const answers = new Map(images.flatMap(({ kind, answer, cached, ttlSeconds }, index): [string, ImageAnswer][] => {
    const name = nameOf(kind, index);
    if (answer === 'nothing') return [];
    if (answer.includes('.')) return [[name, { failure: answer as DecisionReason, detail: 'for some reason' }]];
    const verdict = { policyVerdict: answer as (typeof verdicts)[number], signed: true, hasSbomReferrers: false, reasons: ['as it is'] };
    return [[name, { verdict, resolved: `a.b/c${index}@${digestOf(index)}`, policyRevision: 'rev-1', ttlSeconds, cached }]];
  }));
  const rules: Rules = { enforcement: { default: standard, namespaces: namespace.own === undefined ? {} : { [namespace.name]: namespace.own } }, failOpenNamespaces: namespace.failOpen, tagPolicy };
  return decide(review, answers, rules, now);
}

/** What the tables say. */
function expected({ images, namespace, standard, tagPolicy, unchanged, broken }: Situation) {
  const imageReasons = images.map(({ kind, answer }) => {
    const row = reasons[kind === 'tag' && tagPolicy === 'deny' ? 'tagDenied' : kind];
    const reason = row[answer.includes('.') ? 'failure' : (answer as (typeof verdicts)[number] | 'nothing')];
    return reason === 'its own' ? answer : reason;
  });
  const first = (...wanted: string[]) => imageReasons.find((reason) => wanted.includes(gravity(reason)));
  const reason = broken ? 'review.invalid' : unchanged ? 'images.unchanged' : first('bad') ?? first('unknown') ?? (imageReasons.includes('policy.warn') ? 'policy.warn' : (imageReasons[0] ?? 'images.none'));
  // A Pod without images that had none before is no change either.
  const told = broken || unchanged ? [] : images.filter((_, index) => imageReasons[index]?.startsWith('policy.'));
  const outcome = outcomes[ruleOf(namespace.rule, standard)][gravity(reason)];
  const allCached = told.length > 0 && told.length === images.length && told.every(({ cached }) => cached);
  const [decision, mode] = (allCached ? outcome.replace('enforced', 'cached') : outcome).split(' ');
  return { decision, mode, reason };
}

describe('the decision', () => {
  test('is that of an independent model in every situation', () => {
    fc.assert(fc.property(situation, (each) => {
      const { decision, mode, reason } = decideFor(each);
      expect({ decision, mode, reason }).toEqual(expected(each));
    }), { numRuns: 3000 });
  });

  test('never allows what policy did not, where it enforces', () => {
    fc.assert(fc.property(situation, (each) => {
      const { decision, mode, reason, images } = decideFor(each);
      if (decision !== 'allow' || (mode !== 'enforced' && mode !== 'cached') || reason === 'images.unchanged') return;
      expect(images.length).toBeGreaterThan(0);
      for (const { finding } of images) expect(['pass', 'warn']).toContain(finding.policyVerdict);
    }), { numRuns: 3000 });
  });

  test('may be used again as long as every verdict, and not at all when one is missing', () => {
    fc.assert(fc.property(situation, (each) => {
      const { ttlSeconds, images } = decideFor(each);
      const complete = images.length > 0 && images.every(({ finding }) => ['pass', 'warn', 'fail'].includes(finding.policyVerdict));
      expect(ttlSeconds).toBe(complete ? Math.min(...each.images.map((one) => one.ttlSeconds)) : 0);
    }), { numRuns: 1000 });
  });

  test('enforces in a namespace that cannot be read, whatever the default is', () => {
    const review = readReview(admissionReview({ namespace: 'no name' }));
    expect(decide(review, new Map(), { enforcement: { default: 'audit', namespaces: {} }, failOpenNamespaces: [{ name: '' }], tagPolicy: 'warn' }, now)).toMatchObject({ decision: 'deny', mode: 'enforced', reason: 'review.invalid' });
  });

  test('knows what every reason weighs', () => {
    expect(Object.keys(weightOf).toSorted()).toEqual([...decisionReasons].toSorted());
    for (const reason of decisionReasons) expect({ pass: 'good', warn: 'good', unjudged: 'unknown', refused: 'bad' }[weightOf[reason]]).toBe(gravity(reason));
  });
});
