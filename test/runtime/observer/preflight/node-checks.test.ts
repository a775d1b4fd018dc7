import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { parseValues } from '../../../../src/config/parse-values.ts';
import { checkNode } from '../../../../src/runtime/observer/preflight/node-checks.ts';
import { sampleConfig } from '../../../fakes/runtime-program.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const disk = '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw';
const memory = '30 22 0:25 / /run rw,nosuid shared:2 - tmpfs tmpfs rw,size=800000k';

/** A node as the observer sees it below its proc mount. */
class FakeNode {
  readonly folder = mkdtempSync(join(tmpdir(), 'preflight-'));
  readonly procRoot = join(this.folder, 'host-proc');
  readonly ownProc = join(this.folder, 'own-proc');

  constructor(files: Readonly<Record<string, string>> = {}) {
    folders.push(this.folder);
    mkdirSync(join(this.procRoot, '1/root/run/containerd'), { recursive: true });
    const all = { 'host-proc/1/mountinfo': `${disk}\n${memory}\n`, 'host-proc/1/root/sys/kernel/security/lsm': 'lockdown,capability,yama,apparmor', 'own-proc/self/attr/current': 'unconfined\n', 'own-proc/self/mountinfo': this.ownMount('hidepid=invisible'), ...files };
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(join(this.folder, dirname(path)), { recursive: true });
      writeFileSync(join(this.folder, path), text);
    }
  }

  ownMount(option: string): string {
    return `50 40 0:4 / ${this.procRoot} ro,nosuid - proc proc rw,${option}\n`;
  }

  check(observer: object = {}) {
    const { zastava } = sampleConfig;
    const values = parseValues(JSON.stringify({ zastava: { ...zastava, observer: { containerd: { socket: '/run/containerd/containerd.sock' }, ...observer } } }), 'test');
    return checkNode({ ...values.zastava.observer, procRoot: this.procRoot }, this.ownProc);
  }

  async listen(): Promise<AsyncDisposable> {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(join(this.procRoot, '1/root/run/containerd/containerd.sock'), resolve));
    return { [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) };
  }
}

test('a node that is as it should be', async () => {
  const node = new FakeNode();
  await using _ = await node.listen();
  expect(await node.check()).toEqual([
    { check: 'processes of the node (hidepid)', outcome: 'ok', found: 'hidepid invisible; 1 processes can be seen and looked into' },
    { check: "containerd's socket", outcome: 'ok', found: '/run/containerd/containerd.sock answers' },
    { check: 'buffer', outcome: 'ok', found: expect.stringMatching(/^\/var\/lib\/zastava on ext4, \d+ MiB free$/) },
    { check: 'Linux security modules', outcome: 'ok', found: 'lockdown,capability,yama,apparmor; this Pod runs as unconfined' },
  ]);
});

test('links of the host are followed on the host, where they lead elsewhere than here', async () => {
  const node = new FakeNode();
  await using _ = await node.listen();
  mkdirSync(join(node.procRoot, '1/root/var/lib'), { recursive: true });
  mkdirSync(join(node.procRoot, '1/root/run/deep'), { recursive: true });
  symlinkSync('/run', join(node.procRoot, '1/root/var/run'));
  symlinkSync('../../run/deep/..', join(node.procRoot, '1/root/var/lib/zastava'));
  const [, socket, buffer] = await node.check({ containerd: { socket: '/var/run/containerd/containerd.sock' } });
  expect(socket).toMatchObject({ outcome: 'ok', found: '/var/run/containerd/containerd.sock answers' });
  expect(buffer).toMatchObject({ outcome: 'warning', found: expect.stringMatching(/^\/var\/lib\/zastava on tmpfs/) });
});

test('links that lead in circles end', async () => {
  const node = new FakeNode();
  mkdirSync(join(node.procRoot, '1/root/var'), { recursive: true });
  symlinkSync('/var/b', join(node.procRoot, '1/root/var/a'));
  symlinkSync('/var/a', join(node.procRoot, '1/root/var/b'));
  expect((await node.check({ bufferHostPath: '/var/a/x' }))[2]).toMatchObject({ outcome: 'unknown', found: '/var/a/x: ELOOP' });
});

