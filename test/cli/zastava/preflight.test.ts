/** The verb against a double of a site: what is on the page, how it ends, and that nothing is left in the cluster. */
import { spawn } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest';
import { buildProgram } from '../../../src/cli/zastava/program.ts';
import type { PreflightFinding } from '../../../src/contract/preflight.ts';
import { runHere, type Outcome } from '../../fakes/command-run.ts';
import { OciRegistry } from '../../fakes/oci-registry.ts';
import { SiteCluster } from '../../fakes/site-cluster.ts';
import { makeDpopJwk, TestPki } from '../../fakes/test-pki.ts';
import { placeholderImages } from '../../fakes/value-sets.ts';

const main = join(import.meta.dirname, '../../../src/cli/zastava/main.ts');
const folder = mkdtempSync(join(tmpdir(), 'zastava-preflight-'));
afterAll(() => rmSync(folder, { recursive: true }));

let pki: TestPki;
let cluster: SiteCluster;
let registry: OciRegistry;
const dpop = makeDpopJwk().text;
beforeAll(async () => {
  pki = await TestPki.make(24 * 90);
  writeFileSync(join(folder, 'images.json'), JSON.stringify(placeholderImages));
});
beforeEach(async () => {
  [cluster, registry] = [await SiteCluster.start(), await OciRegistry.start()];
  const [client, serving] = [await pki.client('zastava-runtime', 24 * 40), await pki.server(['zastava-webhook.stellaops.svc'], 24 * 40)];
  cluster.secrets.set('zastava-authority-dpop', { 'jwk.json': dpop, 'revision': '3' });
  cluster.secrets.set('zastava-authority-mtls', { 'tls.crt': client.cert, 'tls.key': client.key, 'ca.crt': pki.ca });
  cluster.secrets.set('zastava-webhook-tls', { 'tls.crt': serving.cert, 'tls.key': serving.key });
  cluster.runPod = () => ended([fine]);
  for (const [name, { index }] of Object.entries(placeholderImages.images)) registry.repository(`site/${name}`).manifests.set(index, { type: 'application/vnd.oci.image.index.v1+json', bytes: Buffer.from('{}') });
});
afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const fine: PreflightFinding = { check: 'buffer', outcome: 'ok', found: '/var/lib/zastava on ext4, 900 MiB free' };
const ended = (preflight: readonly PreflightFinding[]) => ({ status: { phase: 'Succeeded' }, log: `something before\n${JSON.stringify({ preflight })}\n` });

function preflight(args: readonly string[] = [], webhook: object = {}): Promise<Outcome> {
  const runtime = { tenant: 'acme', environment: 'test', deployment: 'edge-1', authority: { issuer: 'https://authority.internal' }, metrics: { commonTags: { cluster: 'edge-1' } } };
  writeFileSync(join(folder, 'values.yaml'), JSON.stringify({ zastava: { runtime, images: { registry: `${registry.host}/site` }, webhook: { tls: { mode: 'secret', caBundle: pki.ca }, ...webhook } } }));
  writeFileSync(join(folder, 'kubeconfig'), cluster.kubeconfig);
  const all = ['preflight', '--values', join(folder, 'values.yaml'), '--images', join(folder, 'images.json'), '--kubeconfig', join(folder, 'kubeconfig'), '--plain-http', '--space', '9', ...args];
  return runHere(buildProgram(), all, { DOCKER_CONFIG: folder });
}

async function find(check: string, webhook: object = {}): Promise<PreflightFinding & { code: number }> {
  const { code, stdout } = await preflight(['--json'], webhook);
  const { findings, nodes } = JSON.parse(stdout) as { findings: PreflightFinding[]; nodes: { findings: PreflightFinding[] }[] };
  const found = [...findings, ...nodes.flatMap((node) => node.findings)].find((finding) => finding.check === check);
  if (!found) throw new Error(`no ${check} in ${stdout}`);
  return { ...found, code };
}

