/**
 * A double of the API server on loopback, for what the webhook asks of it: certificate requests and what becomes of them, and
 * its registration. It checks the ServiceAccount's token.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { programEnv } from '../../src/contract/programs.ts';
import type { TestPki } from './test-pki.ts';

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

export interface CertificateRequestObject {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly request: string; readonly signerName: string; readonly usages: readonly string[] };
  status?: { conditions?: { type: string; reason?: string; message?: string }[]; certificate?: string };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export class KubernetesApiServer {
  readonly #server: Server;
  readonly #folder: string;
  readonly #token: string;
  readonly pki: TestPki;
  /** Filed, by name. */
  readonly requests = new Map<string, CertificateRequestObject>();
  /** ValidatingWebhookConfigurations, by name. */
  readonly registered = new Map<string, object>();
  readonly asked: string[] = [];
  /** What the site's people and signer do with a request, each time that it is looked at. Default: sign what was approved. */
  treat: (request: CertificateRequestObject) => Promise<void> | void = (request) => (isApproved(request) ? this.sign(request) : undefined);
  /** Answers in place of the double. */
  answer: (method: string, path: string) => Answer | undefined = () => undefined;

  private constructor(server: Server, pki: TestPki, folder: string) {
    [this.#server, this.pki, this.#folder, this.#token] = [server, pki, folder, 'service-account-token'];
  }

  static async start(pki: TestPki): Promise<KubernetesApiServer> {
    const server = createServer(await pki.server());
    const folder = mkdtempSync(join(tmpdir(), 'zastava-service-account-'));
    writeFileSync(join(folder, 'ca.crt'), pki.ca);
    const own = new KubernetesApiServer(server, pki, folder);
    writeFileSync(join(folder, 'token'), `${own.#token}\n`);
    server.on('request', async (request, response) => {
      const body = await text(request);
      const { status, body: answer } = await own.#answerTo(request.method ?? '', request.url ?? '', request.headers.authorization, body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    return own;
  }

  /** What a Pod finds in its environment. */
  env(): Record<string, string> {
    return { KUBERNETES_SERVICE_HOST: 'localhost', KUBERNETES_SERVICE_PORT: String((this.#server.address() as AddressInfo).port), [programEnv.serviceAccountDir]: this.#folder };
  }

  /** @param hours until it ends; it began two days ago */
  async sign(request: CertificateRequestObject, hours = 24): Promise<void> {
    const certificate = await this.pki.signRequest(Buffer.from(request.spec.request, 'base64').toString('utf8'), hours);
    request.status = { ...request.status, certificate: Buffer.from(certificate).toString('base64') };
  }

  async #answerTo(method: string, url: string, authorization: string | undefined, body: string): Promise<Answer> {
    const [path, name = ''] = [url, url.split('/').at(method === 'PUT' ? -2 : -1)];
    this.asked.push(`${method} ${path}`);
    const instead = this.answer(method, path);
    if (instead) return instead;
    if (authorization !== `Bearer ${this.#token}`) return status(401, 'Unauthorized');
    if (path.startsWith(configurations)) return this.registered.has(name) ? { status: 200, body: this.registered.get(name) } : status(404, 'not found');
    if (method === 'POST' && path === requests) {
      const object = JSON.parse(body) as CertificateRequestObject;
      this.requests.set(object.metadata.name, object);
      return { status: 201, body: object };
    }
    const request = this.requests.get(name);
    if (request === undefined || !path.startsWith(requests)) return status(404, 'not found');
    if (method === 'PUT') request.status = { ...request.status, ...(JSON.parse(body) as CertificateRequestObject).status };
    else await this.treat(request);
    return { status: 200, body: request };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true });
  }
}

function isApproved({ status }: CertificateRequestObject): boolean {
  return status?.conditions?.some(({ type }) => type === 'Approved') === true;
}

function status(code: number, message: string): Answer {
  return { status: code, body: { kind: 'Status', status: 'Failure', code, message } };
}
