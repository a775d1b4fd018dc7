/** Runbook 2.2 and 2.3: the next version comes, its Pods are drained, and it goes again, while Pods are admitted and containers start without pause. */
import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { eventually } from '../../peers/harness/commands.ts';
import { AdmissionLoad } from '../stage/admission-load.ts';
import { nodeName } from '../stage/names.ts';
import { nextVersion, provideNextKit } from '../stage/next-kit.ts';
import { everythingAccounted } from './accounts.ts';
import { ContainerChurn } from './container-churn.ts';
import { applyValues, oldPodsGone } from './installation.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

const namespace = 'churn';
/** As the runbook prints it, of one endpoint. */
const p95 = (endpoint: string): string => `histogram_quantile(0.95, sum by (cluster, endpoint, le) (rate(zastava_runtime_backend_latency_ms_bucket{endpoint="${endpoint}"}[5m])))`;

interface Revision {
  readonly revision: number;
  readonly status: string;
  readonly chart: string;
  readonly description: string;
}

export function upgrade(walk: () => Walk): void {
  const sh = (command: string): Promise<string> => walk().operator.sh(command);
  const since = { whole: 0, load: 0 };
  const measured: string[] = [];
  let load: AdmissionLoad;
  let churn: ContainerChurn;

  const history = async (): Promise<Revision[]> => JSON.parse(await sh('helm history zastava-runtime --namespace stellaops -o json')) as Revision[];
  const webhookPods = async (): Promise<string[]> => (await walk().stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', 'app=zastava-webhook', '--field-selector=status.phase=Running', '-o', 'name')).trim().split('\n');
  const rolledOut = async (): Promise<void> => {
    for (const command of runbook.rolledOut) await sh(command);
  };

  /** Every Pod says that it is of this version. What the runbook's measure of Scanner says is noted: on a small machine it is mostly the first call of each new Pod. */
  async function runs(version: string): Promise<void> {
    await eventually(async () => expect(await walk().ask(`count(zastava_build_info{version="${version}"}) == count(zastava_build_info)`)).toBe(4), 120);
    measured.push((await Promise.all(['policy', 'events'].map(async (endpoint) => `${endpoint} ${(await walk().ask(p95(endpoint)))?.toFixed(0)}`))).join(', '));
  }

  beforeAll(async () => {
    since.whole = Date.now();
    const kit = await provideNextKit();
    for (const name of readdirSync(kit).filter((entry) => entry.startsWith('zastava-runtime'))) copyFileSync(join(kit, name), join(walk().operator.folder, 'medium', name));
    await walk().stage.kubectl('create', 'namespace', namespace);
  }, 600_000);
  afterAll(() => Promise.all([load?.end(), churn?.end()]));

  test('2.2.3: the new kit goes into the registry, and `kit diff` shows what it changes', async () => {
    const next = `medium/zastava-runtime-${nextVersion}.tar.zst`;
    await sh(`KIT=${next}\n${runbook.pushKit}`);
    const { code, stdout } = await walk().operator.try(`NEXT=${next}\n${runbook.diffKits}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining(nextVersion) });
  });

  test('2.2.3: `helm upgrade` to it replaces every Pod under load', async () => {
    since.load = Date.now();
    load = new AdmissionLoad(walk().stage, 'payments', () => walk().podToAskAbout(), 50);
    churn = new ContainerChurn(walk(), namespace, 2_000);
    const before = await webhookPods();
    await applyValues(walk(), { cacheTtlSeconds: 5 }, { version: nextVersion });
    await rolledOut();
    await runs(nextVersion);
    expect((await webhookPods()).filter((name) => before.includes(name))).toEqual([]);
  }, 600_000);

  test("2.2.2: `kubectl drain` takes the webhook's Pods one after another, as their disruption budget has it", async () => {
    const { stage } = walk();
    const before = await webhookPods();
    // There is one node: it is made schedulable at once, and so is the other node that the Pods go to. What is not the plane's stays.
    const drained = sh(`kubectl drain ${nodeName} --ignore-daemonsets --delete-emptydir-data --timeout=10m --pod-selector=app.kubernetes.io/part-of=zastava-runtime`);
    await eventually(async () => expect(await stage.kubectl('get', 'node', nodeName, '-o', 'jsonpath={.spec.unschedulable}')).toBe('true'));
    await sh(`kubectl uncordon ${nodeName}`);
    expect((await drained).match(/^pod\/zastava-webhook\S+ evicted$/gm)).toHaveLength(before.length);
    await rolledOut();
    expect((await webhookPods()).filter((name) => before.includes(name))).toEqual([]);
    await runs(nextVersion);
  }, 600_000);

  test('2.2.5: the release says what there is to record', async () => {
    const { revision, status, chart } = (await history()).at(-1)!;
    expect({ status, chart }).toEqual({ status: 'deployed', chart: `zastava-${nextVersion}` });
    expect(await sh('helm get notes zastava-runtime --namespace stellaops')).toContain(`zastava-runtime revision ${revision}, chart zastava-${nextVersion}, git`);
    expect(await sh('helm history zastava-runtime --namespace stellaops --max 1')).toMatch(new RegExp(`^${revision}\\s.*deployed\\s+zastava-${nextVersion}`, 'm'));
  });

  test('2.3.1, 2.3.2: `helm rollback` to the revision before brings the version before, under load', async () => {
    const before = await webhookPods();
    const { revision } = (await history()).at(-2)!;
    await sh(`helm rollback zastava-runtime ${revision} --namespace stellaops`);
    await rolledOut();
    await oldPodsGone(walk());
    await runs(packageJson.version);
    expect((await webhookPods()).filter((name) => before.includes(name))).toEqual([]);
    expect((await history()).slice(-2).map(({ status, chart, description }) => `${status} ${chart} ${description}`)).toEqual([`superseded zastava-${nextVersion} Upgrade complete`, `deployed zastava-${packageJson.version} Rollback to ${revision}`]);
  }, 600_000);

  test('2.3.3, 2.3.4: the printed loops make each Pod ask for a new token, and events go on', async () => {
    for (const program of ['webhook', 'observer'] as const) {
      const issued = async (): Promise<number> => (await sh(`kubectl -n stellaops logs -l app=zastava-${program} --tail=-1`)).split('Issued runtime OpTok').length;
      const before = await issued();
      const said = await sh(`for pod in $(kubectl -n stellaops get pods -l app=zastava-${program} -o name); do kubectl -n stellaops exec $pod -- zastava-${program} invalidate-op-token --audience scanner; done`);
      expect(said.trim(), program).not.toBe('');
      await eventually(async () => expect(await issued(), program).toBeGreaterThan(before));
    }
    await eventually(async () => expect(await walk().ask('sum(rate(zastava_runtime_events_total[5m]))')).toBeGreaterThan(0));
  });

  test('no request failed all the while, and every container that ran is known to Scanner or declared', async () => {
    await Promise.all([load.end(), churn.end()]);
    expect({ load: load.failures, churn: churn.failures }).toEqual({ load: [], churn: [] });
    const seconds = (Date.now() - since.load) / 1000;
    await eventually(async () => {
      const going = await walk().stage.kubectl('-n', namespace, 'get', 'pods', '--field-selector=status.phase!=Succeeded', '-o', 'name');
      if (going !== '') throw new Error(`not ended yet: ${going}`);
    }, 180);
    const { ran, declared } = await everythingAccounted(walk(), namespace);
    expect(ran).toBe(churn.asked);
    walk().count('upgrade and rollback', '2.2, 2.3', since.whole, `${load.asked} requests in ${seconds.toFixed(0)} s, 0 failed; ${ran} containers, ${declared} of them declared (they began and ended while the observer was replaced); P95 in ms: ${measured.join('; ')}`);
    await walk().stage.kubectl('delete', 'namespace', namespace, '--wait=false');
  }, 600_000);
}
