/** Runbook 2.2 and 2.3: the next version comes, its Pods are drained, and it goes again, while Pods are admitted and containers start without pause. */
import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programVersion } from '../../../src/contract/programs.ts';
import { eventually } from '../../peers/harness/commands.ts';
import { AdmissionLoad } from '../stage/admission-load.ts';
import { nodeName } from '../stage/names.ts';
import { nextVersion, provideNextKit } from '../stage/next-kit.ts';
import { everythingAccounted } from './accounts.ts';
import { ContainerChurn } from './container-churn.ts';
import { applyValues, oldPodsGone, rolledOut } from './installation.ts';
import { printedQuery } from './printed.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

const namespace = 'churn';
/** What is below 250 ms, of all endpoints. */
const gate = printedQuery('Go on while P95');
const p95 = (endpoint: string): string => gate.replace(/ < 250$/, '').replace('[5m]', `{endpoint="${endpoint}"}[5m]`);

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
  let gaps = 0;

  const history = async (): Promise<Revision[]> => JSON.parse(await sh('helm history zastava-runtime --namespace stellaops -o json')) as Revision[];
  const webhookPods = async (): Promise<string[]> => (await walk().stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', 'app=zastava-webhook', '--field-selector=status.phase=Running', '-o', 'name')).trim().split('\n');

  /** Every Pod says that it is of this version. One that has gone is to be seen for up to five minutes, but it is not scraped any more. */
  async function runs(version: string): Promise<void> {
    const scraped = 'timestamp(zastava_build_info) > time() - 30';
    await eventually(async () => expect(await walk().ask(`count(zastava_build_info{version="${version}"} and ${scraped}) == count(${scraped})`)).toBe(4), 120);
    await measure();
  }

  /** The first call of each new Pod counts, too: on a small machine, right after a rollout, it is mostly these. */
  async function measure(): Promise<void> {
    measured.push((await Promise.all(['policy', 'events'].map(async (endpoint) => `${endpoint} ${(await walk().ask(p95(endpoint)))?.toFixed(0)} (${(await walk().ask(`sum(increase(zastava_runtime_backend_latency_ms_count{endpoint="${endpoint}"}[5m]))`))?.toFixed(0)} calls)`))).join(', '));
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
    gaps = walk().stage.journal('gaps').length;
    load = new AdmissionLoad(walk().stage, 'payments', () => walk().podToAskAbout(), 50);
    churn = new ContainerChurn(walk(), namespace, 2_000);
    const before = await webhookPods();
    await applyValues(walk(), { cacheTtlSeconds: 5 }, nextVersion);
    await rolledOut(walk());
    await runs(nextVersion);
    expect((await webhookPods()).filter((name) => before.includes(name))).toEqual([]);
  }, 600_000);

  test("2.2.2: `kubectl drain` takes the webhook's Pods one after another, as their disruption budget has it", async () => {
    const { stage } = walk();
    const before = await webhookPods();
    // There is one node: it is made schedulable at once, and so is the other node that the Pods go to. What is not the plane's stays.
    const [drained] = await Promise.all([
      sh(`kubectl drain ${nodeName} --ignore-daemonsets --delete-emptydir-data --timeout=10m --pod-selector=app.kubernetes.io/part-of=zastava-runtime`),
      eventually(async () => expect(await stage.kubectl('get', 'node', nodeName, '-o', 'jsonpath={.spec.unschedulable}')).toBe('true')).finally(() => sh(`kubectl uncordon ${nodeName}`)),
    ]);
    expect(drained.match(/^pod\/zastava-webhook\S+ evicted$/gm)).toHaveLength(before.length);
    await rolledOut(walk());
    expect((await webhookPods()).filter((name) => before.includes(name))).toEqual([]);
    await runs(nextVersion);
  }, 600_000);

  test('2.2.5: the release says what there is to record', async () => {
    const { revision, status, chart } = (await history()).at(-1)!;
    expect({ status, chart }).toEqual({ status: 'deployed', chart: `zastava-${nextVersion}` });
    expect(await sh('helm get notes zastava-runtime --namespace stellaops')).toContain(`zastava-runtime revision ${revision}, chart zastava-${nextVersion}, values`);
    expect(await sh('helm history zastava-runtime --namespace stellaops --max 1')).toMatch(new RegExp(`^${revision}\\s.*deployed\\s+zastava-${nextVersion}`, 'm'));
  });

  test('2.3.1, 2.3.2: `helm rollback` to the revision before brings the version before, under load', async () => {
    const before = await webhookPods();
    const { revision } = (await history()).at(-2)!;
    await sh(`helm rollback zastava-runtime ${revision} --namespace stellaops`);
    await rolledOut(walk());
    await oldPodsGone(walk());
    await runs(programVersion);
    expect((await webhookPods()).filter((name) => before.includes(name))).toEqual([]);
    expect((await history()).slice(-2).map(({ status, chart, description }) => `${status} ${chart} ${description}`)).toEqual([`superseded zastava-${nextVersion} Upgrade complete`, `deployed zastava-${programVersion} Rollback to ${revision}`]);
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

  test('no request failed all the while, every container that ran is known to Scanner or declared, and P95 of both endpoints is below 250 ms', async () => {
    await Promise.all([load.end(), churn.end()]);
    expect({ load: load.failures, churn: churn.failures }).toEqual({ load: [], churn: [] });
    const seconds = (Date.now() - since.load) / 1000;
    await measure();
    const below = await walk().ask(`count(${gate})`);
    await eventually(async () => {
      const going = await walk().stage.kubectl('-n', namespace, 'get', 'pods', '--field-selector=status.phase!=Succeeded', '-o', 'name');
      if (going !== '') throw new Error(`not ended yet: ${going}`);
    }, 180);
    const { ran, declared } = await everythingAccounted(walk(), namespace, gaps);
    expect(ran).toBe(churn.asked);
    walk().count('upgrade and rollback', '2.2, 2.3', since.whole, `${load.asked} requests in ${seconds.toFixed(0)} s, 0 failed, the longest took ${load.latencyMsMax.toFixed(0)} ms; ${ran} containers, ${declared} of them declared (they began and ended while the observer was replaced); P95 in ms: ${measured.join('; ')}`);
    await walk().stage.kubectl('delete', 'namespace', namespace, '--wait=false');
    expect(below, measured.at(-1)).toBe(2);
  }, 600_000);
}
