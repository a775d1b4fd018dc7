/** Runbook 1 and 4.5: what befalls a node: a full disk, a loss of power, killed programs, a restart of containerd. */
import { expect, test } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { ctr } from '../stage/node.ts';
import { everythingAccounted, everythingKnown } from './accounts.ts';
import { eventsWait, long, nothingWaits, startPods, unasked, type Incident } from './incident-setting.ts';
import { rolledOut } from './installation.ts';
import { sitePolicy } from './walk.ts';

const [scratch, buffer] = ['/var/run/zastava', '/var/lib/zastava'];
const noRoomAlert = 'ZastavaRuntimeBufferNoRoom';

export function nodeIncidents({ walk, alerts }: Incident): void {
  const observer = (path: string): Promise<string> => walk().stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', 'app=zastava-observer', '-o', `jsonpath={.items[*]${path}}`);
  const observerLog = (): Promise<string> => walk().stage.kubectl('-n', 'stellaops', 'logs', '-l', 'app=zastava-observer', '--tail=-1');

  /** A new Pod, which sees what is mounted now. */
  async function newObserver(): Promise<void> {
    await walk().stage.kubectl('-n', 'stellaops', 'delete', 'pods', '-l', 'app=zastava-observer');
    await rolledOut(walk());
  }

  long("4.5: the buffer's disk full: the alert fires, the observer goes on from memory, without a restart, and uses the disk again when it can", async () => {
    const { stage } = walk();
    const { room } = stage;
    const image = stage.folder.write('node/srv/small.ext4', '');
    await room.succeed('truncate', '-s', '24M', image);
    await room.succeed('mkfs.ext4', '-q', '-m', '0', image);
    await room.succeed('mount', '-o', 'loop', image, buffer);
    try {
      await newObserver();
      // Others take all of it.
      const { code, stderr } = await room.run('dd', 'if=/dev/zero', `of=${buffer}/filler`, 'bs=64k');
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('No space left') });
      await room.run('dd', 'if=/dev/zero', `of=${buffer}/filler-2`, 'bs=4k');
      await startPods(walk(), 'on-a-full-disk', 10, 2, ['/usr/bin/sleep', '1000000']);
      expect(await everythingKnown(walk(), unasked)).toBe(20);
      await eventually(async () => expect(await observerLog()).toContain('the disk does not hold the buffer: events are in memory only'));
      await alerts.begins(noRoomAlert, 240);
      expect(await observer('.status.containerStatuses[0].ready')).toBe('false');
      await room.succeed('rm', `${buffer}/filler`, `${buffer}/filler-2`);
      await alerts.ends(noRoomAlert, 120);
      await rolledOut(walk());
      expect(await observer('.status.containerStatuses[0].restartCount')).toBe('0');
    } finally {
      await room.succeed('umount', '--lazy', buffer);
      await newObserver();
    }
    await everythingKnown(walk(), unasked);
  }, 600_000);

  long('1: the node loses its power while Scanner is dead: scratch is gone, the buffer is not, and what waited is delivered', async () => {
    const { stage } = walk();
    const gaps = stage.journal('gaps').length;
    stage.setPolicy({ ...sitePolicy, fault: 'dead' });
    await startPods(walk(), 'before-the-reboot', 10, 1, ['/usr/bin/sleep', '1000000']);
    await eventsWait(walk());
    for (const folder of [scratch, buffer]) await stage.room.succeed('touch', `${folder}/marker`);
    const left = async (folder: string): Promise<boolean> => (await stage.room.run('test', '-e', `${folder}/marker`)).code === 0;
    const from = Date.now();
    await stage.powerOff();
    await stage.boot();
    expect({ scratch: await left(scratch), buffer: await left(buffer) }).toEqual({ scratch: false, buffer: true });
    stage.setPolicy(sitePolicy);
    await everythingAccounted(walk(), unasked, gaps, 300);
    const told = stage.journal<{ at: string; when: string; kind: string; workload: { pod: string } }>('events').filter(({ at, when, kind }) => kind === 'containerStart' && Date.parse(at) > from && Date.parse(when) < from);
    expect(new Set(told.map(({ workload }) => workload.pod).filter((pod) => pod.startsWith('before-the-reboot'))).size).toBe(10);
    await rolledOut(walk());
    await nothingWaits(walk());
  }, 900_000);

  test('kill -9 of each Pod, and a restart of containerd: all come back, and what starts then is known', async () => {
    const { stage } = walk();
    const ids = (await stage.kubectl('-n', 'stellaops', 'get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].containerID}')).split(' ').map((id) => id.replace('containerd://', ''));
    for (const id of ids) await stage.room.succeed(...ctr('tasks', 'kill', '--signal', 'SIGKILL', id));
    await stage.restartContainerd();
    await startPods(walk(), 'after-the-kill', 3, 1, ['/usr/bin/sleep', '1000000']);
    await rolledOut(walk());
    expect(await everythingKnown(walk(), unasked)).toBe(3);
  }, 600_000);
}
