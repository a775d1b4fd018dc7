/**
 * Reviews as kube-apiserver 1.37 sent them (recorded once, `test/peers/admission.test.ts` has it live): what is judged of each, and
 * that one refused image in any place denies it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PolicyAnswer, PolicyQuestion } from '../../../src/runtime/scanner/policy.ts';
import { Metrics } from '../../../src/runtime/telemetry/metrics.ts';
import { createAdmit } from '../../../src/runtime/webhook/admit.ts';
import { answerMs } from '../../../src/runtime/webhook/server.ts';
import { RecordedLog } from '../../fakes/recorded-log.ts';
import { podValues } from '../../fakes/runtime-values.ts';

interface Recorded {
  readonly url: string;
  readonly review: { readonly request: { readonly uid: string } };
}

const folder = join(import.meta.dirname, '../../golden/admission-reviews');
const recorded = Object.fromEntries(readdirSync(folder).map((file) => [file.replace('.json', ''), JSON.parse(readFileSync(join(folder, file), 'utf8')) as Recorded]));

/** Recording → images that the policy is asked about. */
const judged: Readonly<Record<string, readonly string[]>> = {
  'create': ['api', 'migrate', 'proxy', 'model'],
  'create-generated-name-dry-run': ['api', 'migrate', 'proxy', 'model'],
  'update-labels': [],
  'update-image': ['api', 'migrate', 'proxy', 'model'],
  'ephemeral-container': ['api', 'migrate', 'proxy', 'debug', 'model'],
};

async function admit({ review }: Recorded, refused?: string) {
  const questions: PolicyQuestion[] = [];
  const ask = async (question: PolicyQuestion): Promise<PolicyAnswer> => {
    questions.push(question);
    const results = new Map(question.images.map((image) => [image, { policyVerdict: image.includes(`/${refused}@`) ? ('fail' as const) : ('pass' as const), signed: true, hasSbomReferrers: true, reasons: [] }]));
    return { ttlSeconds: 60, expiresAt: new Date(Date.now() + 60_000), policyRevision: 'r', results };
  };
  const answer = createAdmit({ webhook: podValues().zastava.webhook, ask, resolve: () => Promise.reject(new Error('no tags here')), log: new RecordedLog().log, metrics: new Metrics('webhook', {}) });
  const { response } = await answer(Buffer.from(JSON.stringify(review)), performance.now() + 5000);
  return { response, images: questions.flatMap(({ images }) => images.map((image) => /\/(\w+)@/.exec(image)?.[1])) };
}

test('all recordings are judged here', () => {
  expect(Object.keys(recorded).sort()).toEqual(Object.keys(judged).sort());
});

describe.each(Object.entries(judged))('%s', (name, images) => {
  const review = recorded[name]!;

  test('is allowed when policy passes all of its images, with the uid of the request', async () => {
    const { response, images: asked } = await admit(review);
    expect(response).toMatchObject({ uid: review.review.request.uid, allowed: true });
    expect(asked.toSorted()).toEqual(images.toSorted());
  });

  test.each([...images, 'none of them'])('is denied for %s alone', async (image) => {
    expect((await admit(review, image)).response.allowed).toBe(!images.includes(image));
  });

  test('leaves a second of the time that the API server names, and a little', () => {
    expect(review.url.split('?')[1]).toBe('timeout=5s');
    expect(answerMs(review.url.split('?')[1]!)).toBe(3900);
  });
});
