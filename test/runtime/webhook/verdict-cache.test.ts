import { describe, expect, test } from 'vitest';
import type { Digest } from '../../../src/contract/oci.ts';
import { VerdictCache } from '../../../src/runtime/webhook/verdict-cache.ts';

const start = new Date('2026-11-24T12:00:00Z');
const later = (seconds: number) => new Date(start.getTime() + seconds * 1000);
const image = `registry.internal/api@sha256:${'0f'.repeat(32)}`;
const scope = { namespace: 'payments', labelsDigest: 'sha256:01' as Digest };
const pass = { policyVerdict: 'pass', signed: true, hasSbomReferrers: true, reasons: [] } as const;
const answer = { ttlSeconds: 100, expiresAt: later(1000), policyRevision: 'rev-1' };

function filled(life = 300, changed: Partial<typeof answer> = {}) {
  const cache = new VerdictCache(life);
  const all = { ...answer, ...changed };
  cache.admits(all.policyRevision, cache.ticket());
  return { cache, seconds: cache.put(image, scope, pass, all, start) };
}

describe('the cache of verdicts', () => {
  test.each([
    ['the policy\'s ttlSeconds', 300, {}, 100],
    ['cacheTtlSeconds', 60, {}, 60],
    ['expiresAtUtc', 300, { expiresAt: later(30.9) }, 30],
  ])('keeps a verdict as long as the shortest says: %s', (_, life, changed, seconds) => {
    const { cache, seconds: kept } = filled(life, changed);
    expect(kept).toBe(seconds);
    expect(cache.get(image, scope, later(seconds - 0.1))).toMatchObject({ verdict: pass, policyRevision: 'rev-1' });
    expect(cache.get(image, scope, later(seconds + 0.9))).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  test.each([
    ['with a life of 0', 0, {}],
    ['with a ttl of 0', 300, { ttlSeconds: 0 }],
    ['that has ended', 300, { expiresAt: later(-1) }],
    ['whose time is no time', 300, { expiresAt: new Date(NaN) }],
    ['with a ttl below 0', 300, { ttlSeconds: -5 }],
  ])('keeps none %s', (_, life, changed) => {
    const { cache, seconds } = filled(life, changed);
    expect([seconds, cache.size]).toEqual([0, 0]);
  });

  test('keeps no error', () => {
    const cache = new VerdictCache(300);
    cache.admits('rev-1', cache.ticket());
    expect(cache.put(image, scope, { ...pass, policyVerdict: 'error' }, answer, start)).toBe(0);
    expect(cache.get(image, scope, start)).toBeUndefined();
  });

  test('keeps a refusal as well as a pass', () => {
    const cache = new VerdictCache(300);
    cache.admits('rev-1', cache.ticket());
    cache.put(image, scope, { ...pass, policyVerdict: 'fail' }, answer, start);
    expect(cache.get(image, scope, start)?.verdict.policyVerdict).toBe('fail');
  });

  test.each([
    ['another digest', image.replace('0f', '0e'), scope],
    ['another repository', image.replace('api', 'other'), scope],
    ['another namespace', image, { ...scope, namespace: 'lab' }],
    ['other labels', image, { ...scope, labelsDigest: 'sha256:02' as Digest }],
  ])('knows nothing of %s', (_, other, otherScope) => {
    const { cache } = filled();
    expect(cache.get(other, otherScope, start)).toBeUndefined();
    expect(cache.get(image, scope, start)).toBeDefined();
  });

  test('forgets all when an answer has another policy revision', () => {
    const { cache } = filled();
    expect(cache.admits('rev-1', cache.ticket())).toBe(true);
    expect(cache.size).toBe(1);
    expect(cache.admits('rev-2', cache.ticket())).toBe(true);
    expect(cache.size).toBe(0);
  });

  test('keeps neither of two answers of different revisions that were under way at once', () => {
    const { cache } = filled();
    const [first, second] = [cache.ticket(), cache.ticket()];
    expect(cache.admits('rev-2', first)).toBe(true);
    cache.put(image, scope, pass, { ...answer, policyRevision: 'rev-2' }, start);
    expect(cache.admits('rev-1', second)).toBe(false);
    expect(cache.size).toBe(0);
    expect(cache.admits('rev-2', cache.ticket())).toBe(true);
  });

  test('is bounded, and lets go of what was not asked for the longest', () => {
    const { cache } = filled();
    const put = (index: number) => cache.put(`a/b@sha256:${index}`, scope, pass, answer, start);
    for (let index = 0; index < 8191; index += 1) put(index);
    expect(cache.size).toBe(8192);
    expect(cache.get(image, scope, start)).toBeDefined();
    put(8191);
    expect(cache.size).toBe(8192);
    expect(cache.get(image, scope, start)).toBeDefined();
    expect(cache.get('a/b@sha256:0', scope, start)).toBeUndefined();
  });
});
