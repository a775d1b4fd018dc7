/** What a user waits for: Pods of some 22 KB created (dry run) through a real API server, eight at a time, without a webhook and with ours, in turn. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram } from '../../src/images/bundle-program.ts';
import { Backends } from '../../test/fakes/backends.ts';
import { testCertificate } from '../../test/fakes/runtime-program.ts';
import { KubeApiServer } from '../../test/peers/harness/kube-apiserver.ts';
import { startZastava } from './contenders.ts';
import { makePod } from './reviews.ts';

const root = join(import.meta.dirname, '../..');
const requests = process.env['FULL'] === '1' ? 3000 : 1500;
const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

export async function apiServerBench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zastava-bench-api-'));
  const backends = await Backends.start();
  const cluster = await KubeApiServer.start(folder);
  const program = join(folder, 'webhook.mjs');
  writeFileSync(program, await bundleProgram({ root, entry: 'src/runtime/webhook/main.ts' }));
  const webhook = await startZastava('zastava', folder, backends, program);
  try {
    await cluster.kubectl('create', 'namespace', 'bench');
    const register = {
      apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'bench' },
      webhooks: [{
        name: 'pods.bench.example', admissionReviewVersions: ['v1'], sideEffects: 'None', timeoutSeconds: 5, failurePolicy: 'Fail',
        clientConfig: { url: `https://localhost:${webhook.port}/validate`, caBundle: Buffer.from(testCertificate).toString('base64') },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }],
      }],
    };
    const rows: object[] = [];
    await create(cluster, 300);
    for (let round = 0; round < 2; round++) {
      rows.push({ what: 'no webhook', ...(await create(cluster, requests)) });
      await cluster.call('POST', configurations, register);
      await create(cluster, 300);
      rows.push({ what: 'zastava', ...(await create(cluster, requests)) });
      await cluster.call('DELETE', `${configurations}/bench`);
    }
    console.table(rows);
  } finally {
    webhook.child.kill('SIGKILL');
    await cluster.stop();
    await backends[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function create(cluster: KubeApiServer, count: number): Promise<object> {
  const latencies: number[] = [];
  let [next, failed] = [0, 0];
  const start = performance.now();
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (next < count) {
      const pod = makePod(`bench-${next++}`, `registry.internal/payments/api@sha256:${(next % 20).toString(16).padStart(64, '0')}`);
      const begun = performance.now();
      const { status } = await cluster.call('POST', '/api/v1/namespaces/bench/pods?dryRun=All', pod);
      latencies.push(performance.now() - begun);
      if (status !== 201) failed++;
    }
  }));
  const seconds = (performance.now() - start) / 1000;
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (part: number): string => sorted[Math.floor(sorted.length * part)]!.toFixed(0);
  return { 'Pods/s': (count / seconds).toFixed(0), 'p50 ms': at(0.5), 'p95': at(0.95), 'p99': at(0.99), failed };
}
