/**
 * Merkle trees as RFC 6962 section 2.1 has them: hashes of leaves and nodes, proofs that a leaf is in a tree, and that a
 * tree has an earlier one as its beginning. Pure: bytes in, bytes out.
 */
import { createHash } from 'node:crypto';

/** Leaves and nodes are hashed apart, so that none can pass for the other. */
const prefixes = { leaf: Buffer.of(0), node: Buffer.of(1) } as const;

export function hashLeaf(body: Uint8Array): Buffer {
  return createHash('sha256').update(prefixes.leaf).update(body).digest();
}

function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(prefixes.node).update(left).update(right).digest();
}

/** The tree over leaf hashes. A node without a sibling stands one level up as it is: that gives the RFC's tree. */
export class MerkleTree {
  readonly size: number;
  readonly root: Buffer;
  /** From the leaves up; the last has at most one node. */
  readonly #levels: readonly (readonly Buffer[])[];

  constructor(leafHashes: readonly Buffer[]) {
    const levels: (readonly Buffer[])[] = [leafHashes];
    for (let below = leafHashes; below.length > 1; levels.push(below)) below = parentsOf(below);
    this.size = leafHashes.length;
    this.root = levels.at(-1)![0] ?? createHash('sha256').digest();
    this.#levels = levels;
  }

  /** Siblings on the way from the leaf `index` up to the root. */
  inclusionProof(index: number): Buffer[] {
    return this.#levels.flatMap((level, height) => level[Math.floor(index / 2 ** height) ^ 1] ?? []);
  }

  /** What shows that the first `size` leaves are the tree of that size; 0 < size ≤ this tree's. */
  consistencyProof(size: number): Buffer[] {
    return this.#subproof(size, 0, this.size, true);
  }

  /** SUBPROOF of the RFC over the leaves from `start` to before `end`; `known`: the verifier has this subtree's hash. */
  #subproof(size: number, start: number, end: number, known: boolean): Buffer[] {
    if (size === end) return known ? [] : [this.#nodeOver(start, end)];
    const middle = start + splitOf(end - start);
    if (size <= middle) return [...this.#subproof(size, start, middle, known), this.#nodeOver(middle, end)];
    return [...this.#subproof(size, middle, end, false), this.#nodeOver(start, middle)];
  }

  #nodeOver(start: number, end: number): Buffer {
    const height = Math.ceil(Math.log2(end - start));
    return this.#levels[height]![start / 2 ** height]!;
  }
}

function parentsOf(nodes: readonly Buffer[]): Buffer[] {
  return Array.from({ length: Math.ceil(nodes.length / 2) }, (_, index) => {
    const [left, right] = nodes.slice(2 * index, 2 * index + 2);
    return right === undefined ? left! : hashNode(left!, right);
  });
}

/** The largest power of two below `size`. */
function splitOf(size: number): number {
  return 2 ** (Math.ceil(Math.log2(size)) - 1);
}

/** What an inclusion proof shows. */
export interface ProvenRoots {
  readonly root: Buffer;
  /** Of the tree of the leaves before this one; null when there are none. */
  readonly before: Buffer | null;
}

/**
 * The roots of a tree of `size` leaves that has this leaf at `index`, by this proof (RFC 9162 section 2.1.3.2), and of the
 * tree before: what stands left of the way up is just the subtrees of that one. Null when the proof is of another length.
 */
export function rootsOfInclusion(leafHash: Buffer, index: number, size: number, proof: readonly Buffer[]): ProvenRoots | null {
  if (!(index < size)) return null;
  let [hash, place, last] = [leafHash, index, size - 1];
  let before: Buffer | null = null;
  for (const sibling of proof) {
    if (last === 0) return null;
    if (place % 2 === 1 || place === last) {
      hash = hashNode(sibling, hash);
      before = before === null ? sibling : hashNode(sibling, before);
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else {
      hash = hashNode(hash, sibling);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 ? { root: hash, before } : null;
}

export interface TreeHead {
  readonly size: number;
  readonly root: Buffer;
}

/** True when the tree of `later` begins with all of the tree of `earlier`, by this proof (RFC 9162 section 2.1.4.2). */
export function isConsistent(earlier: TreeHead, later: TreeHead, proof: readonly Buffer[]): boolean {
  if (earlier.size === later.size) return proof.length === 0 && earlier.root.equals(later.root);
  if (!(earlier.size > 0 && earlier.size < later.size)) return false;
  const path = Number.isInteger(Math.log2(earlier.size)) ? [earlier.root, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let [place, last] = [earlier.size - 1, later.size - 1];
  while (place % 2 === 1) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  let [before, after] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      before = hashNode(sibling, before);
      after = hashNode(sibling, after);
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else {
      after = hashNode(after, sibling);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 && before.equals(earlier.root) && after.equals(later.root);
}
