/** Who knows cdk8s types `cdk8s synth`: that is the same as our own verb, to the byte. In a copy, since cdk8s-cli empties dist/manifests. */
import { rmSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import { succeed } from './harness/commands.ts';
import { checkout } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';
import { copyCheckout, readTree } from './harness/tree.ts';

describeWith(['cdk8s-cli', 'git', 'npm'], 'cdk8s-cli', () => {
  const folder = scratch('cdk8s');

  test('writes the manifests that npm run synth writes', async () => {
    await copyCheckout(checkout, folder);
    symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
    const options = { cwd: folder, env: { PATH: `${join(checkout, 'node_modules/.bin')}${delimiter}${process.env['PATH']}` } };
    const manifests = join(folder, 'dist/manifests');

    await succeed(peer('npm'), ['run', '--silent', 'synth'], options);
    const ours = await readTree(manifests);
    rmSync(join(folder, 'dist'), { recursive: true });
    await succeed(peer('cdk8s-cli'), ['synth', '--check-upgrade=false'], options);

    expect(Object.keys(ours)).not.toEqual([]);
    expect(await readTree(manifests)).toEqual(ours);
  });
});
