/**
 * What a user waits for: Pods of some 22 KB created (dry run) through a real API server, eight at a time, without a webhook, with
 * those that only allow, and with ours, in turn. What the allowing ones cost is what any webhook costs.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram } from '../../src/images/bundle-program.ts';
import { Backends } from '../../test/fakes/backends.ts';
import { testCertificate } from '../../test/fakes/runtime-program.ts';
import { KubeApiServer } from '../../test/peers/harness/kube-apiserver.ts';
import { startBare, startGo, startZastava, type Contender } from './contenders.ts';
import { makePod } from './reviews.ts';

const root = join(import.meta.dirname, '../..');
const [rounds, requests] = process.env['FULL'] === '1' ? [5, 3000] : [3, 1000];
const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

export async function apiServerBench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zastava-bench-api-'));
  const backends = await Backends.start();
  const cluster = await KubeApiServer.start(folder);
  const started: Contender[] = [];
  try {
    const program = join(folder, 'webhook.mjs');
    writeFileSync(program, await bundleProgram({ root, entry: 'src/runtime/webhook/main.ts' }));
    await cluster.kubectl('create', 'namespace', 'bench');
    for (const starting of [startBare('bare', folder), startGo(folder), startZastava('zastava', folder, backends, program)]) started.push(await starting);
    const [bare, go, own] = started;
    const contenders = new Map([['no webhook', undefined], ['bare Node', bare], ['minimal Go', go], ['zastava', own]]);
    const times = new Map([...contenders.keys()].map((name): [string, Times[]] => [name, []]));
    await create(cluster, 1000);
    for (let round = 0; round < rounds; round++) {
      for (const [name, contender] of contenders) {
        if (contender) await register(cluster, contender);
        await create(cluster, 200);
        times.get(name)!.push(await create(cluster, requests));
        if (contender) await cluster.call('DELETE', `${configurations}/bench`);
      }
    }
    print(times);
  } finally {
    for (const { child } of started) child.kill('SIGKILL');
    await cluster.stop();
    await backends[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function register(cluster: KubeApiServer, { port }: Contender): Promise<void> {
  const { status, body } = await cluster.call('POST', configurations, {
    apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'bench' },
    webhooks: [{
      name: 'pods.bench.example', admissionReviewVersions: ['v1'], sideEffects: 'None', timeoutSeconds: 5, failurePolicy: 'Fail',
      clientConfig: { url: `https://localhost:${port}/validate`, caBundle: Buffer.from(testCertificate).toString('base64') },
      rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }],
    }],
  });
  if (status !== 201) throw new Error(`not registered: ${body.message}`);
}

interface Times {
  readonly perSecond: number;
  /** Milliseconds, sorted. */
  readonly latencies: readonly number[];
  readonly failed: number;
}

async function create(cluster: KubeApiServer, count: number): Promise<Times> {
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
  return { perSecond: count / ((performance.now() - start) / 1000), latencies: latencies.toSorted((a, b) => a - b), failed };
}

/** Of each the round in the middle, and the others' range. */
function print(times: ReadonlyMap<string, readonly Times[]>): void {
  const middle = (runs: readonly Times[]): Times => runs.toSorted((a, b) => a.perSecond - b.perSecond)[Math.floor(runs.length / 2)]!;
  const [none] = [...times.values()].map(middle);
  console.log(`${requests} Pods a turn, ${rounds} turns; the turn in the middle`);
  console.table([...times].map(([what, runs]) => {
    const { perSecond, latencies } = middle(runs);
    const at = (part: number): string => latencies[Math.floor(latencies.length * part)]!.toFixed(0);
    const all = runs.map((run) => run.perSecond);
    return {
      what, 'Pods/s': perSecond.toFixed(0), 'times none': (perSecond / none!.perSecond).toFixed(2), 'slowest to fastest turn': `${Math.min(...all).toFixed(0)}-${Math.max(...all).toFixed(0)}`,
      'p50 ms': at(0.5), 'p95': at(0.95), 'p99': at(0.99), 'failed': runs.reduce((sum, { failed }) => sum + failed, 0),
    };
  }));
}
