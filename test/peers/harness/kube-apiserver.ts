/**
 * A real API server on loopback, with an etcd of its own: no kubelet and no controller, so objects are stored and reviewed, and
 * nothing runs. Services get addresses of 127.0.0.0/8 too, so a test can stand behind one. Both end with this process, however it ends.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { TestPki } from '../../fakes/test-pki.ts';
import { eventually, run, succeed, type Outcome } from './commands.ts';
import { peer } from './peers.ts';
import { startServer, type Server } from './servers.ts';

/** The kernel ends it when this process is gone. */
const bound = ['--pdeathsig', 'KILL', '--'];
const adminToken = 'admin-of-this-test-only';

export interface ApiAnswer {
  readonly status: number;
  readonly body: { readonly message?: string; readonly [key: string]: unknown };
  /** Of admission, for the user. */
  readonly warnings: readonly string[];
}

export class KubeApiServer {
  readonly #servers: readonly Server[];
  readonly #agent: Agent;
  readonly port: number;
  readonly ca: string;
  readonly folder: string;
  readonly auditLog: string;

  private constructor(servers: readonly Server[], port: number, ca: string, folder: string, auditLog: string) {
    [this.#servers, this.port, this.ca, this.folder, this.auditLog] = [servers, port, ca, folder, auditLog];
    this.#agent = new Agent({ keepAlive: true, maxSockets: 16, ca });
  }

  static async start(folder: string): Promise<KubeApiServer> {
    const [clientPort, peerPort, port] = await freePorts(3);
    const pki = await TestPki.make();
    const { cert, key } = await pki.server(['localhost', 'kubernetes.default.svc']);
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const at = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const audit = join(folder, 'audit.log');
    const etcdUrl = `http://127.0.0.1:${clientPort}`;
    const etcd = await startServer(peer('setpriv'), [...bound, peer('etcd'),
      '--data-dir', join(folder, 'etcd'), '--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl,
      '--listen-peer-urls', `http://127.0.0.1:${peerPort}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peerPort}`, '--initial-cluster', `default=http://127.0.0.1:${peerPort}`, '--unsafe-no-fsync',
    ], /ready to serve client requests/);
    const api = await startServer(peer('setpriv'), [...bound, peer('kube-apiserver'),
      '--etcd-servers', etcdUrl, '--bind-address', '127.0.0.1', '--advertise-address', '192.0.2.1', '--endpoint-reconciler-type', 'none', '--secure-port', String(port),
      '--tls-cert-file', at('api.crt', cert), '--tls-private-key-file', at('api.key', key), '--token-auth-file', at('tokens.csv', `${adminToken},admin,admin,system:masters\n`),
      '--service-account-issuer', 'https://kubernetes.default.svc', '--service-account-key-file', at('sa.pub', publicKey.export({ type: 'spki', format: 'pem' }).toString()),
      '--service-account-signing-key-file', at('sa.key', privateKey.export({ type: 'sec1', format: 'pem' }).toString()),
      '--service-cluster-ip-range', '127.96.0.0/16', '--authorization-mode', 'RBAC', '--allow-privileged=true', '--disable-admission-plugins', 'ServiceAccount',
      '--audit-log-path', audit, '--audit-policy-file', at('audit.yaml', JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata', resources: [{ group: '', resources: ['pods', 'pods/ephemeralcontainers'] }] }, { level: 'None' }] })),
      '--cert-dir', folder,
    ], /Serving securely/);
    const server = new KubeApiServer([api, etcd], port!, pki.ca, folder, audit);
    server.#writeKubeconfig();
    await eventually(async () => {
      const { status, body } = await server.call('GET', '/readyz?verbose');
      if (status !== 200) throw new Error(`the API server is not ready: ${body.message}`);
    });
    // The default namespace is made a moment after.
    await eventually(() => server.kubectl('get', 'namespace', 'default'));
    return server;
  }

  get kubeconfig(): string {
    return join(this.folder, 'kubeconfig');
  }

  /** Fails when kubectl does. */
  kubectl(...args: string[]): Promise<string> {
    return succeed(peer('kubectl'), ['--kubeconfig', this.kubeconfig, ...args]);
  }

  tryKubectl(...args: string[]): Promise<Outcome> {
    return run(peer('kubectl'), ['--kubeconfig', this.kubeconfig, ...args]);
  }

  /** One request, as administrator or by another token. JSON in and out; `type` is that of a patch. */
  call(method: string, path: string, body?: object, options: { readonly type?: string; readonly token?: string } = {}): Promise<ApiAnswer> {
    const headers = { 'authorization': `Bearer ${options.token ?? adminToken}`, 'content-type': options.type ?? 'application/json' };
    return new Promise((resolve, reject) => {
      const asked = request({ host: 'localhost', port: this.port, method, path, headers, agent: this.#agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => {
          const warnings = [response.headers['warning'] ?? []].flat().flatMap((line) => [...String(line).matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, warning = '']) => warning.replace(/\\(.)/g, '$1')));
          resolve({ status: response.statusCode ?? 0, body: text.startsWith('{') ? (JSON.parse(text) as ApiAnswer['body']) : { message: text }, warnings });
        });
      });
      asked.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Audit events of requests for the Pod. */
  auditOf(pod: string): { readonly annotations?: Readonly<Record<string, string>> }[] {
    const lines = readFileSync(this.auditLog, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { objectRef?: { name?: string }; annotations?: Record<string, string> });
    return lines.filter(({ objectRef }) => objectRef?.name === pod);
  }

  /** The mounts of a ServiceAccount in a Pod: its token and the cluster's authority. */
  async mountServiceAccount(namespace: string, name: string): Promise<string> {
    const folder = join(this.folder, `mount-${name}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'ca.crt'), this.ca);
    writeFileSync(join(folder, 'token'), await this.kubectl('create', 'token', name, '-n', namespace));
    return folder;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    for (const server of this.#servers) await server.stop();
  }

  #writeKubeconfig(): void {
    writeFileSync(this.kubeconfig, JSON.stringify({
      'apiVersion': 'v1', 'kind': 'Config', 'current-context': 'test',
      'clusters': [{ name: 'test', cluster: { 'server': `https://localhost:${this.port}`, 'certificate-authority-data': Buffer.from(this.ca).toString('base64') } }],
      'users': [{ name: 'admin', user: { token: adminToken } }],
      'contexts': [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    }), { mode: 0o600 });
  }
}

/**
 * Ports that nobody has, from below those that the kernel gives away: between here and the start of the server, hundreds of
 * connections of others would else be made, and any of them may get the port.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
    if (free) await new Promise((resolve) => server.close(resolve));
    if (free) ports.add(port);
  }
  return [...ports];
}
