import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ZastavaError } from '../../../src/contract/errors.ts';
import { createAskPolicy, type PolicyAnswer } from '../../../src/runtime/scanner/policy.ts';
import { Metrics } from '../../../src/runtime/telemetry/metrics.ts';
import { runtimeValues } from '../../fakes/runtime-values.ts';

const images = ['a', 'b'].map((name) => `registry.internal/${name}@sha256:${'0f'.repeat(32)}`);
const verdict = { policyVerdict: 'pass', signed: true, hasSbomReferrers: false, reasons: ['r'], buildIds: ['ab'], quieted: false };
const good = { ttlSeconds: 30, expiresAtUtc: '2036-01-01T00:00:00.123Z', policyRevision: 'rev-1', results: Object.fromEntries(images.map((image) => [image, verdict])) };

/** What is made of an answer with this body. */
function answerOf(body: string | Uint8Array): Promise<PolicyAnswer> {
  const ask = createAskPolicy({ send: async () => ({ status: 200, headers: {}, body: Buffer.from(body) }), backend: runtimeValues().backend, metrics: new Metrics('webhook', {}), component: 'webhook' });
  return ask({ namespace: 'payments', labels: {}, images }, performance.now() + 5000);
}

test('reads an answer of the contract, and ignores what it does not know', async () => {
  const answer = await answerOf(JSON.stringify({ ...good, later: 1, results: { ...good.results, [images[0]!]: { ...verdict, later: {}, rekor: { logIndex: 1 } } } }));
  expect(answer).toEqual({ ttlSeconds: 30, expiresAt: new Date('2036-01-01T00:00:00.123Z'), policyRevision: 'rev-1', results: new Map(images.map((image) => [image, verdict])) });
});

test('lists every problem of an answer with its place', async () => {
  const results = { [images[0]!]: { policyVerdict: 'PASS', signed: 1, hasSbomReferrers: null, reasons: ['ok', 7], buildIds: 'ab', quieted: 'no' }, 'other@sha256:1': verdict };
  const error = await answerOf(JSON.stringify({ ttlSeconds: -1, expiresAtUtc: '2036-01-01', results })).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ZastavaError);
  const at = `results["${images[0]}"]`;
  expect((error as ZastavaError).problems.map(({ where }) => where).sort()).toEqual([
    'expiresAtUtc', 'policyRevision', 'results', 'results', `${at}.buildIds`, `${at}.hasSbomReferrers`, `${at}.policyVerdict`, `${at}.quieted`, `${at}.reasons[1]`, `${at}.signed`, 'ttlSeconds',
  ]);
  expect((error as ZastavaError).message).toMatch(/; and 6 more$/);
});

test('keeps a list of problems short enough for a log line', async () => {
  const reasons = Array.from({ length: 10_000 }, () => 0);
  const results = Object.fromEntries(images.map((image) => [image, { ...verdict, reasons, buildIds: reasons }]));
  const error = await answerOf(JSON.stringify({ ...good, results })).catch((error: unknown) => error);
  expect((error as ZastavaError).problems).toHaveLength(100);
});

test('whatever comes, there is a verdict on each image that was asked about and on no other, or an error', async () => {
  const names = fc.constantFrom(...images, '__proto__', 'constructor', 'x');
  const member = fc.constantFrom(...Object.keys(verdict));
  const verdicts = fc.oneof(fc.constant(verdict), fc.jsonValue(), fc.tuple(member, fc.jsonValue()).map(([name, value]) => ({ ...verdict, [name]: value })));
  const pairs = fc.tuple(verdicts, verdicts, fc.array(fc.tuple(names, verdicts), { maxLength: 1 })).map(([first, second, more]) =>
    `{${[[images[0], first], [images[1], second], ...more].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join()}}`);
  const rest = JSON.stringify({ ...good, results: undefined }).slice(1);
  const bodies = fc.oneof(pairs.map((results) => `{"results":${results},${rest}`), fc.json(), fc.uint8Array());
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      try {
        const { results } = await answerOf(body);
        answered++;
        expect([...results.keys()]).toEqual(images);
        for (const { policyVerdict } of results.values()) expect(['pass', 'warn', 'fail', 'error']).toContain(policyVerdict);
      } catch (error) {
        expect(error).toMatchObject({ code: 'scanner.answer-invalid' });
      }
    }),
    { numRuns: 1000 },
  );
  expect(answered).toBeGreaterThan(10);
});
