/** What the observer says of programs of every kind, field by field, against what really runs: on real containerds, through the client and the CRI. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Drift, ProcessFacts, RuntimeEvent } from '../../src/contract/runtime-event.ts';
import { bundleParts } from '../../src/images/bundle-program.ts';
import { eventually } from './harness/commands.ts';
import { checkWire } from './harness/event-journal.ts';
import { checkout } from './harness/kit.ts';
import { engines, needsOf, nodeName, ObservedNode, type StartedContainer } from './harness/observed-node.ts';
import { describeWith } from './harness/peers.ts';
import { idsOfProgram, readProcessTruth, sha256Of } from './harness/process-truth.ts';
import { scratch } from './harness/scratch.ts';
import { privateUser } from './harness/workloads.ts';

interface Kind {
  readonly title: string;
  readonly args: readonly string[];
  /** Through the CRI only: the client of 1.6 knows no users. */
  readonly user?: number;
  /** File of the image whose ids the event has; none for scripts. */
  readonly program?: string;
  readonly entryTrace: readonly string[];
  readonly delta?: Partial<Drift>;
  /** What the process is for a moment before it is `program`. The observer may look right then, and sees the rest at a later look. */
  readonly before?: Pick<Kind, 'program' | 'entryTrace'>;
}

const ways = ['client', 'cri'] as const;
const brief = ['/app/brief', '7'];
const [memory, drop] = [{ program: 'app/memory', entryTrace: ['/app/memory'] }, { program: 'app/drop', entryTrace: ['/app/drop'] }];

/** A program may unlink itself right after the look. */
const seenAs = (exe: string): string => {
  const kept = exe.replace(/ \(deleted\)$/, '');
  return kept === exe ? exe : expect.toSatisfy((value: string) => value === exe || value === kept) as string;
};

const kinds: readonly Kind[] = [
  { title: 'a program with arguments', args: ['/app/wait', '--port', '80'], program: 'app/wait', entryTrace: ['/app/wait'] },
  { title: 'a script that becomes a program', args: ['/app/start.sh'], program: 'app/wait', entryTrace: ['/app/start.sh', '/bin/sh', '/app/wait'], before: { entryTrace: ['/app/start.sh', '/bin/sh'] } },
  { title: 'a script that stays beside its program', args: ['/app/stay.sh'], entryTrace: ['/app/stay.sh', '/bin/sh', '/app/wait'], before: { entryTrace: ['/app/stay.sh', '/bin/sh'] } },
  { title: 'a program that unlinked itself', args: ['/app/deleted'], program: 'app/deleted', entryTrace: ['/app/deleted'] },
  { title: 'a program in memory', args: ['/app/memory', '/app/plain'], program: 'app/plain', entryTrace: ['/app/memory', '/memfd:payload'], delta: { newBinaries: ['memfd:payload'] }, before: memory },
  { title: 'a process that renamed itself', args: ['/app/renamed', 'argument'], program: 'app/renamed', entryTrace: ['/app/renamed'] },
  { title: 'a static program without notes', args: ['/app/stripped'], program: 'app/stripped', entryTrace: ['/app/stripped'] },
  { title: 'a program for musl', args: ['/app/musl'], program: 'app/musl', entryTrace: ['/app/musl'] },
  { title: 'a static Go program', args: ['/app/go'], program: 'app/go', entryTrace: ['/app/go'] },
  { title: "a Go program with Go's id only", args: ['/app/go-only'], program: 'app/go-only', entryTrace: ['/app/go-only'] },
  { title: 'a program that wrote itself anew', args: ['/app/drop', '/app/plain', '/tmp/new'], program: 'app/plain', entryTrace: ['/app/drop', '/tmp/new'], delta: { newBinaries: ['/tmp/new'] }, before: drop },
  { title: 'a program that replaced one of the image', args: ['/app/drop', '/app/musl', '/app/wait'], program: 'app/musl', entryTrace: ['/app/drop', '/app/wait'], delta: { changedFiles: ['/app/wait'] }, before: drop },
  { title: "a user's program of mode 0700", args: ['/home/user/private'], user: privateUser, program: 'app/private', entryTrace: ['/home/user/private'] },
];

