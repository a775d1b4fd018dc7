/** Runbook 2.1.3, `zastava.webhook.tls.mode: csr`: no Secret; each Pod asks the site's signer, which the stage plays here. */
import { expect, test } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { applyValues, oldPodsGone, settle } from './installation.ts';
import type { Walk } from './walk.ts';

const signerName = 'stage.internal/zastava-webhook';

interface SigningRequest {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly signerName: string; readonly request: string };
  readonly status: { readonly certificate?: string; readonly conditions?: readonly { readonly type: string }[] };
}

export function csr(walk: () => Walk): void {
  const requests = async (): Promise<SigningRequest[]> => {
    const { items } = JSON.parse(await walk().stage.kubectl('get', 'csr', '-o', 'json')) as { items: SigningRequest[] };
    return items.filter(({ spec }) => spec.signerName === signerName);
  };

  /** What the site's signer does with what has been approved. */
  async function sign(): Promise<void> {
    const { stage } = walk();
    for (const request of await requests()) {
      if (request.status.certificate !== undefined || request.status.conditions?.some(({ type }) => type === 'Approved') !== true) continue;
      const certificate = await stage.pki.signRequest(Buffer.from(request.spec.request, 'base64').toString());
      const path = stage.folder.write('csr.json', { ...request, status: { ...request.status, certificate: Buffer.from(certificate).toString('base64') } });
      await stage.kubectl('replace', '--raw', `/apis/certificates.k8s.io/v1/certificatesigningrequests/${request.metadata.name}/status`, '-f', path);
    }
  }

  test('2.1.3: each Pod asks, is approved by the printed command, serves, and admits', async () => {
    const since = Date.now();
    const { stage, operator, workloads } = walk();
    await applyValues(walk(), { cacheTtlSeconds: 5, tls: { mode: 'csr', signerName, caBundle: stage.pki.ca } });
    await eventually(async () => {
      for (const name of (await operator.sh('kubectl get csr -l app=zastava-webhook -o name')).split('\n').filter(Boolean)) await operator.sh(`kubectl certificate approve ${name}`);
      await sign();
      await operator.sh('kubectl -n stellaops rollout status deploy/zastava-webhook --timeout=1s');
    }, 240);
    await oldPodsGone(walk());
    const signed = (await requests()).filter(({ status }) => status.certificate !== undefined);
    expect(signed.length).toBeGreaterThanOrEqual(3);
    expect(await walk().create(walk().pod('by-csr', 'payments', workloads.payments))).toMatchObject({ code: 0, stderr: '' });
    expect(await walk().create(walk().pod('by-csr-denied', 'payments', workloads.unsigned))).toMatchObject({ code: 1, stderr: expect.stringContaining('image.unsigned') });
    // Back to the Secret: the CA of before is not in force any more.
    await settle(walk(), {});
    walk().count('install in CSR mode', '2.1.3', since, `${signed.length} certificates signed`);
  }, 600_000);
}
