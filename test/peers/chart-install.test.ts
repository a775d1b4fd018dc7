/**
 * The life of a release on a real API server, as the runbook has it: namespace and Secrets first, install, upgrade, rollback. What
 * helm leaves in the cluster is what the plain manifests are, and the registration of the webhook comes last.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { parseImagesLock } from '../../src/config/parse-images-lock.ts';
import { parseValues } from '../../src/config/parse-values.ts';
import { renderArtifacts } from '../../src/synth/render-artifacts.ts';
import { renderChart } from '../../src/synth/chart/render-chart.ts';
import { set, type Block } from '../fakes/generated-values.ts';
import { placeholderImages } from '../fakes/value-sets.ts';
import { succeed, type Outcome } from './harness/commands.ts';
import { helm, helms, writeChart } from './harness/helm.ts';
import { checkout } from './harness/kit.ts';
import { KubeApiServer } from './harness/kube-apiserver.ts';
import { describeWith } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

const lockPath = join(checkout, 'offline-kit/images.lock.json');
const lock = parseImagesLock(readFileSync(lockPath, 'utf8'), lockPath);
const samplePath = join(checkout, 'offline-kit/zastava-runtime.values.yaml');

interface Stored {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly resourceVersion: string; readonly generation?: number };
}

describe.each(helms)('%s', (which) => describeWith([which, 'setpriv', 'etcd', 'kube-apiserver', 'kubectl'], 'the release', () => {
  const folder = scratch('chart-install');
  const [chart, previous, values, manifests] = ['chart', 'previous', 'values.yaml', 'manifests'].map((name) => join(folder, name)) as [string, string, string, string];
  let api: KubeApiServer;

  beforeAll(async () => {
    writeChart(chart, renderChart(lock, packageJson.version));
    writeChart(previous, renderChart(placeholderImages, '0.9.0'));
    api = await KubeApiServer.start(folder);
    await api.kubectl('create', 'namespace', 'stellaops');
    await api.kubectl('label', 'namespace', 'stellaops', 'pod-security.kubernetes.io/enforce=privileged');
    for (const [kind, name] of [['dpop', 'zastava-authority-dpop'], ['webhook-tls', 'zastava-webhook-tls']] as const) {
      const to = join(folder, 'secrets', kind);
      await succeed(process.execPath, [join(checkout, 'src/cli/zastava/main.ts'), 'keys', 'make', kind, '--to', to], { cwd: folder });
      await api.kubectl('apply', '--server-side', '-f', join(to, `${name}.secret.yaml`));
    }
  });
  afterAll(() => api?.stop());

  const ask = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await helm(which, folder, args, { KUBECONFIG: api.kubeconfig });
    expect(code, `${args.join(' ')}\n${stdout}${stderr}`).toBe(0);
    return stdout;
  };

  /** Writes the sample with changes, for helm and as plain manifests but the Namespace. */
  const prepare = (changes: Readonly<Record<string, unknown>>): void => {
    const site = parse(readFileSync(samplePath, 'utf8')) as Block;
    for (const [path, value] of Object.entries(changes)) set(site, `zastava.${path}`, value);
    writeFileSync(values, stringify(site));
    rmSync(manifests, { recursive: true, force: true });
    mkdirSync(manifests);
    for (const [path, text] of renderArtifacts(parseValues(stringify(site), 'site'), lock)) if (!/namespace\.yaml$|kustomization/.test(path)) writeFileSync(join(manifests, path.split('/').at(-1)!), text);
  };
  const upgrade = (...args: string[]): Promise<string> => ask('upgrade', '--install', 'zastava-runtime', chart, '-f', values, '--namespace', 'stellaops', ...args);
  /** 0: no difference; 1: some. */
  const difference = (): Promise<Outcome> => api.tryKubectl('diff', '--server-side', '--force-conflicts', '-f', manifests);
  const expectManifests = async (): Promise<void> => expect(await difference()).toMatchObject({ code: 0, stdout: '' });
  const stored = async (kinds: string): Promise<Stored[]> => (JSON.parse(await api.kubectl('get', kinds, '-n', 'stellaops', '-l', 'app.kubernetes.io/part-of=zastava-runtime', '-o', 'json')) as { items: Stored[] }).items;
  const generations = async (): Promise<Record<string, number>> => Object.fromEntries((await stored('daemonsets,deployments')).map(({ kind, metadata }) => [kind, metadata.generation ?? 0]));
  const history = async (): Promise<string[]> => (JSON.parse(await ask('history', 'zastava-runtime', '-n', 'stellaops', '-o', 'json')) as { revision: number; status: string; chart: string; description: string }[])
    .map(({ revision, status, chart: name, description }) => `${revision} ${status} ${name} ${description}`);

  test('of the version before is installed, with nothing enforced yet, and says what comes next', async () => {
    prepare({ 'webhook.enforcement.default': 'warn' });
    const said = await ask('upgrade', '--install', 'zastava-runtime', previous, '-f', values, '--namespace', 'stellaops');
    expect(said).toContain('STATUS: deployed');
    expect(said).toMatch(/Nothing is enforced yet/);
    expect(said).toMatch(/echo ".* cluster-01: zastava-runtime revision 1, chart zastava-0\.9\.0, values \$\(git rev-parse HEAD\)"/);
    expect(await history()).toEqual(['1 deployed zastava-0.9.0 Install complete']);
  });

  test('puts the webhook in place last', async () => {
    const kinds = 'serviceaccounts,configmaps,networkpolicies,services,daemonsets,deployments,poddisruptionbudgets,clusterroles,clusterrolebindings,validatingwebhookconfigurations';
    const order = (await stored(kinds)).sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion)).map(({ kind }) => kind);
    expect(order.length).toBeGreaterThanOrEqual(13);
    expect(order.indexOf('ValidatingWebhookConfiguration')).toBe(order.length - order.filter((kind) => kind === 'ValidatingWebhookConfiguration').length);
  });

  test('is upgraded to this version with the same values', async () => {
    const before = await generations();
    expect(await upgrade()).toMatch(/STATUS: deployed/);
    await expectManifests();
    const after = await generations();
    for (const kind of ['DaemonSet', 'Deployment']) expect(after[kind], kind).toBe(before[kind]! + 1);
  });

  test('upgraded again with the same values changes nothing', async () => {
    const before = await generations();
    await upgrade();
    expect(await generations()).toEqual(before);
    await expectManifests();
  });

  test('goes to enforce, and rolls the webhook only', async () => {
    const before = await generations();
    prepare({});
    expect((await difference()).code).toBe(1);
    expect(await upgrade()).toMatch(/Pods of enforced namespaces need an answer/);
    expect(await generations()).toEqual({ DaemonSet: before['DaemonSet'], Deployment: before['Deployment']! + 1 });
    await expectManifests();
  });

  test('rolls both with a new revision of the keys', async () => {
    const before = await generations();
    prepare({ 'runtime.authority.keyRevision': '2' });
    await upgrade();
    expect(await generations()).toEqual({ DaemonSet: before['DaemonSet']! + 1, Deployment: before['Deployment']! + 1 });
    await expectManifests();
  });

  test('keeps the values of the site with --reuse-values', async () => {
    const before = await generations();
    await ask('upgrade', 'zastava-runtime', chart, '--reuse-values', '--namespace', 'stellaops');
    expect(await generations()).toEqual(before);
    await expectManifests();
  });

  test('is rolled back, and the history says so', async () => {
    prepare({ 'webhook.enforcement.default': 'warn' });
    await ask('rollback', 'zastava-runtime', '2', '-n', 'stellaops');
    await expectManifests();
    const revisions = await history();
    expect(revisions.at(-1)).toBe(`7 deployed zastava-${packageJson.version} Rollback to 2`);
    expect(revisions.slice(0, -1).every((line) => / superseded /.test(line))).toBe(true);
    const printed = await ask('history', 'zastava-runtime', '-n', 'stellaops');
    expect(printed).toMatch(/^REVISION\s+UPDATED\s+STATUS\s+CHART\s+APP VERSION\s+DESCRIPTION/);
  });

  test('is refused with bad values, and stays as it is', async () => {
    writeFileSync(values, stringify({ zastava: { webhook: { replicas: 0 } } }));
    const { code, stderr } = await helm(which, folder, ['upgrade', 'zastava-runtime', chart, '-f', values, '-n', 'stellaops'], { KUBECONFIG: api.kubeconfig });
    expect(code).not.toBe(0);
    expect(stderr).toContain('/zastava/webhook/replicas');
    expect((await history()).at(-1)).toMatch(/^7 deployed/);
  });

  test('leaves the namespace and the Secrets behind when it goes', async () => {
    await ask('uninstall', 'zastava-runtime', '-n', 'stellaops');
    expect(await stored('serviceaccounts,configmaps,services,daemonsets,deployments,clusterroles,validatingwebhookconfigurations')).toEqual([]);
    expect(await api.kubectl('get', 'secret', '-n', 'stellaops', '-o', 'name')).toBe('secret/zastava-authority-dpop\nsecret/zastava-webhook-tls\n');
  });
}));
