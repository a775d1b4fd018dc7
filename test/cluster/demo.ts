/** `npm run demo`: the stage with the plane installed from the kit, for a person to play with. Ends with Ctrl-C. */
import { dashboardRows } from '../../src/constructs/observability/dashboard-rows.ts';
import { isRoot, peer } from '../peers/harness/peers.ts';
import { makeSecrets, settle } from './journeys/installation.ts';
import { runbook } from './journeys/runbook.ts';
import { sitePolicy, Walk } from './journeys/walk.ts';
import { scannerFolder } from './stage/names.ts';

if (!isRoot || process.platform !== 'linux') {
  console.error('The demo makes namespaces and mounts: it needs root on Linux.');
  process.exit(3);
}

const say = (text: string): void => console.error(`demo: ${text}`);
let isEnding = false;
const ended = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      isEnding = true;
      say('stopping');
      resolve();
    });
  }
});

async function install(walk: Walk): Promise<void> {
  const { stage, operator } = walk;
  say('installing from the kit, as the runbook says');
  for (const command of [runbook.takeTools, runbook.pushKit, ...runbook.takeRules]) await operator.sh(command);
  await makeSecrets(walk);
  await settle(walk, {});
  await fetch(`http://127.0.0.1:${stage.port('prometheus')}/-/reload`, { method: 'POST' });
  stage.setPolicy(sitePolicy);
}

async function describe({ stage, workloads }: Walk): Promise<string> {
  const server = `http://127.0.0.1:${stage.port('prometheus')}`;
  // Debian's has the older pages only.
  const prometheus = (await fetch(`${server}/classic/graph`)).ok ? `${server}/classic` : server;
  const graph = (query: string): string => `${prometheus}/graph?g0.expr=${encodeURIComponent(query.replaceAll('$cluster', '.+'))}&g0.tab=0`;
  return `
The runtime plane runs, enforcing. Ctrl-C ends it and leaves nothing behind.

  export KUBECONFIG=${stage.kubeconfig}
  alias kubectl=${peer('kubectl')}

a denied and an allowed Pod
  kubectl -n payments run bad --image=${workloads.unsigned}
  kubectl -n payments run good --image=${workloads.payments}

the decision log
  kubectl -n stellaops logs -l app=zastava-webhook --tail=-1 | jq -c 'select(.decision == "allow" or .decision == "deny")'

Scanner's policy: edit it, it is read at each question ("fault": "dead", 503 or "nonsense"; "delayMs": 900)
  ${stage.folder.at('node', scannerFolder, 'policy.json')}
what Scanner got: events.jsonl, gaps.jsonl and questions.jsonl beside it

the alerts
  ${prometheus}/alerts
what the dashboard asks, the first panels of each row
${dashboardRows.map(({ title, panels }) => `  ${title}\n${panels.slice(0, 2).map((panel) => `    ${panel.title}: ${graph(panel.queries[0]!.expr)}`).join('\n')}`).join('\n')}

logs of the node's servers: ${stage.folder.at('log')}
`;
}

let walk: Walk | undefined;
try {
  walk = await Walk.begin(say);
  if (!isEnding) await install(walk);
  if (!isEnding) console.log(await describe(walk));
  await ended;
} catch (error) {
  // Ctrl-C in a terminal also ends the command under way.
  if (!isEnding) throw error;
} finally {
  await walk?.stage.stop();
}
