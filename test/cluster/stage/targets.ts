/**
 * Runs on the node and tells Prometheus which Pods of the plane there are, since Debian's is built without the discovery of Kubernetes.
 * Arguments: a kubeconfig (JSON, with a token), the namespace, the label, the port, and the file of targets.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

const [kubeconfig = '', namespace = '', label = '', port = '', file = ''] = process.argv.slice(2);
const { clusters: [{ cluster }], users: [{ user }] } = JSON.parse(readFileSync(kubeconfig, 'utf8')) as { clusters: [{ cluster: { 'server': string; 'certificate-authority-data': string } }]; users: [{ user: { token: string } }] };
const ca = Buffer.from(cluster['certificate-authority-data'], 'base64');

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: { readonly podIP?: string; readonly phase: string };
}

function listPods(): Promise<Pod[]> {
  return new Promise((resolve, reject) => {
    const url = `${cluster.server}/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(label)}`;
    request(url, { ca, signal: AbortSignal.timeout(5000), headers: { authorization: `Bearer ${user.token}` } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('error', reject).on('end', () => (response.statusCode === 200 ? resolve((JSON.parse(text) as { items: Pod[] }).items) : reject(new Error(`the API server answered ${response.statusCode}`))));
    }).on('error', reject).end();
  });
}

let before = '';
for (;;) {
  try {
    const pods = (await listPods()).filter(({ status }) => status.podIP !== undefined && status.phase === 'Running');
    const targets = JSON.stringify(pods.map(({ metadata, status }) => ({ targets: [`${status.podIP}:${port}`], labels: { pod: metadata.name } })));
    if (targets !== before) {
      writeFileSync(`${file}.new`, targets);
      renameSync(`${file}.new`, file);
    }
    before = targets;
  } catch (error) {
    console.error(String(error));
  }
  await sleep(1000);
}
