/**
 * A double of a site's API server on loopback, for what a check before an install asks of it: version, rights, namespace, Secrets, nodes,
 * and Pods, which end as `runPod` says. It keeps what it was asked.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { PreflightPod } from '../../src/synth/preflight-pods.ts';

interface PodEnd {
  readonly status: Readonly<Record<string, unknown>>;
  readonly log?: string;
  readonly events?: readonly object[];
}

export interface FakeNode {
  readonly name: string;
  readonly architecture?: string;
  readonly runtime?: string;
  readonly ready?: boolean;
}

export class SiteCluster {
  readonly #server: Server;
  readonly asked: string[] = [];
  readonly secrets = new Map<string, Readonly<Record<string, string>>>();
  readonly pods = new Map<string, PreflightPod>();
  readonly madePods: PreflightPod[] = [];
  version = { gitVersion: 'v1.37.0', minor: '37' };
  namespaceLabels: Readonly<Record<string, string>> | undefined = {};
  nodes: readonly FakeNode[] = [{ name: 'node-1' }];
  refused: readonly string[] = [];
  runPod: (pod: PreflightPod, node: string) => PodEnd | Promise<PodEnd> = () => ({ status: { phase: 'Pending' } });
  /** Answers in place of the double. */
  answer: (method: string, path: string, body: string) => readonly [status: number, body: unknown] | undefined = () => undefined;

  readonly #port: number;

  private constructor(server: Server) {
    [this.#server, this.#port] = [server, (server.address() as AddressInfo).port];
  }

  static async start(): Promise<SiteCluster> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const cluster = new SiteCluster(server);
    server.on('request', async (request, response) => {
      const [method, url] = [request.method ?? '', request.url ?? ''];
      cluster.asked.push(`${method} ${url}`);
      const body = await text(request);
      const [status, answer] = request.headers.authorization !== 'Bearer test' ? [401, { message: 'Unauthorized' }] : (cluster.answer(method, url, body) ?? (await cluster.#answer(method, new URL(url, 'http://x'), body)));
      response.writeHead(status, { 'content-type': 'application/json' }).end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
    return cluster;
  }

  get kubeconfig(): string {
    const server = `http://127.0.0.1:${this.#port}`;
    return JSON.stringify({ 'current-context': 'c', 'contexts': [{ name: 'c', context: { cluster: 'c', user: 'u' } }], 'clusters': [{ name: 'c', cluster: { server } }], 'users': [{ name: 'u', user: { token: 'test' } }] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(method: string, { pathname }: URL, body: string): Promise<readonly [number, unknown]> {
    if (pathname === '/version') return [200, this.version];
    if (pathname === '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews') {
      const { verb, resource } = (JSON.parse(body) as { spec: { resourceAttributes: { verb: string; resource: string } } }).spec.resourceAttributes;
      return [201, { status: { allowed: !this.refused.includes(`${verb} ${resource}`) } }];
    }
    if (pathname === '/apis/certificates.k8s.io/v1/certificatesigningrequests') return [201, JSON.parse(body)];
    if (pathname === '/api/v1/nodes') return [200, { items: this.nodes.map(renderNode) }];
    const [, kind = '', name = '', rest = ''] = /^\/api\/v1\/namespaces\/stellaops(?:\/(\w+)(?:\/([\w-]+)(\/log)?)?)?$/.exec(pathname) ?? [];
    if (kind === '') return this.namespaceLabels ? [200, { metadata: { labels: this.namespaceLabels } }] : [404, { message: 'not found' }];
    if (kind === 'secrets') {
      const data = this.secrets.get(name);
      return data ? [200, { data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])) }] : [404, {}];
    }
    return kind === 'events' ? [200, { items: (await this.#endOf([...this.pods.values()].at(-1)!)).events ?? [] }] : this.#pod(method, name, rest, body);
  }

  async #pod(method: string, name: string, rest: string, body: string): Promise<readonly [number, unknown]> {
    if (method === 'POST') {
      const pod = JSON.parse(body) as PreflightPod;
      this.pods.set(pod.metadata.name, pod);
      this.madePods.push(pod);
      return [201, pod];
    }
    const pod = this.pods.get(name);
    if (!pod) return [404, {}];
    if (method === 'DELETE') {
      this.pods.delete(name);
      return [200, {}];
    }
    const { status, log = '' } = await this.#endOf(pod);
    return [200, rest === '/log' ? log : { ...pod, status }];
  }

  async #endOf(pod: PreflightPod): Promise<PodEnd> {
    return this.runPod(pod, String(pod.spec['nodeName']));
  }
}

function renderNode({ name, architecture = 'amd64', runtime = 'containerd://2.4.0', ready = true }: FakeNode): object {
  return {
    metadata: { name },
    status: { nodeInfo: { operatingSystem: 'linux', architecture, containerRuntimeVersion: runtime, kubeletVersion: 'v1.37.0' }, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}
