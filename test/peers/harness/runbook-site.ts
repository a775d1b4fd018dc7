/**
 * A site as the runbook supposes it: a medium with the kit, a registry, a cluster's API server, a containerd, Authority, Scanner, a
 * Grafana that takes dashboards, and both programs at work. No kubelet is there: in place of `logs`, `exec`, `port-forward` and
 * `rollout status`, a kubectl on PATH lets the real one judge flags and objects, and gives what the running programs logged or answer.
 */
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { namespace, objectNames } from '../../../src/contract/names.ts';
import { EventStore } from '../../../src/runtime/observer/buffer/event-store.ts';
import { admissionReview } from '../../fakes/admission-review.ts';
import { Backends } from '../../fakes/backends.ts';
import { Operator } from '../../fakes/operator.ts';
import { RuntimeProgram, testCertificate } from '../../fakes/runtime-program.ts';
import { makeDpopJwk } from '../../fakes/test-pki.ts';
import { postReview } from '../../fakes/webhook-client.ts';
import { newEvents, newGap } from '../../runtime/observer/buffer/new-events.ts';
import { type Outcome, run, succeed } from './commands.ts';
import { startContainerd } from './containerd.ts';
import { checkout, kit } from './kit.ts';
import { KubeApiServer } from './kube-apiserver.ts';
import { peer } from './peers.ts';
import { registries } from './registries.ts';

const programs = ['observer', 'webhook'] as const;

export class RunbookSite {
  /** Where commands are run. */
  readonly medium: string;
  readonly folder: string;
  readonly api: KubeApiServer;
  readonly registry: string;
  readonly socket: string;
  readonly telemetryPort: number;
  readonly grafana: string;
  /** What Grafana was given. */
  readonly dashboards: { readonly token: string; readonly body: { readonly dashboard?: { readonly uid?: string }; readonly overwrite?: boolean } }[];
  readonly #env: Record<string, string>;
  readonly #ends: readonly (() => Promise<unknown>)[];

