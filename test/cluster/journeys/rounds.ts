/**
 * Rounds of work with faults placed at random, from a printed seed (`ROUNDS_SEED` repeats one, `ROUNDS` says how many): whatever fails,
 * no unsigned image is admitted where it is enforced, and every container that ran is known to Scanner or its loss declared.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Gap, RuntimeEvent } from '../../../src/contract/runtime-event.ts';
import { eventually } from '../../peers/harness/commands.ts';
import { ctr } from '../stage/node.ts';
import { applyValues, oldPodsGone } from './installation.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

const policy = {
  revision: 'rev-4', ttlSeconds: 3, otherwise: { policyVerdict: 'pass', signed: true },
  rules: [{ image: 'apps/unsigned', policyVerdict: 'fail', signed: false, reasons: ['image.unsigned'] }],
};

interface Container {
  readonly containerID?: string;
  readonly state: { readonly running?: { readonly startedAt: string }; readonly terminated?: { readonly startedAt: string; readonly finishedAt: string; readonly containerID: string } };
}

/** Numbers below 1, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function rounds(walk: () => Walk): void {
  const count = Number(process.env['ROUNDS'] ?? 5);
  const seed = Number(process.env['ROUNDS_SEED'] ?? Date.now() % 1_000_000);

  const kill = async (app: string): Promise<void> => {
    const { stage } = walk();
    const [id] = (await stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', `app=${app}`, '-o', 'jsonpath={.items[*].status.containerStatuses[0].containerID}')).split(' ');
    // It may be down already.
    await stage.room.run(...ctr('tasks', 'kill', '--signal', 'SIGKILL', id!.replace('containerd://', '')));
  };
  const scanner = async (fault: string | number): Promise<void> => {
    walk().stage.setPolicy({ ...policy, fault });
    await sleep(6_000);
    walk().stage.setPolicy(policy);
  };
  const faults: Readonly<Record<string, () => Promise<unknown>>> = {
    'the observer is killed': () => kill('zastava-observer'),
    'a webhook is killed': () => kill('zastava-webhook'),
    'containerd restarts': () => walk().stage.restartContainerd(),
    'Scanner is dead': () => scanner('dead'),
    'Scanner fails': () => scanner(503),
    'Scanner talks nonsense': () => scanner('nonsense'),
    'Authority is made anew': () => walk().stage.kubectl('-n', 'authority', 'delete', 'pods', '--all', '--force', '--grace-period=0'),
  };

  /** Containers of the namespace that ran and that Scanner neither knows nor was told to miss. */
  async function undeclared(namespace: string): Promise<string[]> {
    const { items } = JSON.parse(await walk().stage.kubectl('-n', namespace, 'get', 'pods', '-o', 'json')) as { items: { metadata: { name: string }; status: { containerStatuses?: Container[] } }[] };
    const known = new Set(walk().stage.journal<RuntimeEvent>('events').map(({ workload }) => workload.containerId));
    const gaps = walk().stage.journal<Gap>('gaps');
    return items.flatMap(({ metadata, status }) => (status.containerStatuses ?? []).flatMap(({ containerID, state }) => {
      const { startedAt, finishedAt } = { finishedAt: new Date().toISOString(), startedAt: '', ...(state.running ?? state.terminated) };
      if (startedAt === '' || known.has(containerID ?? '')) return [];
      // Kubernetes says whole seconds.
      return gaps.some(({ from, to }) => Date.parse(from) <= Date.parse(finishedAt) + 1000 && Date.parse(to) >= Date.parse(startedAt) - 1000) ? [] : [`${metadata.name} ${startedAt}`];
    }));
  }

  test(`${count} rounds of faults from seed ${seed}: no loss is undeclared, no admission is wrong`, async () => {
    const since = Date.now();
    const { stage, operator, workloads } = walk();
    const draw = random(seed);
    stage.setPolicy(policy);
    await stage.kubectl('create', 'namespace', 'faults');
    await applyValues(walk(), { cacheTtlSeconds: 3, failOpenNamespaces: [{ name: 'faults' }] });
    for (const command of runbook.rolledOut) await operator.sh(command);
    await oldPodsGone(walk());
    const rows: string[] = [];
    for (let round = 1; round <= count; round++) {
      const names = Object.keys(faults);
      const chosen = [...new Set(Array.from({ length: 1 + Math.floor(draw() * 2) }, () => names[Math.floor(draw() * names.length)]!))];
      const struck = Promise.all(chosen.map(async (name) => {
        await sleep(draw() * 3_000);
        await faults[name]!();
      }));
      const asked = Array.from({ length: 6 }, async (_, at) => {
        await sleep(draw() * 6_000);
        const command = draw() < 0.5 ? ['/usr/bin/true'] : ['/usr/bin/sleep', '1000000'];
        const started = await walk().create(walk().pod(`round-${round}-${at}`, 'faults', workloads.payments, { command }));
        const refused = await walk().create(walk().pod(`refused-${round}-${at}`, 'payments', workloads.unsigned));
        return { started: started.code === 0, admitted: refused.code === 0 };
      });
      const answers = await Promise.all(asked);
      await struck;
      expect(answers.filter(({ admitted }) => admitted), `round ${round}: ${chosen.join(', ')}: unsigned and admitted`).toEqual([]);
      await eventually(async () => expect(await undeclared('faults'), `round ${round}: ${chosen.join(', ')}: unknown to Scanner`).toEqual([]), 120);
      rows.push(`| ${round} | ${chosen.join(', ')} | ${answers.filter(({ started }) => started).length} of ${answers.length} | 0 | 0 |`);
    }
    walk().appendix.push([`Faults from seed ${seed}`, '', '| round | faults | Pods started | wrong admissions | undeclared losses |', '|---|---|---|---|---|', ...rows].join('\n'));
    walk().count('faults at random', '4', since, `${count} rounds, ${stage.journal('events').length} events, ${stage.journal('gaps').length} gaps declared`);
  }, 3_600_000);
}
