import { describe, expect, test } from 'vitest';
import { ZastavaError } from '../../../src/contract/errors.ts';
import { parseReview } from '../../../src/runtime/webhook/review.ts';
import { admissionReview, podSpec, reviewUid } from '../../fakes/admission-review.ts';

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

function problemsOf(body: Uint8Array): string[] {
  try {
    parseReview(body);
  } catch (error) {
    if (error instanceof ZastavaError && error.code === 'admission.review-invalid') return error.problems.map(({ where }) => where);
    throw error;
  }
  throw new Error('it was accepted');
}

describe('parseReview', () => {
  test('reads uid, namespace, name, spec and every image of a Pod', () => {
    expect(parseReview(bytes(admissionReview()))).toEqual({
      uid: reviewUid,
      namespace: 'payments',
      podName: 'api-7c9d5b6f4-',
      podSpec,
      images: [
        { where: 'request.object.spec.containers[0].image', name: 'registry.internal/payments/api:2.3' },
        { where: 'request.object.spec.initContainers[0].image', name: 'registry.internal/payments/migrate@sha256:0f3b1c0a4a0d9f2b7c7c9f3f6b0d7e0c2f8c4d1e5a6b7c8d9e0f1a2b3c4d5e6f' },
        { where: 'request.object.spec.ephemeralContainers[0].image', name: 'busybox' },
        { where: 'request.object.spec.volumes[1].image.reference', name: 'registry.internal/models/fraud:7' },
      ],
    });
  });

  test('accepts an ephemeral container that is added to a running Pod', () => {
    expect(parseReview(bytes(admissionReview({ operation: 'UPDATE', subResource: 'ephemeralcontainers' }))).images).toHaveLength(4);
  });

  test.each([
    ['another version of the API', admissionReview({}, { apiVersion: 'admission.k8s.io/v1beta1' }), ['apiVersion']],
    ['another kind of review', admissionReview({}, { kind: 'ConversionReview' }), ['kind']],
    ['an operation it is not registered for', admissionReview({ operation: 'DELETE' }), ['request.operation']],
    ['a subresource it is not registered for', admissionReview({ subResource: 'binding' }), ['request.subResource']],
    ['an empty uid', admissionReview({ uid: '' }), ['request.uid']],
    ['an object that is no Pod', admissionReview({ object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'api' }, spec: {} } }), ['request.object.apiVersion', 'request.object.kind']],
    ['a Pod without a name', admissionReview({ object: { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: podSpec } }), ['request.object.metadata.name']],
  ])('refuses %s', (_, review, where) => {
    expect(problemsOf(bytes(review))).toEqual(where);
  });

  test.each([
    ['a container without an image', { containers: [{ name: 'api' }] }, ['containers[0].image']],
    ['an image that is no text', { containers: [{ image: 7 }] }, ['containers[0].image']],
    ['a container that is no object', { containers: ['api'] }, ['containers[0]', 'containers[0].image']],
    ['containers that are no list', { containers: {} }, ['containers']],
    ['an image volume without a reference', { volumes: [{ image: {} }] }, ['volumes[0].image.reference']],
    ['an image volume that is no object', { volumes: [{ image: 'x' }] }, ['volumes[0].image', 'volumes[0].image.reference']],
  ])('refuses %s', (_, spec, where) => {
    const review = admissionReview({ object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api' }, spec } });
    expect(problemsOf(bytes(review))).toEqual(where.map((place) => `request.object.spec.${place}`));
  });

  test('lists everything that is wrong at once', () => {
    expect(problemsOf(bytes({ apiVersion: 'v1' }))).toEqual([
      'apiVersion', 'kind', 'request', 'request.operation',
      'request.object', 'request.object.apiVersion', 'request.object.kind', 'request.object.metadata', 'request.object.spec',
      'request.uid', 'request.namespace', 'request.object.metadata.name',
    ]);
  });

  test('refuses what is not JSON in UTF-8, without quoting it', () => {
    for (const body of [Buffer.from('{"password": "hunter2"'), Buffer.from([0x22, 0xff, 0x22]), Buffer.alloc(0)]) {
      expect(() => parseReview(body)).toThrow('the body is not JSON in UTF-8; expected an AdmissionReview');
    }
  });

  test('refuses JSON that is no object', () => {
    for (const value of [null, 1, 'x', []]) expect(problemsOf(bytes(value))[0]).toBe('(body)');
  });
});
