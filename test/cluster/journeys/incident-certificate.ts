/** Runbook 4.4, ZastavaCertificateExpiring: the serving certificate ends soon, and is replaced as 2.1.3 says, without a restart. */
import { expect } from 'vitest';
import { AdmissionLoad } from '../stage/admission-load.ts';
import { long, type Incident } from './incident-setting.ts';
import { settle } from './installation.ts';
import { runbook } from './runbook.ts';

const [serving, authority] = ['ZastavaCertificateExpiring webhookServing', 'ZastavaCertificateExpiring webhookCa'];

export function certificateIncident({ walk, alerts }: Incident): void {
  const trusted = (...folders: string[]): string => folders.map((folder) => walk().operator.read(`${folder}/ca.crt`)).join('');

  const trust = (caBundle: string): Promise<void> => settle(walk(), { tls: { caBundle } });

  long('4.4: a certificate that ends soon: the alert fires; replaced while Pods are admitted, without a restart, and the alert ends', async () => {
    const { stage, operator, workloads } = walk();
    const pods = (): Promise<string> => stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', 'app=zastava-webhook', '-o', 'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{"\\n"}{end}');
    const replace = (folder: string): Promise<string> => operator.sh(`kubectl apply --server-side --force-conflicts -f ${folder}/zastava-webhook-tls.secret.yaml`);
    const served = (): Promise<string> => operator.sh("kubectl -n stellaops get secret zastava-webhook-tls -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -subject -enddate");
    const load = new AdmissionLoad(stage, 'payments', () => walk().pod('asked', 'payments', workloads.payments), 50);
    try {
      await operator.sh(runbook.makeServingKey('keys/ending-tls', 7));
      await trust(trusted('keys/webhook-tls', 'keys/ending-tls'));
      await replace('keys/ending-tls');
      await alerts.begins(serving, 180);
      const before = await served();
      await operator.sh(runbook.makeServingKey('keys/renewed-tls', 365));
      await trust(trusted('keys/ending-tls', 'keys/renewed-tls'));
      const running = await pods();
      await replace('keys/renewed-tls');
      await alerts.ends(serving, 180);
      expect(await served()).not.toBe(before);
      expect(await pods()).toBe(running);
      await trust(trusted('keys/renewed-tls'));
      await alerts.ends(authority, 180);
      // Where the walk's values have it from.
      operator.write('keys/webhook-tls/ca.crt', trusted('keys/renewed-tls'));
    } finally {
      await load.end();
    }
    expect(load.failures).toEqual([]);
  }, 900_000);
}
