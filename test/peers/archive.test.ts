/** Readers that know nothing of kits see the same files as offline-manifest.json names. */
import { expect, test } from 'vitest';
import { kitHead } from '../../src/contract/kit-format.ts';
import { succeed } from './harness/commands.ts';
import { kit, readManifest } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';

/** All that differs from a plain file of root is said, so that nothing of it hides. */
const listing = `
import hashlib, json, sys, tarfile
with tarfile.open(sys.argv[1], 'r:') as archive:
    for member in archive:
        sha256 = hashlib.sha256(archive.extractfile(member).read()).hexdigest() if member.isreg() else None
        print(json.dumps([member.name, member.size, sha256, member.isreg(), member.uid, member.gid, member.uname + member.gname, bool(member.pax_headers)]))
`;

describeWith(['python3'], "Python's tarfile", () => {
  test('reads each file with the size and digest of the manifest, and no other', async () => {
    const entries = (await succeed(peer('python3'), ['-c', listing, kit.tar])).trim().split('\n').map((line) => JSON.parse(line) as unknown[]);
    const { files } = await readManifest();
    expect(entries.map(([path]) => path)).toEqual([...kitHead.slice(0, 2), ...files.map(({ path }) => path)]);
    expect(entries.slice(2)).toEqual(files.map(({ path, size, sha256: digest }) => [path, size, digest, true, 0, 0, '', false]));
  });
});

describeWith(['tar', 'zstd'], 'GNU tar', () => {
  test('lists the compressed kit as it is, in the order of the manifest', async () => {
    const names = (await succeed(peer('tar'), ['--zstd', '-tf', kit.archive])).trim().split('\n');
    expect(names).toEqual([...kitHead.slice(0, 2), ...(await readManifest()).files.map(({ path }) => path)]);
  });
});

describeWith(['zstd'], 'zstd', () => {
  // What it makes of the kit is what all the other tests read.
  test('finds every frame sound, within the memory of an 8 MiB window', async () => {
    await succeed(peer('zstd'), ['-t', '-q', '--memory=8MB', kit.archive]);
  });
});
