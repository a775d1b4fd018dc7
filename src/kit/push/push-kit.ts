/**
 * Pushes a kit into a registry: the whole kit is verified first; then only what is missing there is read again and sent, each blob by its
 * digest; then manifests, children before parents; then what refers to them; tags last, so nothing has a name before it is all there.
 */
import { createHash } from 'node:crypto';
import type { TarEntry } from '../../bytes/tar-entries.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { kitPaths } from '../../contract/kit-format.ts';
import type { Digest } from '../../contract/oci.ts';
import { uploadBlob } from '../../registry/blob-upload.ts';
import { isPassing, type RegistryClient } from '../../registry/registry-client.ts';
import { Repository } from '../../registry/repository.ts';
import { readKitEntries } from '../kit-entries.ts';
import type { OpenedKit } from '../open-kit.ts';
import type { KitDocument } from '../verify/contents.ts';
import type { VerifyReport } from '../verify/report.ts';
import { verifyKit, type VerifyOptions } from '../verify/verify-kit.ts';
import { forEachAtOnce } from './at-once.ts';
import { MissingBlobs, type Target } from './missing-blobs.ts';
import { planPush, type PlannedManifest, type RepositoryPlan } from './push-plan.ts';

export interface PushOptions extends Omit<VerifyOptions, 'signatures' | 'onContents'> {
  /** Opens the registry, once the kit holds and it is known what is to be written. `names`: below the path that the caller has in mind. */
  readonly openRegistry: (names: readonly string[]) => Promise<{ readonly client: RegistryClient; readonly path: string }>;
  /** Called with the bytes of blobs sent so far, and of those to send. */
  readonly onSent?: (sent: number, total: number) => void;
}

export interface PushedKit {
  readonly report: VerifyReport;
  /** Blobs, counted in each repository that they belong to. */
  readonly blobs: { readonly present: number; readonly mounted: number; readonly sent: number; readonly sentBytes: number };
  readonly manifests: { readonly present: number; readonly sent: number };
  /** In the order in which they were set. `before`: what the tag was until now, if it was something else. */
  readonly tags: readonly { readonly name: string; readonly digest: Digest; readonly isNew: boolean; readonly before?: Digest }[];
}

/** How often the kit is read again after the registry was away for longer than a request is repeated. */
const passesInVainMax = 3;

/** @throws the report's code for a kit that does not hold, `registry.*`; what was sent until then stays, without a tag */
export async function pushKit(kit: OpenedKit, { openRegistry, onSent = () => undefined, ...options }: PushOptions): Promise<PushedKit> {
  const { report, plans } = await verifyAndPlan(kit, options);
  const { client, path } = await openRegistry(plans.map(({ name }) => name));
  try {
    const targets = plans.map((plan): Target => ({ plan, repository: new Repository(client, path === '' ? plan.name : `${path}/${plan.name}`) }));
    const missing = await MissingBlobs.find(targets);
    await sendBlobs(kit, missing, onSent);
    const manifests = await sendManifests(targets);
    const tags = await setTags(targets);
    return { report, blobs: missing.counts, manifests, tags };
  } finally {
    await client.close();
  }
}

async function verifyAndPlan(kit: OpenedKit, options: Omit<VerifyOptions, 'signatures' | 'onContents'>): Promise<{ report: VerifyReport; plans: RepositoryPlan[] }> {
  if (kit.bytes === null) throw new ZastavaError('usage', 'A kit is verified before it is pushed, and so read twice, which a stream cannot be: give a file.');
  let contents: { version: string; documents: readonly KitDocument[] } | undefined;
  const report = await verifyKit(kit.stream(), { ...options, signatures: kit.signatures, fileBytes: kit.bytes, onContents: ({ version }, documents) => (contents = { version, documents }) });
  if (!report.ok || contents === undefined) {
    throw new ZastavaError(report.code ?? 'internal', 'The kit does not hold, and nothing was pushed.', { problems: report.checks.flatMap(({ problems }) => problems) });
  }
  return { report, plans: planPush(contents.documents, contents.version) };
}

