/** Whatever comes in, an answer that the API server accepts or a clean refusal goes out, and never an allow that policy did not give. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ZastavaError } from '../../../src/contract/errors.ts';
import { createAdmit, type Admit } from '../../../src/runtime/webhook/admit.ts';
import { Metrics } from '../../../src/runtime/telemetry/metrics.ts';
import { admissionReview } from '../../fakes/admission-review.ts';
import { RecordedLog } from '../../fakes/recorded-log.ts';

const digest = `sha256:${'0f'.repeat(32)}` as const;

/** A policy that says one thing of every image; `told` is what it said it of. */
function webhookOf(policyVerdict: 'pass' | 'fail') {
  const told = new Set<string>();
  const admit = createAdmit({
    webhook: { enforcement: { default: 'enforce', namespaces: {} }, failOpenNamespaces: [], tagPolicy: 'warn', cacheTtlSeconds: 300, resolveTags: true },
    ask: async ({ images }) => ({
      ttlSeconds: 60, expiresAt: new Date(Date.now() + 60_000), policyRevision: 'r',
      results: new Map(images.map((image) => {
        told.add(image);
        return [image, { policyVerdict, signed: true, hasSbomReferrers: true, reasons: ['because'] }];
      })),
    }),
    resolve: async () => digest,
    log: new RecordedLog().log, metrics: new Metrics('webhook', {}),
  });
  return { admit, told };
}

/** The answer, checked as an API server checks it; undefined for a clean refusal. */
async function answerTo(admit: Admit, body: Uint8Array) {
  try {
    const answer = await admit(body, performance.now() + 4000);
    expect(answer).toMatchObject({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: expect.stringMatching(/^[\s\S]{1,128}$/), allowed: expect.any(Boolean) } });
    const { response } = answer;
    if (!response.allowed) expect(response.status).toMatchObject({ code: expect.any(Number), message: expect.stringMatching(/./) });
    if (response.status) expect(response.status.code).toBeGreaterThanOrEqual(400);
    for (const warning of response.warnings ?? []) expect(Array.from(warning).length).toBeLessThanOrEqual(256);
    for (const [key, value] of Object.entries(response.auditAnnotations ?? {})) expect([key, typeof value]).toEqual([expect.stringMatching(/^[a-z-]{1,63}$/), 'string']);
    expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
    return response;
  } catch (error) {
    expect(error).toBeInstanceOf(ZastavaError);
    expect((error as ZastavaError).code).toBe('admission.review-invalid');
    return undefined;
  }
}

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(null, '', 0, -1, true, [], {}, [[]], 'UPDATE', 'DELETE', '\u0000', '\ud800', 'a'.repeat(2000), { toString: 1 }, 'nginx', `nginx@${digest}`),
);

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

function placesOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, below]) => placesOf(below, [...path, Array.isArray(value) ? Number(key) : key]))];
}

function put(value: unknown, [step, ...rest]: readonly (string | number)[], replacement: unknown): unknown {
  if (step === undefined) return replacement;
  if (Array.isArray(value)) return value.flatMap((item, index) => (index !== step ? [item] : rest.length === 0 && replacement === undefined ? [] : [put(item, rest, replacement)]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === step ? put(item, rest, replacement) : item]));
}

const base = admissionReview();
const places = placesOf(base);
/** A review in which one to three places hold something else, or nothing. */
const broken = fc.array(fc.tuple(fc.nat(places.length - 1), fc.oneof(odd, fc.constant(undefined))), { minLength: 1, maxLength: 3 }).map((changes) =>
  changes.reduce<unknown>((value, [index, replacement]) => put(value, places[index] ?? [], replacement), base) as Json);

/** Names of images where the API has them, found in another way than the webhook does. */
function namesIn(review: unknown): string[] {
  const spec = (review as { request: { object: { spec: Record<string, { image?: string & { reference: string } }[] | null | undefined> } } }).request.object.spec;
  return ['containers', 'initContainers', 'ephemeralContainers', 'volumes'].flatMap((list) => (spec[list] ?? []).flatMap(({ image }) => (image === undefined || image === null ? [] : [list === 'volumes' ? image.reference : image])));
}

describe('the webhook', () => {
  test('refuses bytes that are no review', async () => {
    const { admit } = webhookOf('pass');
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (body) => {
      expect(await answerTo(admit, body)).toBeUndefined();
    }), { numRuns: 500 });
  });

  test('answers or refuses any JSON, and allows none', async () => {
    const { admit } = webhookOf('fail');
    const value: fc.Arbitrary<string> = fc.oneof(fc.json({ maxDepth: 4 }), odd.map((request) => JSON.stringify({ request })), odd.map((rest) => JSON.stringify({ ...base, request: { uid: 'u', ...(rest as object) } })));
    await fc.assert(fc.asyncProperty(value, async (text) => {
      expect((await answerTo(admit, Buffer.from(text)))?.allowed ?? false).toBe(false);
    }), { numRuns: 1000 });
  });

  test('refuses a review that was cut off anywhere', async () => {
    const { admit } = webhookOf('pass');
    const whole = Buffer.from(JSON.stringify(base));
    for (let length = 0; length < whole.length; length += 1) expect(await answerTo(admit, whole.subarray(0, length))).toBeUndefined();
    expect(await answerTo(admit, whole)).toMatchObject({ allowed: true });
  });

  test('never allows a review with something wrong in it when policy says no', async () => {
    const { admit } = webhookOf('fail');
    await fc.assert(fc.asyncProperty(broken, async (review) => {
      expect((await answerTo(admit, Buffer.from(JSON.stringify(review) ?? '')))?.allowed ?? false).toBe(false);
    }), { numRuns: 2000 });
  });

  test('allows a review with something changed in it only after policy passed every image that it names', async () => {
    let allowed = 0;
    await fc.assert(fc.asyncProperty(broken, async (review) => {
      const { admit, told } = webhookOf('pass');
      const response = await answerTo(admit, Buffer.from(JSON.stringify(review) ?? ''));
      if (response?.allowed !== true) return;
      allowed += 1;
      const names = namesIn(review);
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) expect([...told].some((image) => image.includes(name.split(/[:@]/)[0] ?? '?')), name).toBe(true);
    }), { numRuns: 2000 });
    expect(allowed).toBeGreaterThan(100);
  });

  test('answers with the uid whenever there is one', async () => {
    const { admit } = webhookOf('pass');
    await fc.assert(fc.asyncProperty(odd, async (object) => {
      expect(await answerTo(admit, Buffer.from(JSON.stringify({ ...base, request: { uid: 'u-1', object } })))).toMatchObject({ uid: 'u-1', allowed: false });
    }), { numRuns: 300 });
  });

  test('is not stopped by nesting', async () => {
    const { admit } = webhookOf('pass');
    const text = JSON.stringify(base).replace('"emptyDir":{}', `"emptyDir":${'[{"a":'.repeat(50_000)}1${'}]'.repeat(50_000)}`);
    expect(await answerTo(admit, Buffer.from(text))).toMatchObject({ allowed: true });
  });
});
