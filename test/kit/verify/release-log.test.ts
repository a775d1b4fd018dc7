import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/bytes/canonical-json.ts';
import { sha256Bytes } from '../../../src/bytes/digest.ts';
import { renderPromise } from '../../../src/kit/log/log-entry.ts';
import { originOf, renderCheckpoint } from '../../../src/kit/log/checkpoint.ts';
import { openReleaseLog } from '../../../src/kit/log/log-folder.ts';
import { hashLeaf, MerkleTree } from '../../../src/kit/log/merkle-tree.ts';
import { logHosts } from '../../../src/kit/log/release-log.ts';
import { openKit } from '../../../src/kit/open-kit.ts';
import { signKit } from '../../../src/kit/sign-kit.ts';
import type { SignatureFiles } from '../../../src/kit/verify/file-signature.ts';
import { release, testLogSigner, verifyReleased } from '../released-kits.ts';
import { makeTinyKit, type TinyKit } from '../tiny-kit.ts';

interface EntryJson {
  logIndex: string;
  logId: { keyId: string };
  kindVersion: { kind: string; version: string };
  integratedTime: string;
  inclusionPromise?: { signedEntryTimestamp: string };
  inclusionProof: { logIndex: string; rootHash: string; treeSize: string; hashes: string[]; checkpoint: { envelope: string } };
  canonicalizedBody: string;
}

const other = Buffer.alloc(32, 1).toString('base64');

let folder: string;
let kit: TinyKit;
let second: TinyKit;
let beside: SignatureFiles;
/** Hashes of the leaves that the bundles inside the kit are: the log before the kit's own entry. */
let leavesInside: readonly Buffer[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'released-'));
  kit = await release(folder, '0.1.0', '2026-01-02T00:00:00Z');
  second = await release(folder, '0.2.0', '2026-01-03T00:00:00Z');
  beside = (await openKit(kit.path)).signatures;
  leavesInside = await Promise.all(Array.from({ length: 8 }, async (_, index) => hashLeaf(await readFile(join(folder, `release-log/0000000${index}.json`)))));
});

afterAll(async () => {
  for (const path of [folder, kit.folder, second.folder]) await rm(path, { recursive: true });
});

/** The signatures with a bundle whose entries are changed. */
function withEntries(change: (entry: EntryJson) => readonly unknown[]): SignatureFiles {
  const bundle = JSON.parse(beside.bundle!) as { verificationMaterial: { tlogEntries: [EntryJson] } };
  const [entry] = bundle.verificationMaterial.tlogEntries;
  return { ...beside, bundle: JSON.stringify({ ...bundle, verificationMaterial: { ...bundle.verificationMaterial, tlogEntries: change(entry) } }) };
}

const withEntry = (change: (entry: EntryJson) => Partial<EntryJson>): SignatureFiles => withEntries((entry) => [{ ...entry, ...change(entry) }]);
const withProof = (change: (proof: EntryJson['inclusionProof']) => Partial<EntryJson['inclusionProof']>): SignatureFiles => withEntry(({ inclusionProof }) => ({ inclusionProof: { ...inclusionProof, ...change(inclusionProof) } }));

interface Anew {
  /** In the checkpoint. */
  readonly origin?: string;
  readonly kind?: string;
  readonly time?: string;
  /** Leaves before it. Default: those of the bundles in the kit, as it was. */
  readonly before?: readonly Buffer[];
}

