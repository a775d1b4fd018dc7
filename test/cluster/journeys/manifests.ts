/** Runbook 2.1, step 5, without helm: installed by plain manifests, verified, and taken away. */
import { expect, test } from 'vitest';
import { makeSecrets, writeValues } from './installation.ts';
import { takeAway } from './leave.ts';
import { printed } from './printed.ts';
import { runbook } from './runbook.ts';
import { smokeTest, verifyInstall } from './verification.ts';
import { sitePolicy, type Walk } from './walk.ts';

export function manifests(walk: () => Walk): void {
  let since = 0;

  test('2.1.5: the manifests of the site are applied, and every line of "Verify" gives what it promises', async () => {
    since = Date.now();
    walk().stage.setPolicy(sitePolicy);
    await makeSecrets(walk());
    await writeValues(walk(), { cacheTtlSeconds: 5 });
    await walk().operator.sh(runbook.synth);
    // Ends with 1 when something differs: nothing is there yet.
    expect(await walk().operator.try('kubectl diff --server-side -k site/manifests')).toMatchObject({ code: 1, stdout: expect.stringContaining('zastava-webhook') });
    await walk().operator.sh(runbook.applyManifests);
    await verifyInstall(walk());
    expect(await walk().operator.try('kubectl diff --server-side -k site/manifests')).toMatchObject({ code: 0, stdout: '' });
  }, 600_000);

  test('2.2.4: unsigned is denied, signed is allowed', () => smokeTest(walk()));

  test('2.4: `kubectl delete -k` takes it away', async () => {
    const [registration = '', , , requests = ''] = printed('### 2.4 Leaving');
    await takeAway(walk(), [registration, 'kubectl delete -k site/manifests --ignore-not-found', requests]);
    walk().count('install by plain manifests, and leave', '2.1.5, 2.4', since, 'no difference after it, nothing left after leaving');
  }, 600_000);
}
