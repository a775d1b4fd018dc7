/** `npm run demo`: the stage with the plane installed from the kit, for a person to play with. Ends with Ctrl-C. */
import { runbook } from './journeys/runbook.ts';
import { applyValues, makeSecrets } from './journeys/installation.ts';
import { Walk } from './journeys/walk.ts';
import { isRoot, peer } from '../peers/harness/peers.ts';

if (!isRoot || process.platform !== 'linux') {
  console.error('The demo makes namespaces and mounts: it needs root on Linux.');
  process.exit(3);
}

const say = (text: string): void => console.error(`demo: ${text}`);
const ended = new Promise<void>((resolve) => ['SIGINT', 'SIGTERM'].forEach((signal) => process.on(signal, resolve)));
const walk = await Walk.begin(say);
const { stage, operator, workloads } = walk;
try {
  say('installing from the kit, as the runbook says');
  for (const command of [runbook.takeTools, runbook.verifyByItself, ...runbook.pushImages, ...runbook.takeRules]) await operator.sh(command);
  await makeSecrets(walk);
  await applyValues(walk, { cacheTtlSeconds: 5 });
  for (const command of runbook.rolledOut) await operator.sh(command);
  await fetch(`http://127.0.0.1:${stage.port('prometheus')}/-/reload`, { method: 'POST' });
  stage.setPolicy({ revision: 'rev-2', ttlSeconds: 5, otherwise: { policyVerdict: 'pass', signed: true }, rules: [{ image: 'apps/unsigned', policyVerdict: 'fail', signed: false, reasons: ['image.unsigned'] }] });
  console.log(`
The runtime plane runs, enforcing. Ctrl-C ends it and leaves nothing behind.

  export KUBECONFIG=${stage.kubeconfig}
  alias kubectl=${peer('kubectl')}

a denied and an allowed Pod
  kubectl -n payments run bad --image=${workloads.unsigned}
  kubectl -n payments run good --image=${workloads.payments}

the decision log
  kubectl -n stellaops logs -l app=zastava-webhook --tail=-1 | jq -c 'select(.decision)'

Scanner's policy: edit it, it is read at each question ("fault": "dead", 503 or "nonsense"; "delayMs": 900)
  ${stage.folder.at('node/srv/scanner/policy.json')}
what Scanner got: events.jsonl, gaps.jsonl and questions.jsonl beside it

Prometheus, with the alerts
  http://127.0.0.1:${stage.port('prometheus')}/alerts
what the dashboard asks, for example
  http://127.0.0.1:${stage.port('prometheus')}/graph?g0.expr=${encodeURIComponent('sum by (decision, mode) (rate(zastava_admission_decisions_total[5m]))')}&g0.tab=0

logs of the node's servers: ${stage.folder.at('log')}
`);
  await ended;
} finally {
  say('stopping');
  await stage.stop();
}
