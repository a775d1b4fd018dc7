import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hashLeaf, isConsistent, MerkleTree, rootsOfInclusion } from '../../../src/kit/log/merkle-tree.ts';

/** The test tree of the RFC's reference implementation: leaves, and the root after each. */
const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const hashes = leaves.map((leaf) => hashLeaf(Buffer.from(leaf, 'hex')));
const treeOf = (size: number): MerkleTree => new MerkleTree(hashes.slice(0, size));
const hex = (proof: readonly Buffer[]): string[] => proof.map((hash) => hash.toString('hex'));
const many = Array.from({ length: 21 }, (_, index) => hashLeaf(Buffer.of(index)));

describe('a Merkle tree', () => {
  test('has the root of the reference after each leaf', () => {
    expect(roots.map((_, index) => treeOf(index + 1).root.toString('hex'))).toEqual(roots);
  });

  test('without a leaf has the hash of nothing', () => {
    expect(new MerkleTree([]).root).toEqual(createHash('sha256').digest());
  });

  test('gives the inclusion proofs of the reference', () => {
    expect(hex(treeOf(1).inclusionProof(0))).toEqual([]);
    expect(hex(treeOf(8).inclusionProof(0))).toEqual([
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ]);
    expect(hex(treeOf(8).inclusionProof(5))).toEqual([
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
  });

  test('gives the consistency proofs of the reference', () => {
    expect(hex(treeOf(8).consistencyProof(6))).toEqual([
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
    expect(hex(treeOf(5).consistencyProof(2))).toEqual([
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ]);
  });
});

describe('an inclusion proof', () => {
  test('leads from every leaf of every tree to its root', () => {
    for (let size = 1; size <= many.length; size++) {
      const tree = new MerkleTree(many.slice(0, size));
      for (let index = 0; index < size; index++) expect(rootsOfInclusion(many[index]!, index, size, tree.inclusionProof(index))?.root, `${index} of ${size}`).toEqual(tree.root);
    }
  });

  test('shows the root of the tree before its leaf', () => {
    for (let size = 1; size <= many.length; size++) {
      const tree = new MerkleTree(many.slice(0, size));
      for (let index = 0; index < size; index++) expect(rootsOfInclusion(many[index]!, index, size, tree.inclusionProof(index))?.before, `${index} of ${size}`).toEqual(index === 0 ? null : new MerkleTree(many.slice(0, index)).root);
    }
  });

  test('leads elsewhere, or nowhere, from another leaf, at another place, in another size, or when it is changed', () => {
    const tree = new MerkleTree(many);
    const proof = tree.inclusionProof(9);
    const leads = (...[leaf = many[9]!, index = 9, size = many.length, hashes = proof]: [Buffer?, number?, number?, Buffer[]?]) => rootsOfInclusion(leaf, index, size, hashes)?.root ?? null;
    expect(leads()).toEqual(tree.root);
    expect(leads(many[8])).not.toEqual(tree.root);
    for (const index of [8, 10, many.length, -1, Number.NaN]) expect(leads(many[9], index), `${index}`).not.toEqual(tree.root);
    expect(leads(many[9], 9, 8)).toBeNull();
    expect(leads(many[9], 9, 100)).toBeNull();
    expect(leads(many[9], 9, many.length, proof.slice(1))).toBeNull();
    expect(leads(many[9], 9, many.length, [...proof, many[0]!])).toBeNull();
    for (const at of proof.keys()) expect(leads(many[9], 9, many.length, proof.with(at, many[0]!))).not.toEqual(tree.root);
  });
});

describe('a consistency proof', () => {
  test('shows of every two trees that one begins with the other', () => {
    for (let later = 1; later <= many.length; later++) {
      const tree = new MerkleTree(many.slice(0, later));
      for (let earlier = 1; earlier <= later; earlier++) expect(isConsistent(new MerkleTree(many.slice(0, earlier)), tree, tree.consistencyProof(earlier)), `${earlier} in ${later}`).toBe(true);
    }
  });

  test('shows nothing of another beginning, another end, in the other direction, or when it is changed', () => {
    const tree = new MerkleTree(many);
    for (const size of [1, 2, 7, 8, 13, 20]) {
      const earlier = new MerkleTree(many.slice(0, size));
      const proof = tree.consistencyProof(size);
      const other = new MerkleTree(many.with(0, many[1]!));
      expect(isConsistent(earlier, tree, proof)).toBe(true);
      expect(isConsistent(new MerkleTree(many.slice(1, size + 1)), tree, proof)).toBe(false);
      expect(isConsistent(earlier, other, proof)).toBe(false);
      expect(isConsistent(earlier, other, other.consistencyProof(size))).toBe(false);
      expect(isConsistent(tree, earlier, proof)).toBe(false);
      expect(isConsistent(earlier, tree, [...proof, many[0]!])).toBe(false);
      for (const at of proof.keys()) {
        expect(isConsistent(earlier, tree, proof.with(at, many[0]!)), `${size}, ${at}`).toBe(false);
        expect(isConsistent(earlier, tree, proof.toSpliced(at, 1)), `${size}, without ${at}`).toBe(false);
      }
    }
    expect(isConsistent({ size: 0, root: new MerkleTree([]).root }, tree, [])).toBe(false);
    expect(isConsistent({ size: 3, root: tree.root }, tree, [])).toBe(false);
  });

  test('of a tree with itself is empty, and its root the same', () => {
    const tree = new MerkleTree(many);
    expect(isConsistent(tree, tree, [])).toBe(true);
    expect(isConsistent(tree, tree, [many[0]!])).toBe(false);
    expect(isConsistent({ size: tree.size, root: many[0]! }, tree, [])).toBe(false);
  });
});
