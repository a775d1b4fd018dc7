import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ociMediaTypes } from '../../../../src/contract/oci.ts';
import { ContainerdClient } from '../../../../src/runtime/observer/sources/containerd-client.ts';
import { ContainerdImages } from '../../../../src/runtime/observer/sources/containerd-images.ts';
import type { Target } from '../../../../src/runtime/observer/sources/containerd-protocol.ts';
import { FakeContainerd } from '../../../fakes/containerd-server.ts';

const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
let folder: string;
let containerd: FakeContainerd;
let client: ContainerdClient;
let images: ContainerdImages;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'zastava-images-'));
  containerd = new FakeContainerd(folder);
  await containerd.start();
  client = new ContainerdClient(containerd.socket, 'k8s.io', 5000);
  images = new ContainerdImages(client, containerd.root, new Map());
});
afterEach(() => {
  client.close();
  containerd.stop();
  rmSync(folder, { recursive: true });
});

function putImage(of: string): { config: Target; manifest: Target; index: Target } {
  const config = containerd.put({ of }, ociMediaTypes.config);
  const manifest = containerd.put({ config }, ociMediaTypes.manifest);
  const other = containerd.put({ config: containerd.put({ of, other: true }, ociMediaTypes.config) }, ociMediaTypes.manifest);
  const index = containerd.put({ manifests: [
    null, { ...other, platform: { os: 'linux', architecture: 'riscv64' } }, { ...manifest, platform: { os: 'linux', architecture } },
  ] }, ociMediaTypes.index);
  return { config, manifest, index };
}

const digestsOf = (image: Partial<Record<'index' | 'manifest' | 'config', Target>>): object => Object.fromEntries(Object.entries(image).map(([kind, { digest }]) => [kind, digest]));

test('follows an index to the manifest of this node and its config', async () => {
  const image = putImage('a');
  containerd.images.set('a:1', image.index);
  expect(await images.digests('a:1', undefined)).toEqual(digestsOf(image));
});

test('follows a manifest without an index', async () => {
  const { manifest, config } = putImage('a');
  containerd.images.set('a:1', manifest);
  expect(await images.digests('a:1', undefined)).toEqual(digestsOf({ manifest, config }));
});

test('names the image that the container was made from when its tag has moved', async () => {
  const [made, moved] = [putImage('made'), putImage('moved')];
  containerd.images.set('a:1', moved.index);
  expect(await images.digests('a:1', made.config.digest)).toEqual({ config: made.config.digest });
  containerd.images.set(made.config.digest, made.index);
  expect(await images.digests('a:1', made.config.digest)).toEqual(digestsOf(made));
});

test('believes no document whose bytes are not its digest, and none that is not there', async () => {
  const { index, manifest, config } = putImage('a');
  containerd.images.set('a:1', index);
  const blob = (target: Target): string => join(containerd.root, 'io.containerd.content.v1.content/blobs/sha256', target.digest.slice(7));
  writeFileSync(blob(manifest), JSON.stringify({ config: putImage('b').config }));
  expect(await images.digests('a:1', undefined)).toEqual(digestsOf({ index, manifest }));
  rmSync(blob(index));
  expect(await images.digests('a:1', undefined)).toEqual(digestsOf({ index }));
  expect(await images.digests('a:1', config.digest)).toEqual(digestsOf({ config }));
});

test('says nothing of an image that containerd does not know, or that names a path', async () => {
  expect(await images.digests('gone', 'sha256:../../etc/passwd')).toEqual({});
  containerd.images.set('odd', { mediaType: ociMediaTypes.index, digest: 'sha256:../x', size: 1 });
  expect(await images.digests('odd', undefined)).toEqual({});
});
