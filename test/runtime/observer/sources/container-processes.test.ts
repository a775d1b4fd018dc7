import { expect, test } from 'vitest';
import { containerOf, ContainerProcesses } from '../../../../src/runtime/observer/sources/container-processes.ts';
import { FakeProc } from './fake-proc.ts';

const id = 'ab12'.repeat(16);
const other = 'cd34'.repeat(16);

test.each([
  ['cgroup v2, systemd driver', `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-${id}.scope`],
  ['cgroup v2, cgroupfs driver', `0::/kubepods/burstable/pod1/${id}`],
  ['cgroup v1', `12:pids:/kubepods/pod1/${id}\n1:name=systemd:/kubepods/pod1/${id}`],
  ['seen from another cgroup namespace', `0::/../../../pod1/${id}`],
  ['with cgroups of its own below', `0::/kubepods.slice/cri-containerd-${id}.scope/init.scope`],
  ['in a container', `0::/system.slice/docker-${other}.scope/kubepods.slice/cri-containerd-${id}.scope`],
])('a process is of the container that its cgroup names: %s', (_, cgroups) => {
  expect(containerOf(`${cgroups}\n`, new Set([id]))).toBe(id);
  expect(containerOf(`${cgroups}\n`, new Set([id.slice(1), 'kubepods']))).not.toBe(id);
});

test('an id may have dashes; the innermost container counts', () => {
  expect(containerOf('0::/default/my-app\n', new Set(['my-app']))).toBe('my-app');
  expect(containerOf(`0::/a/${other}/b/${id}\n`, new Set([id, other]))).toBe(id);
  expect(containerOf('', new Set([id]))).toBeUndefined();
});

test('each process of a container is told once, until it is another or runs other code', () => {
  using proc = new FakeProc();
  const processes = new ContainerProcesses(proc.path);
  const changed = (): number[] => processes.changed([id]).map(({ pid }) => pid);
  const libc = `7f00-7f01 r-xp 0 08:01 12 /lib/libc.so.6\n`;
  for (const pid of [10, 11, 12]) proc.set(pid, { exe: '/bin/sh', maps: libc });
  proc.put('10/cgroup', `0::/pod/${id}\n`);
  proc.put('11/cgroup', '0::/system.slice/sshd.service\n');
  proc.put('12/cgroup', `0::/pod/${id}\n`);
  expect(processes.changed([id])).toEqual([{ containerId: id, pid: 10 }, { containerId: id, pid: 12 }]);
  expect(changed()).toEqual([]);
  proc.set(10, { exe: '/bin/sh', maps: `0000-0001 r-xp 0 08:01 12 /lib/libc.so.6\n` });
  expect(changed(), 'the same code at other addresses').toEqual([]);
  proc.set(10, { exe: '/bin/sh', maps: `${libc}7f02-7f03 r-xp 0 08:01 13 /tmp/x.so\n` });
  expect(changed(), 'a library more').toEqual([10]);
  proc.set(10, { exe: '/bin/cat', maps: `${libc}7f02-7f03 r-xp 0 08:01 13 /tmp/x.so\n` });
  expect(changed(), 'another program').toEqual([10]);
  proc.set(12, { exe: '/bin/sh', startTime: 9999, maps: libc });
  expect(changed(), 'another process of the same pid').toEqual([12]);
  proc.set(12, { exe: '/bin/sh', startTime: 9999, maps: libc, state: 'Z' });
  expect(changed()).toEqual([]);
  expect(processes.changed([])).toEqual([]);
  expect(changed(), 'a container that was not known').toEqual([10]);
});
