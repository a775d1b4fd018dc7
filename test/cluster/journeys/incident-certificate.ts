/** Runbook 4.4, ZastavaCertificateExpiring: the serving certificate ends soon, or has ended, and is replaced as 2.1.3 says. */
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { AdmissionLoad } from '../stage/admission-load.ts';
import { long, type Incident } from './incident-setting.ts';
import { applyValues, settle } from './installation.ts';
import { printed } from './printed.ts';
import { runbook } from './runbook.ts';

const [serving, authority] = ['ZastavaCertificateExpiring webhookServing', 'ZastavaCertificateExpiring webhookCa'];

export function certificateIncidents({ walk, alerts }: Incident): void {
  const trusted = (...folders: string[]): string => folders.map((folder) => walk().operator.read(`${folder}/ca.crt`)).join('');

  const trust = (caBundle: string): Promise<void> => settle(walk(), { tls: { caBundle } });

  const replace = (folder: string): Promise<string> => walk().operator.sh(`kubectl apply --server-side --force-conflicts -f ${folder}/zastava-webhook-tls.secret.yaml`);

  long('4.4: a certificate that ends soon: the alert fires; replaced while Pods are admitted, without a restart, and the alert ends', async () => {
    const { stage, operator, workloads } = walk();
    const pods = (): Promise<string> => stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', 'app=zastava-webhook', '-o', 'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{"\\n"}{end}');
    const inSecret = (): Promise<string> => operator.sh(printed('`certificate` says which')[0]!);
    const everyPodServesIt = async (): Promise<void> => {
      const [, end = ''] = /^notAfter=(.+)$/m.exec(await inSecret()) ?? [];
      await eventually(async () => expect(await operator.sh(printed('Pods take it up one after another')[0]!)).toMatch(new RegExp(`^ *3 ${new Date(end).toISOString()}$`, 'm')), 180);
    };
    const load = new AdmissionLoad(stage, 'payments', () => walk().pod('asked', 'payments', workloads.payments), 50);
    try {
      await operator.sh(runbook.makeServingKey('keys/ending-tls', 7));
      await trust(trusted('keys/webhook-tls', 'keys/ending-tls'));
      await replace('keys/ending-tls');
      await alerts.begins(serving, 180);
      await everyPodServesIt();
      const before = await inSecret();
      await operator.sh(runbook.makeServingKey('keys/renewed-tls', 365));
      await trust(trusted('keys/ending-tls', 'keys/renewed-tls'));
      const running = await pods();
      await replace('keys/renewed-tls');
      await everyPodServesIt();
      await alerts.ends(serving, 180);
      expect(await inSecret()).not.toBe(before);
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

  long('4.4: a certificate that has ended: what is enforced is refused and the log says why, what fails open is admitted; a new one puts it right', async () => {
    const { stage, operator, workloads } = walk();
    const seconds = 120;
    const { cert, key } = await stage.pki.server(['zastava-webhook.stellaops.svc'], seconds / 3600);
    const ends = Date.now() + seconds * 1000;
    const site = (...folders: string[]): object => ({ failOpenNamespaces: [{ name: 'batch' }], tls: { caBundle: trusted(...folders) } });
    const ask = (namespace: string): ReturnType<typeof stage.tryKubectl> => stage.tryKubectl('-n', namespace, 'run', 'asked', `--image=${workloads.payments}`, '--dry-run=server');
    operator.write('keys/ended/tls.crt', cert);
    operator.write('keys/ended/tls.key', key);
    operator.write('keys/ended/ca.crt', stage.pki.ca);
    try {
      await operator.sh('kubectl -n stellaops create secret tls zastava-webhook-tls --cert keys/ended/tls.crt --key keys/ended/tls.key --dry-run=client -o yaml | kubectl apply --server-side --force-conflicts -f -');
      await settle(walk(), site('keys/webhook-tls', 'keys/ended'));
      await alerts.begins(serving, 60);
      await setTimeout(ends - Date.now());
      await eventually(async () => expect(await ask('payments')).toMatchObject({ code: 1, stderr: expect.stringMatching(/certificate has expired|connection refused/) }));
      expect(await ask('batch')).toMatchObject({ code: 0 });
      await eventually(async () => expect(await operator.sh('kubectl -n stellaops logs -l app=zastava-webhook --tail=-1')).toContain('CERT_HAS_EXPIRED'));
      await eventually(async () => expect(await ask('payments')).toMatchObject({ code: 1, stderr: expect.stringContaining('connection refused') }));
    } finally {
      await operator.sh(runbook.makeServingKey('keys/after-the-end', 365));
      await applyValues(walk(), { cacheTtlSeconds: 5, ...site('keys/ended', 'keys/after-the-end') });
      await replace('keys/after-the-end');
      operator.write('keys/webhook-tls/ca.crt', trusted('keys/after-the-end'));
    }
    await eventually(async () => expect(await ask('payments')).toMatchObject({ code: 0 }), 180);
    await settle(walk(), {});
    await alerts.ends(serving, 180);
  }, 900_000);
}