test('a socket that is missing, is none, or does not answer fails', async () => {
  const node = new FakeNode();
  const [, missing] = await node.check();
  expect(missing).toMatchObject({ outcome: 'failed', found: '/run/containerd/containerd.sock: ENOENT', todo: expect.stringContaining('zastava.observer.containerd.socket') });
  writeFileSync(join(node.procRoot, '1/root/run/containerd/containerd.sock'), '');
  expect((await node.check())[1]).toMatchObject({ outcome: 'failed', found: expect.stringContaining('no socket') });
});

test('a buffer in memory is a warning', async () => {
  const [, , buffer] = await new FakeNode().check({ bufferHostPath: '/run/zastava' });
  expect(buffer).toMatchObject({ outcome: 'warning', found: expect.stringMatching(/^\/run\/zastava on tmpfs.*reboot/), todo: expect.stringContaining('bufferHostPath') });
});

test('a folder whose name only begins like a mount is not on it', async () => {
  const [, , buffer] = await new FakeNode().check({ bufferHostPath: '/runner' });
  expect(buffer).toMatchObject({ outcome: 'ok', found: expect.stringContaining('on ext4') });
});

test('a buffer without room fails', async () => {
  const node = new FakeNode();
  // The largest that values allow: 16 GiB, and what the machine of the test has may be more.
  const [, , buffer] = await node.check({ limits: { bufferBytesMax: 16 * 1024 ** 3 } });
  const free = Number(/, (\d+) MiB free/.exec(buffer!.found)![1]);
  expect(buffer!.outcome).toBe(free < 24 * 1024 ? 'failed' : 'ok');
});

test.each([
  ['lockdown,capability,selinux', 'system_u:system_r:container_t:s0:c1,c2\0', 'warning', 'seLinuxType'],
  ['lockdown,capability,selinux', 'system_u:system_r:spc_t:s0\0', 'ok', undefined],
  ['capability,apparmor', 'cri-containerd.apparmor.d (enforce)\n', 'warning', 'appArmorProfile'],
  ['capability', '', 'ok', undefined],
])('modules %s and label %j are %s', async (lsm, label, outcome, todo) => {
  const node = new FakeNode({ 'host-proc/1/root/sys/kernel/security/lsm': lsm, 'own-proc/self/attr/current': label });
  const finding = (await node.check())[3];
  expect(finding).toMatchObject({ outcome, found: expect.stringContaining(lsm) });
  if (todo !== undefined) expect(finding?.todo).toContain(todo);
});

test('a node whose first process cannot be looked into is seen through its kubelet', async () => {
  const node = new FakeNode({ 'host-proc/77/comm': 'sh\n', 'host-proc/78/comm': 'kubelet\n', 'host-proc/78/mountinfo': `${memory.replace('/run', '/')}\n` });
  rmSync(join(node.procRoot, '1'), { recursive: true });
  mkdirSync(join(node.procRoot, '77/root'));
  mkdirSync(join(node.procRoot, '78/root'));
  const [processes, , buffer] = await node.check();
  expect(processes).toEqual({ check: 'processes of the node (hidepid)', outcome: 'ok', found: 'hidepid invisible; 2 processes can be seen, kubelet among them looked into' });
  expect(buffer).toMatchObject({ outcome: 'warning' });
});

test('processes that cannot be looked into fail', async () => {
  const node = new FakeNode();
  rmSync(join(node.procRoot, '1'), { recursive: true });
  writeFileSync(join(node.ownProc, 'self/mountinfo'), node.ownMount('hidepid=2'));
  const [processes] = await node.check();
  expect(processes).toMatchObject({ outcome: 'failed', found: expect.stringContaining('hidepid 2'), todo: expect.stringContaining('SYS_PTRACE') });
});