  private constructor(parts: Pick<RunbookSite, 'medium' | 'folder' | 'api' | 'registry' | 'socket' | 'telemetryPort' | 'grafana' | 'dashboards'>, env: Record<string, string>, ends: readonly (() => Promise<unknown>)[]) {
    ({ medium: this.medium, folder: this.folder, api: this.api, registry: this.registry, socket: this.socket, telemetryPort: this.telemetryPort, grafana: this.grafana, dashboards: this.dashboards } = parts);
    [this.#env, this.#ends] = [env, ends];
  }

  static async start(folder: string): Promise<RunbookSite> {
    const [medium, bin, logs] = ['medium', 'bin', 'logs'].map((name) => join(folder, name)) as [string, string, string];
    for (const each of ['bin', 'logs', 'containerd', '.config/containers']) mkdirSync(join(folder, each), { recursive: true });
    await layOutMedium(medium);
    const [api, registry, operator, backends] = await Promise.all([KubeApiServer.start(folder), registries.distribution(folder), Operator.start(), Backends.start()]);
    const host = `localhost:${registry.ready[1]}`;
    writeFileSync(join(folder, '.config/containers/registries.conf'), `[[registry]]\nlocation = "${host}"\ninsecure = true\n`);
    writeFileSync(join(folder, 'operator-ca.pem'), operator.pki.ca);
    const socket = join(folder, 'containerd/containerd.sock');
    const containerd = await startContainerd(peer('containerd2'), folder, socket);
    const running = await startPrograms(backends, logs);
    const { server: grafana, url, dashboards } = await startGrafana();
    writeShims(bin, logs, Object.fromEntries([...running].map(([name, program]) => [name, program.folder])));
    new EventStore(join(folder, 'events.db'), 64 * 1024 * 1024).append(newEvents(0, 3), [newGap('bufferLost', 0)]);
    const path = [bin, dirname(process.execPath), ...(['cosign3', 'ctr2', 'oras', 'helm3'] as const).map((name) => dirname(peer(name))), process.env['PATH']].join(delimiter);
    const env = { PATH: path, HOME: folder, KUBECONFIG: api.kubeconfig, CONTAINERD_ADDRESS: socket, GRAFANA_TOKEN: 'token-of-the-test', NODE_EXTRA_CA_CERTS: join(folder, 'operator-ca.pem'), DEBUGINFOD_CACHE_PATH: join(folder, 'cache'), ...operator.env, XDG_CONFIG_HOME: join(folder, '.config') };
    return new RunbookSite({ medium, folder, api, registry: host, socket, telemetryPort: await running.get('webhook')!.port('telemetry'), grafana: url, dashboards }, { ...env, HOME: folder }, [
      ...[...running.values()].map((program) => () => program[Symbol.asyncDispose]()), () => containerd.stop(), () => registry.stop(), () => api.stop(),
      () => operator[Symbol.asyncDispose](), () => backends[Symbol.asyncDispose](), async () => grafana.close(),
    ]);
  }

  /** As one types it, in bash. */
  shell(command: string): Promise<Outcome> {
    return run('bash', ['-euo', 'pipefail', '-c', command], { cwd: this.medium, env: this.#env });
  }

  async succeed(command: string): Promise<string> {
    const { code, stdout, stderr } = await this.shell(command);
    if (code !== 0) throw new Error(`${command}\nended with ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) await end();
  }
}

/** The kit, what came another way, the tools taken out of the kit, and files that a site has of its own. */
async function layOutMedium(medium: string): Promise<void> {
  cpSync(kit.out, medium, { recursive: true });
  cpSync(join(medium, 'trust'), medium, { recursive: true });
  await succeed('tar', ['-x', '-f', kit.tar, '-C', medium, 'tools']);
  writeFileSync(join(medium, 'jwk.json'), makeDpopJwk().text);
  writeFileSync(join(medium, 'token'), 'a.static.token');
  writeFileSync(join(medium, 'docker.json'), '{}');
  writeFileSync(join(medium, 'pod.yaml'), `apiVersion: v1\nkind: Pod\nmetadata: { name: app, namespace: payments }\nspec: { containers: [{ name: a, image: 'registry.internal/app@sha256:${'a'.repeat(64)}' }] }\n`);
  const make = (name: string, subject: string): Promise<string> => succeed('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', `/CN=${subject}`, '-keyout', join(medium, `${name}.key`), '-out', join(medium, `${name}.crt`)]);
  for (const [name, subject] of [['client', 'zastava-runtime'], ['webhook', 'zastava-webhook.stellaops.svc'], ['ca', 'authority of the site']] as const) await make(name, subject);
  cpSync(join(medium, 'ca.crt'), join(medium, 'ca.pem'));
}

/** Both, with a denied review behind the webhook; what they log lies in a folder afterwards. */
async function startPrograms(backends: Backends, logs: string): Promise<Map<(typeof programs)[number], RuntimeProgram>> {
  backends.scanner.options = { ...backends.scanner.options, judge: () => ({ policyVerdict: 'fail', reasons: ['image is not signed'] }) };
  const running = new Map(programs.map((name) => [name, new RuntimeProgram(name, backends.program())]));
  for (const program of running.values()) await program.line('Issued runtime OpTok');
  const image = `registry.internal/app@sha256:${'b'.repeat(64)}`;
  const review = admissionReview({ object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec: { containers: [{ name: 'a', image }] } } });
  await postReview(await running.get('webhook')!.port('admission'), JSON.stringify(review), { ca: testCertificate });
  await running.get('webhook')!.eventually((line) => line['decision'] === 'deny');
  for (const [name, program] of running) writeFileSync(join(logs, `${name}.log`), program.stdout);
  return running;
}

async function startGrafana(): Promise<{ server: HttpServer; url: string; dashboards: RunbookSite['dashboards'] }> {
  const dashboards: RunbookSite['dashboards'][number][] = [];
  const server = createServer((request, response) => void text(request).then((body) => {
    if (request.method !== 'POST' || request.url !== '/api/dashboards/db' || request.headers['content-type'] !== 'application/json') return response.writeHead(404).end();
    dashboards.push({ token: request.headers.authorization ?? '', body: JSON.parse(body) as RunbookSite['dashboards'][number]['body'] });
    return response.writeHead(200).end('{"status":"success"}');
  })).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, dashboards };
}

/** Commands of the site: the kit's tools by their names, and kubectl. */
function writeShims(bin: string, logs: string, folders: Readonly<Record<string, string>>): void {
  const write = (name: string, lines: readonly string[]): void => {
    writeFileSync(join(bin, name), `#!/bin/bash\n${lines.join('\n')}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  for (const name of ['zastava', 'stellaops-cli']) write(name, [`exec node ${JSON.stringify(join(dirname(bin), 'medium/tools', `${name}.mjs`))} "$@"`]);
  const kubectl = JSON.stringify(peer('kubectl'));
  const flagsAreKnown = `${kubectl} "\${before[@]}" --help >/dev/null || exit 64`;
  write('kubectl', [
    'before=(); after=(); verb=; space=; target=; prefix=',
    'for word in "$@"; do',
    '  if [ "${last:-}" = -n ]; then space=$word; fi',
    '  case $word in logs|exec|port-forward|rollout) [ -n "$verb" ] || verb=$word;; ds/*|deploy/*|pod/*) target=$word;; --prefix) prefix="[pod/some-pod/some-container] ";; esac',
    '  if [ "${rest:-}" ]; then after+=("$word"); elif [ "$word" = -- ]; then rest=1; else before+=("$word"); fi',
    '  last=$word',
    'done',
    `case "$verb $*" in rollout*restart*|" "*) exec ${kubectl} "$@";; esac`,
    flagsAreKnown,
    `[ -z "$target" ] || ${kubectl} -n "$space" get "$target" >/dev/null || exit 64`,
    'case $verb in',
    `  logs) for name in observer webhook; do case "$*" in *zastava-$name*) sed "s|^|$prefix|" ${JSON.stringify(logs)}/$name.log;; esac; done;;`,
    '  exec) case ${after[0]} in',
    ...programs.map((name) => `    ${objectNames[name]}) ZASTAVA_SCRATCH_DIR=${JSON.stringify(folders[name])} exec node ${JSON.stringify(join(checkout, `src/runtime/${name}/main.ts`))} "\${after[@]:1}";;`),
    '    *) exit 64;; esac;;',
    'esac',
  ]);
}

/** A Pod of each program, a node in each of two zones and a request for a certificate: what controllers and kubelets would have made. */
export function clusterObjects(): object[] {
  const labels = (name: string): object => ({ 'app': name, 'app.kubernetes.io/part-of': 'zastava-runtime' });
  return [
    ...['scanner', 'flux-system', 'monitoring'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...programs.map((name) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: `${objectNames[name]}-0`, namespace, labels: labels(objectNames[name]) }, spec: { containers: [{ name: 'a', image: 'a' }] } })),
    ...['a', 'b'].map((zone) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name: `node-${zone}`, labels: { 'topology.kubernetes.io/zone': zone } } })),
  ];
}
