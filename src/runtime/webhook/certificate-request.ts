/**
 * One request for a serving certificate (values: tls.mode csr), from its making to its end:
 *
 *   filed → (approved by us, if autoApprove) → waiting for the site's signer → issued
 *                                                                            → denied, failed, or gone from the cluster
 *
 * An API server that does not answer for a while ends nothing: the request is there when it is back.
 */
import { randomBytes, X509Certificate, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ZastavaError } from '../../contract/errors.ts';
import { objectNames } from '../../contract/names.ts';
import type { Log } from '../telemetry/logs.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { servingNames, type ServingCertificate } from './serving-certificate.ts';
import { createSigningRequest } from './signing-request.ts';

const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

/** Milliseconds between looks at a request, the first ones closer together; and after how many looks the log says so again. */
const polling = { firstMs: 1000, lastMs: 15_000, looksBetweenLines: 40 } as const;

export interface SigningOptions {
  readonly signerName: string;
  readonly autoApprove: boolean;
  readonly api: KubernetesApi;
  readonly log: Log;
  /** Waits; a test does not. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

interface Condition {
  readonly type: string;
  readonly reason?: string;
  readonly message?: string;
}

/** The object of certificates.k8s.io/v1, as far as it is read here. */
interface RequestObject {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly Condition[]; readonly certificate?: string };
}

/** @throws `cluster.unavailable` when the request could not be filed; `cluster.refused` when it came to nothing */
export async function requestCertificate(options: SigningOptions): Promise<ServingCertificate> {
  const { signerName, autoApprove } = options;
  const log = options.log.child({ scope: 'admission.certificate', signerName });
  const { privateKey, request } = await createSigningRequest();
  const filed = await call(options, 'POST', path, {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    // A name of its own: several replicas ask at once.
    metadata: { name: `${objectNames.webhook}-${randomBytes(5).toString('hex')}`, labels: { app: objectNames.webhook } },
    spec: { request: Buffer.from(request).toString('base64'), signerName, usages: ['digital signature', 'server auth'] },
  });
  const { name } = filed.metadata;
  const approved = autoApprove && (await approve(options, filed).catch((error: unknown) => log.error({ request: name, error }, 'the request could not be approved by us')) === true);
  const waitingFor = approved ? 'the signer' : `approval (kubectl certificate approve ${name}) and the signer`;
  log.info({ request: name, approved }, `certificate requested${approved ? ' and approved' : ''}; waiting for ${waitingFor}`);
  const certificate = await waitForSigner(options, name, () => log.warn({ request: name }, `still waiting for ${waitingFor}`));
  return toServing(certificate, privateKey, name);
}

async function approve(options: SigningOptions, filed: RequestObject): Promise<true> {
  const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message: 'zastava.webhook.tls.autoApprove is true' };
  await call(options, 'PUT', `${path}/${filed.metadata.name}/approval`, { ...filed, status: { conditions: [approved] } });
  return true;
}

/** @returns PEM */
async function waitForSigner({ api, log, pause = sleep }: SigningOptions, name: string, remind: () => void): Promise<string> {
  let lastProblem = '';
  const tell = (problem: string): void => {
    if (problem !== lastProblem) log.warn({ scope: 'admission.certificate', request: name, problem }, 'the request cannot be looked at; trying again');
    lastProblem = problem;
  };
  for (let looks = 1; ; looks++) {
    await pause(Math.min(polling.firstMs * 1.2 ** looks, polling.lastMs));
    if (looks % polling.looksBetweenLines === 0) remind();
    const answer = await api.call('GET', `${path}/${name}`).catch((error: unknown) => tell(error instanceof Error ? error.message : String(error)));
    if (answer === undefined) continue;
    if (answer.status === 404) throw new ZastavaError('cluster.refused', `the request ${name} is gone: it was deleted, or not approved and signed in the time that the cluster gives`);
    if (answer.status !== 200) tell(describe(answer));
    else {
      const { status } = answer.body as RequestObject;
      const refusal = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
      if (refusal) throw new ZastavaError('cluster.refused', `the request ${name} was ${refusal.type.toLowerCase()}: ${refusal.reason ?? ''} ${refusal.message ?? ''}`.trim().slice(0, 500));
      if (status?.certificate) return Buffer.from(status.certificate, 'base64').toString('utf8');
    }
  }
}

async function call({ api }: SigningOptions, method: 'POST' | 'PUT', where: string, body: object): Promise<RequestObject> {
  const answer = await api.call(method, where, body);
  if (answer.status < 300) return answer.body as RequestObject;
  throw new ZastavaError('cluster.refused', `the API server refuses ${method} ${where}: ${describe(answer)}`);
}

function describe({ status, body }: { readonly status: number; readonly body: unknown }): string {
  const { message = '' } = (body ?? {}) as { message?: unknown };
  return `${status} ${String(message).slice(0, 300)}`.trim();
}

function toServing(certificate: string, privateKey: KeyObject, name: string): ServingCertificate {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificate);
  } catch (cause) {
    throw new ZastavaError('cluster.refused', `the signer answered the request ${name} with something that is not a certificate in PEM`, { cause });
  }
  if (!leaf.checkPrivateKey(privateKey)) throw new ZastavaError('cluster.refused', `the certificate for the request ${name} is not for our key`);
  if (leaf.checkHost(servingNames[0]) === undefined) throw new ZastavaError('cluster.refused', `the certificate for the request ${name} is not for ${servingNames[0]}`);
  return { certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), notBefore: leaf.validFromDate, notAfter: leaf.validToDate };
}
