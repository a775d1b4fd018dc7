import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ZastavaError } from '../../src/contract/errors.ts';
import { architectures, basePackages, debFileName, debugPackages, parseBaseLock, renderBaseLock, type BaseLock } from '../../src/images/base-lock.ts';
import { refuseGone } from '../../src/images/debian-packages.ts';
import { listChanges } from '../../src/images/relock.ts';

const committed = readFileSync('offline-kit/base.lock.json', 'utf8');
const lock = parseBaseLock(committed, 'base.lock.json');
const change = (edit: (copy: { suite: string; packages: Record<string, Record<string, unknown>[]> }) => void): BaseLock => {
  const copy = JSON.parse(committed) as Parameters<typeof edit>[0];
  edit(copy);
  return copy as unknown as BaseLock;
};

function problemsOf(run: () => unknown): { code: string; message: string; problems: readonly { where: string }[] } {
  try {
    run();
  } catch (error) {
    if (error instanceof ZastavaError) return error;
  }
  throw new Error('expected a ZastavaError');
}

describe('the lock of the base layer', () => {
  it('pins every package for both architectures, and is written as relock writes it', () => {
    for (const architecture of architectures) expect(lock.packages[architecture].map(({ name }) => name)).toEqual(basePackages);
    expect(renderBaseLock(lock)).toBe(committed);
    for (const architecture of architectures) expect(lock.debugPackages[architecture][0]!.version).toBe(lock.packages[architecture].find(({ name }) => name === 'libc6')!.version);
  });

  it('lists all its problems', () => {
    const bad = change((copy) => {
      copy.suite = 'bookworm';
      copy.packages['amd64']![0]!['sha256'] = 'ABC';
      copy.packages['arm64']![2]!['version'] = '1.0; rm -rf';
      copy.packages['arm64']!.pop();
    });
    const { code, problems } = problemsOf(() => parseBaseLock(JSON.stringify(bad), 'base.lock.json'));
    expect(code).toBe('images.base-lock-invalid');
    expect(problems.map(({ where }) => where)).toEqual(['suite', 'packages.amd64[0].sha256', 'packages.arm64[2].version', 'packages.arm64']);
  });

  it.each(['', 'null', '[]', '{"suite":"trixie","packages":{"amd64":[null]}}'])('refuses %j', (text) => {
    expect(problemsOf(() => parseBaseLock(text, 'base.lock.json')).code).toBe('images.base-lock-invalid');
  });

  it('names files as a Debian pool does', () => {
    expect(debFileName({ name: 'libc6', version: '1:2.41-12', architecture: 'amd64', size: 1, sha256: '' })).toBe('libc6_1%3a2.41-12_amd64.deb');
  });
});

describe('relock', () => {
  it('tells what changed, and nothing else', () => {
    const before = change((copy) => {
      Object.assign(copy.packages['arm64']![3]!, { version: '2.40-1', sha256: '0'.repeat(64) });
      copy.packages['amd64']!.pop();
    });
    expect(listChanges(before, lock)).toEqual([
      { name: 'tzdata', architecture: 'amd64', to: expect.stringContaining('sha256') as string },
      { name: 'libc6', architecture: 'arm64', from: '2.40-1 (sha256 000000000000…)', to: expect.stringContaining(lock.packages.arm64[3]!.version) as string },
    ]);
    expect(listChanges(lock, lock)).toEqual([]);
    expect(listChanges(undefined, lock)).toHaveLength(2 * (basePackages.length + debugPackages.length));
  });

  it('is what a build asks for when locked versions are no longer served', () => {
    const gone = lock.packages.amd64.slice(3, 5);
    const { code, message, problems } = problemsOf(() => refuseGone(gone, new Set(['libc6=2.99-1', 'tzdata=1']), 'amd64'));
    expect(code).toBe('images.package-gone');
    expect(message).toContain(`libc6 (amd64): ${gone[0]!.version}, now 2.99-1; libgcc-s1 (amd64): ${gone[1]!.version}, now no version. Renew the lock with: npm run relock`);
    expect(problems).toHaveLength(2);
    expect(() => refuseGone([], new Set(), 'amd64')).not.toThrow();
  });
});
