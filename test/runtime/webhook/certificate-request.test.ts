import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { obtainServingCertificate, renewalDelayMs, renewServingCertificate } from '../../../src/runtime/webhook/certificate-renewal.ts';
import { requestCertificate, type SigningOptions } from '../../../src/runtime/webhook/certificate-request.ts';
import { openKubernetesApi } from '../../../src/runtime/webhook/kubernetes-api.ts';
import { servingNames, type ServingCertificate } from '../../../src/runtime/webhook/serving-certificate.ts';
import { KubernetesApiServer } from '../../fakes/kubernetes-api.ts';
import { RecordedLog } from '../../fakes/recorded-log.ts';
import { TestPki } from '../../fakes/test-pki.ts';

let cluster: KubernetesApiServer;
let log: RecordedLog;
/** Milliseconds that were waited for, and not waited. */
let pauses: number[];

beforeEach(async () => {
  cluster = await KubernetesApiServer.start(await TestPki.make());
  [log, pauses] = [new RecordedLog(), []];
});
afterEach(() => cluster[Symbol.asyncDispose]());

async function options(more: Partial<SigningOptions> = {}): Promise<SigningOptions> {
  const pause = async (ms: number): Promise<void> => void pauses.push(ms);
  return { signerName: 'example.com/webhooks', autoApprove: true, api: (await openKubernetesApi(cluster.env()))!, log: log.log, pause, ...more };
}

test('asks for the names of the Service, and takes what the signer gives for its own key', async () => {
  const { certificate, key } = await requestCertificate(await options());
  const [request] = [...cluster.requests.values()];
  expect(request?.spec).toMatchObject({ signerName: 'example.com/webhooks', usages: ['digital signature', 'server auth'] });
  const leaf = new X509Certificate(certificate);
  for (const name of servingNames) expect(leaf.checkHost(name)).toBe(name);
  expect(key).toContain('PRIVATE KEY');
  expect(request?.status?.conditions).toMatchObject([{ type: 'Approved', status: 'True', reason: 'AutoApproved' }]);
  expect(log.text).not.toContain('PRIVATE');
});

test('approves nothing unless that is wanted: it says what to do, waits, and says so again', async () => {
  let looks = 0;
  cluster.treat = (request) => (++looks < 45 ? undefined : cluster.sign(request));
  await requestCertificate(await options({ autoApprove: false }));
  expect(cluster.asked.filter((line) => line.startsWith('PUT'))).toEqual([]);
  const waiting = `approval (kubectl certificate approve ${[...cluster.requests.keys()].join()}) and the signer`;
  expect(log.lines.map(({ msg }) => msg)).toEqual([`certificate requested; waiting for ${waiting}`, `still waiting for ${waiting}`]);
  expect(Math.max(...pauses)).toBe(15_000);
});

test('an approval that the cluster forbids leaves the request to people', async () => {
  cluster.answer = (method) => (method === 'PUT' ? { status: 403, body: { message: 'cannot update' } } : undefined);
  cluster.treat = (request) => cluster.sign(request);
  await requestCertificate(await options());
  expect(log.find('the request could not be approved by us')).toMatchObject({ level: 'error', error: { message: expect.stringContaining('403 cannot update') } });
  expect(log.lines.at(-1)?.['msg']).toMatch(/waiting for approval/);
});

test('an API server that is away for a while ends nothing: the same request is looked at again', async () => {
  let looks = 0;
  cluster.answer = (method) => (method === 'GET' && ++looks <= 3 ? { status: looks === 1 ? 503 : 401, body: { message: 'later' } } : undefined);
  await requestCertificate(await options());
  expect(cluster.requests.size).toBe(1);
  expect(log.lines.filter(({ msg }) => msg === 'the request cannot be looked at; trying again').map(({ problem }) => problem)).toEqual(['503 later', '401 later']);
});

describe('refuses', () => {
  test.each<[string, KubernetesApiServer['treat'], RegExp]>([
    ['a denial, with its reason', (request) => void (request.status = { conditions: [{ type: 'Denied', reason: 'Nope', message: 'not by us' }] }), /was denied: Nope not by us/],
    ['a failed one', (request) => void (request.status = { conditions: [{ type: 'Failed', reason: 'NoSigner' }] }), /was failed: NoSigner/],
    ['what is no certificate', (request) => void (request.status = { certificate: Buffer.from('hello').toString('base64') }), /not a certificate in PEM/],
    ['a certificate of another key', (request) => void (request.status = { certificate: Buffer.from(cluster.pki.ca).toString('base64') }), /not for our key/],
    ['a request that is gone', (request) => void cluster.requests.delete(request.metadata.name), /is gone/],
  ])('%s', async (_, treat, reason) => {
    // What is deleted is missed at the next look.
    cluster.treat = treat;
    await expect(requestCertificate(await options())).rejects.toMatchObject({ code: 'cluster.refused', message: expect.stringMatching(reason) });
  });

  test('an API server that forbids it', async () => {
    cluster.answer = () => ({ status: 403, body: { message: 'cannot create resource' } });
    await expect(requestCertificate(await options())).rejects.toMatchObject({ code: 'cluster.refused', message: expect.stringContaining('403 cannot create resource') });
  });
});

test('the first one is asked for again after each denial, later each time, until it is given', async () => {
  cluster.treat = (request) => (cluster.requests.size < 12 ? void (request.status = { conditions: [{ type: 'Denied' }] }) : cluster.sign(request));
  await obtainServingCertificate(await options());
  expect(cluster.requests.size).toBe(12);
  const denied = log.lines.filter(({ msg }) => msg === 'no serving certificate yet; asking again').map((line) => line['againInSeconds'] as number);
  expect(denied).toHaveLength(11);
  expect(denied[0]).toBeLessThanOrEqual(12.5);
  expect(denied[1]! / denied[0]!).toBeGreaterThan(1);
  expect(Math.max(...denied)).toBeLessThanOrEqual(15 * 60 * 1.25);
  expect(Math.min(...denied.slice(8))).toBeGreaterThanOrEqual(15 * 60 * 0.75);
});

describe('renews', () => {
  test('at two thirds of its life, and not at once', () => {
    const validity = { notBefore: new Date(0), notAfter: new Date(9_000_000) };
    expect(renewalDelayMs(validity, 0)).toBe(6_000_000);
    expect(renewalDelayMs(validity, 8_999_999)).toBe(10_000);
  });

  test('again and again, with another key each time; what cannot be used leaves the last one', async () => {
    const first = await requestCertificate(await options());
    const used: ServingCertificate[] = [];
    let tries = 0;
    await new Promise<void>((resolve) => {
      const use = (certificate: ServingCertificate): void => {
        if (++tries === 1) throw new Error('not this one');
        used.push(certificate);
        if (used.length === 2) resolve();
      };
      const until = async (ms: number): Promise<void> => (used.length < 2 ? void pauses.push(ms) : new Promise(() => {}));
      void options({ pause: until }).then((renewing) => renewServingCertificate(renewing, first, use));
    });
    expect(new Set([first, ...used].map(({ key }) => key)).size).toBe(3);
    expect(log.text).toContain(`the last one stays until ${first.notAfter.toISOString()}`);
    expect(log.text).toContain('not this one');
  });
});
