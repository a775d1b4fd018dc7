import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decide, type DecisionReason, type ImageAnswer, type Rules } from '../../../src/runtime/webhook/decision.ts';
import { decisionReasons } from '../../../src/contract/label-values.ts';
import { toRecord, toResponse } from '../../../src/runtime/webhook/response.ts';
import { readReview } from '../../../src/runtime/webhook/review.ts';
import { admissionReview, reviewUid } from '../../fakes/admission-review.ts';

const digest = `sha256:${'0f3b'.repeat(16)}`;
const rules: Rules = { enforcement: { default: 'enforce', namespaces: { lab: 'warn', watched: 'audit' } }, failOpenNamespaces: [{ name: 'open' }], tagPolicy: 'warn' };

function reviewOf(images: readonly string[], request: object = {}) {
  return readReview(admissionReview({ object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api-0' }, spec: { containers: images.map((image) => ({ image })) } }, ...request }));
}

function answered(images: readonly string[], answer: (index: number) => ImageAnswer, request: object = {}, changed: Partial<Rules> = {}) {
  const review = reviewOf(images, request);
  const decision = decide(review, new Map(images.map((name, index) => [name, answer(index)])), { ...rules, ...changed }, new Date());
  return { review, decision, response: toResponse(review, decision).response };
}

const verdict = (policyVerdict: 'pass' | 'warn' | 'fail' | 'error', reasons: readonly string[] = []): ImageAnswer =>
  ({ verdict: { policyVerdict, signed: policyVerdict === 'pass', hasSbomReferrers: true, reasons }, resolved: `registry.internal/api@${digest}`, policyRevision: 'rev-42', ttlSeconds: 60, cached: false });

describe('the answer to a Pod that is denied', () => {
  test('says which image, where it stands, why, and what to do', () => {
    const { response } = answered(['registry.internal/api:1'], () => verdict('fail', ['image.unsigned', 'sbom.missing']));
    expect(response).toMatchObject({ uid: reviewUid, allowed: false, status: { code: 403, reason: 'Forbidden' } });
    expect(response.status?.message).toBe(
      `Pod payments/api-0: spec.containers[0].image "registry.internal/api:1" (${digest}): the runtime policy refuses it (image.unsigned; sbom.missing). `
      + 'Do: put right what the reasons name and use the new image; "stellaops-cli runtime policy test --image <digest> --namespace <ns>" shows the verdict. '
      + `(Id ${reviewUid}.)`,
    );
  });

  test('names the images that are the reason, and not those that are good', () => {
    const { response } = answered(['good:1', 'bad:1', 'odd:1'], (index) => [verdict('pass'), verdict('fail'), verdict('error')][index] as ImageAnswer);
    expect(response.status?.message).toContain('"bad:1"');
    expect(response.status?.message).not.toMatch(/good|odd/);
  });

  test('names five images and counts the others', () => {
    const { response } = answered(Array.from({ length: 12 }, (_, index) => `image-${index}`), () => verdict('fail'));
    expect(response.status?.message).toMatch(/"image-4".*and 7 more/);
    expect(response.status?.message).not.toContain('image-5');
  });

  test('says what was waited for when the time was over', () => {
    const { response } = answered([`registry.internal/api@${digest}`], () => ({ failure: 'backend.timeout', detail: 'the time for the answer was over while waiting for the verdict of Scanner' }));
    expect(response.status).toMatchObject({ code: 503, reason: 'ServiceUnavailable', message: expect.stringContaining('no verdict in time (the time for the answer was over while waiting for the verdict of Scanner)') });
  });

  test('lists what cannot be read of a Pod', () => {
    const { response } = answered([], () => verdict('pass'), { object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api-0' }, spec: { containers: [{ image: 7 }] } } });
    expect(response).toMatchObject({ allowed: false, status: { code: 400, message: expect.stringContaining('it cannot be read; spec.containers[0].image: expected a text that is not empty, found 7') } });
  });

  test('keeps foreign text on one line and short', () => {
    const { response } = answered([`a${'\n'.repeat(3)}b${'x'.repeat(5000)}`, 'good:1'], (index) => verdict(index === 0 ? 'pass' : 'fail', [`first\u001b[31m\r\nsecond\u202e${'y'.repeat(5000)}`]));
    const message = response.status?.message ?? '';
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(message.length).toBeLessThan(2000);
  });

  test('has words for every reason', () => {
    for (const reason of decisionReasons) {
      const { response } = answered([`registry.internal/api@${digest}`], () => (reason.startsWith('policy.') ? verdict(reason.slice(7) as 'pass') : { failure: reason, detail: '' }));
      if (!response.allowed) expect(response.status?.message).toMatch(/: .+\. Do: .+\. \(Id/);
    }
  });
});

describe('the answer to a Pod that is allowed', () => {
  test('says nothing more when all is well', () => {
    const { response } = answered([`registry.internal/api@${digest}`], () => verdict('pass'));
    expect(response).toEqual({ uid: reviewUid, allowed: true, auditAnnotations: { decision: 'allow', mode: 'enforced', reason: 'policy.pass', images: `registry.internal/api@${digest}`, 'policy-revision': 'rev-42' } });
  });

  test('warns of a tag, since nobody can hold the kubelet to the digest that was judged', () => {
    const { response } = answered(['registry.internal/api:1'], () => verdict('pass'));
    expect(response.warnings).toEqual([expect.stringMatching(/spec\.containers\[0\]\.image "registry\.internal\/api:1" .*it has no digest, so another image may be run than was judged/)]);
  });

  test.each([
    ['policy warns', 'payments', verdict('warn', ['cve.known']), 'the runtime policy warns of it (cve.known)'],
    ['the namespace only warns', 'lab', verdict('fail', ['image.unsigned']), 'the runtime policy refuses it (image.unsigned)'],
    ['the namespace fails open', 'open', { failure: 'backend.unavailable', detail: '' } as ImageAnswer, 'no verdict: Scanner cannot be reached'],
  ])('warns when %s', (_, namespace, answer, words) => {
    const { response } = answered([`registry.internal/api@${digest}`], () => answer, { namespace });
    expect(response.allowed).toBe(true);
    expect(response.warnings).toEqual([expect.stringContaining(words)]);
  });

  test('tells the audit log and not the user where the namespace only audits', () => {
    const { response } = answered(['registry.internal/api:1'], () => verdict('fail'), { namespace: 'watched' });
    expect(response).toMatchObject({ allowed: true, auditAnnotations: { decision: 'allow', mode: 'audited', reason: 'policy.fail' } });
    expect(response.warnings).toBeUndefined();
  });

  test('warns of a Pod without images where the namespace only warns', () => {
    expect(answered([], () => verdict('pass'), { namespace: 'lab' }).response).toMatchObject({ allowed: true, warnings: ['Pod lab/api-0: it names no image'] });
  });

  test('stays within what the API server passes on, and its annotations have keys that it accepts', () => {
    const { response } = answered(Array.from({ length: 200 }, (_, index) => `registry.internal/${'long/'.repeat(40)}${index}:1`), () => verdict('warn', ['🐳'.repeat(400)]));
    const warnings = response.warnings ?? [];
    for (const warning of warnings) expect(Array.from(warning).length).toBeLessThanOrEqual(256);
    expect(warnings.reduce((sum, warning) => sum + Array.from(warning).length, 0)).toBeLessThanOrEqual(4096);
    expect(warnings.at(-1)).toBe('and 185 more images; the audit log and the webhook\'s own have all');
    for (const key of Object.keys(response.auditAnnotations ?? {})) expect(key).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,61}[A-Za-z0-9]$/);
    expect(response.auditAnnotations?.['images']?.length).toBeLessThanOrEqual(4096);
  });
});

describe('the record', () => {
  test('has what the contract says', () => {
    const { review, decision } = answered(['registry.internal/api:1', 'b:2'], (index) => (index === 0 ? verdict('fail', ['image.unsigned']) : { failure: 'tag.unresolved', detail: 'no' }), { dryRun: true });
    expect(toRecord(review, decision)).toEqual({
      admissionId: reviewUid,
      namespace: 'payments',
      pod: 'api-0',
      podSpecDigest: `sha256:${createHash('sha256').update('{"containers":[{"image":"registry.internal/api:1"},{"image":"b:2"}]}').digest('hex')}`,
      images: [
        { name: 'registry.internal/api:1', resolved: `registry.internal/api@${digest}`, signed: false, hasSbomReferrers: true, policyVerdict: 'fail', reasons: ['image.unsigned'] },
        { name: 'b:2', resolved: null, signed: null, hasSbomReferrers: null, policyVerdict: 'error', reasons: ['tag.unresolved'] },
      ],
      decision: 'deny',
      mode: 'enforced',
      reason: 'policy.fail',
      policyRevision: 'rev-42',
      dryRun: true,
      ttlSeconds: 0,
    });
  });

  test('has the digest of the canonical Pod spec, whatever the order of its keys', () => {
    const digestOf = (spec: object) => {
      const review = readReview(admissionReview({ object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec } }));
      return toRecord(review, decide(review, new Map(), rules, new Date())).podSpecDigest;
    };
    expect(digestOf({ b: [2], a: { d: 'é', c: null } })).toBe(`sha256:${createHash('sha256').update('{"a":{"c":null,"d":"é"},"b":[2]}').digest('hex')}`);
    expect(digestOf({ a: { c: null, d: 'é' }, b: [2] })).toBe(digestOf({ b: [2], a: { d: 'é', c: null } }));
  });

  test.each([
    ['half a character', '"\\ud800"'],
    ['a nesting beyond the stack', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
  ])('has no digest of a spec with %s, and is written all the same', (_, value) => {
    const review = readReview(JSON.parse(JSON.stringify(admissionReview({ object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { x: 'PLACE' } } })).replace('"PLACE"', value)));
    expect(toRecord(review, decide(review, new Map(), rules, new Date())).podSpecDigest).toBeNull();
  });
});

test('reasons of answers are those of the closed list', () => {
  const all: readonly DecisionReason[] = decisionReasons;
  expect(new Set(all).size).toBe(all.length);
});
