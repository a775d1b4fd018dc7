import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/bytes/json-checks.ts';
import { ZastavaError } from '../../../src/contract/errors.ts';
import { parseReview, readReview } from '../../../src/runtime/webhook/review.ts';
import { admissionReview, podSpec, reviewUid } from '../../fakes/admission-review.ts';

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

const problemsOf = (value: unknown) => readReview(value).problems.map(({ where }) => where);

/** Problems of what has no uid to answer to. */
function refusalOf(body: Uint8Array): string[] {
  try {
    parseReview(body);
  } catch (error) {
    if (error instanceof ZastavaError && error.code === 'admission.review-invalid') return error.problems.map(({ where }) => where);
    throw error;
  }
  throw new Error('it was accepted');
}

const digest = 'sha256:0f3b1c0a4a0d9f2b7c7c9f3f6b0d7e0c2f8c4d1e5a6b7c8d9e0f1a2b3c4d5e6f';
const pod = (spec: JsonObject, metadata: JsonObject = {}) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api', ...metadata }, spec });

describe('parseReview', () => {
  test('reads uid, namespace, name, spec, labels and every image of a Pod', () => {
    const reference = (path: string, rest: object) => ({ domain: 'registry.internal', path, name: `registry.internal/${path}`, ...rest });
    expect(parseReview(bytes(admissionReview()))).toEqual({
      uid: reviewUid,
      namespace: 'payments',
      podName: 'api-7c9d5b6f4-',
      podSpec,
      labels: {},
      images: [
        { name: 'registry.internal/payments/api:2.3', where: ['spec.containers[0].image'], reference: reference('payments/api', { tag: '2.3' }) },
        { name: `registry.internal/payments/migrate@${digest}`, where: ['spec.initContainers[0].image'], reference: reference('payments/migrate', { digest }) },
        { name: 'busybox', where: ['spec.ephemeralContainers[0].image'], reference: { domain: 'docker.io', path: 'library/busybox', name: 'docker.io/library/busybox', tag: 'latest' } },
        { name: 'registry.internal/models/fraud:7', where: ['spec.volumes[1].image.reference'], reference: reference('models/fraud', { tag: '7' }) },
      ],
      imagesUnchanged: false,
      dryRun: false,
      problems: [],
    });
  });

  test('names an image once, with all its places', () => {
    const { images } = readReview(admissionReview({ object: pod({ containers: [{ image: 'a' }, { image: 'b' }, { image: 'a' }] }) }));
    expect(images.map(({ name, where }) => [name, where])).toEqual([['a', ['spec.containers[0].image', 'spec.containers[2].image']], ['b', ['spec.containers[1].image']]]);
  });

  test('keeps a name that no runtime could read, without a reference', () => {
    expect(readReview(admissionReview({ object: pod({ containers: [{ image: 'A b' }] }) }))).toMatchObject({ images: [{ name: 'A b', reference: undefined }], problems: [] });
  });

  test('leaves out labels that differ from Pod to Pod of one workload', () => {
    const labels = { app: 'api', 'apps.kubernetes.io/pod-index': '3', 'statefulset.kubernetes.io/pod-name': 'api-3' };
    expect(readReview(admissionReview({ object: pod({ containers: [{ image: 'a' }] }, { labels }) })).labels).toEqual({ app: 'api' });
  });

  test.each([
    ['the same', { operation: 'UPDATE', oldObject: pod({ containers: [{ image: 'a' }, { image: 'b' }] }) }, true],
    ['the same, with other things changed', { operation: 'UPDATE', oldObject: pod({ containers: [{ image: 'a', x: 1 }, { image: 'b' }], tolerations: [] }, { labels: { a: 'b' } }) }, true],
    ['at other places', { operation: 'UPDATE', oldObject: pod({ containers: [{ image: 'b' }, { image: 'a' }] }) }, false],
    ['one more', { operation: 'UPDATE', oldObject: pod({ containers: [{ image: 'a' }] }) }, false],
    ['one less', { operation: 'UPDATE', oldObject: pod({ containers: [{ image: 'a' }, { image: 'b' }, { image: 'c' }] }) }, false],
    ['of a Pod that cannot be read', { operation: 'UPDATE', oldObject: pod({ containers: [{ image: 'a' }, { image: 'b' }], volumes: 7 }) }, false],
    ['of no Pod', { operation: 'UPDATE', oldObject: null }, false],
    ['of a Pod that is only being created', { operation: 'CREATE', oldObject: pod({ containers: [{ image: 'a' }, { image: 'b' }] }) }, false],
  ])('sees whether an update names the same images: %s', (_, request, unchanged) => {
    expect(readReview(admissionReview({ object: pod({ containers: [{ image: 'a' }, { image: 'b' }] }), ...request })).imagesUnchanged).toBe(unchanged);
  });

  test('accepts an ephemeral container that is added to a running Pod', () => {
    expect(parseReview(bytes(admissionReview({ operation: 'UPDATE', subResource: 'ephemeralcontainers' }))).images).toHaveLength(4);
  });

  test.each([
    ['another version of the API', admissionReview({}, { apiVersion: 'admission.k8s.io/v1beta1' }), ['apiVersion']],
    ['another kind of review', admissionReview({}, { kind: 'ConversionReview' }), ['kind']],
    ['an operation it is not registered for', admissionReview({ operation: 'DELETE' }), ['request.operation']],
    ['a subresource it is not registered for', admissionReview({ subResource: 'binding' }), ['request.subResource']],
    ['an object that is no Pod', admissionReview({ object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'api' }, spec: {} } }), ['request.object.apiVersion', 'request.object.kind']],
    ['a namespace that is no name', admissionReview({ namespace: 'a\n{"decision":"allow"}' }), ['request.namespace']],
    ['a label that is no text', admissionReview({ object: pod({ containers: [{ image: 'a' }] }, { labels: { app: 7 } }) }), ['request.object.metadata.labels.app']],
    ['a label with half a character', admissionReview({ object: pod({ containers: [{ image: 'a' }] }, { labels: { app: '\ud800' } }) }), ['request.object.metadata.labels.app']],
    ['more different images than it asks about', admissionReview({ object: pod({ containers: Array.from({ length: 257 }, (_, index) => ({ image: `a:${index}` })) }) }), ['request.object.spec']],
    ['a Pod without a name', admissionReview({ object: { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: podSpec } }), ['request.object.metadata.name']],
  ])('finds it wrong to have %s', (_, review, where) => {
    expect(problemsOf(review)).toEqual(where);
  });

  test.each([
    ['a container without an image', { containers: [{ name: 'api' }] }, ['containers[0].image']],
    ['an image that is no text', { containers: [{ image: 7 }] }, ['containers[0].image']],
    ['a container that is no object', { containers: ['api'] }, ['containers[0]', 'containers[0].image']],
    ['containers that are no list', { containers: {} }, ['containers']],
    ['an image volume without a reference', { volumes: [{ image: {} }] }, ['volumes[0].image.reference']],
    ['an image volume that is no object', { volumes: [{ image: 'x' }] }, ['volumes[0].image', 'volumes[0].image.reference']],
  ])('finds it wrong to have %s', (_, spec, where) => {
    expect(problemsOf(admissionReview({ object: pod(spec) }))).toEqual(where.map((place) => `spec.${place}`));
  });

  test('lists everything that is wrong at once', () => {
    expect(problemsOf({ apiVersion: 'v1', request: { uid: 'u' } })).toEqual([
      'apiVersion', 'kind', 'request.operation',
      'request.object', 'request.object.apiVersion', 'request.object.kind', 'request.object.metadata', 'request.object.spec',
      'request.namespace', 'request.object.metadata.name',
    ]);
  });

  test('refuses what has no uid to answer to', () => {
    expect(refusalOf(bytes({ apiVersion: 'v1' }))).toEqual(['apiVersion', 'kind', 'request', 'request.uid']);
    expect(refusalOf(bytes(admissionReview({ uid: '' })))).toEqual(['request.uid']);
    expect(refusalOf(bytes(admissionReview({ uid: 'u'.repeat(129) })))).toEqual(['request.uid']);
  });

  test('refuses what is not JSON in UTF-8, without quoting it', () => {
    for (const body of [Buffer.from('{"password": "hunter2"'), Buffer.from([0x22, 0xff, 0x22]), Buffer.alloc(0)]) {
      expect(() => parseReview(body)).toThrow('the body is not JSON in UTF-8; expected an AdmissionReview');
    }
  });

  test('refuses JSON that is no object', () => {
    for (const value of [null, 1, 'x', []]) expect(refusalOf(bytes(value))[0]).toBe('(body)');
  });
});
