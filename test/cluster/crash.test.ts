/** What a stage leaves behind: nothing when it is stopped; when whoever made it is killed, nothing that runs, and what lies around goes with the next one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { eventually } from '../peers/harness/commands.ts';
import { describeWith } from '../peers/harness/peers.ts';
import { StageFolder } from './stage/folder.ts';

interface Made {
  readonly maker: ChildProcess;
  readonly folder: string;
  /** Of the node's first process. */
  readonly pid: number;
}

/** A stage with Pods on it, by a process of its own. */
async function makeStage(): Promise<Made> {
  const maker = spawn(process.execPath, [join(import.meta.dirname, 'stage/stage-program.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await Promise.race([once(createInterface(maker.stdout), 'line'), once(maker, 'close').then(() => Promise.reject(new Error('it ended')))]) as [string];
  return { maker, ...(JSON.parse(line) as Omit<Made, 'maker'>) };
}

const groupsOf = (folder: string): string[] => globSync(`/sys/fs/cgroup{,/*}/${basename(folder)}`);

/** Whoever has the folder in its arguments. */
function processesOf(folder: string): string[] {
  return globSync('/proc/[0-9]*/cmdline').filter((path) => {
    try {
      return readFileSync(path, 'latin1').includes(folder);
    } catch {
      return false;
    }
  });
}

async function nothingRuns({ folder, pid }: Made): Promise<void> {
  // With its first process the kernel ends all others of the node, those of Pods, too.
  await eventually(async () => expect([existsSync(`/proc/${pid}`), ...processesOf(folder)]).toEqual([false]));
  expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(folder);
  expect(globSync('/sys/class/net/{cni0,node0}')).toEqual([]);
}

describeWith(['root', 'kubelet', 'kube-apiserver', 'kube-proxy', 'coredns', 'cni-bridge', 'containerd2', 'ctr2', 'etcd', 'runc', 'nft', 'ip', 'distribution', 'prometheus', 'unshare', 'nsenter', 'setpriv'], 'a stage', () => {
  test('that is stopped leaves nothing behind', async () => {
    const made = await makeStage();
    const ended = once(made.maker, 'close');
    made.maker.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    await nothingRuns(made);
    expect([existsSync(made.folder), groupsOf(made.folder)]).toEqual([false, []]);
  });

  test('whose maker is killed ends with it; folder and control groups go when the next one is made', async () => {
    const made = await makeStage();
    expect(processesOf(made.folder).length).toBeGreaterThan(2);
    expect(groupsOf(made.folder)).not.toEqual([]);
    made.maker.kill('SIGKILL');
    await nothingRuns(made);
    expect(existsSync(made.folder)).toBe(true);
    StageFolder.make().remove();
    expect([existsSync(made.folder), groupsOf(made.folder)]).toEqual([false, []]);
  });
});