test('a site that is ready: one page, 0, and no Pod is left', async () => {
  cluster.nodes = [{ name: 'node-1' }, { name: 'node-2', architecture: 'arm64' }];
  const { code, stdout, stderr } = await preflight();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/ok +API server +http.*v1\.37\.0/);
  expect(stdout).toMatch(/ok +serving certificate and caBundle +for zastava-webhook\.stellaops\.svc, verified by caBundle/);
  expect(stdout).toMatch(/On 2 nodes, as the observer\n +ok +buffer +all: /);
  expect(stdout).toMatch(/ready to install: \d+ ok, 0 warnings, 0 failed, 0 unknown\n$/);
  expect(stdout.split('\n').length).toBeLessThan(40);
  expect(cluster.madePods).toHaveLength(2);
  expect(cluster.pods.size).toBe(0);
  const secret = [dpop, ...[...cluster.secrets.values()].flatMap((data) => data['tls.key'] ?? [])];
  for (const text of secret) expect(stdout).not.toContain(text.slice(30, 80));
});

test('--json has every finding; --quiet prints nothing', async () => {
  const { stdout } = await preflight(['--json']);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, findings: expect.any(Array), nodes: [{ node: 'node-1', findings: [fine] }] });
  expect(await preflight(['--quiet'])).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('a warning from a node is 0, something unknown is 3, something failed is 1', async () => {
  const say = (outcome: PreflightFinding['outcome']) => (cluster.runPod = () => ended([{ check: 'buffer', outcome, found: 'x', todo: 'y' }]));
  say('warning');
  expect((await preflight(['--quiet'])).code).toBe(0);
  say('unknown');
  expect((await preflight(['--quiet'])).code).toBe(3);
  say('failed');
  expect((await preflight(['--quiet'])).code).toBe(1);
});

test('nodes that find the same share a line; the one that differs is named', async () => {
  cluster.nodes = ['a', 'b', 'c'].map((name) => ({ name }));
  cluster.runPod = (_, node) => ended([node === 'b' ? { check: 'buffer', outcome: 'warning', found: '/var/lib/zastava on tmpfs', todo: 'move it' } : { ...fine, found: `on ext4, ${node === 'a' ? 5 : 6} MiB free` }]);
  const { stdout } = await preflight();
  expect(stdout).toMatch(/ok +buffer +a, c: on ext4, 5 MiB free, on a for example\n/);
  expect(stdout).toMatch(/warning +buffer +b: \/var\/lib\/zastava on tmpfs\n +→ move it\n/);
});

describe('the cluster', () => {
  test('that cannot be reached ends with 3', async () => {
    await cluster[Symbol.asyncDispose]();
    const { code, stderr } = await preflight();
    expect(code).toBe(3);
    expect(stderr).toContain('cluster.unavailable');
    cluster = await SiteCluster.start();
  });

  test('that is too old fails', async () => {
    cluster.version = { gitVersion: 'v1.28.4', minor: '28+' };
    expect(await find('API server')).toMatchObject({ code: 1, outcome: 'failed', found: expect.stringContaining('1.28.4') });
  });

  test('that does not let us install names the rights that lack', async () => {
    cluster.refused = ['patch daemonsets', 'get secrets'];
    expect(await find('rights of this kubeconfig')).toMatchObject({ code: 1, found: 'not: get secrets, patch daemonsets.apps' });
  });

  test('without the namespace, or with one that confines the observer, fails', async () => {
    cluster.namespaceLabels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    expect(await find('namespace stellaops')).toMatchObject({ code: 1, found: expect.stringContaining('restricted'), todo: expect.stringContaining('privileged') });
    cluster.namespaceLabels = undefined;
    expect(await find('namespace stellaops')).toMatchObject({ code: 1, todo: expect.stringContaining('kubectl create namespace stellaops') });
  });

  test('with nodes that the observer does not know fails, and looks at the others', async () => {
    cluster.nodes = [{ name: 'good' }, { name: 'odd', runtime: 'cri-o://1.33' }, { name: 'away', ready: false }];
    expect(await find('nodes')).toMatchObject({ code: 1, found: 'odd: runs cri-o://1.33' });
    expect(cluster.madePods.map(({ spec }) => spec['nodeName'])).toEqual(['good']);
  });
});