async function sendBlobs(kit: OpenedKit, missing: MissingBlobs, onSent: (sent: number, total: number) => void): Promise<void> {
  const total = missing.bytes;
  let sent = 0;
  for (let inVain = 0; !missing.isEmpty;) {
    const before = missing.counts.sent;
    try {
      await sendInOnePass(kit, missing, (bytes) => onSent(Math.min(sent += bytes, total), total));
      if (missing.counts.sent === before) throw changed();
    } catch (error) {
      inVain = missing.counts.sent === before ? inVain + 1 : 0;
      if (!isPassing(error) || inVain === passesInVainMax) throw error;
      sent = missing.counts.sentBytes;
    }
  }
}

async function sendInOnePass(kit: OpenedKit, missing: MissingBlobs, onSent: (bytes: number) => void): Promise<void> {
  for await (const entry of readKitEntries(kit.stream())) {
    const digest = digestOfBlob(entry.path);
    const wanted = digest && missing.wanted(digest);
    if (!digest || !wanted) continue;
    await uploadBlob(wanted.repository, { digest, size: wanted.size, pieces: readAgain(entry, digest, wanted.size) }, onSent);
    await missing.arrived(digest, wanted.repository);
    if (missing.isEmpty) return;
  }
}

function digestOfBlob(path: string): Digest | undefined {
  const at = path.lastIndexOf(kitPaths.blobs);
  return at === -1 ? undefined : `sha256:${path.slice(at + kitPaths.blobs.length)}`;
}

/** What was verified is checked as it is read again: the file can have changed since. */
async function* readAgain({ size, content }: TarEntry, digest: Digest, expected: number): AsyncGenerator<Uint8Array, void> {
  if (size !== expected) throw changed();
  const hash = createHash('sha256');
  for await (const piece of content) {
    hash.update(piece);
    yield piece;
  }
  if (`sha256:${hash.digest('hex')}` !== digest) throw changed();
}

async function sendManifests(targets: readonly Target[]): Promise<PushedKit['manifests']> {
  const counts = { present: 0, sent: 0 };
  await Promise.all(targets.map(async ({ repository, plan }) => {
    const manifests = [...plan.manifests.values()];
    const there = new Set<Digest>();
    await forEachAtOnce(manifests, async ({ descriptor: { digest } }) => {
      if ((await repository.resolve(digest)) === digest) there.add(digest);
    });
    for (const { descriptor: { digest, mediaType }, bytes } of manifests.filter(({ descriptor }) => !there.has(descriptor.digest))) await repository.putManifest(digest, mediaType, bytes);
    counts.present += there.size;
    counts.sent += manifests.length - there.size;
    await listReferrers(repository, manifests);
  }));
  return counts;
}

async function listReferrers(repository: Repository, manifests: readonly PlannedManifest[]): Promise<void> {
  const bySubject = Map.groupBy(manifests.filter(({ subject }) => subject !== undefined), ({ subject }) => subject!);
  const [first] = bySubject.keys();
  if (first === undefined || (await repository.listsReferrers(first))) return;
  for (const [subject, group] of bySubject) await repository.addReferrers(subject, group.map(({ descriptor }) => descriptor));
}

async function setTags(targets: readonly Target[]): Promise<PushedKit['tags']> {
  const wanted = targets.flatMap(({ repository, plan }) => plan.tags.map((tag, at) => ({ repository, ...tag, at })));
  const found = new Map<(typeof wanted)[number], Digest | undefined>();
  await forEachAtOnce(wanted, async (each) => void found.set(each, await each.repository.resolve(each.tag)));
  const tags: PushedKit['tags'][number][] = [];
  for (const each of wanted) {
    const { repository, tag, manifest: { descriptor: { digest, mediaType }, bytes } } = each;
    const before = found.get(each);
    if (before !== digest) await repository.putManifest(tag, mediaType, bytes);
    tags.push({ name: `${repository.name}:${tag}`, digest, isNew: before !== digest, ...(before !== undefined && before !== digest && { before }) });
  }
  return tags;
}

function changed(): ZastavaError {
  return new ZastavaError('environment', 'The kit changed after it was verified; no tag was set. Copy it to a place of your own and try again.');
}
