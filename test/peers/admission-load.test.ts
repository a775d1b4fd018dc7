/** No create fails while certificates, their authority and the webhook itself are replaced. FULL=1 makes 100,000 of them for each. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { objectNames } from '../../src/contract/names.ts';
import { programEnv } from '../../src/contract/programs.ts';
import { TestPki } from '../fakes/test-pki.ts';
import { loadSize } from '../fakes/webhook-client.ts';
import { GuardedCluster, newPair, servingName } from './harness/guarded-cluster.ts';
import { describeWith } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

const patience = 3_600_000;
const creates = loadSize(400);
const image = `registry.internal/signed@sha256:${'a'.repeat(64)}`;

/** What is replaced again and again, at least `times`, while Pods are created. */
interface Replacing {
  readonly times: number;
  turn(): Promise<void>;
}

describeWith(['root', 'setpriv', 'etcd', 'kube-apiserver', 'kubectl'], 'a real API server under load', () => {
  const folder = scratch('admission-load');
  let cluster: GuardedCluster;
  let other: TestPki;

  beforeAll(async () => {
    other = await TestPki.make();
    cluster = await GuardedCluster.start(folder, (ca) => ({ tls: { caBundle: `${ca}${other.ca}` } }));
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  async function start() {
    const program = await cluster.startWebhook({ [programEnv.drainSeconds]: '2' });
    return { program, replica: await cluster.serve(program) };
  }

  /** Creates Pods, dry, eight at a time; gives what was not admitted, and how often. */
  async function createWhile({ times, turn }: Replacing): Promise<Record<string, number>> {
    const failures: Record<string, number> = {};
    const load = { made: 0, turns: 0, goesOn: true };
    const create = async (): Promise<void> => {
      while (load.goesOn && (load.made < creates || load.turns < times)) {
        const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `load-${load.made++}` }, spec: { containers: [{ name: 'a', image }] } };
        const { status, body } = await cluster.create('default', pod, '?dryRun=All');
        if (status !== 201) failures[`${status} ${body.message}`] = (failures[`${status} ${body.message}`] ?? 0) + 1;
      }
    };
    const replace = async (): Promise<void> => {
      for (; load.goesOn; load.turns++) await turn();
    };
    const stop = (): void => {
      load.goesOn = false;
    };
    await Promise.all([replace().finally(stop), Promise.all(Array.from({ length: 8 }, create)).finally(stop)]);
    console.log(`${load.made} creates, ${load.turns} replacements`);
    expect(load.made).toBeGreaterThanOrEqual(creates);
    return failures;
  }

  /** By this the API server also leaves its connections, and shakes hands anew. */
  async function trust(caBundle: string): Promise<void> {
    const patch = JSON.stringify([{ op: 'replace', path: '/webhooks/0/clientConfig/caBundle', value: Buffer.from(caBundle).toString('base64') }]);
    await cluster.api.kubectl('patch', 'validatingwebhookconfiguration', objectNames.webhook, '--type', 'json', '-p', patch);
  }

  async function shown(): Promise<string> {
    const socket = connect({ host: cluster.service.host, port: cluster.service.port, servername: servingName, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  }

  test(`${creates} creates while the certificate is replaced, each time by one of another authority`, async () => {
    const { program, replica } = await start();
    const authorities = [other, cluster.backends.pki];
    let next = 0;
    const turn = async (): Promise<void> => {
      const pki = authorities[next++ % 2]!;
      const pair = await newPair(pki);
      await trust(`${cluster.backends.pki.ca}${other.ca}`);
      cluster.serving.swap(pair);
      await expect.poll(shown, { timeout: 30_000 }).toBe(new X509Certificate(pair['tls.crt']!).fingerprint256);
      await trust(pki.ca);
    };
    expect(await createWhile({ times: 2, turn })).toEqual({});
    await trust(`${cluster.backends.pki.ca}${other.ca}`);
    cluster.service.remove(replica);
    program.signal('SIGTERM');
    expect(await program.exit()).toBe(0);
  }, patience);

  test(`${creates} creates while two replicas are restarted in turn, as a rollout does`, async () => {
    const replicas = [await start(), await start()];
    const turn = async (): Promise<void> => {
      const { program, replica } = replicas.shift()!;
      program.signal('SIGTERM');
      expect(await program.exit()).toBe(0);
      cluster.service.remove(replica);
      replicas.push(await start());
    };
    expect(await createWhile({ times: 2, turn })).toEqual({});
  }, patience);
});