for (const engine of engines) {
  describeWith(needsOf(engine), engine.title, () => {
    const folder = scratch('processes', '/var/tmp');
    let node: ObservedNode;

    beforeAll(async () => {
      node = await ObservedNode.start(engine, folder);
      await bundleParts({ root: checkout, entry: 'src/runtime/observer/main.ts', outdir: join(folder, 'program') });
      await node.startObserver(join(folder, 'program/main.mjs')).line('ready', 'readiness');
      const pod = await node.runPod('payments', 'api-1');
      // The first start of an image does not wait for the policy's answer.
      await node.startByCri(pod, ['/app/wait']);
      await eventually(async () => expect(node.backends.scanner.questions).toHaveLength(1));
      for (const { args, user } of [...kinds, { args: brief, user: undefined }]) {
        if (user === undefined) await node.startByClient(args);
        await node.startByCri(pod, args, user);
      }
    });
    afterAll(() => node?.[Symbol.asyncDispose]());

    const startedOf = (way: (typeof ways)[number], args: readonly string[]): StartedContainer => node.started.find((started) => started.via === way && started.args === args)!;

    /** A look may be half a minute away. */
    const eventOf = (kind: RuntimeEvent['kind'], { id }: StartedContainer): Promise<RuntimeEvent> => eventually(async () => {
      const [event, ...more] = node.journal.of(kind, id);
      if (!event) throw new Error(`no ${kind} of ${id} came`);
      expect(more).toEqual([]);
      return event;
    }, 90);

    /** All but the process. */
    const commonOf = (kind: RuntimeEvent['kind'], { id, pod: { namespace, name, uid }, container }: StartedContainer): Partial<RuntimeEvent> => ({
      kind, tenant: 'acme', node: nodeName, eventId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string, when: expect.any(String) as string,
      runtime: { engine: 'containerd', version: expect.stringMatching(engine.version) as string },
      workload: { platform: 'kubernetes', namespace, pod: name, podUid: uid, container, containerId: `containerd://${id}`, imageRef: node.imageName, images: node.images },
    });

    const expectInTime = ({ when }: RuntimeEvent, { between: [from, to] }: StartedContainer): void => {
      expect(Date.parse(when)).toBeGreaterThanOrEqual(from.getTime());
      expect(Date.parse(when)).toBeLessThanOrEqual(to.getTime());
    };

    const idsOf = async ({ program }: Pick<Kind, 'program'>): Promise<Pick<ProcessFacts, 'idKind'>> => (program === undefined ? { idKind: 'script' } : idsOfProgram(join(node.files, program)));
    const posture = { imageSigned: true, sbomReferrer: true };

    describe.each(ways)('started through the %s', (way) => {
      test.each(kinds.filter(({ user }) => way === 'cri' || user === undefined))('names $title', async (kind) => {
        const { args, program, entryTrace, delta, before } = kind;
        const started = startedOf(way, args);
        const event = await eventOf('containerStart', started);
        const { pid } = (await node.tasks()).get(started.id)!;
        const truth = await readProcessTruth(pid, node.files);
        const [same, ids] = [{ pid, startTime: truth.startTime }, await idsOf(kind)];
        const process = { ...same, entrypoint: args, entryTrace, ...ids };
        const evidence = [
          { signal: 'procfs.exe', value: seenAs(truth.exe) }, { signal: 'procfs.maps', value: `${truth.mapped} mappings` },
          ...(ids.idKind === 'stripped' ? [{ signal: 'procfs.exe.sha256', value: sha256Of(join(node.files, program!)) }] : []),
        ];
        const source = { signal: 'containerd.task.start', value: '/tasks/start' };
        const early = before && event.process?.entryTrace.join() === before.entryTrace.join();
        expect(event).toEqual(early
          ? { ...commonOf('containerStart', started), process: { ...process, entryTrace: before.entryTrace, ...(await idsOf(before)), ...(before.program === undefined && { buildId: undefined }) }, loadedLibs: event.loadedLibs, posture, evidence: event.evidence }
          : { ...commonOf('containerStart', started), process, loadedLibs: truth.libs, posture, evidence: [source, ...evidence] });
        expectInTime(event, started);
        if (!delta) return void expect(node.journal.of('drift', started.id)).toEqual([]);
        const whole = { baselineImageDigest: node.images.manifest, changedFiles: [], newBinaries: [], ...delta };
        const seen = early ? { ...same, entrypoint: expect.any(Array) as string[], entryTrace: entryTrace.slice(-1), ...ids } : process;
        expect(await eventOf('drift', started)).toEqual({ ...commonOf('drift', started), process: seen, delta: whole, evidence });
      });

      test('names a program that lives 5 ms, and tells of its end', async () => {
        const started = startedOf(way, brief);
        const event = await eventOf('containerStart', started);
        const alive = event.evidence.some(({ signal }) => signal === 'procfs.exe');
        expect(event.process).toEqual({ pid: expect.any(Number), startTime: alive ? expect.any(Number) : 0, entrypoint: brief, entryTrace: ['/app/brief'], ...(await idsOfProgram(join(node.files, 'app/brief'))) });
        const files = ['app/lib/libanswer.so', 'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', 'usr/lib/x86_64-linux-gnu/libc.so.6'];
        const libs = await Promise.all(files.map(async (file) => ({ path: `/${file}`, inode: expect.any(Number) as number, sha256: sha256Of(join(node.files, file)), buildId: (await idsOfProgram(join(node.files, file))).buildId })));
        expect(event).toEqual({ ...commonOf('containerStart', started), process: event.process, loadedLibs: libs, posture, evidence: event.evidence });
        const stop = await eventOf('containerStop', started);
        expect(stop).toEqual({ ...commonOf('containerStop', started), process: event.process, evidence: [{ signal: 'containerd.task.exit', value: '/tasks/exit' }, { signal: 'exitStatus', value: '7' }] });
        expect(Date.parse(stop.when)).toBeGreaterThanOrEqual(Date.parse(event.when));
      });
    });

    test('sent nothing that the contract does not know, and nothing of containers that nobody started', () => {
      for (const batch of node.journal.batches) checkWire(batch);
      const started = new Set(node.started.map(({ id }) => id));
      expect(node.journal.events().filter(({ workload }) => !started.has(workload.containerId.replace('containerd://', '')))).toEqual([]);
      expect(node.journal.gaps()).toEqual([]);
    });
  });
}
