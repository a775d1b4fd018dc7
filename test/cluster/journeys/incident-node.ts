/** Runbook 1 and 4.5: what befalls a node: a full disk, a loss of power, killed programs, a restart of containerd. */
import { expect, test } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { ctr } from '../stage/node.ts';
import { everythingAccounted, everythingKnown } from './accounts.ts';
import { nothingWaits, policy, startPods, unasked, type Incident } from './incident-setting.ts';
import { runbook } from './runbook.ts';

const [scratch, buffer] = ['/var/run/zastava', '/var/lib/zastava'];

export function nodeIncidents({ walk, alerts }: Incident): void {
  const rolledOut = async (): Promise<void> => {
    for (const command of runbook.rolledOut) await walk().operator.sh(command);
  };
  const observer = (path: string): Promise<string> => walk().stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', 'app=zastava-observer', '-o', `jsonpath={.items[*]${path}}`);
  const observerLog = (): Promise<string> => walk().stage.kubectl('-n', 'stellaops', 'logs', '-l', 'app=zastava-observer', '--tail=-1');

  /** A new Pod, which sees what is mounted now. */
  async function newObserver(): Promise<void> {
    await walk().stage.kubectl('-n', 'stellaops', 'delete', 'pods', '-l', 'app=zastava-observer');
    await rolledOut();
  }

  test("4.5: the buffer's disk full: the observer says so and goes on from memory, without a restart, and uses the disk again when it can", async () => {
    const { stage } = walk();
    const { room } = stage;
    const image = stage.folder.write('node/srv/small.ext4', '');
    await room.succeed('truncate', '-s', '24M', image);
    await room.succeed('mkfs.ext4', '-q', '-m', '0', image);
    await room.succeed('mount', '-o', 'loop', image, buffer);
    await newObserver();
    // Others take all of it.
    const { code, stderr } = await room.run('dd', 'if=/dev/zero', `of=${buffer}/filler`, 'bs=64k');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('No space left') });
    await room.run('dd', 'if=/dev/zero', `of=${buffer}/filler-2`, 'bs=4k');
    await startPods(walk(), 'on-a-full-disk', 10, 2, ['/usr/bin/sleep', '1000000']);
    expect(await everythingKnown(walk(), unasked)).toBe(20);
    await eventually(async () => expect(await observerLog()).toContain('the disk does not hold the buffer: events are in memory only'));
    await eventually(async () => expect(await observer('.status.containerStatuses[0].ready')).toBe('false'));
    await room.succeed('rm', `${buffer}/filler`, `${buffer}/filler-2`);
    await eventually(async () => expect(await observerLog()).toContain('the disk holds the buffer again'));
    await rolledOut();
    expect(await observer('.status.containerStatuses[0].restartCount')).toBe('0');
    await room.succeed('umount', '--lazy', buffer);
    await newObserver();
    await everythingKnown(walk(), unasked);
  }, 600_000);

  test('1: the node loses its power while Scanner is dead: scratch is gone, the buffer is not, and what waited is delivered', async () => {
    const { stage } = walk();
    stage.setPolicy({ ...policy, fault: 'dead' });
    await startPods(walk(), 'before-the-reboot', 10, 1, ['/usr/bin/sleep', '1000000']);
    await eventually(async () => expect(await walk().ask('sum(zastava_runtime_buffer_bytes)')).toBeGreaterThan(0));
    for (const folder of [scratch, buffer]) await stage.room.succeed('touch', `${folder}/marker`);
    const left = async (folder: string): Promise<boolean> => (await stage.room.run('test', '-e', `${folder}/marker`)).code === 0;
    const from = Date.now();
    await stage.powerOff();
    await stage.boot();
    expect({ scratch: await left(scratch), buffer: await left(buffer) }).toEqual({ scratch: false, buffer: true });
    stage.setPolicy(policy);
    await everythingAccounted(walk(), unasked, 300);
    const told = stage.journal<{ at: string; when: string; kind: string; workload: { pod: string } }>('events').filter(({ at, when, kind }) => kind === 'containerStart' && Date.parse(at) > from && Date.parse(when) < from);
    expect(new Set(told.map(({ workload }) => workload.pod).filter((pod) => pod.startsWith('before-the-reboot'))).size).toBe(10);
    await rolledOut();
    await nothingWaits(walk());
  }, 900_000);

  test('kill -9 of each Pod, and a restart of containerd: all come back, and what starts then is known', async () => {
    const { stage } = walk();
    const ids = (await stage.kubectl('-n', 'stellaops', 'get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].containerID}')).split(' ').map((id) => id.replace('containerd://', ''));
    for (const id of ids) await stage.room.succeed(...ctr('tasks', 'kill', '--signal', 'SIGKILL', id));
    await stage.restartContainerd();
    await startPods(walk(), 'after-the-kill', 3, 1, ['/usr/bin/sleep', '1000000']);
    await rolledOut();
    expect(await everythingKnown(walk(), unasked)).toBe(3);
    await alerts.ends('ZastavaRuntimeStreamDown', 60);
  }, 600_000);
}
