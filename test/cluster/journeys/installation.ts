/** The steps of an install that several journeys and the demo take. */
import { programVersion } from '../../../src/contract/programs.ts';
import { eventually } from '../../peers/harness/commands.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

/** Writes values, and installs or upgrades the release by them, with the chart that the registry has under that version. */
export async function applyValues(walk: Walk, webhook: object, version: string = programVersion): Promise<void> {
  await writeValues(walk, webhook);
  await walk.operator.sh(runbook.helm(` --version ${version}`));
}

/** The same, by the walk's own version; comes back when every Pod has them. */
export async function settle(walk: Walk, webhook: object): Promise<void> {
  await applyValues(walk, { cacheTtlSeconds: 5, ...webhook });
  await rolledOut(walk);
  await oldPodsGone(walk);
}

export async function rolledOut({ operator }: Walk): Promise<void> {
  for (const command of runbook.rolledOut) await operator.sh(command);
}

export async function writeValues(walk: Walk, webhook: object): Promise<void> {
  walk.operator.write('values.yaml', walk.values(webhook));
  await walk.operator.sh(runbook.checkValues);
}

export async function makeSecrets({ operator, stage }: Walk): Promise<void> {
  for (const command of [runbook.makeNamespace, runbook.makeDpopSecret, runbook.requestClientCertificate]) await operator.sh(command);
  operator.write('keys/issued.pem', await stage.pki.signClientRequest(operator.read('keys/mtls/client.csr'), 'zastava-runtime', 30 * 24));
  for (const command of [...runbook.makeMtlsSecret, runbook.makeServingSecret]) await operator.sh(command);
}

/** A Pod that ends answers on for ten seconds, by the values of before: connections that the API server has open stay with it. */
export async function oldPodsGone({ stage }: Walk): Promise<void> {
  await eventually(async () => {
    const ending = await stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', 'app=zastava-webhook', '-o', 'jsonpath={.items[*].metadata.deletionTimestamp}');
    if (ending !== '') throw new Error('Pods of before still end');
  });
}
