/** Runbook 4.1: Authority offline, without a fallback and with the static token of section 3. */
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { everythingKnown } from './accounts.ts';
import { long, startPods, unasked, type Incident } from './incident-setting.ts';
import { rolledOut, settle } from './installation.ts';
import { printed } from './printed.ts';
import { sitePolicy } from './walk.ts';

const [stale, fallback] = ['ZastavaAuthorityTokenStale', 'ZastavaAuthorityStaticFallbackInUse'];
const sleeping = ['/usr/bin/sleep', '1000000'];

export function authorityIncidents({ walk, alerts }: Incident): void {
  const scale = (replicas: number): Promise<string> => walk().stage.kubectl('-n', 'authority', 'scale', 'deploy/authority', `--replicas=${replicas}`);
  const whatTheySay = async (): Promise<string> => walk().operator.sh(printed('2. Read what the observers and the webhook say about it:')[0]!);

  long('4.1: Authority offline: the alert fires, and everything recovers without a restart; what started meanwhile is known then', async () => {
    const { stage } = walk();
    const restarts = (): Promise<string> => stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', 'app.kubernetes.io/part-of=zastava-runtime', '-o', 'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{"\\n"}{end}');
    const before = await restarts();
    await scale(0);
    try {
      await alerts.begins(stale, 300);
      expect(await whatTheySay()).toContain('no OpTok was issued');
      await startPods(walk(), 'without-authority', 3, 1, sleeping);
      // Each Pod's token has an end of its own.
      await eventually(async () => expect(await stage.tryKubectl('-n', 'payments', 'run', 'refused', `--image=${walk().workloads.payments}`, '--dry-run=server')).toMatchObject({ code: 1, stderr: expect.stringContaining('Authority cannot be reached') }), 120);
    } finally {
      await scale(1);
    }
    expect(await everythingKnown(walk(), unasked)).toBe(3);
    await alerts.ends(stale, 180);
    expect(await restarts()).toBe(before);
  }, 600_000);

  long('4.1: Authority offline, with a static token: its alert fires, Pods are judged and events delivered all the while; taken away when Authority is back', async () => {
    const { stage, operator, workloads } = walk();
    const staticToken = randomBytes(32).toString('base64url');
    stage.setPolicy({ ...sitePolicy, staticToken });
    try {
      operator.write('token', staticToken);
      for (const command of printed('**To rotate a static token every night**')) await operator.sh(command);
      walk().authority = { allowStaticTokenFallback: true };
      await settle(walk(), {});
      await scale(0);
      await alerts.begins(fallback, 300);
      const said = await whatTheySay();
      expect(said).toContain('static fallback token in use');
      expect(said).not.toContain(staticToken);
      await startPods(walk(), 'by-static-token', 3, 1, sleeping);
      expect(await everythingKnown(walk(), unasked)).toBe(3);
      expect(await walk().create(walk().pod('by-static-token', 'payments', workloads.payments))).toMatchObject({ code: 0, stderr: '' });
      expect(await walk().create(walk().pod('not-by-static-token', 'payments', workloads.unsigned))).toMatchObject({ code: 1, stderr: expect.stringContaining('image.unsigned') });
      expect(await alerts.firing()).not.toContain(stale);
      const made = await operator.sh(printed('3. If a static token is in use')[0]!);
      expect(Date.now() - Date.parse(made)).toBeLessThan(24 * 3600_000);
      await scale(1);
      await alerts.ends(fallback, 180);
      for (const command of printed('4. When Authority is back')) await operator.sh(command);
    } finally {
      await scale(1);
      await stage.kubectl('-n', 'stellaops', 'delete', 'secret', 'zastava-authority-static', '--ignore-not-found');
      walk().authority = {};
      await settle(walk(), {});
    }
    for (const command of printed('To bind the DPoP keys anew at once')) await operator.sh(command);
    await rolledOut(walk());
    expect(await stage.tryKubectl('-n', 'stellaops', 'get', 'secret', 'zastava-authority-static')).toMatchObject({ code: 1, stderr: expect.stringContaining('NotFound') });
  }, 900_000);
}
