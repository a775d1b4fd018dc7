import fc from 'fast-check';
import { expect, test } from 'vitest';
import { containerdProtocol, dateOf, parseTaskEvent } from '../../../../src/runtime/observer/sources/containerd-protocol.ts';
import { parseRootFolders } from '../../../../src/runtime/observer/sources/containerd-rootfs.ts';

test('knows the methods that reading needs and the one of the probe, and no other', () => {
  const methods = Object.values(containerdProtocol).flatMap((definition) => ('format' in definition ? [] : Object.values(definition).map(({ path }) => path)));
  expect(methods.sort()).toEqual([
    '/containerd.services.containers.v1.Containers/Get',
    '/containerd.services.events.v1.Events/Publish',
    '/containerd.services.events.v1.Events/Subscribe',
    '/containerd.services.images.v1.Images/Get',
    '/containerd.services.introspection.v1.Introspection/Server',
    '/containerd.services.snapshots.v1.Snapshots/Mounts',
    '/containerd.services.tasks.v1.Tasks/Get',
    '/containerd.services.tasks.v1.Tasks/List',
    '/containerd.services.version.v1.Version/Version',
  ]);
});

const envelope = (typeUrl: string, value: Uint8Array) => ({ timestamp: null, namespace: 'k8s.io', topic: '/tasks/start', event: { typeUrl, value: Buffer.from(value) } });

test('reads an event by its bare name and by one with a host', () => {
  const bytes = Buffer.from('0a02633110d236', 'hex');
  for (const name of ['containerd.events.TaskStart', 'type.googleapis.com/containerd.events.TaskStart']) {
    expect(parseTaskEvent(envelope(name, bytes))).toEqual({ kind: 'start', containerId: 'c1', pid: 6994 });
  }
});

test('passes over events of other kinds and bytes that are none, whatever they are', () => {
  expect(parseTaskEvent(envelope('containerd.events.toString', Buffer.alloc(0)))).toBeUndefined();
  expect(parseTaskEvent({ ...envelope('', Buffer.alloc(0)), event: null })).toBeUndefined();
  fc.assert(fc.property(fc.constantFrom('TaskStart', 'TaskExit', 'TaskCreate', 'ContainerCreate'), fc.uint8Array({ maxLength: 200 }), (name, bytes) => {
    parseTaskEvent(envelope(`containerd.events.${name}`, bytes));
  }));
});

test('has no date for a time that is not set', () => {
  expect(dateOf(null)).toBeUndefined();
  expect(dateOf({ seconds: -62_135_596_800, nanos: 0 })).toBeUndefined();
  expect(dateOf({ seconds: 1, nanos: 5_000_000 })).toEqual(new Date(1005));
});

test('finds the folders of overlays and bind mounts, and none where files do not lie in folders', () => {
  const overlay = (...options: string[]) => parseRootFolders([{ type: 'overlay', source: 'overlay', options }]);
  expect(overlay('lowerdir=/b:/a\\:1', 'upperdir=/u', 'workdir=/w')).toEqual({ upper: '/u', lowers: ['/b', '/a:1'] });
  expect(overlay('lowerdir=/b')).toEqual({ lowers: ['/b'] });
  expect(overlay('lowerdir={{ mount 0 }}')).toBeUndefined();
  expect(parseRootFolders([{ type: 'bind', source: '/s', options: ['ro', 'rbind'] }])).toEqual({ lowers: ['/s'] });
  expect(parseRootFolders([{ type: 'bind', source: '/s', options: ['rw', 'rbind'] }])).toEqual({ upper: '/s', lowers: [] });
  expect(parseRootFolders([{ type: 'ext4', source: '/dev/dm-1', options: [] }])).toBeUndefined();
  expect(parseRootFolders([])).toBeUndefined();
});
