/** The runbook from top to bottom, command by command, as printed: only the words in capitals and the addresses of the site are filled in. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DebugManifest } from '../../src/contract/debug-store.ts';
import { type Command, listFencedCommands, readRunbook } from '../docs/runbook.ts';
import { checkout, kit, readEntry } from './harness/kit.ts';
import { describeWith } from './harness/peers.ts';
import { clusterObjects, RunbookSite } from './harness/runbook-site.ts';
import { scratch } from './harness/scratch.ts';

/** What needs a system outside of the project; at most ten. */
const exceptions: readonly (readonly [command: RegExp, system: string])[] = [
  [/^kubectl -n scanner exec deploy\/scanner-web /, "Scanner's own Deployment"],
  [/^kubectl apply --server-side -f gitops\/argocd\//, 'Argo CD'],
  [/^kubectl -n argocd /, 'Argo CD'],
  [/^kubectl (?:apply --server-side|delete) -f gitops\/flux\//, 'Flux'],
];

/** What another test of the peers runs, with all that it takes. */
const elsewhere: readonly (readonly [command: RegExp, file: string, words: string])[] = [
  [/--certificate-identity SIGNER/, 'cosign-certificate.test.ts', '--certificate-identity'],
  [/zastava\.mjs preflight /, 'preflight.test.ts', 'preflight'],
];

/** These end with 1 when they have found something: a difference, a Pod that would be denied, symbols that are not here, no line. */
const mayEndWith1 = /^kubectl diff |kit diff |policy test --running|debug find|\| grep (-E|buffer|'registration)/;

const sampleBuildId = '5f0c7c3cb4d9f8a4f1c1d5c6b7e8f90123456789';
const runbook = readRunbook();
/** A server in the background and what asks it, in the lines that follow, are one. */
const commands = listFencedCommands(runbook).reduce<Command[]>((all, each) => {
  const last = all.at(-1);
  if (last === undefined || !/ &$/m.test(last.text) || each.line !== last.line + last.text.split('\n').length) return [...all, each];
  return [...all.slice(0, -1), { ...last, text: `${last.text}\n${each.text}` }];
}, []);

describeWith(['root', 'etcd', 'kube-apiserver', 'kubectl', 'helm3', 'cosign3', 'oras', 'skopeo', 'distribution', 'containerd2', 'ctr2', 'runc', 'unshare', 'setpriv', 'openssl', 'zstd', 'tar', 'promtool', 'debuginfod-find', 'readelf', 'jq', 'curl', 'pgrep', 'findmnt'], 'the runbook', () => {
  const folder = scratch('runbook');
  let site: RunbookSite;
  let buildId: string;
  let payments: ChildProcess;

  beforeAll(async () => {
    site = await RunbookSite.start(folder);
    const { files } = JSON.parse(await readEntry('debug/debug-manifest.json')) as DebugManifest;
    buildId = files[0]!.buildId;
    payments = spawn('bash', ['-c', 'exec -a payments-api sleep 3600'], { stdio: 'ignore' });
    for (const path of ['etc/prometheus/rules.d', 'var/lib/zastava']) mkdirSync(join(folder, path), { recursive: true });
    await site.succeed(`cp ${folder}/events.db* ${folder}/var/lib/zastava/`);
    await site.succeed(`tar -xO -f ${kit.tar} docs/ops/zastava-runtime-prometheus-rules.yaml > zastava-runtime-prometheus-rules.yaml`);
  });
  afterAll(async () => {
    payments?.kill();
    await site?.[Symbol.asyncDispose]();
  });

  /** Capitals and addresses of the site. */
  const filledIn = (command: string): string => [
    [/ACCEPTED_KIT|\bKIT\b/g, `zastava-runtime-${kit.version}.tar.zst`], [/\bREG\b/g, site.registry], [/\bREVISION\b/g, '1'], [/\bDIR\b/g, 'out'], [/\bNAME\b/g, 'zastava-webhook-request'],
    [/\b(UN)?SIGNED_IMAGE|\bDIGEST\b/g, `registry.internal/app@sha256:${'a'.repeat(64)}`], [/\bNAMESPACE(?= --json|$)/gm, 'payments'], [/https:\/\/GRAFANA/g, site.grafana], [/\bPREVIOUS\b/g, '.'],
    [/localhost:8080/g, `127.0.0.1:${site.telemetryPort}`], [/\/var\/run\/containerd\/containerd\.sock/g, site.socket], [/127\.0\.0\.1:8002/g, '127.0.0.1:18002'], [/(debug serve .*) &/g, `$1 --listen 127.0.0.1:18002 & trap "kill $!" EXIT; sleep 3`],
    [/(?<=\s)(\/etc\/(?:prometheus|grafana)|\/var\/lib\/(?:grafana|zastava)|\/var\/opt)(?=[/\s])/g, `${folder}$1`], [/\/var\/lib\/zastava$/g, `${folder}/var/lib/zastava`], [new RegExp(`5f/${sampleBuildId.slice(2)}`, 'g'), `${buildId.slice(0, 2)}/${buildId.slice(2)}`],
    [new RegExp(sampleBuildId, 'g'), buildId], [/(helm (?:pull|upgrade)(?= .*oci:)|kit push)/g, '$1 --plain-http'],
    // Nobody here finalizes namespaces.
    [/kubectl delete namespace/g, 'kubectl delete --wait=false namespace'],
  ].reduce((text, [what, by]) => text.replace(what as RegExp, by as string), command);

  /** What a person does between the lines, by what the next command is. */
  const before: readonly (readonly [RegExp, () => Promise<unknown>])[] = [
    [/values check values\/zastava-runtime\.yaml$/, async () => {
      const path = join(site.medium, 'values/zastava-runtime.yaml');
      writeFileSync(path, readFileSync(path, 'utf8').replace(/# enforcement:.*\n\s*#\s+default: enforce/, 'enforcement:\n      default: audit'));
    }],
    [/keys make mtls .*--certificate/, () => site.succeed('openssl x509 -req -in secrets/mtls/client.csr -CA ca.crt -CAkey ca.key -days 1 -out client.pem')],
    [/create secret generic zastava-authority-dpop/, () => site.succeed('kubectl -n stellaops delete secret zastava-authority-dpop zastava-authority-mtls zastava-webhook-tls')],
    [/^kubectl get csr/, async () => {
      await site.succeed('openssl req -new -key client.key -subj "/O=system:nodes/CN=system:node:a" -out request.csr');
      const request = readFileSync(join(site.medium, 'request.csr')).toString('base64');
      await site.api.call('POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests', { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: 'zastava-webhook-request', labels: { app: 'zastava-webhook' } }, spec: { request, signerName: 'example.com/webhooks', usages: ['server auth'] } });
    }],
    // Another way to the same objects: one release, or none.
    [/^kubectl diff --server-side -k/, () => site.succeed('helm uninstall zastava-runtime --namespace stellaops')],
    [/^kubectl -n flux-system create secret/, async () => {
      await site.succeed('for file in manifests/[1-9]*.yaml; do kubectl delete -f $file --ignore-not-found; done');
      await site.succeed('helm upgrade --install zastava-runtime deploy/helm/zastava -f values/zastava-runtime.yaml --namespace stellaops');
      writeFileSync(join(site.medium, 'objects.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: clusterObjects() }));
      await site.succeed('kubectl apply -f objects.json');
    }],
    [/^kubectl -n stellaops create secret generic zastava-authority-static/, () => site.succeed('kubectl -n stellaops create secret generic zastava-authority-static --from-file=token || true')],
    [/^kubectl -n stellaops get secret zastava-authority-static/, () => site.succeed('kubectl -n stellaops create secret generic zastava-authority-static --from-file=token || true')],
    [/^ls \/var\/opt\/debug/, () => site.succeed(filledIn('zastava debug import KIT --to /var/opt/debug --key zastava-runtime.pub'))],
  ];

  test('has few commands that need a system of others, and names it', () => {
    expect(exceptions.length).toBeLessThanOrEqual(10);
    for (const [command] of [...exceptions, ...elsewhere]) expect(commands.some(({ text }) => command.test(text)), String(command)).toBe(true);
    for (const [, file, words] of elsewhere) expect(readFileSync(join(checkout, 'test/peers', file), 'utf8')).toContain(words);
  });

  const possible = commands.filter(({ text }) => ![...exceptions, ...elsewhere].some(([command]) => command.test(text)));
  // Section 1 looks at what section 2 installs. Between: the shortest way, which test/cluster goes. Who leaves has done all else.
  const [looking, installing, leaving, left] = ['\n## 2. ', '\n### 2.1 ', '\n### 2.4 ', '\n## 3. '].map((heading) => runbook.slice(0, runbook.indexOf(heading)).split('\n').length) as [number, number, number, number];
  const isLast = ({ line }: Command): boolean => line > leaving && line < left;
  const here = [...possible.filter(({ line }) => line > installing), ...possible.filter(({ line }) => line < looking)].filter((each) => !isLast(each));

  test.each(here.map((command) => [command.line, command.text] as const))('line %i works as printed: %s', async (_, text) => {
    for (const [next, act] of before) if (next.test(text)) await act();
    await works(text);
  });

  async function works(text: string): Promise<void> {
    const { code, stdout, stderr } = await site.shell(filledIn(text));
    // A pipe ends as its last command does.
    expect(stderr).not.toMatch(/Error from server|unknown (?:shorthand )?flag/);
    expect(mayEndWith1.test(text) ? Math.max(code - 1, 0) : code, `${filledIn(text)}\n${stdout}${stderr}`).toBe(0);
  }

  describe('did what it says:', () => {
    test('Grafana has the dashboard, to be replaced by a newer one', () => {
      expect(site.dashboards).toMatchObject([{ token: 'Bearer token-of-the-test', body: { overwrite: true, dashboard: { uid: 'zastava-runtime' } } }]);
    });

    test('Grafana provisions it from a folder', async () => {
      expect(JSON.parse(readFileSync(join(folder, 'var/lib/grafana/dashboards/zastava-runtime.json'), 'utf8'))).toMatchObject({ uid: 'zastava-runtime' });
      expect(readFileSync(join(folder, 'etc/grafana/provisioning/dashboards/zastava-runtime.yaml'), 'utf8')).toContain('type: file');
    });

    test('the sidecar of Grafana finds it by its label', async () => {
      const map = JSON.parse(await site.succeed('kubectl -n monitoring get configmap -l grafana_dashboard=1 -o json')) as { items: { data: Record<string, string> }[] };
      expect(map.items.map(({ data }) => (JSON.parse(Object.values(data)[0] ?? '{}') as { uid?: string }).uid)).toEqual(['zastava-runtime']);
    });

    test('helm has the releases that the runbook rolled back and forth', async () => {
      const history = JSON.parse(await site.succeed('helm history zastava-runtime --namespace stellaops -o json')) as { revision: number; description: string }[];
      expect(history.at(-1)).toMatchObject({ description: 'Rollback to 1' });
    });

    test('the Secrets are there, and the revision is in the data and in the annotation', async () => {
      expect(await site.succeed(`kubectl -n stellaops get secret zastava-authority-dpop -o jsonpath='{.metadata.annotations.revision} {.data.revision}'`)).toBe(`2 ${Buffer.from('2').toString('base64')}`);
    });
  });

  test.each(possible.filter(isLast).map((command) => [command.line, command.text] as const))('at last, line %i works as printed: %s', (_, text) => works(text));
});
