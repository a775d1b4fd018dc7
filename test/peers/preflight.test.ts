/**
 * `zastava preflight` against a real API server: version, rights as RBAC gives them, Secrets, signer, and a Pod that the server accepts, that
 * no kubelet runs, and that is gone afterwards. What a Pod finds is tried on a cluster with kubelets.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { namespace } from '../../src/contract/names.ts';
import type { PreflightFinding } from '../../src/contract/preflight.ts';
import { makeDpopJwk, TestPki } from '../fakes/test-pki.ts';
import { run } from './harness/commands.ts';
import { servingName } from './harness/guarded-cluster.ts';
import { checkout } from './harness/kit.ts';
import { KubeApiServer } from './harness/kube-apiserver.ts';
import { describeWith } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

describeWith(['kube-apiserver', 'etcd', 'kubectl', 'setpriv'], 'preflight, asked of a real API server', () => {
  const folder = scratch('preflight');
  const values = join(folder, 'values.yaml');
  let api: KubeApiServer;
  let pki: TestPki;

  beforeAll(async () => {
    [api, pki] = [await KubeApiServer.start(folder), await TestPki.make(24 * 90)];
    writeValues({ mode: 'secret', caBundle: pki.ca });
  });
  afterAll(() => api?.stop());

  function writeValues(tls: object): void {
    const runtime = { tenant: 'a', environment: 'b', deployment: 'c', authority: { issuer: 'https://authority.internal' }, metrics: { commonTags: { cluster: 'c' } } };
    writeFileSync(values, JSON.stringify({ zastava: { runtime, images: { registry: '127.0.0.1:1/zastava' }, webhook: { tls } } }));
  }

  async function preflight(args: readonly string[] = [], kubeconfig = api.kubeconfig): Promise<{ code: number; found: Map<string, PreflightFinding> }> {
    const { code, stdout, stderr } = await run(process.execPath, [join(checkout, 'src/cli/zastava/main.ts'), 'preflight', '--values', values, '--images', join(checkout, 'offline-kit/images.lock.json'), '--kubeconfig', kubeconfig, '--json', ...args]);
    if (stdout === '') throw new Error(stderr);
    const { findings, nodes } = JSON.parse(stdout) as { findings: PreflightFinding[]; nodes: { findings: PreflightFinding[] }[] };
    return { code, found: new Map([...findings, ...nodes.flatMap((node) => node.findings)].map((finding) => [finding.check, finding])) };
  }

  const outcome = (found: Map<string, PreflightFinding>, check: string): string | undefined => found.get(check)?.outcome;

  test('an empty cluster: each thing that lacks is named', async () => {
    const { code, found } = await preflight();
    expect(code).toBe(1);
    expect(outcome(found, 'API server')).toBe('ok');
    expect(found.get('API server')?.found).toContain('v1.37');
    expect(outcome(found, 'rights of this kubeconfig')).toBe('ok');
    for (const check of [`namespace ${namespace}`, 'nodes', 'Secret zastava-authority-dpop', 'Secret zastava-authority-mtls', 'serving certificate and caBundle']) expect(outcome(found, check), check).toBe('failed');
  });

  test('a prepared cluster: all of that is well, and the Pod that no kubelet runs is unknown and gone', async () => {
    await api.kubectl('create', 'namespace', namespace);
    const [client, serving] = [await pki.client('zastava-runtime', 24 * 40), await pki.server([servingName], 24 * 40)];
    for (const [name, text] of Object.entries({ 'jwk.json': makeDpopJwk().text, 'client.crt': client.cert, 'client.key': client.key, 'webhook.crt': serving.cert, 'webhook.key': serving.key })) writeFileSync(join(folder, name), text);
    // As the runbook prints it.
    await api.kubectl('-n', namespace, 'create', 'secret', 'generic', 'zastava-authority-dpop', `--from-file=${join(folder, 'jwk.json')}`, '--from-literal=revision=1');
    await api.kubectl('-n', namespace, 'create', 'secret', 'tls', 'zastava-authority-mtls', `--cert=${join(folder, 'client.crt')}`, `--key=${join(folder, 'client.key')}`);
    await api.kubectl('-n', namespace, 'create', 'secret', 'tls', 'zastava-webhook-tls', `--cert=${join(folder, 'webhook.crt')}`, `--key=${join(folder, 'webhook.key')}`);
    const status = { nodeInfo: { operatingSystem: 'linux', architecture: 'amd64', containerRuntimeVersion: 'containerd://2.4.0', kubeletVersion: 'v1.37.0', machineID: '', systemUUID: '', bootID: '', kernelVersion: '', osImage: '', kubeProxyVersion: '' }, conditions: [{ type: 'Ready', status: 'True' }] };
    await api.call('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } });
    expect((await api.call('PATCH', '/api/v1/nodes/node-1/status', { status }, { type: 'application/merge-patch+json' })).status).toBe(200);

    const { code, found } = await preflight(['--timeout', '2']);
    for (const check of [`namespace ${namespace}`, 'nodes', 'Secret zastava-authority-dpop', 'Secret zastava-authority-mtls', 'serving certificate and caBundle']) expect(found.get(check)).toMatchObject({ outcome: 'ok' });
    expect(found.get('Pod on the node')).toMatchObject({ outcome: 'unknown' });
    expect(outcome(found, 'registry')).toBe('unknown');
    expect(code).toBe(3);
    expect(await api.kubectl('-n', namespace, 'get', 'pods', '-o', 'name')).toBe('');
  });

  test('a namespace that confines its Pods refuses this one, as it would the observer', async () => {
    await api.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=baseline');
    const { code, found } = await preflight(['--timeout', '2']);
    expect(code).toBe(1);
    expect(found.get(`namespace ${namespace}`)).toMatchObject({ outcome: 'failed', found: expect.stringContaining('baseline') });
    expect(found.get('Pod on the node')).toMatchObject({ outcome: 'failed', found: expect.stringContaining('PodSecurity') });
    await api.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce-');
  });

  test('a signer is asked by a request that is not kept; a name that is none is refused', async () => {
    writeValues({ mode: 'csr', caBundle: pki.ca, signerName: 'site.internal/webhooks' });
    expect((await preflight(['--no-pods'])).found.get('signer of serving certificates')).toMatchObject({ outcome: 'ok' });
    expect(await api.kubectl('get', 'csr', '-o', 'name')).toBe('');
    writeValues({ mode: 'csr', caBundle: pki.ca, signerName: 'kubernetes.io/kubelet-serving' });
    expect((await preflight(['--no-pods'])).found.get('signer of serving certificates')).toMatchObject({ outcome: 'failed' });
    writeValues({ mode: 'secret', caBundle: pki.ca });
  });

  test('a user who may not install is told what lacks', async () => {
    await api.kubectl('-n', namespace, 'create', 'serviceaccount', 'reader');
    await api.kubectl('create', 'clusterrolebinding', 'reader', '--clusterrole=view', `--serviceaccount=${namespace}:reader`);
    const token = (await api.kubectl('create', 'token', 'reader', '-n', namespace)).trim();
    const kubeconfig = join(folder, 'reader.kubeconfig');
    writeFileSync(kubeconfig, JSON.stringify({
      'current-context': 'c', 'contexts': [{ name: 'c', context: { cluster: 'c', user: 'u' } }], 'users': [{ name: 'u', user: { token } }],
      'clusters': [{ name: 'c', cluster: { 'server': `https://localhost:${api.port}`, 'certificate-authority-data': Buffer.from(api.ca).toString('base64') } }],
    }));
    const { code, found } = await preflight(['--no-pods'], kubeconfig);
    expect(code).toBe(1);
    expect(found.get('rights of this kubeconfig')?.found).toMatch(/create pods, .*get secrets, .*patch daemonsets\.apps/);
    expect(outcome(found, 'Secret zastava-authority-dpop')).toBe('unknown');
  });

  test('an API server behind another authority is not trusted: 3', async () => {
    const kubeconfig = join(folder, 'other.kubeconfig');
    writeFileSync(kubeconfig, JSON.stringify({
      'current-context': 'c', 'contexts': [{ name: 'c', context: { cluster: 'c', user: 'u' } }], 'users': [{ name: 'u', user: { token: 'x' } }],
      'clusters': [{ name: 'c', cluster: { 'server': `https://localhost:${api.port}`, 'certificate-authority-data': Buffer.from(pki.ca).toString('base64') } }],
    }));
    const { code, stderr } = await run(process.execPath, [join(checkout, 'src/cli/zastava/main.ts'), 'preflight', '--values', values, '--images', join(checkout, 'offline-kit/images.lock.json'), '--kubeconfig', kubeconfig]);
    expect(code).toBe(3);
    expect(stderr).toContain('cluster.unavailable');
  });
});
