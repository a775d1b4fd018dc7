/**
 * What a site has accepted: the heads of the release log that it saw, when it saw them by its own clock, and the newest
 * kit. By it a site notices a history that was rolled back or forked, which no signature shows (adr/0008).
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { refusal } from '../bytes/refusal.ts';
import { ZastavaError } from '../contract/errors.ts';
import { kitMediaTypes, type KitManifest } from '../contract/kit-format.ts';
import { openCheckpoint, type Checkpoint } from './log/checkpoint.ts';
import { parseConsistency, renderConsistency, type ConsistencyProof } from './log/consistency.ts';
import { isConsistent } from './log/merkle-tree.ts';
import type { PublicKey } from './public-key.ts';

interface SeenHead {
  /** The signed note. */
  readonly checkpoint: string;
  /** RFC 3339; by the site's clock. */
  readonly seenAt: string;
}

export interface LogState {
  readonly mediaType: typeof kitMediaTypes.logState;
  /** Of the kits that were accepted, oldest first. */
  readonly heads: readonly SeenHead[];
  /** From every release to the last of `heads`, as the kit brought them: text of its consistency file. */
  readonly consistency: string;
  readonly newest: Pick<KitManifest, 'name' | 'version' | 'signedAt'>;
}

/** A kit whose entry in the log holds. */
export interface LoggedKit {
  readonly head: Checkpoint;
  readonly checkpoint: string;
  readonly logKey: PublicKey;
  readonly kit: LogState['newest'];
  /** Text of the file beside the kit; null when there is none. */
  readonly consistency: string | null;
}

export interface LogStateOptions {
  /** What was accepted before; null for nothing yet. */
  readonly state: LogState | null;
  /** Accept a kit that is older than the newest one accepted. Default: refuse. */
  readonly allowOlder?: boolean;
  /** The site's clock. Default: now. */
  readonly now?: Date;
  /** Called with the state to keep; to be written only when the whole report is ok. */
  readonly onAccepted?: (state: LogState) => void;
}

const where = 'the log of this kit';

/**
 * The state after this kit. Throws `kit.log-fork` for a history that does not agree with the one seen, `kit.log-proof-missing`
 * when nothing shows that it does, `kit.log-rollback` for an older kit, unless that is allowed: then the newest one stays.
 */
export function advanceLogState(logged: LoggedKit, { state, allowOlder = false, now = new Date() }: LogStateOptions): LogState {
  const { head, checkpoint, logKey, kit, consistency } = logged;
  const seen: SeenHead = { checkpoint, seenAt: now.toISOString() };
  const mediaType = kitMediaTypes.logState;
  const proofs = consistency ?? renderConsistency([]);
  if (state === null) {
    parseConsistency(proofs);
    return { mediaType, heads: [seen], consistency: proofs, newest: kit };
  }
  const last = openSeen(state.heads.at(-1)!, logKey);
  if (last.origin !== head.origin) throw fork(last, head);
  const older = head.size < last.size;
  if (older && !allowOlder) throw rollback(state, kit);
  if (older) requireConsistent(head, last, parseConsistency(state.consistency));
  else requireConsistent(last, head, parseConsistency(proofs));
  if (kit.signedAt < state.newest.signedAt && !allowOlder) throw rollback(state, kit);
  if (older || head.size === last.size) return state;
  return { mediaType, heads: [...state.heads, seen], consistency: proofs, newest: kit.signedAt < state.newest.signedAt ? state.newest : kit };
}

/** When the site saw one of these heads first, and accepted the kit under it; null for never. */
export function witnessedTime({ heads }: LogState, checkpoints: readonly string[]): Date | null {
  const seen = heads.find(({ checkpoint }) => checkpoints.includes(checkpoint));
  return seen === undefined ? null : new Date(seen.seenAt);
}

function requireConsistent(earlier: Checkpoint, later: Checkpoint, proofs: readonly ConsistencyProof[]): void {
  if (earlier.size === later.size) {
    if (!earlier.root.equals(later.root)) throw fork(earlier, later);
    return;
  }
  const proof = proofs.find(({ size }) => size === earlier.size);
  if (!proof) throw refusal('kit.log-proof-missing', { where, expected: `a proof from ${earlier.size} to ${later.size} entries, in the .consistency.json beside the newer kit`, found: 'none' });
  if (!isConsistent(earlier, later, proof.hashes)) throw fork(earlier, later);
}

function openSeen({ checkpoint }: SeenHead, logKey: PublicKey): Checkpoint {
  try {
    return openCheckpoint(checkpoint, logKey, 'the head seen here last');
  } catch (cause) {
    throw refusal('kit.log-fork', { where, expected: 'the log whose head was seen here last', found: `a log of another key, ${logKey.keyId}; if the log was begun anew, and you were told so another way, begin a new state file` }, cause);
  }
}

function fork(seen: Checkpoint, head: Checkpoint): Error {
  return refusal('kit.log-fork', { where, expected: `a history that agrees with ${describeHead(seen)}`, found: describeHead(head) });
}

function describeHead({ origin, size, root }: Checkpoint): string {
  return `${size} entries with the root ${root.toString('hex')} in ${origin}`;
}

function rollback({ newest }: LogState, kit: LogState['newest']): Error {
  return refusal('kit.log-rollback', { where: 'the kit', expected: `one that is not older than ${describeKit(newest)}, which was accepted here, or leave to accept an older one`, found: describeKit(kit) });
}

function describeKit({ version, signedAt }: LogState['newest']): string {
  return `${version} of ${signedAt}`;
}

/** Null when there is no file yet. Throws `kit.log-state-invalid`: a file that cannot be read must not begin a new history. */
export async function readLogState(path: string): Promise<LogState | null> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw new ZastavaError('environment', `${path} cannot be read: ${cause.message}`, { cause });
  });
  return text === null ? null : parseLogState(text, path);
}

function parseLogState(text: string, path: string): LogState {
  try {
    const state = JSON.parse(text) as LogState;
    const heads = state.heads.every(({ checkpoint, seenAt }) => typeof checkpoint === 'string' && !Number.isNaN(Date.parse(seenAt)));
    const newest = Object.values({ ...state.newest }).every((value) => typeof value === 'string') && typeof state.newest.signedAt === 'string';
    parseConsistency(state.consistency);
    if (state.mediaType === kitMediaTypes.logState && state.heads.length > 0 && heads && newest) return state;
  } catch (cause) {
    throw invalidState(path, cause);
  }
  throw invalidState(path);
}

function invalidState(path: string, cause?: unknown): ZastavaError {
  return new ZastavaError('kit.log-state-invalid', `${path} is not a file of what was accepted here before; restore it, or remove it to begin anew with what you then accept.`, { cause });
}

/** The file is the old one or the new one, whatever happens. */
export async function writeLogState(path: string, state: LogState): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, `${JSON.stringify(state, null, 2)}\n`, { flush: true });
  await rename(draft, path);
}
