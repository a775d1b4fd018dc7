import { describe, expect, test } from 'vitest';
import { reviewOfRunning, reviewsOfFile } from '../../../src/cli/stellaops/pod-reviews.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const spec = { containers: [{ name: 'a', image: 'registry.internal/a:1' }] };
const named = { name: 'n' };
const sourcesOf = (...objects: object[]): string[] => reviewsOfFile(objects.map((each) => JSON.stringify(each)).join('\n---\n'), 'f', 'shop').map(({ source }) => source);

describe('the Pods of a file', () => {
  test.each(['DaemonSet', 'Deployment', 'Job', 'ReplicaSet', 'ReplicationController', 'StatefulSet'])('are those of a %s', (kind) => {
    const [first] = reviewsOfFile(JSON.stringify({ kind, metadata: { name: 'n', namespace: 'own' }, spec: { template: { metadata: { labels: { app: 'x' } }, spec } } }), 'f', 'shop');
    expect(first).toMatchObject({ source: `${kind} n`, review: { namespace: 'own', podName: 'n', labels: { app: 'x' }, images: [{ name: 'registry.internal/a:1' }], problems: [] } });
  });

  test('are those of a CronJob, a PodTemplate, a list, and of what else has containers in a template', () => {
    expect(sourcesOf(
      { kind: 'CronJob', metadata: named, spec: { jobTemplate: { spec: { template: { spec } } } } }, { kind: 'PodTemplate', metadata: named, template: { spec } },
      { kind: 'List', items: [{ kind: 'Pod', metadata: { generateName: 'g-' }, spec }] }, { kind: 'Rollout', metadata: named, spec: { template: { spec } } },
    )).toEqual(['CronJob n', 'PodTemplate n', 'Pod g-', 'Rollout n']);
  });

  test('are not those of a template of something else', () => {
    expect(() => sourcesOf({ kind: 'SealedSecret', metadata: named, spec: { template: { type: 'Opaque' } } }, { kind: 'ConfigMap', metadata: named })).toThrow(/neither a Pod nor something that makes Pods/);
  });

  test('have the namespace that the file gives them, else the one asked for', () => {
    const [own, given] = reviewsOfFile(`${JSON.stringify({ kind: 'Pod', metadata: { name: 'a', namespace: 'own' }, spec })}\n---\n${JSON.stringify({ kind: 'Pod', metadata: named, spec })}`, 'f', 'shop');
    expect([own?.review.namespace, given?.review.namespace]).toEqual(['own', 'shop']);
  });

  test('that are broken are judged as the webhook would: as a review with problems', () => {
    const [first] = reviewsOfFile(JSON.stringify({ kind: 'Deployment', metadata: named, spec: {} }), 'f', 'shop');
    expect(first?.review.problems.map(({ where }) => where)).toEqual(['request.object.spec']);
  });

  test('are not found in what is not YAML', () => {
    expect(() => reviewsOfFile('a: [', 'f', 'shop')).toThrow(/f is not YAML/);
  });
});

describe('a running Pod', () => {
  const pod = (imageID: string, image = 'registry.internal/a:1') => ({ metadata: { name: 'n', namespace: 'shop' }, spec: { containers: [{ name: 'a', image }] }, status: { containerStatuses: [{ name: 'a', imageID }] } });

  test('is asked about by the digest that runs, and judged by the name that it has', () => {
    const { source, review, pinned } = reviewOfRunning(pod(`registry.internal/a@${digest('a')}`));
    expect(source).toBe('shop/n');
    expect(review.images[0]).toMatchObject({ name: 'registry.internal/a:1', reference: { tag: '1' } });
    expect(review.images[0]?.reference).not.toHaveProperty('digest');
    expect(pinned?.images[0]).toMatchObject({ name: 'registry.internal/a:1', reference: { name: 'registry.internal/a', digest: digest('a') } });
  });

  test('of init and ephemeral containers, too', () => {
    const lists = { initContainers: [{ name: 'i', image: 'b:1' }], ephemeralContainers: [{ name: 'e', image: 'c:1' }] };
    const statuses = { initContainerStatuses: [{ name: 'i', imageID: `b@${digest('b')}` }], ephemeralContainerStatuses: [{ name: 'e', imageID: `c@${digest('c')}` }] };
    const { pinned } = reviewOfRunning({ metadata: { name: 'n', namespace: 'shop' }, spec: { ...spec, ...lists }, status: statuses });
    expect(pinned?.images.map(({ reference }) => reference?.digest)).toEqual([undefined, digest('b'), digest('c')]);
  });

  test('keeps the digest that its name has', () => {
    const { pinned } = reviewOfRunning(pod(`registry.internal/a@${digest('a')}`, `registry.internal/a@${digest('f')}`));
    expect(pinned?.images[0]?.reference?.digest).toBe(digest('f'));
  });

  test('whose image was imported without a name has no digest: an image id is none', () => {
    expect(reviewOfRunning(pod(digest('a'))).pinned?.images[0]?.reference).toMatchObject({ tag: '1' });
  });
});
