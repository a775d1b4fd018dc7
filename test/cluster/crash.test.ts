/** What a stage leaves behind: nothing when it is stopped, as the demo is by Ctrl-C; when whoever made it is killed, nothing that runs, and what lies around goes with the next one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, run } from '../peers/harness/commands.ts';
import { describeWith } from '../peers/harness/peers.ts';
import { StageFolder } from './stage/folder.ts';

interface Made {
  readonly maker: ChildProcess;
  readonly folder: string;
}

/** A stage with Pods on it, by a process of its own. */
async function makeStage(): Promise<Made> {
  const maker = spawn(process.execPath, [join(import.meta.dirname, 'stage/stage-program.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void maker.kill('SIGKILL'));
  const [line] = await Promise.race([once(createInterface(maker.stdout), 'line'), once(maker, 'close').then(() => Promise.reject(new Error('it ended')))]) as [string];
  return { maker, ...(JSON.parse(line) as Pick<Made, 'folder'>) };
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

async function nothingRuns(folder: string): Promise<void> {
  // With the node's first process the kernel ends all others of it, those of Pods, too.
  await eventually(async () => expect(processesOf(folder)).toEqual([]));
  expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(folder);
  expect(globSync('/sys/class/net/{cni0,node0}')).toEqual([]);
}

describeWith(['root', 'kubelet', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kubectl', 'coredns', 'cni-bridge', 'containerd2', 'ctr2', 'etcd', 'runc', 'nft', 'ip', 'distribution', 'prometheus', 'promtool', 'crane', 'skopeo', 'helm3', 'openssl', 'curl', 'ldd', 'jq', 'zstd', 'tar', 'bash', 'unshare', 'nsenter', 'setpriv'], 'a stage', () => {
  test('that `npm run demo` makes denies and allows as it prints, and leaves nothing behind after Ctrl-C', async () => {
    const demo = spawn(process.execPath, [join(import.meta.dirname, 'demo.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void demo.kill('SIGKILL'));
    const ended = once(demo, 'close');
    let printed = '';
    demo.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    await eventually(async () => {
      if (!printed.includes('logs of the node')) throw new Error(`the demo said only: ${printed}`);
    }, 240);
    const linesOf = (start: RegExp): string[] => printed.split('\n').map((line) => line.trim()).filter((line) => start.test(line));
    const typed = (command: string): ReturnType<typeof run> => run('bash', ['-O', 'expand_aliases', '-c', [...linesOf(/^(export|alias) /), command].join('\n')]);
    const [bad = '', good = ''] = linesOf(/^kubectl -n payments run /);
    expect(await typed(bad)).toMatchObject({ code: 1, stderr: expect.stringContaining('image.unsigned') });
    expect(await typed(good)).toMatchObject({ code: 0 });
    const folder = /^export KUBECONFIG=(.+)\/kubernetes\//.exec(linesOf(/^export /)[0] ?? '')?.[1] ?? '';
    expect(processesOf(folder).length).toBeGreaterThan(2);
    demo.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    await nothingRuns(folder);
    expect([existsSync(folder), groupsOf(folder)]).toEqual([false, []]);
  });

  test('whose maker is killed ends with it; folder and control groups go when the next one is made', async () => {
    const made = await makeStage();
    expect(processesOf(made.folder).length).toBeGreaterThan(2);
    expect(groupsOf(made.folder)).not.toEqual([]);
    made.maker.kill('SIGKILL');
    await nothingRuns(made.folder);
    expect(existsSync(made.folder)).toBe(true);
    StageFolder.make().remove();
    expect([existsSync(made.folder), groupsOf(made.folder)]).toEqual([false, []]);
  });
});
