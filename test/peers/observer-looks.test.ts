/** What the observer finds at its later looks, on a real containerd: a program that a container wrote and started later, and what the policy says by now. */
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, succeed } from './harness/commands.ts';
import { engines, needsOf, ObservedNode, type StartedContainer } from './harness/observed-node.ts';
import { describeWith } from './harness/peers.ts';
import { idsOfProgram } from './harness/process-truth.ts';
import { scratch } from './harness/scratch.ts';

const [engine] = engines as [(typeof engines)[number]];
/** Three looks. */
const patience = 90;

describeWith(needsOf(engine), engine.title, () => {
  const folder = scratch('looks', '/var/tmp');
  let node: ObservedNode;
  let late: StartedContainer;
  let shadow: StartedContainer;
  let changing: StartedContainer;

  beforeAll(async () => {
    node = await ObservedNode.start(engine, folder);
    const { scanner } = node.backends;
    const judge = (signed: boolean) => (_: string, { namespace }: { readonly namespace: string }) =>
      namespace === 'shadow' ? { policyVerdict: 'fail', signed: false, reasons: ['not signed'] } as const : { policyVerdict: 'pass', signed } as const;
    scanner.options = { ...scanner.options, ttlSeconds: 2, judge: judge(true) };
    await node.startObserver().line('ready', 'readiness');
    late = await node.startByClient(['/app/drop', '/app/plain', '/tmp/late', '2']);
    shadow = await node.startByCri(await node.runPod('shadow', 'shadow-1'), ['/app/wait']);
    changing = await node.startByCri(await node.runPod('changing', 'changing-1'), ['/app/wait']);
    await eventually(async () => expect(node.journal.of('policyViolation', shadow.id)).toHaveLength(1), patience);
    await eventually(async () => expect(scanner.questions.map(({ namespace }) => namespace)).toContain('changing'), patience);
    scanner.options = { ...scanner.options, revision: 'rev-2', judge: judge(false) };
  });
  afterAll(() => node?.[Symbol.asyncDispose]());

  test('a program that a container wrote and started later is drift, told once', async () => {
    await eventually(async () => expect(node.journal.of('drift', late.id)).toHaveLength(1), patience);
    const { pid } = (await node.tasks()).get(late.id)!;
    const child = Number(await succeed('cat', [`/proc/${pid}/task/${pid}/children`]));
    expect(readlinkSync(`/proc/${child}/exe`)).toBe('/tmp/late');
    expect(node.journal.of('drift', late.id)[0]).toMatchObject({
      process: { pid: child, entrypoint: ['/tmp/late'], entryTrace: ['/tmp/late'], ...(await idsOfProgram(join(node.files, 'app/plain'))) },
      delta: { baselineImageDigest: node.images.manifest, changedFiles: [], newBinaries: ['/tmp/late'] },
      evidence: expect.arrayContaining([{ signal: 'procfs.exe', value: '/tmp/late' }]),
    });
  });

  test('an image that the policy fails is a violation, once for each revision', async () => {
    await eventually(async () => expect(node.journal.of('policyViolation', shadow.id)).toHaveLength(2), patience);
    expect(node.journal.of('policyViolation', shadow.id)).toMatchObject(['rev-1', 'rev-2'].map((revision) => ({
      posture: { imageSigned: false }, evidence: [{ signal: 'policy.revision', value: revision }, { signal: 'policy.reason', value: 'not signed' }],
    })));
    expect(node.journal.of('policyViolation', changing.id)).toEqual([]);
  });

  test('an image that is no longer signed has another attestation status', async () => {
    await eventually(async () => expect(node.journal.of('attestationStatus', changing.id)).toHaveLength(1), patience);
    expect(node.journal.of('attestationStatus', changing.id)).toMatchObject([{ posture: { imageSigned: false, sbomReferrer: true }, evidence: [{ signal: 'policy.revision', value: 'rev-2' }] }]);
    expect(node.journal.of('attestationStatus', shadow.id)).toEqual([]);
  });
});
