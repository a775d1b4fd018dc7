/**
 * A registry on loopback that keeps what it is sent, as the distribution spec says, and refuses what the spec lets it refuse: a manifest
 * before its blobs, an index before its manifests. It can lack parts of the protocol, ask for credentials, and break off.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestPki } from './test-pki.ts';

interface Question {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly authorization: string | undefined;
}

export interface OciRegistryOptions {
  /** Default: plain HTTP. */
  readonly pki?: TestPki;
  /** Default: true. */
  readonly referrersApi?: boolean;
  readonly mounts?: boolean;
  /** The challenge of a 401, and what must be in `authorization`. */
  readonly auth?: { readonly challenge: string; readonly expected: string };
  /** Sees each question first; it may answer, or end the connection. */
  readonly disturb?: (question: Question, response: ServerResponse) => 'answered' | 'broken' | { readonly takeBytes: number } | undefined;
}

interface Repo {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>;
  readonly tags: Map<string, string>;
}

export class OciRegistry {
  readonly #server: Server;
  readonly #options: OciRegistryOptions;
  readonly #uploads = new Map<string, Buffer>();
  readonly repositories = new Map<string, Repo>();
  readonly questions: Question[] = [];
  /** As references name it. */
  readonly host: string;
  disturb: OciRegistryOptions['disturb'];

  private constructor(server: Server, options: OciRegistryOptions) {
    [this.#server, this.#options, this.disturb] = [server, options, options.disturb];
    this.host = `localhost:${(server.address() as AddressInfo).port}`;
  }

  static async start(options: OciRegistryOptions = {}): Promise<OciRegistry> {
    const server = options.pki ? createTlsServer(await options.pki.server()) : createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const registry = new OciRegistry(server, options);
    const listener: RequestListener = (request, response) => void registry.#serve(request, response).catch(() => response.destroy());
    server.on('request', listener);
    return registry;
  }

  repository(name: string): Repo {
    const known = this.repositories.get(name) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() };
    this.repositories.set(name, known);
    return known;
  }

  /** Method and path of those that change something, in order. */
  get changes(): string[] {
    return this.questions.filter(({ method }) => method !== 'GET' && method !== 'HEAD').map(({ method, path }) => `${method} ${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const question = { method, path: url, authorization: request.headers.authorization };
    this.questions.push(question);
    const disturbance = this.disturb?.(question, response);
    if (disturbance === 'answered') return void request.resume();
    if (disturbance === 'broken') return void response.destroy();
    const { auth } = this.#options;
    if (auth && question.authorization !== auth.expected) return answer(response, 401, { 'www-authenticate': auth.challenge });
    const [, name = '', kind = '', rest = ''] = /^\/v2\/(.+?)\/(blobs|manifests|referrers)\/(.*)$/.exec(url) ?? [];
    if (url === '/v2/') return answer(response, 200);
    if (disturbance !== undefined) return this.#takePart(request, response, rest, disturbance.takeBytes);
    const body = await read(request);
    if (kind === 'manifests') return this.#manifest(this.repository(name), method, rest, request, body, response);
    if (kind === 'referrers') return this.#referrers(this.repository(name), rest, response);
    if (rest.startsWith('uploads/')) return this.#upload(name, method, new URL(rest.slice('uploads/'.length), 'http://x'), request, body, response);
    const blob = this.repository(name).blobs.get(rest);
    return blob ? answer(response, 200, { 'content-length': String(blob.length) }, method === 'HEAD' ? undefined : blob) : answer(response, 404);
  }

  /** Takes some bytes of a piece, then ends the connection. */
  async #takePart(request: IncomingMessage, response: ServerResponse, rest: string, bytes: number): Promise<void> {
    const id = rest.slice('uploads/'.length);
    const body = await read(request);
    this.#uploads.set(id, Buffer.concat([this.#uploads.get(id)!, body.subarray(0, bytes)]));
    response.destroy();
  }

  #upload(name: string, method: string, url: URL, request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const repository = this.repository(name);
    const location = (id: string): Record<string, string> => ({ location: `/v2/${name}/blobs/uploads/${id}` });
    if (method === 'POST') {
      const digest = url.searchParams.get('mount') ?? '';
      const blob = this.repositories.get(url.searchParams.get('from') ?? '')?.blobs.get(digest);
      if (this.#options.mounts !== false && blob) {
        repository.blobs.set(digest, blob);
        return answer(response, 201);
      }
      const id = `upload-${this.#uploads.size + 1}`;
      this.#uploads.set(id, Buffer.alloc(0));
      return answer(response, 202, location(id));
    }
    const id = url.pathname.slice(1);
    const upload = this.#uploads.get(id);
    if (!upload) return answer(response, 404);
    const range = { ...location(id), range: `0-${Math.max(0, upload.length - 1)}` };
    if (method === 'GET') return answer(response, 204, range);
    if (method === 'DELETE') {
      this.#uploads.delete(id);
      return answer(response, 204);
    }
    const from = /^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1];
    if (from !== undefined && Number(from) !== upload.length) return answer(response, 416, range);
    const whole = Buffer.concat([upload, body]);
    if (method === 'PATCH') {
      this.#uploads.set(id, whole);
      return answer(response, 202, location(id));
    }
    const digest = url.searchParams.get('digest') ?? '';
    if (digest !== digestOf(whole)) return answer(response, 400, {}, Buffer.from('{"errors":[{"code":"DIGEST_INVALID"}]}'));
    this.#uploads.delete(id);
    repository.blobs.set(digest, whole);
    return answer(response, 201);
  }

  #manifest({ blobs, manifests, tags }: Repo, method: string, reference: string, request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    if (method === 'PUT') {
      const { config, layers = [], manifests: children = [], subject } = JSON.parse(body.toString()) as Record<string, { digest: string }[]> & { config?: { digest: string }; subject?: { digest: string } };
      const lacking = [...(config ? [config] : []), ...layers].some(({ digest }) => !blobs.has(digest)) || children.some(({ digest }) => !manifests.has(digest));
      if (lacking) return answer(response, 400, {}, Buffer.from('{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}'));
      const digest = digestOf(body);
      manifests.set(digest, { type: request.headers['content-type'] ?? '', bytes: body });
      if (!reference.startsWith('sha256:')) tags.set(reference, digest);
      return answer(response, 201, this.#options.referrersApi !== false && subject ? { 'oci-subject': subject.digest } : {});
    }
    const digest = reference.startsWith('sha256:') ? reference : tags.get(reference);
    const found = digest === undefined ? undefined : manifests.get(digest);
    if (!digest || !found) return answer(response, 404);
    return answer(response, 200, { 'docker-content-digest': digest, 'content-type': found.type }, method === 'HEAD' ? undefined : found.bytes);
  }

  #referrers({ manifests }: Repo, subject: string, response: ServerResponse): void {
    if (this.#options.referrersApi === false) return answer(response, 404);
    const found = [...manifests].filter(([, { bytes }]) => (JSON.parse(bytes.toString()) as { subject?: { digest: string } }).subject?.digest === subject);
    return answer(response, 200, {}, Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: found.map(([digest]) => ({ digest })) })));
  }
}

function answer(response: ServerResponse, status: number, headers: Record<string, string> = {}, body?: Buffer): void {
  response.writeHead(status, headers).end(body);
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