describe('Secrets', () => {
  test('that are not there are named, with how to make them', async () => {
    cluster.secrets.delete('zastava-authority-dpop');
    expect(await find('Secret zastava-authority-dpop')).toMatchObject({ code: 1, outcome: 'failed', todo: expect.stringContaining('zastava keys make dpop') });
  });

  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  test.each([
    ['zastava-authority-dpop', 'a symmetric key', () => ({ 'jwk.json': '{"kty":"oct","k":"hunter2"}' }), /no private key|P-256/],
    ['zastava-authority-dpop', 'a key on another curve', () => ({ 'jwk.json': JSON.stringify(privateKey.export({ format: 'jwk' })) }), /P-256/],
    ['zastava-authority-dpop', 'another file', () => ({ other: 'x' }), /has no jwk\.json/],
    ['zastava-authority-mtls', 'two that do not belong together', async () => ({ 'tls.crt': (await pki.client()).cert, 'tls.key': (await pki.client()).key }), /not the key/],
    ['zastava-authority-mtls', 'a certificate that ended', async () => pairOf(await pki.client('zastava-runtime', -1)), /ended at/],
    ['zastava-authority-mtls', 'no certificate', () => ({ 'tls.crt': 'hunter2', 'tls.key': 'hunter2' }), /no certificate/],
  ] as const)('%s: %s is refused', async (name, _, make, message) => {
    cluster.secrets.set(name, await make());
    const { code, outcome, found } = await find(`Secret ${name}`);
    expect({ code, outcome }).toEqual({ code: 1, outcome: 'failed' });
    expect(found).toMatch(message);
    expect(found).not.toContain('hunter2');
  });

  test('a serving certificate of another authority, or for another name, fails', async () => {
    const other = await TestPki.make();
    cluster.secrets.set('zastava-webhook-tls', pairOf(await other.server(['zastava-webhook.stellaops.svc'])));
    expect(await find('serving certificate and caBundle')).toMatchObject({ code: 1, found: expect.stringContaining('caBundle does not verify') });
    cluster.secrets.set('zastava-webhook-tls', pairOf(await pki.server(['localhost'])));
    expect(await find('serving certificate and caBundle')).toMatchObject({ code: 1, found: expect.stringContaining('not for zastava-webhook.stellaops.svc') });
  });

  test('a certificate that ends soon is a warning', async () => {
    cluster.secrets.set('zastava-webhook-tls', pairOf(await pki.server(['zastava-webhook.stellaops.svc'], 24)));
    expect(await find('serving certificate and caBundle')).toMatchObject({ code: 0, outcome: 'warning' });
  });

  test('with a signer there is none, and the request is tried without being kept', async () => {
    const tls = { mode: 'csr', caBundle: pki.ca, signerName: 'site.internal/webhooks' };
    expect(await find('signer of serving certificates', { tls })).toMatchObject({ outcome: 'ok', code: 0 });
    expect(await find('caBundle', { tls })).toMatchObject({ outcome: 'ok' });
    const old = await TestPki.make(-1);
    expect(await find('caBundle', { tls: { ...tls, caBundle: old.ca } })).toMatchObject({ outcome: 'failed', code: 1 });
    expect(cluster.asked).toContain('POST /apis/certificates.k8s.io/v1/certificatesigningrequests?dryRun=All');
    expect(await find('signer of serving certificates', { tls: { ...tls, signerName: 'kubernetes.io/kubelet-serving' } })).toMatchObject({ outcome: 'failed', code: 1 });
  });
});

describe('the registry', () => {
  test('that has not the images says how to push them, and has its space tried with nothing left', async () => {
    registry.repository('site/webhook').manifests.clear();
    expect(await find('images')).toMatchObject({ code: 1, found: expect.stringContaining('site/webhook has not'), todo: `zastava kit push KIT ${registry.host}/site` });
    expect(await find("registry's space")).toMatchObject({ outcome: 'ok', found: expect.stringContaining('9 MiB') });
    expect(registry.changes.at(-1)).toMatch(/^DELETE/);
    expect(registry.repository('site/webhook').blobs.size).toBe(0);
  });

  test('that is full says so', async () => {
    registry.repository('site/webhook').manifests.clear();
    registry.disturb = ({ method }, response) => {
      if (method !== 'PATCH') return undefined;
      response.writeHead(413).end();
      return 'answered';
    };
    expect(await find("registry's space")).toMatchObject({ code: 1, outcome: 'failed', found: expect.stringContaining('413') });
  });

  test('that is not there is unknown', async () => {
    const { host } = registry;
    await registry[Symbol.asyncDispose]();
    expect(await find('registry')).toMatchObject({ code: 3, outcome: 'unknown', found: expect.stringContaining(host) });
    registry = await OciRegistry.start();
  });
});