/** An entry that the log itself has made, of this body. */
async function entryOfLog(entry: EntryJson, body: string, { origin, kind = entry.kindVersion.kind, time = entry.integratedTime, before = leavesInside }: Anew): Promise<EntryJson> {
  const signer = await testLogSigner();
  const canonicalizedBody = Buffer.from(body);
  const tree = new MerkleTree([...before, hashLeaf(canonicalizedBody)]);
  const logIndex = String(before.length);
  const promise = renderPromise({ canonicalizedBody, logIndex, integratedTime: time }, signer.keyId);
  return {
    ...entry,
    logIndex,
    integratedTime: time,
    kindVersion: { kind, version: '0.0.1' },
    canonicalizedBody: canonicalizedBody.toString('base64'),
    inclusionPromise: { signedEntryTimestamp: Buffer.from(signer.signDigest(sha256Bytes(Buffer.from(promise)))).toString('base64') },
    inclusionProof: {
      logIndex,
      treeSize: String(tree.size),
      rootHash: tree.root.toString('base64'),
      hashes: tree.inclusionProof(before.length).map((hash) => hash.toString('base64')),
      checkpoint: { envelope: renderCheckpoint({ origin: origin ?? originOf(logHosts.release, signer.keyId), size: tree.size, root: tree.root }, signer) },
    },
  };
}

const textOf = (base64: string): string => Buffer.from(base64, 'base64').toString();

async function madeAnew(options: Anew = {}, change: (body: string) => string = (body) => body): Promise<SignatureFiles> {
  let entry: EntryJson | undefined;
  withEntries((found) => [(entry = found)]);
  const anew = await entryOfLog(entry!, change(textOf(entry!.canonicalizedBody)), options);
  return withEntries(() => [anew]);
}

