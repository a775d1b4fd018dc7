/**
 * A real Argo CD beside a real API server or cluster: application controller and repo server, one binary under two names, and what
 * they cache in. The cluster that they deploy to is the one that they keep their own objects in, as in most installations.
 */
import { copyFileSync, chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { eventually, succeed } from './commands.ts';
import { freePorts } from './kube-apiserver.ts';
import { peer } from './peers.ts';
import { startServer, type Server } from './servers.ts';

/** The module that the binary is built from has its CRDs, too. */
const argoModule = 'github.com/argoproj/argo-cd/v3@v3.5.7';
const definitions = ['application', 'appproject', 'applicationset'].map((kind) => `manifests/crds/${kind}-crd.yaml`);
const configMaps = ['argocd-cm', 'argocd-rbac-cm', 'argocd-ssh-known-hosts-cm', 'argocd-tls-certs-cm', 'argocd-gpg-keys-cm'];

/** What it deploys to. */
interface ArgoCluster {
  readonly kubeconfig: string;
  /** For files that are applied. */
  readonly folder: string;
  kubectl(...args: string[]): Promise<string>;
}

/** Where its programs run. */
interface ArgoPlace {
  /** The command that runs a command there. */
  inside(...command: string[]): [string, string[]];
  readonly env: Readonly<Record<string, string>>;
}

const here: ArgoPlace = { inside: (command = '', ...args) => [command, args], env: {} };

export interface Application {
  readonly status?: {
    readonly health?: { readonly status?: string };
    readonly sync?: { readonly status?: string; readonly revision?: string };
    readonly operationState?: { readonly phase?: string; readonly message?: string };
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
    readonly resources?: readonly { readonly kind: string; readonly name: string; readonly status?: string }[];
  };
}

export class ArgoCd {
  readonly #api: ArgoCluster;
  readonly #servers: readonly Server[];
  readonly #folder: string;

  private constructor(api: ArgoCluster, servers: readonly Server[], folder: string) {
    [this.#api, this.#servers, this.#folder] = [api, servers, folder];
  }

  /** Everything lies in a new folder below `folder`. */
  static async start(api: ArgoCluster, folder: string, place = here): Promise<ArgoCd> {
    const { Dir: source } = JSON.parse(await succeed(peer('go'), ['mod', 'download', '-json', argoModule], { cwd: '/' })) as { Dir: string };
    const [bin, home, tmp] = ['bin', 'home', 'tmp'].map((name) => join(folder, 'argocd', name)) as [string, string, string];
    for (const path of [bin, home, tmp]) mkdirSync(path, { recursive: true });
    for (const name of ['argocd-repo-server', 'argocd-application-controller']) symlinkSync(peer('argo-cd'), join(bin, name));
    symlinkSync(peer('helm3'), join(bin, 'helm'));
    symlinkSync(peer('kustomize'), join(bin, 'kustomize'));
    for (const name of ['git-verify-wrapper.sh', 'gpg-wrapper.sh']) {
      copyFileSync(join(source, 'hack', name), join(bin, name));
      chmodSync(join(bin, name), 0o755);
    }
    await makeObjects(api, source);

    const [repoPort, repoMetrics, controllerMetrics] = (await freePorts(3)).map(String) as [string, string, string];
    const env = {
      PATH: `${bin}${delimiter}${process.env['PATH']}`, HOME: home, TMPDIR: tmp, KUBECONFIG: api.kubeconfig,
      ARGOCD_GPG_ENABLED: 'false', ARGOCD_FAKE_IN_CLUSTER: 'true', ...place.env,
    };
    const bound = (path: string, args: readonly string[], ready: RegExp): Promise<Server> => startServer(...place.inside(peer('setpriv'), '--pdeathsig', 'KILL', '--', path, ...args), ready, { env, cwd: tmp });
    const redis = await bound(peer('argo-redis'), ['127.0.0.1:0'], /listening on (\S+)/);
    const address = redis.ready[1]!;
    const repo = await bound(join(bin, 'argocd-repo-server'), ['--redis', address, '--address', '127.0.0.1', '--port', repoPort, '--metrics-address', '127.0.0.1', '--metrics-port', repoMetrics], /is listening on/);
    const controller = await bound(join(bin, 'argocd-application-controller'), ['--namespace', 'argocd', '--redis', address, '--repo-server', `127.0.0.1:${repoPort}`, '--metrics-port', controllerMetrics, '--app-resync', '5', '--self-heal-timeout-seconds', '1'], /"?(msg|level)=?/);
    return new ArgoCd(api, [controller, repo, redis], join(folder, 'argocd'));
  }

  /** A registry that is spoken to in plain HTTP. */
  async allowPlainHttp(url: string): Promise<void> {
    await this.apply({
      apiVersion: 'v1', kind: 'Secret', metadata: { name: `repository-${url.replace(/\W+/g, '-')}`, namespace: 'argocd', labels: { 'argocd.argoproj.io/secret-type': 'repository' } },
      stringData: { type: 'oci', name: url.replace(/\W+/g, '-'), url, insecureOCIForceHttp: 'true' },
    });
  }

  async apply(object: object): Promise<void> {
    const path = join(this.#folder, 'object.json');
    writeFileSync(path, JSON.stringify(object));
    await this.#api.kubectl('apply', '--server-side', '--force-conflicts', '-f', path);
  }

  async read(name: string): Promise<Application> {
    return JSON.parse(await this.#api.kubectl('-n', 'argocd', 'get', 'application', name, '-o', 'json')) as Application;
  }

  /** Asks Argo CD to look anew, past its caches. */
  async refresh(name: string): Promise<void> {
    await this.#api.kubectl('-n', 'argocd', 'annotate', '--overwrite', 'application', name, 'argocd.argoproj.io/refresh=hard');
  }

  /** Waits until the last sync succeeded and nothing differs. The error has what Argo CD says. */
  async synced(name: string, holds: (application: Application) => boolean = () => true): Promise<Application> {
    return eventually(async () => {
      const application = await this.read(name);
      const { sync, operationState, resources } = application.status ?? {};
      // The chart has no Namespace: the one that is there is shown as too much, and ignored by its own annotation.
      const whole = sync?.status === 'Synced' && operationState?.phase === 'Succeeded' && resources!.every(({ kind, status }) => status === 'Synced' || kind === 'Namespace');
      if (!whole || !holds(application)) throw new Error(`not synced: ${JSON.stringify(application.status)}`);
      return application;
    }, 240);
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) await server.stop();
  }
}

async function makeObjects(api: ArgoCluster, source: string): Promise<void> {
  for (const file of definitions) await api.kubectl('apply', '--server-side', '-f', join(source, file));
  await eventually(() => api.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'));
  const labels = { 'app.kubernetes.io/part-of': 'argocd' };
  const objects = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'argocd' } },
    ...configMaps.map((name) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'argocd', labels } })),
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'argocd-secret', namespace: 'argocd', labels }, stringData: { 'server.secretkey': 'of-this-test-only' } },
    { apiVersion: 'argoproj.io/v1alpha1', kind: 'AppProject', metadata: { name: 'default', namespace: 'argocd' }, spec: { sourceRepos: ['*'], destinations: [{ namespace: '*', server: '*' }], clusterResourceWhitelist: [{ group: '*', kind: '*' }] } },
  ];
  for (const [at, object] of objects.entries()) {
    const path = join(api.folder, `argocd-${at}.json`);
    writeFileSync(path, JSON.stringify(object));
    await api.kubectl('apply', '--server-side', '-f', path);
  }
}