describe('a Pod on a node', () => {
  test('whose image cannot be pulled fails with what the node says', async () => {
    cluster.runPod = () => ({ status: { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff', message: 'ErrImagePull: x509: certificate signed by unknown authority' } } }] } });
    // At once, though it may take long.
    const { code, stdout } = await preflight(['--timeout', '3600']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/FAILED +Pod on the node +ImagePullBackOff: ErrImagePull: x509.*\n +→ the node cannot pull the image/);
    expect(cluster.pods.size).toBe(0);
  });

  test('whose Secret is missing fails with the event', async () => {
    cluster.runPod = () => ({ status: { phase: 'Pending' }, events: [{ reason: 'FailedMount', message: 'secret "zastava-authority-mtls" not found' }] });
    expect((await preflight(['--timeout', '1'])).stdout).toMatch(/FAILED +Pod on the node +FailedMount: secret "zastava-authority-mtls" not found/);
  });

  test('that never begins is unknown', async () => {
    cluster.runPod = () => ({ status: { phase: 'Pending' } });
    expect((await preflight(['--timeout', '1', '--quiet'])).code).toBe(3);
    expect(cluster.pods.size).toBe(0);
  });

  test('that the cluster refuses fails with its words', async () => {
    cluster.answer = (method, path) => (method === 'POST' && path.endsWith('/pods') ? [403, { message: 'violates PodSecurity "baseline:latest"' }] : undefined);
    expect((await preflight()).stdout).toMatch(/FAILED +Pod on the node +is refused \(403: violates PodSecurity/);
  });

  test('that prints something else is no finding', async () => {
    cluster.runPod = () => ({ status: { phase: 'Failed' }, log: '{"preflight": "\u001b[31mred"}\nunknown command "preflight"' });
    const { code, stdout } = await preflight();
    expect(code).toBe(1);
    expect(stdout).toMatch(/ended without findings: unknown command "preflight"/);
  });

  test('is not made with --no-pods, and what it would see is said to be unknown', async () => {
    const { code, stdout } = await preflight(['--no-pods']);
    expect(code).toBe(3);
    expect(stdout).toContain('nodes from within');
    expect(cluster.madePods).toEqual([]);
  });

  test('is made on the nodes that are named; one that is not there is usage', async () => {
    cluster.nodes = [{ name: 'a' }, { name: 'b' }];
    await preflight(['--node', 'b']);
    expect(cluster.madePods.map(({ spec }) => spec['nodeName'])).toEqual(['b']);
    expect((await preflight(['--node', 'c'])).code).toBe(2);
  });

  test('is deleted when the operator interrupts', async () => {
    cluster.runPod = () => ({ status: { phase: 'Pending' } });
    await preflight(['--no-pods']);
    const child = spawn(process.execPath, [main, 'preflight', '--values', join(folder, 'values.yaml'), '--images', join(folder, 'images.json'), '--kubeconfig', join(folder, 'kubeconfig'), '--plain-http'], { stdio: 'ignore' });
    const end = new Promise((resolve) => child.on('close', resolve));
    while (cluster.madePods.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill('SIGINT');
    expect(await end).toBe(130);
    expect(cluster.pods.size).toBe(0);
  });
});

test('the request that is tried is one for the name of the webhook, by a key that nobody has', async () => {
  let sent = '';
  cluster.answer = (_, path, body) => {
    if (path.includes('certificatesigningrequests')) sent = body;
    return undefined;
  };
  await find('signer of serving certificates', { tls: { mode: 'csr', caBundle: pki.ca, signerName: 'site.internal/webhooks' } });
  const request = Buffer.from((JSON.parse(sent) as { spec: { request: string } }).spec.request, 'base64').toString();
  const certificate = new X509Certificate(await pki.signRequest(request));
  expect(certificate.checkHost('zastava-webhook.stellaops.svc')).toBeDefined();
});

function pairOf({ cert, key }: { readonly cert: string; readonly key: string }): Record<string, string> {
  return { 'tls.crt': cert, 'tls.key': key };
}
