/**
 * The entries of the release log in a kit's own bundles, beside it and in it (adr/0008). An entry holds when its body is
 * exactly what the bundle says, the log has signed it, and it is in the tree whose head the log has signed. All heads are
 * of one history.
 */
import { bundleFromJSON, type Bundle } from '@sigstore/bundle';
import { refusal } from '../../bytes/refusal.ts';
import { attestationMediaTypes } from '../../contract/attestations.ts';
import { encodePem } from '../certificates/certificate.ts';
import { openCheckpoint, hostOf, type Checkpoint } from '../log/checkpoint.ts';
import { bodyOfBundle, renderPromise, type LogEntry } from '../log/log-entry.ts';
import { hashLeaf, rootsOfInclusion } from '../log/merkle-tree.ts';
import type { TrustedLog } from '../log/trusted-log.ts';
import type { PublicKey } from '../public-key.ts';
import type { KitDocument } from './contents.ts';
import { ownBundles, type FileSignature } from './file-signature.ts';
import type { Tally } from './report.ts';

/** The head of the log at the kit's own entry. */
export interface LoggedHead extends Checkpoint {
  readonly log: TrustedLog;
  /** The signed note. */
  readonly checkpoint: string;
}

/** An entry that holds. */
interface Logged {
  readonly where: string;
  readonly head: LoggedHead;
  readonly index: number;
  /** Root of the tree of the first `index` leaves, as its proof shows it. */
  readonly before: Buffer | null;
}

const hashBytes = 32;
const numberPattern = /^(0|[1-9]\d{0,14})$/;

/** Gathers what does not hold: `kit.log-missing`, `kit.log-invalid`. Gives the newest head that the kit's own bundles are under, if they hold. */
export function verifyReleaseLog(signatures: readonly FileSignature[], documents: readonly KitDocument[], keys: readonly PublicKey[], logs: readonly TrustedLog[], tally: Tally): LoggedHead | undefined {
  const verify = (where: string, bundle: () => Bundle, certificate: Buffer | null): Logged[] => {
    const entry = tally.guard(() => verifyEntry(where, bundle(), certificate, keys, logs));
    if (entry) tally.add();
    return entry ? [entry] : [];
  };
  const own = ownBundles(signatures);
  if (own.length === 0) tally.report('kit.log-missing', { where: 'beside the kit', expected: 'a bundle with an entry of the release log', found: 'no bundle' });
  const outer = own.flatMap(({ name, bundle, certificate }) => verify(name, () => bundle, certificate)).sort(newestFirst);
  const inner = documents.filter(({ record: { mediaType } }) => mediaType === attestationMediaTypes.bundle).flatMap(({ record: { path }, bytes }) => verify(path, () => parseBundle(path, bytes), null));
  requireOneHistory([...outer, ...inner].sort(newestFirst), tally);
  return outer[0]?.head;
}

function newestFirst(a: Logged, b: Logged): number {
  return b.head.size - a.head.size;
}

/**
 * Every head must be the newest one, or the tree just before an entry that is under a head of this history: the bundles in
 * a kit are logged right before those beside it.
 */
function requireOneHistory([newest, ...others]: readonly Logged[], tally: Tally): void {
  if (newest === undefined) return;
  const history = new Map([[newest.head.size, newest.head.root]]);
  for (const { where, head: { origin, size, root }, index, before } of [newest, ...others]) {
    if (origin !== newest.head.origin || !history.get(size)?.equals(root)) tally.report('kit.log-invalid', { where, expected: `a head of the history of ${newest.where}`, found: `one of ${size} entries with the root ${root.toString('hex')} in ${origin}, which that does not show` });
    else if (before !== null) history.set(index, before);
  }
}

/** Heads that the kit's own bundles claim, as notes; nothing in them is checked yet. */
export function checkpointsOf(signatures: readonly FileSignature[]): string[] {
  return ownBundles(signatures).flatMap(({ bundle }) => bundle.verificationMaterial.tlogEntries.flatMap(({ inclusionProof }) => inclusionProof?.checkpoint?.envelope ?? []));
}

