/** What a stage leaves behind when whoever made it is killed: nothing that runs, and what lies around goes with the next one. */
import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../peers/harness/commands.ts';
import { describeWith } from '../peers/harness/peers.ts';
import { StageFolder } from './stage/folder.ts';

describeWith(['root', 'unshare', 'nsenter', 'setpriv', 'ip', 'containerd2', 'ctr2', 'cni-bridge'], 'a stage whose maker is killed', () => {
  test('takes every process and mount with it; folder and control groups go when the next one is made', async () => {
    const maker = spawn(process.execPath, [join(import.meta.dirname, 'stage/room-program.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const { folder, pid } = await new Promise<{ folder: string; pid: number }>((resolve, reject) => {
      maker.on('close', () => reject(new Error('it ended')));
      maker.stdout.setEncoding('utf8').on('data', (line: string) => resolve(JSON.parse(line) as { folder: string; pid: number }));
    });
    const groups = (): string[] => globSync(`/sys/fs/cgroup{,/*}/${basename(folder)}`);
    expect(processesOf(folder).length).toBeGreaterThan(2);
    expect(groups()).not.toEqual([]);
    maker.kill('SIGKILL');
    await eventually(async () => expect(processesOf(folder)).toEqual([]));
    await eventually(async () => expect(existsSync(`/proc/${pid}`)).toBe(false));
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(folder);
    expect(existsSync(folder)).toBe(true);
    StageFolder.make().remove();
    expect(existsSync(folder)).toBe(false);
    expect(groups()).toEqual([]);
  });
});

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
