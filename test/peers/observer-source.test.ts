/** The observer's source against a real containerd: nothing missed, nothing twice, over a restart of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openContainerdSource, type ContainerdSource } from '../../src/runtime/observer/sources/containerd.ts';
import type { ContainerFact } from '../../src/runtime/observer/sources/containerd-facts.ts';
import { Metrics } from '../../src/runtime/telemetry/metrics.ts';
import { RecordedLog } from '../fakes/recorded-log.ts';
import { eventually, run, succeed } from './harness/commands.ts';
import { startContainerd } from './harness/containerd.ts';
import type { ImageDigests } from './harness/oci-image.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';
import type { Server } from './harness/servers.ts';
import { writeTinyImage } from './harness/tiny-image.ts';

const engines = [
  { title: 'containerd 2.4', needs: ['containerd2', 'ctr2'], version: /^2\.4\./ },
  { title: "Debian's containerd", needs: ['containerd', 'ctr'], version: /^1\.6\./ },
] as const;

const image = 'registry.test/tiny:1';

/** runc keeps its containers outside of the test's folder. */
const own = (id: string): string => `source-${process.pid}-${id}`;

for (const { title, needs, version } of engines) {
  describeWith([...needs, 'root', 'runc', 'unshare'], title, () => {
    const folder = scratch('source');
    const socket = join(folder, 'containerd.sock');
    const facts: ContainerFact[] = [];
    const blind: { from: Date; to: Date }[] = [];
    const { log } = new RecordedLog('observer');
    const ctr = (...args: string[]): Promise<string> => succeed(peer(needs[1]), ['--address', socket, '--namespace', 'k8s.io', ...args]);
    const runTiny = (id: string, program: string, ...options: string[]): Promise<string> => ctr(
      'run', ...options, '--label', 'io.kubernetes.pod.namespace=payments', '--label', `io.kubernetes.pod.name=pod-${id}`, '--label', `io.kubernetes.pod.uid=uid-${id}`,
      '--label', 'io.kubernetes.container.name=tiny', image, id, program,
    );
    let server: Server;
    let digests: ImageDigests;
    let source: ContainerdSource;

    const of = (kind: ContainerFact['kind'], id: string): ContainerFact[] => facts.filter((fact) => fact.kind === kind && fact.containerId === id);
    const isLive = (): Promise<void> => eventually(async () => expect(source.health()).toBeNull());

    beforeAll(async () => {
      digests = await writeTinyImage(join(folder, 'tiny.tar'), image);
      server = await startContainerd(peer(needs[0]), folder, socket);
      await ctr('images', 'import', join(folder, 'tiny.tar'));
      await runTiny(own('before'), '/wait', '--detach');
      source = openContainerdSource({
        socket, root: join(folder, 'root'), namespace: 'k8s.io', procRoot: '/proc', log, metrics: new Metrics('observer', {}),
        onFact: (fact) => void facts.push(fact), onBlind: (interval) => void blind.push(interval),
      });
      await isLive();
    });
    afterAll(async () => {
      await source?.close();
      const ids = (await ctr('tasks', 'list', '--quiet')).split('\n').filter((id) => id !== '');
      for (const id of ids) await run(peer(needs[1]), ['--address', socket, '--namespace', 'k8s.io', 'tasks', 'delete', '--force', id]);
      await server?.stop();
    });

    test('finds what ran before it came', () => {
      expect(source.version()).toMatch(version);
      expect(of('start', own('before'))).toMatchObject([{ evidence: 'reconcile', workload: { pod: `pod-${own('before')}` } }]);
    });

    test('tells of containers by the dozen, with their Pod, image and file system', async () => {
      const ids = Array.from({ length: 24 }, (_, at) => own(`dozen-${at}`));
      for (let at = 0; at < ids.length; at += 4) await Promise.all(ids.slice(at, at + 4).map((id) => runTiny(id, '/wait', '--detach')));
      const pids = new Map((await ctr('tasks', 'list')).split('\n').map((line) => line.split(/\s+/)).map(([id, pid]) => [id, Number(pid)]));
      await eventually(async () => expect(facts.filter(({ kind }) => kind === 'start')).toHaveLength(1 + ids.length));
      for (const id of ids) {
        expect(of('start', id)).toMatchObject([{
          evidence: 'event', pid: pids.get(id), spec: { args: ['/wait'] },
          workload: { namespace: 'payments', pod: `pod-${id}`, podUid: `uid-${id}`, container: 'tiny', containerId: `containerd://${id}`, imageRef: image, images: digests },
        }]);
        expect(of('start', id)[0]!.rootfs!.lowers.some((lower) => existsSync(join(lower, 'wait')))).toBe(true);
      }
    });

    test('tells all of containers that end at once and are removed', async () => {
      const ids = Array.from({ length: 12 }, (_, at) => own(`short-${at}`));
      for (const id of ids) await runTiny(id, '/end', '--rm');
      await eventually(async () => expect(facts.filter(({ kind, containerId }) => kind === 'stop' && ids.includes(containerId))).toHaveLength(ids.length));
      for (const id of ids) {
        expect(of('start', id)).toMatchObject([{ evidence: 'event', workload: { pod: `pod-${id}`, images: digests } }]);
        // 2.4 does not always tell how it ended.
        expect(of('stop', id)).toMatchObject([{ evidence: 'event' }]);
        expect(of('stop', id)[0]!.exitStatus ?? 0).toBe(0);
      }
    });

    test('knows after a restart of containerd what ended meanwhile, and tells nothing twice', async () => {
      const told = facts.length;
      await server.stop();
      await eventually(async () => expect(source.health()).not.toBeNull());
      process.kill(of('start', own('dozen-0'))[0]!.pid, 'SIGKILL');
      server = await startContainerd(peer(needs[0]), folder, socket);
      await isLive();
      await eventually(async () => expect(of('stop', own('dozen-0'))).toHaveLength(1));
      await runTiny(own('after'), '/wait', '--detach');
      await eventually(async () => expect(of('start', own('after'))).toMatchObject([{ evidence: 'event' }]));
      expect(facts.slice(told).map(({ kind, containerId }) => `${kind} ${containerId}`)).toEqual([`stop ${own('dozen-0')}`, `start ${own('after')}`]);
      expect(blind).toHaveLength(1);
    });
  });
}
