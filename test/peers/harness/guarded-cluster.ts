/**
 * A real API server that calls our webhook as in a cluster: registered by the manifests as they are, found by its Service, whose
 * address has a round-robin on it in place of kube-proxy. Authority is real, Scanner a double, the webhook bundled as for its image.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseImagesLock } from '../../../src/config/parse-images-lock.ts';
import { parseValues } from '../../../src/config/parse-values.ts';
import { configKey, namespace, objectNames, servicePort } from '../../../src/contract/names.ts';
import { programEnv } from '../../../src/contract/programs.ts';
import { bundleProgram } from '../../../src/images/bundle-program.ts';
import { renderArtifacts } from '../../../src/synth/render-artifacts.ts';
import { Backends } from '../../fakes/backends.ts';
import { MountedSecret } from '../../fakes/mounted-secret.ts';
import { RoundRobin, type Replica } from '../../fakes/round-robin.ts';
import { RuntimeProgram } from '../../fakes/runtime-program.ts';
import type { TestPki } from '../../fakes/test-pki.ts';
import { eventually } from './commands.ts';
import { KubeApiServer, type ApiAnswer } from './kube-apiserver.ts';
import { checkout } from './kit.ts';

export const servingName = `${objectNames.webhook}.${namespace}.svc`;

export class GuardedCluster {
  readonly api: KubeApiServer;
  readonly backends: Backends;
  readonly service: RoundRobin;
  /** What every webhook serves with. */
  readonly serving: MountedSecret;
  readonly manifests: string;
  readonly #program: string;
  readonly #running: RuntimeProgram[] = [];

  private constructor(api: KubeApiServer, backends: Backends, service: RoundRobin, serving: MountedSecret, manifests: string, program: string) {
    [this.api, this.backends, this.service, this.serving, this.manifests, this.#program] = [api, backends, service, serving, manifests, program];
  }

  /** With the manifests of the values that `valuesOf` makes below zastava.webhook applied, and no webhook yet. */
  static async start(folder: string, valuesOf: (caBundle: string) => object): Promise<GuardedCluster> {
    const [backends, api] = await Promise.all([Backends.start(), KubeApiServer.start(folder)]);
    const [manifests, program] = [join(folder, 'manifests'), join(folder, 'webhook.mjs')];
    mkdirSync(manifests);
    writeFileSync(program, await bundleProgram({ root: checkout, entry: 'src/runtime/webhook/main.ts' }));
    await applyManifests(api, manifests, backends.program(valuesOf(backends.pki.ca)).config);
    const address = await api.kubectl('get', 'service', objectNames.webhook, '-n', namespace, '-o', 'jsonpath={.spec.clusterIP}');
    const service = await RoundRobin.start(servicePort, address);
    return new GuardedCluster(api, backends, service, new MountedSecret(await newPair(backends.pki)), manifests, program);
  }

  /** Applies the manifests of other values; the webhooks that are started from now on have them. */
  apply(webhook: object): Promise<string> {
    return applyManifests(this.api, this.manifests, this.backends.program(webhook).config);
  }

  /** A Pod of the Deployment, but for the container. */
  async startWebhook(env: Readonly<Record<string, string>> = {}): Promise<RuntimeProgram> {
    const config = await this.api.kubectl('get', 'configmap', objectNames.webhook, '-n', namespace, '-o', `jsonpath={.data.${configKey.replace('.', '\\.')}}`);
    const inCluster = { KUBERNETES_SERVICE_HOST: 'localhost', KUBERNETES_SERVICE_PORT: String(this.api.port), [programEnv.serviceAccountDir]: await this.api.mountServiceAccount(namespace, objectNames.webhook) };
    const program = new RuntimeProgram('webhook', { config, env: { ...inCluster, [programEnv.authorityDir]: this.backends.mounts, [programEnv.tlsDir]: this.serving.folder, ...env }, main: this.#program });
    this.#running.push(program);
    return program;
  }

  /** Adds it to the Service, which calls it for as long as it is ready. */
  async serve(program: RuntimeProgram): Promise<Replica> {
    await program.line('ready');
    const replica = { port: await program.port('admission'), telemetryPort: await program.port('telemetry') };
    this.service.add(replica);
    await eventually(async () => {
      if (!this.service.serves(replica)) throw new Error('the webhook is not ready');
    });
    return replica;
  }

  create(into: string, pod: object, query = ''): Promise<ApiAnswer> {
    return this.api.call('POST', `/api/v1/namespaces/${into}/pods${query}`, pod);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]();
    for (const program of this.#running) await program[Symbol.asyncDispose]();
    await this.api.stop();
    await this.backends[Symbol.asyncDispose]();
    this.serving[Symbol.dispose]();
  }
}

/** A serving certificate with its key, as files of the Secret. */
export async function newPair(pki: TestPki): Promise<Record<string, string>> {
  const { cert, key } = await pki.server([servingName]);
  return { 'tls.crt': cert, 'tls.key': key };
}

async function applyManifests(api: KubeApiServer, folder: string, config: string): Promise<string> {
  const lock = parseImagesLock(readFileSync(join(checkout, 'offline-kit/images.lock.json'), 'utf8'), 'lock');
  for (const [path, text] of renderArtifacts(parseValues(config, 'test'), lock)) writeFileSync(join(folder, path.split('/').at(-1)!), text);
  return api.kubectl('apply', '--server-side', '--force-conflicts', '-k', folder);
}