describe('the release log', () => {
  test('has every bundle of a released kit, beside it and in it', async () => {
    const report = await verifyReleased(kit);
    expect(report).toMatchObject({ ok: true, notChecked: [] });
    expect(report.checks.find(({ name }) => name === 'release log')).toMatchObject({ ok: true, count: 9, unit: 'entries' });
  });

  test('is not checked, and the report says so, without a trusted root or with one that names no log', async () => {
    for (const trustedRoot of [undefined, '{}', '{"tlogs":[]}']) {
      const report = await verifyReleased(kit, { trustedRoot });
      expect(report).toMatchObject({ ok: true, notChecked: [{ name: 'release log', reason: 'no trusted root was given that names a log' }] });
    }
  });

  test('must be the one that the trusted root names', async () => {
    const own = JSON.parse(await readFile(kit.trustedRoot, 'utf8')) as { tlogs: [{ publicKey: { rawBytes: string } }] };
    const stranger = (await testLogSigner()).deriveSigner('another');
    const rawBytes = stranger.publicKeyPem.replace(/-----.*-----|\n/g, '');
    const keyId = Buffer.from(stranger.keyId.slice(7), 'hex').toString('base64');
    const trustedRoot = canonicalJson({ ...own, tlogs: [{ ...own.tlogs[0], publicKey: { ...own.tlogs[0].publicKey, rawBytes }, logId: { keyId } }] });
    expect(await verifyReleased(kit, { trustedRoot })).toMatchObject({ ok: false, code: 'kit.log-missing' });
    const renamed = (await readFile(kit.trustedRoot, 'utf8')).replace(`https://${logHosts.release}`, 'https://other.internal');
    expect(await verifyReleased(kit, { trustedRoot: renamed })).toMatchObject({ ok: false, code: 'kit.log-invalid' });
  });

  test('does not count after the end of its key', async () => {
    const trustedRoot = (await readFile(kit.trustedRoot, 'utf8')).replace('"validFor":{', '"validFor":{"end":"2026-01-01T00:00:00Z",');
    expect(await verifyReleased(kit, { trustedRoot })).toMatchObject({ ok: false, code: 'kit.log-invalid' });
  });

  test('is refused with a trusted root that cannot be read', async () => {
    const text = await readFile(kit.trustedRoot, 'utf8');
    for (const trustedRoot of ['no JSON', text.replace(/"keyId":"[^"]*"/, `"keyId":"${other}"`), text.replace(/"start":"[^"]*"/, '"start":"never"'), text.replace(/"rawBytes":"[^"]*"/, '"rawBytes":"AA=="')]) {
      await expect(verifyReleased(kit, { trustedRoot })).rejects.toThrow(expect.objectContaining({ code: 'kit.trusted-root-invalid' }));
    }
  });

  test('is missing when no bundle is beside the kit, or its entry is gone', async () => {
    for (const signatures of [{ ...beside, bundle: null }, withEntries(() => [])]) expect(await verifyReleased(kit, { signatures })).toMatchObject({ ok: false, code: 'kit.log-missing' });
  });

  test('need not have the bundles of other signers', async () => {
    const { bundle: text } = withEntries(() => []);
    expect(await verifyReleased(kit, { signatures: { ...beside, others: [{ name: 'auditor.sigstore.json', text: text! }] } })).toMatchObject({ ok: true });
  });

  test.each<[string, () => SignatureFiles]>([
    ['another signed entry timestamp', () => withEntry(({ logId }) => ({ inclusionPromise: { signedEntryTimestamp: logId.keyId } }))],
    ['no signed entry timestamp', () => withEntries((entry) => [{ ...entry, inclusionPromise: undefined }])],
    ['another time than the one that the log signed', () => withEntry(({ integratedTime }) => ({ integratedTime: String(Number(integratedTime) + 1) }))],
    ['a time that is no number', () => withEntry(() => ({ integratedTime: 'now' }))],
    ['another index', () => withEntry(({ logIndex }) => ({ logIndex: String(Number(logIndex) - 1) }))],
    ['another index in the proof', () => withProof(({ logIndex }) => ({ logIndex: String(Number(logIndex) - 1) }))],
    ['another hash in the proof', () => withProof(({ hashes }) => ({ hashes: hashes.with(0, other) }))],
    ['a hash less in the proof', () => withProof(({ hashes }) => ({ hashes: hashes.slice(1) }))],
    ['a hash more in the proof', () => withProof(({ hashes }) => ({ hashes: [...hashes, other] }))],
    ['a short hash in the proof', () => withProof(({ hashes }) => ({ hashes: hashes.with(0, 'AAAA') }))],
    ['another root', () => withProof(() => ({ rootHash: other }))],
    ['another size', () => withProof(({ treeSize }) => ({ treeSize: String(Number(treeSize) + 1) }))],
    ['a checkpoint of another size', () => withProof(({ checkpoint: { envelope } }) => ({ checkpoint: { envelope: envelope.replace('\n9\n', '\n8\n') } }))],
    ['a checkpoint that is none', () => withProof(() => ({ checkpoint: { envelope: 'head' } }))],
    ['another kind', () => withEntry(() => ({ kindVersion: { kind: 'dsse', version: '0.0.1' } }))],
    ['another version of its kind', () => withEntry(() => ({ kindVersion: { kind: 'hashedrekord', version: '0.0.2' } }))],
    ['another body', () => withEntry(() => ({ canonicalizedBody: Buffer.from('{}').toString('base64') }))],
    ['its entry twice', () => withEntries((entry) => [entry, entry])],
  ])('refuses %s', async (_, tamper) => {
    expect(await verifyReleased(kit, { signatures: tamper() })).toMatchObject({ ok: false, code: 'kit.log-invalid' });
  });

  test('refuses the checkpoint of the next release, which is a true one', async () => {
    const next = (JSON.parse((await openKit(second.path)).signatures.bundle!) as { verificationMaterial: { tlogEntries: [EntryJson] } }).verificationMaterial.tlogEntries[0].inclusionProof;
    expect(await verifyReleased(kit, { signatures: withProof(() => ({ checkpoint: next.checkpoint })) })).toMatchObject({ ok: false, code: 'kit.log-invalid' });
    expect(await verifyReleased(kit, { signatures: withProof(() => ({ checkpoint: next.checkpoint, rootHash: next.rootHash, treeSize: next.treeSize })) })).toMatchObject({ ok: false, code: 'kit.log-invalid' });
  });

  test('refuses the bundle of a stranger in place of the own, by the signature already', async () => {
    const changed = beside.bundle!.replace(/"hint":"[^"]*"/, `"hint":"${other}"`);
    const report = await verifyReleased(kit, { signatures: { ...beside, bundle: changed } });
    expect(report).toMatchObject({ ok: false, code: 'kit.signature-invalid' });
    expect(report.checks.find(({ name }) => name === 'release log')?.problems.map(({ code }) => code)).toEqual(['kit.log-invalid']);
  });

  test('refuses the entry of another kit', async () => {
    const [entry] = (JSON.parse((await openKit(second.path)).signatures.bundle!) as { verificationMaterial: { tlogEntries: [EntryJson] } }).verificationMaterial.tlogEntries;
    expect(await verifyReleased(kit, { signatures: withEntries(() => [entry]) })).toMatchObject({ ok: false, code: 'kit.log-invalid' });
  });

  test('refuses what the log key itself has made, when it is of another body, kind, name or time', async () => {
    expect(await verifyReleased(kit, { signatures: await madeAnew() })).toMatchObject({ ok: true });
    const refused = [await madeAnew({}, (body) => body.replace('"value":"', '"value":"0')), await madeAnew({}, (body) => ` ${body}`), await madeAnew({ kind: 'dsse' }), await madeAnew({ origin: 'other.internal - 1' })];
    for (const signatures of refused) expect(await verifyReleased(kit, { signatures })).toMatchObject({ ok: false, code: 'kit.log-invalid' });
    const trustedRoot = (await readFile(kit.trustedRoot, 'utf8')).replace('1970-01-01', '2026-01-01');
    expect(await verifyReleased(kit, { signatures: await madeAnew({ time: '1' }), trustedRoot })).toMatchObject({ ok: false, code: 'kit.log-invalid' });
  });

  test('refuses another history beside the kit than in it, though the log key has signed every head', async () => {
    const [first, ...rest] = leavesInside as [Buffer, ...Buffer[]];
    const others = [[], rest, [...rest, first], [...leavesInside, first], [first, ...leavesInside]];
    for (const before of others) {
      const report = await verifyReleased(kit, { signatures: await madeAnew({ before }) });
      expect(report, `${before.length} leaves`).toMatchObject({ ok: false, code: 'kit.log-invalid' });
      expect(report.checks.find(({ name }) => name === 'release log')?.problems.map(({ found }) => found)).toContainEqual(expect.stringMatching(/^one of \d+ entries with the root [0-9a-f]{64} in .*, which that does not show$/));
    }
    expect(await verifyReleased(kit, { signatures: await madeAnew({ origin: `${logHosts.release} - 1` }) })).toMatchObject({ ok: false, code: 'kit.log-invalid' });
    const { bundle: forked } = await madeAnew({ before: [...rest, first] });
    expect(await verifyReleased(kit, { signatures: { ...beside, certificateBundle: beside.bundle } })).toMatchObject({ ok: true });
    expect(await verifyReleased(kit, { signatures: { ...beside, certificateBundle: forked! } })).toMatchObject({ ok: false, code: 'kit.log-invalid' });
  });

  test('refuses a kit that was built with one log and signed with another, by the same log key', async () => {
    const [log, another] = await Promise.all(['one', 'another'].map(async (name) => openReleaseLog(join(folder, name), await testLogSigner())));
    const built = await makeTinyKit((plan) => ({ ...plan, notary: { ...plan.notary, log: log! } }));
    expect(await verifyReleased(built)).toMatchObject({ ok: true });
    another!.append(Array.from({ length: 8 }, (_, index) => canonicalJson({ apiVersion: '0.0.1', kind: 'dsse', index })), 0);
    await signKit({ ...built, name: 'tiny' }, { ...built.plan.notary, log: another! });
    expect(await verifyReleased(built)).toMatchObject({ ok: false, code: 'kit.log-invalid' });
    await rm(built.folder, { recursive: true });
  });
});
