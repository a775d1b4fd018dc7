/** The images go from the decompressed kit into two registries by two tools, and arrive with the digests of the lock. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OciIndex, type OciManifest, ociMediaTypes } from '../../src/contract/oci.ts';
import { succeed } from './harness/commands.ts';
import { kit, locked, programs } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { registries } from './harness/registries.ts';
import { scratch } from './harness/scratch.ts';
import type { Server } from './harness/servers.ts';

const copies = {
  oras: (program: string, target: string) => succeed(peer('oras'), ['cp', '-r', '--no-tty', '--from-oci-layout', `${kit.tar}:${program}-${kit.version}`, '--to-plain-http', target]),
  skopeo: (program: string, target: string) =>
    succeed(peer('skopeo'), ['--insecure-policy', 'copy', '--all', '--dest-tls-verify=false', `oci-archive:${kit.tar}:${program}-${kit.version}`, `docker://${target}`]),
} as const;

for (const registry of ['distribution', 'crane'] as const) {
  for (const tool of ['oras', 'skopeo'] as const) {
    describeWith([registry, tool], `${tool} into the registry of ${registry}`, () => {
      const folder = scratch(registry);
      let server: Server;
      beforeAll(async () => {
        server = await registries[registry](folder);
      });
      afterAll(() => server?.stop());

      for (const program of programs) {
        test(`carries ${program} with its digests`, async () => {
          const repository = `127.0.0.1:${server.ready[1]}/zastava/${program}`;
          await copies[tool](program, `${repository}:${kit.version}`);

          const { index: expected, platforms } = locked(program);
          const index = await fetchManifest(repository, kit.version, ociMediaTypes.index);
          expect(index.digest).toBe(expected);
          const children = (JSON.parse(index.text) as OciIndex).manifests;
          expect(Object.fromEntries(children.map(({ platform, digest }) => [`${platform?.os}/${platform?.architecture}`, digest]))).toEqual(platforms);

          for (const { digest } of children) {
            const child = await fetchManifest(repository, digest, ociMediaTypes.manifest);
            expect(child.digest).toBe(digest);
            const { config, layers } = JSON.parse(child.text) as OciManifest;
            for (const blob of [config, ...layers]) expect(await blobSize(repository, blob.digest)).toBe(blob.size);
          }
        });
      }
    });
  }
}

function address(repository: string, rest: string): string {
  const [host, ...path] = repository.split('/');
  return `http://${host}/v2/${path.join('/')}/${rest}`;
}

/** A manifest and the digest of the bytes that came, not what a header says. */
async function fetchManifest(repository: string, reference: string, accept: string): Promise<{ digest: string; text: string }> {
  const response = await fetch(address(repository, `manifests/${reference}`), { headers: { accept } });
  expect(response.status, reference).toBe(200);
  const bytes = Buffer.from(await response.arrayBuffer());
  return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, text: bytes.toString() };
}

async function blobSize(repository: string, digest: string): Promise<number> {
  const response = await fetch(address(repository, `blobs/${digest}`), { method: 'HEAD' });
  expect(response.status, digest).toBe(200);
  return Number(response.headers.get('content-length'));
}
