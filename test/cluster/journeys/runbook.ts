import { programVersion as version } from '../../../src/contract/programs.ts';

/** The runbook's commands as they are typed at the site, by what they are for. KIT, REG, RULES and GRAFANA are the operator's. */
const zastava = 'node kit/tools/zastava.mjs';
const key = '--key trust/zastava-runtime.pub';
const root = '--trusted-root trust/trusted_root.json';
/** What the stage walks with is signed by the development key. */
const development = '--allow-development';
const stellaops = 'node kit/tools/stellaops-cli.mjs';
const dashboard = 'docs/ops/zastava-runtime-grafana-dashboard.json';
const rules = 'docs/ops/zastava-runtime-prometheus-rules.yaml';

export const runbook = {
  verifyByCosign: `cosign verify-blob ${key} --bundle $KIT.sigstore.json ${root} $KIT`,
  takeTools: 'mkdir -p kit && zstd -dcq $KIT | tar -x -C kit tools images.lock.json zastava-runtime.values.yaml',
  verifyByItself: `${zastava} kit verify $KIT ${key} ${root} --log-state accepted.json ${development}`,
  /** Each to a place of its own, so that nothing is there already. */
  pushImages: ['zstd -dfq $KIT -o kit.tar', ...['observer', 'webhook'].map((program) => `oras cp -r --from-oci-layout kit.tar:${program}-${version} $REG/by-oras/${program}:${version}`)],
  pushArtifacts: ['tar -x -f kit.tar artifacts', ...[['chart', 'zastava'], ['manifests', 'manifests']].map(([artifact, repository]) => `oras cp -r --from-oci-layout artifacts:${artifact}-${version} $REG/by-oras/${repository}:${version}`)],
  pushImagesBySkopeo: ['observer', 'webhook'].map((program) => `skopeo copy --all oci-archive:kit.tar:${program}-${version} docker://$REG/by-skopeo/${program}:${version}`),
  /** One command in place of these; what is there already is skipped. */
  pushKit: `${zastava} kit push $KIT $REG/zastava ${key} ${root} ${development} --registry-ca site-ca.crt --json`,
  /** NEXT is the kit of a later version. */
  diffKits: `${zastava} kit diff $KIT $NEXT --ignore-signatures`,
  takeRules: [`${zastava} kit extract $KIT ${rules} --to rules ${key} ${development}`, `promtool check rules rules/${rules}`, `install -m 0644 rules/${rules} $RULES/`],
  makeNamespace: 'kubectl create namespace stellaops',
  makeDpopSecret: `${zastava} keys make dpop --to keys/dpop && kubectl apply -f keys/dpop/zastava-authority-dpop.secret.yaml`,
  requestClientCertificate: `${zastava} keys make mtls --to keys/mtls`,
  /** The site's authority has put issued.pem there. */
  makeMtlsSecret: [
    `${zastava} keys make mtls --to keys/mtls --certificate keys/issued.pem && kubectl apply -f keys/mtls/zastava-authority-mtls.secret.yaml`,
    'kubectl -n stellaops patch secret zastava-authority-mtls --type=merge --patch "$(jq -Rs \'{stringData: {"ca.crt": .}}\' site-ca.crt)"',
  ],
  makeServingSecret: `${zastava} keys make webhook-tls --to keys/webhook-tls && kubectl apply -f keys/webhook-tls/zastava-webhook-tls.secret.yaml`,
  /** It stands for itself: its authority's key is thrown away. */
  makeServingKey: (folder: string, days: number) => `${zastava} keys make webhook-tls --to ${folder} --days ${days}`,
  preflight: `${zastava} preflight --values values.yaml --images kit/images.lock.json --registry-ca site-ca.crt`,
  checkValues: `${zastava} values check values.yaml`,
  /** Of the chart, as the kit has it. */
  chartDigest: `zstd -dcq $KIT | tar -xO artifacts/index.json | jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "chart-${version}") | .digest'`,
  /** @param chart what follows the name of the chart: a digest or the flag of a version */
  helm: (chart: string) => `helm upgrade --install zastava-runtime oci://$REG/zastava/zastava${chart} -f values.yaml --namespace stellaops`,
  synth: `${zastava} synth --values values.yaml --images kit/images.lock.json --out site`,
  applyManifests: 'kubectl apply --server-side -k site/manifests',
  /** For Argo CD: in Git, or as an artifact of the site's own under that tag. */
  commitManifests: 'git init -q -b main clusters.git && mkdir -p clusters.git/clusters/stage && cp -r site/manifests clusters.git/clusters/stage/ && cd clusters.git && git add -A && git -c user.name=site -c user.email=site@example.com commit -q -m "as synthesized"',
  pushManifests: (tag: string) => `tar -czf manifests.tar.gz -C site/manifests . && oras push $REG/zastava/manifests:${tag} manifests.tar.gz:application/vnd.oci.image.layer.v1.tar+gzip`,
  rolledOut: ['kubectl -n stellaops rollout status deploy/zastava-webhook --timeout=240s', 'kubectl -n stellaops rollout status ds/zastava-observer --timeout=240s'],
  /** On the machine that Grafana runs on, whose root is $GRAFANA here. */
  takeDashboard: [
    `${zastava} kit extract $KIT ${dashboard} --to dashboard ${key} ${development}`,
    `install -D -m 0644 dashboard/${dashboard} $GRAFANA/var/lib/grafana/dashboards/zastava-runtime.json`,
    `install -D -m 0644 /dev/stdin $GRAFANA/etc/grafana/provisioning/dashboards/zastava-runtime.yaml <<'YAML'
apiVersion: 1
providers:
  - name: zastava-runtime
    type: file
    options: { path: /var/lib/grafana/dashboards }
YAML`,
  ],
  testPolicy: (image: string, namespace: string) => `${stellaops} runtime policy test --image ${image} --namespace ${namespace}`,
  readBuildId: (program: string) => `readelf -n /proc/$(pgrep -f ${program} | head -n1)/exe | grep -i 'Build ID'`,
  findSymbols: (program: string) => `${zastava} debug find "$(pgrep -f ${program} | head -n1)" --kit $KIT`,
  importSymbols: `${zastava} debug import $KIT --to /var/opt/debug ${key} ${development}`,
  listSymbols: (buildId: string) => `ls /var/opt/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`,
  pullSymbols: (buildId: string) => `oras pull $REG/zastava/debug-store:${buildId} --output pulled/.build-id`,
  /** And then what asks it. */
  serveSymbols: (then: string) => `${zastava} debug serve --dir /var/opt/debug &
trap "kill $!" EXIT
export DEBUGINFOD_URLS=http://127.0.0.1:8002
until curl -s -o answer $DEBUGINFOD_URLS; do sleep 0.2; done
${then}`,
  fetchSymbols: (buildId: string) => `debuginfod-find debuginfo ${buildId}`,
  debug: (program: string) => `gdb -nx -batch -iex 'set debuginfod enabled on' -p "$(pgrep -f ${program} | head -n1)" -ex 'thread apply all backtrace 3'`,
  makeRegistrySecret: `kubectl -n stellaops create secret generic zastava-registries --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson=docker.json --from-file=ca.crt=site-ca.crt`,
} as const;
