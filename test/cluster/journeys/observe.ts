/** Runbook 1.1 and 7: what starts on the node is known to Scanner, by Pod, digest and build-id. */
import { expect, test } from 'vitest';
import type { RuntimeEvent } from '../../../src/contract/runtime-event.ts';
import { eventually, succeed } from '../../peers/harness/commands.ts';
import { peer } from '../../peers/harness/peers.ts';
import { everythingKnown } from './accounts.ts';
import { symbols } from './symbols.ts';
import type { Walk } from './walk.ts';

const namespace = 'observed';

export function observe(walk: () => Walk): void {
  let since = 0;

  const start = (name: string, command: readonly string[], rest: object = {}): Promise<unknown> => {
    const pod = walk().pod(name, namespace, walk().workloads.payments, { command }) as { spec: object };
    return walk().create({ ...pod, spec: { ...pod.spec, ...rest } }).then(({ code, stderr }) => expect({ code, stderr }).toEqual({ code: 0, stderr: '' }));
  };

  /** The newest start of a container that Scanner knows. */
  const started = (pod: string, container = 'app'): Promise<RuntimeEvent> => eventually(async () => {
    const found = walk().stage.journal<RuntimeEvent>('events').findLast(({ kind, workload }) => kind === 'containerStart' && workload.pod === pod && workload.container === container);
    if (found === undefined) throw new Error(`Scanner knows of no start of ${container} in ${pod}`);
    return found;
  });

  /** Of the C library that this machine's programs were copied with. */
  const libraryId = async (): Promise<string> => buildIdOf(/(\S*libc\.so\.6) \(/.exec(await succeed('ldd', ['/usr/bin/sleep']))?.[1] ?? '');

  const buildIdOf = async (path: string): Promise<string> => /Build ID: ([0-9a-f]+)/.exec(await succeed(peer('readelf'), ['-n', path]))?.[1] ?? 'none';

  test('a C program is known with its Pod, its digest and its build-id', async () => {
    since = Date.now();
    await walk().stage.kubectl('create', 'namespace', namespace);
    await start('elf', ['/usr/bin/sleep', '1000000']);
    const event = await started('elf');
    expect(event).toMatchObject({
      tenant: 'tenant-a', node: 'node-a', workload: { namespace, pod: 'elf', podUid: await walk().stage.kubectl('-n', namespace, 'get', 'pod', 'elf', '-o', 'jsonpath={.metadata.uid}'), imageRef: walk().workloads.payments },
      process: { idKind: 'gnu', buildId: await buildIdOf('/usr/bin/sleep') },
    });
    expect(Object.values(event.workload.images)).toContain(walk().workloads.payments.split('@')[1]);
  });

  test('its libraries are known with it', async () => {
    expect((await started('elf')).loadedLibs).toContainEqual(expect.objectContaining({ path: expect.stringMatching(/libc\.so\.6$/), buildId: await libraryId() }));
  });

  test('readelf on the running process agrees', async () => {
    const { process } = await started('elf');
    const said = await walk().stage.room.succeed(peer('readelf'), '-n', `/proc/${process?.pid}/exe`);
    expect(said).toContain(process?.buildId);
  });

  test('a script is known as one, a static Go program by both its ids', async () => {
    await start('script', ['/usr/bin/loop.sh']);
    await start('static-go', ['/usr/bin/crane', 'registry', 'serve', '--address', '127.0.0.1:0']);
    const script = (await started('script')).process;
    expect(script).toMatchObject({ idKind: 'script' });
    expect(script?.entryTrace.join(' ')).toContain('/usr/bin/loop.sh');
    // Go links a GNU build-id, too, since 1.24.
    expect((await started('static-go')).process).toMatchObject({ buildId: await buildIdOf(peer('crane')), goBuildId: expect.stringMatching(/./) });
  });

  test('one that ends at once and one that crashes are known all the same', async () => {
    await start('short', ['/usr/bin/true'], { restartPolicy: 'Never' });
    await start('crashing', ['/usr/bin/false']);
    expect((await started('short')).process).toMatchObject({ buildId: await buildIdOf('/usr/bin/true') });
    expect((await started('crashing')).process).toMatchObject({ buildId: await buildIdOf('/usr/bin/false') });
  });

  test('init and ephemeral containers are, too', async () => {
    const image = walk().workloads.payments;
    await start('with-init', ['/usr/bin/sleep', '1000000'], { initContainers: [{ name: 'before', image, command: ['/usr/bin/true'] }] });
    await started('with-init', 'before');
    await started('with-init');
    await walk().stage.kubectl('-n', namespace, 'debug', 'elf', `--image=${image}`, '--container=looker', '--', '/usr/bin/sleep', '100');
    await started('elf', 'looker');
  });

  symbols(walk);

  test('every container of the namespace that ran is known, and nothing was declared lost', async () => {
    const ran = await everythingKnown(walk(), namespace);
    expect(walk().stage.journal('gaps')).toEqual([]);
    walk().count('observe', '1.1, 7', since, `${ran} containers now, ${walk().stage.journal('events').length} events, 0 gaps`);
  });
}