function parseBundle(where: string, bytes: Buffer): Bundle {
  try {
    return bundleFromJSON(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw invalid(where, 'a Sigstore bundle', 'another document', cause);
  }
}

function verifyEntry(where: string, bundle: Bundle, certificate: Buffer | null, keys: readonly PublicKey[], logs: readonly TrustedLog[]): Logged {
  const { log, entry } = onlyEntry(where, bundle, logs);
  const { kindVersion, canonicalizedBody: body, integratedTime } = entry;
  const expected = Buffer.from(bodyOfBundle(bundle, certificate ? encodePem(certificate) : verifierOf(where, bundle, keys)));
  const { kind, apiVersion } = JSON.parse(expected.toString()) as { kind: string; apiVersion: string };
  if (kindVersion.kind !== kind || kindVersion.version !== apiVersion) throw invalid(where, `an entry of ${kind} ${apiVersion}`, `${kindVersion.kind} ${kindVersion.version}`);
  if (!body.equals(expected)) throw invalid(where, 'an entry of this signature, key and digest', 'one of another');
  if (!(Number(integratedTime) >= log.validFrom && Number(integratedTime) <= log.validTo)) throw invalid(where, 'an entry from the time of the log key', `the time ${integratedTime}`);
  const promise = Buffer.from(renderPromise(entry, log.key.keyId));
  if (!log.key.verifiesMessage(promise, entry.inclusionPromise?.signedEntryTimestamp ?? Buffer.alloc(0))) throw invalid(where, 'a signed entry timestamp by the log key', 'another, or none');
  return verifyInclusion(where, entry, log);
}

/** A bundle has one entry of the logs that are trusted; those of other logs prove nothing here. */
function onlyEntry(where: string, bundle: Bundle, logs: readonly TrustedLog[]): { log: TrustedLog; entry: LogEntry } {
  const entries: readonly LogEntry[] = bundle.verificationMaterial.tlogEntries;
  const trusted = entries.flatMap((entry) => {
    const log = logs.find(({ key }) => key.hint === entry.logId.keyId.toString('base64'));
    return log === undefined ? [] : [{ log, entry }];
  });
  const [only, ...more] = trusted;
  if (only === undefined) throw refusal('kit.log-missing', { where, expected: `an entry of the log ${logs.map(({ key }) => key.keyId).join(' or ')}`, found: 'none' });
  const { logIndex, integratedTime } = only.entry;
  if (more.length > 0 || ![logIndex, integratedTime].every((number) => numberPattern.test(number))) throw invalid(where, 'one entry of the release log, with an index and a time', `${trusted.length}, index ${logIndex}, time ${integratedTime}`);
  return only;
}

/** PEM of the key that a bundle in key mode names. */
function verifierOf(where: string, { verificationMaterial: { content } }: Bundle, keys: readonly PublicKey[]): string {
  const hint = content.$case === 'publicKey' ? content.publicKey.hint : undefined;
  const key = keys.find((candidate) => candidate.hint === hint);
  if (key === undefined) throw invalid(where, `the key hint ${keys.map((candidate) => candidate.hint).join(' or ')}`, JSON.stringify(hint ?? null));
  return key.key.export({ type: 'spki', format: 'pem' }).toString();
}

function verifyInclusion(where: string, { inclusionProof: proof, canonicalizedBody, logIndex }: LogEntry, log: TrustedLog): Logged {
  if (!proof?.checkpoint) throw invalid(where, 'an inclusion proof with a checkpoint', 'none');
  const checkpoint = proof.checkpoint.envelope;
  const head = openCheckpoint(checkpoint, log.key, `${where}: checkpoint`);
  if (hostOf(head.origin) !== log.host) throw invalid(where, `a head of ${log.host}`, `one of ${hostOf(head.origin)}`);
  if (proof.logIndex !== logIndex || proof.treeSize !== String(head.size) || !proof.rootHash.equals(head.root)) throw invalid(where, 'an inclusion proof for the entry and its checkpoint', 'one for another');
  const index = Number(logIndex);
  const roots = proof.hashes.every(({ length }) => length === hashBytes) ? rootsOfInclusion(hashLeaf(canonicalizedBody), index, head.size, proof.hashes) : null;
  if (!roots?.root.equals(head.root)) throw invalid(where, `an inclusion proof that leads to the root ${head.root.toString('hex')}`, roots?.root.toString('hex') ?? 'one of another length');
  return { where, head: { ...head, log, checkpoint }, index, before: roots.before };
}

function invalid(where: string, expected: string, found: string, cause?: unknown): Error {
  return refusal('kit.log-invalid', { where, expected, found }, cause);
}
