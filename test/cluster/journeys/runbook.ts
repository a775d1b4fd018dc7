/** The runbook's commands as they are typed at the site, by what they are for. KIT, REG and RULES are the operator's. */
const zastava = 'node kit/tools/zastava.mjs';
const key = '--key trust/zastava-runtime.pub';
/** What the stage walks with is signed by the development key. */
const development = '--allow-development';
const rules = 'docs/ops/zastava-runtime-prometheus-rules.yaml';

export const runbook = {
  verifyByCosign: `cosign verify-blob ${key} --bundle $KIT.sigstore.json --trusted-root trust/trusted_root.json $KIT`,
  takeTools: 'mkdir -p kit && zstd -dcq $KIT | tar -x -C kit tools images.lock.json zastava-runtime.values.yaml',
  verifyByItself: `${zastava} kit verify $KIT ${key} ${development}`,
  pushImages: ['zstd -dfq $KIT -o kit.tar', ...['observer', 'webhook'].map((program) => `oras cp -r --from-oci-layout kit.tar:${program}-1.0.0 $REG/zastava/${program}:1.0.0`)],
  /** One command in place of these; what is there already is skipped. */
  pushKit: `${zastava} kit push $KIT $REG/zastava ${key} ${development} --registry-ca site-ca.crt --json`,
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
  preflight: `${zastava} preflight --values values.yaml --images kit/images.lock.json --registry-ca site-ca.crt`,
  apply: [`${zastava} values check values.yaml`, `${zastava} synth --values values.yaml --images kit/images.lock.json --out site`, 'kubectl apply --server-side -k site/manifests'],
  rolledOut: ['kubectl -n stellaops rollout status deploy/zastava-webhook --timeout=240s', 'kubectl -n stellaops rollout status ds/zastava-observer --timeout=240s'],
} as const;
