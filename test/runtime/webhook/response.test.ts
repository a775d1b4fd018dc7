import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decide } from '../../../src/runtime/webhook/decision.ts';
import { toRecord, toResponse } from '../../../src/runtime/webhook/response.ts';
import type { PodReview } from '../../../src/runtime/webhook/review.ts';

const review: PodReview = {
  uid: 'u-1',
  namespace: 'payments',
  podName: 'api-0',
  podSpec: { b: [2], a: { d: 'é', c: null } },
  images: [{ where: 'request.object.spec.containers[0].image', name: 'registry.internal/api:1' }],
};

describe('the decision', () => {
  test('denies every image while there is no policy client, and is not to be used again', () => {
    expect(decide(review)).toEqual({
      decision: 'deny',
      mode: 'enforced',
      reason: 'policy.unconfigured',
      images: [{ name: 'registry.internal/api:1', resolved: null, signed: null, hasSbomReferrers: null, policyVerdict: 'error', reasons: ['policy.unconfigured'] }],
      ttlSeconds: 0,
    });
  });

  test('denies a Pod that names no image, too', () => {
    expect(decide({ ...review, images: [] }).decision).toBe('deny');
  });
});

describe('the answer', () => {
  test('echoes the uid and says what was denied, where, why and what to do', () => {
    const { response } = toResponse(review, decide(review));
    expect(response).toMatchObject({ uid: 'u-1', allowed: false, status: { code: 403, reason: 'Forbidden' } });
    for (const part of ['payments/api-0', 'policy client not configured', 'spec.containers[0].image "registry.internal/api:1"', 'excludedNamespaces']) {
      expect(response.status?.message).toContain(part);
    }
  });

  test('names five images and counts the others', () => {
    const images = Array.from({ length: 12 }, (_, index) => ({ where: `request.object.spec.containers[${index}].image`, name: `image-${index}` }));
    const many = { ...review, images };
    const message = toResponse(many, decide(many)).response.status?.message;
    expect(message).toContain('"image-4" and 7 more');
    expect(message).not.toContain('image-5');
  });

  test('allows in the shape that the API server expects', () => {
    expect(toResponse(review, { ...decide(review), decision: 'allow' })).toEqual({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: 'u-1', allowed: true } });
  });
});

test('the record has the digest of the canonical Pod spec, whatever the order of its keys', () => {
  const podSpecDigest = `sha256:${createHash('sha256').update('{"a":{"c":null,"d":"é"},"b":[2]}').digest('hex')}`;
  expect(toRecord(review, decide(review))).toEqual({
    admissionId: 'u-1',
    namespace: 'payments',
    podSpecDigest,
    images: decide(review).images,
    decision: 'deny',
    mode: 'enforced',
    ttlSeconds: 0,
  });
});
