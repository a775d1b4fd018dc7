/** Runbook 2, before 2.1: from the kit on the medium to the first Pod that is denied, by the commands that stand there; and away again. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { takeAway } from './leave.ts';
import { printed } from './printed.ts';
import { sitePolicy, type Walk } from './walk.ts';

export function shortestWay(walk: () => Walk): void {
  beforeAll(() => {
    walk().operator.helm = 'helm4';
  });
  // The walk goes on with helm 3.
  afterAll(() => {
    walk().operator.helm = 'helm3';
  });

  test('2: at most 12 commands lead from the kit on the medium to the first enforced decision', async () => {
    const { stage, operator, workloads } = walk();
    stage.setPolicy(sitePolicy);
    const since = Date.now();
    const commands = printed('**The shortest way**', { UNSIGNED_IMAGE: workloads.unsigned });
    for (const command of commands.slice(0, -1)) {
      await operator.sh(command);
      if (command.includes('keys make mtls')) {
        operator.write('keys/issued.pem', await stage.pki.signClientRequest(operator.read('keys/mtls/client.csr')));
        operator.write('zastava-runtime.values.yaml', walk().values({}));
      }
    }
    expect(await operator.try(commands.at(-1)!)).toMatchObject({ code: 1, stderr: expect.stringMatching(/denied.*image\.unsigned/s) });
    // The next journey counts anew.
    const typed = operator.commands.splice(0);
    expect(typed.length).toBeLessThanOrEqual(12);
    walk().count('kit on the medium to first enforced decision', '2', since, `${typed.length} commands, ${((Date.now() - since) / 60_000).toFixed(1)} minutes`);
  }, 600_000);

  test('2.4: helm 4 takes it away again, and the cluster admits Pods', async () => {
    await takeAway(walk(), printed('### 2.4 Leaving'));
    walk().operator.commands.splice(0);
  });
}
