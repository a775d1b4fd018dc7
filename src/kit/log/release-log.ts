/**
 * The append-only log of what was ever released (adr/0008): a Merkle tree whose head the log key signs. Here is the log in
 * memory; a development kit has one of its own, fresh, whose key is derived from the kit's.
 */
import { sha256Bytes } from '../../bytes/digest.ts';
import type { Digest } from '../../contract/oci.ts';
import type { Signer } from '../keys.ts';
import { originOf, renderCheckpoint } from './checkpoint.ts';
import type { ConsistencyProof } from './consistency.ts';
import { renderPromise, type LogEntry } from './log-entry.ts';
import { hashLeaf, MerkleTree } from './merkle-tree.ts';

/** Hosts in the logs' names. A development log is one by its name, which is under its signature. */
export const logHosts = { release: 'release-log.zastava.internal', development: 'development-log.zastava.internal' } as const;

export interface ReleaseLog {
  /** SHA-256 of the log's public key. */
  readonly logId: Digest;
  readonly publicKeyPem: string;
  /** Part of the log's name. */
  readonly host: string;
  /** Appends all bodies as leaves, then gives each its entry, proven at the new size. `integratedTime`: seconds since 1970. */
  append(bodies: readonly string[], integratedTime: number): LogEntry[];
  /** That every head released before is a beginning of the present one; null for a development log, which extends nothing. */
  proveConsistency(): ConsistencyProof[] | null;
}

/** A new, empty log for one kit, by a key that is derived from the kit's. */
export function developmentLog(signer: Signer): ReleaseLog {
  return logOf({ signer: signer.deriveSigner('zastava-runtime development log'), host: logHosts.development, leafHashes: [], released: null, onLeaf: () => {} });
}

interface LogParts {
  readonly signer: Signer;
  readonly host: string;
  /** Of the leaves that are there; grows. */
  readonly leafHashes: Buffer[];
  /** Sizes at which there were releases; null when there never can be one. */
  readonly released: readonly number[] | null;
  readonly onLeaf: (body: string) => void;
}

export function logOf({ signer, host, leafHashes, released, onLeaf }: LogParts): ReleaseLog {
  const { keyId: logId, publicKeyPem } = signer;
  return {
    logId,
    publicKeyPem,
    host,
    append(bodies, integratedTime) {
      const first = leafHashes.length;
      for (const body of bodies) {
        leafHashes.push(hashLeaf(Buffer.from(body)));
        onLeaf(body);
      }
      const tree = new MerkleTree(leafHashes);
      const checkpoint = renderCheckpoint({ origin: originOf(host, logId), size: tree.size, root: tree.root }, signer);
      return bodies.map((body, at) => entryOf(body, first + at, { integratedTime, tree, checkpoint, signer }));
    },
    proveConsistency() {
      const tree = new MerkleTree(leafHashes);
      return released && released.map((size) => ({ size, hashes: tree.consistencyProof(size) }));
    },
  };
}

function entryOf(body: string, index: number, { integratedTime, tree, checkpoint, signer }: { integratedTime: number; tree: MerkleTree; checkpoint: string; signer: Signer }): LogEntry {
  const { kind, apiVersion } = JSON.parse(body) as { kind: string; apiVersion: string };
  const logIndex = String(index);
  const taken = { logIndex, integratedTime: String(integratedTime), canonicalizedBody: Buffer.from(body) };
  return {
    ...taken,
    logId: { keyId: Buffer.from(signer.keyId.slice('sha256:'.length), 'hex') },
    kindVersion: { kind, version: apiVersion },
    inclusionPromise: { signedEntryTimestamp: Buffer.from(signer.signDigest(sha256Bytes(Buffer.from(renderPromise(taken, signer.keyId))))) },
    inclusionProof: { logIndex, rootHash: tree.root, treeSize: String(tree.size), hashes: tree.inclusionProof(index), checkpoint: { envelope: checkpoint } },
  };
}
