/**
 * Both images as a site has them after the copy: in a registry with and one without the referrers API, judged by two
 * cosigns. Bundles in one repository and signatures by tag in another, since cosign 2 prefers the bundles where both are.
 */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Component } from '../../src/contract/label-values.ts';
import { type Outcome, run, succeed } from './harness/commands.ts';
import { kit, locked, programs } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { registries } from './harness/registries.ts';
import { scratch } from './harness/scratch.ts';
import type { Server } from './harness/servers.ts';

/** The index, and the manifest of each platform. */
const digestsOf = (program: Component): string[] => [locked(program).index, ...Object.values(locked(program).platforms)];

for (const registry of ['distribution', 'crane'] as const) {
  describeWith([registry, 'oras', 'skopeo', 'tar', 'cosign2', 'cosign3'], `images in the registry of ${registry}`, () => {
    const folder = scratch('signed');
    const stranger = join(folder, 'stranger.pub');
    writeFileSync(stranger, generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }));
    let server: Server;
    const repository = (kind: 'bundles' | 'tags', program: Component): string => `127.0.0.1:${server.ready[1]}/${kind}/${program}`;

    beforeAll(async () => {
      server = await registries[registry](folder);
      await succeed(peer('tar'), ['-xf', kit.tar, '-C', folder, 'signatures']);
      for (const program of programs) {
        await succeed(peer('oras'), ['cp', '-r', '--no-tty', '--from-oci-layout', `${kit.tar}:${program}-${kit.version}`, '--to-plain-http', `${repository('bundles', program)}:${kit.version}`]);
        await succeed(peer('skopeo'), ['--insecure-policy', 'copy', '-q', '--all', '--dest-tls-verify=false', `oci-archive:${kit.tar}:${program}-${kit.version}`, `docker://${repository('tags', program)}:${kit.version}`]);
        for (const tag of digestsOf(program).map((digest) => `${digest.replace(':', '-')}.sig`)) {
          await succeed(peer('oras'), ['cp', '--no-tty', '--from-oci-layout', `${join(folder, 'signatures')}:${program}-${tag}`, '--to-plain-http', `${repository('tags', program)}:${tag}`]);
        }
      }
    });
    afterAll(() => server?.stop());

    for (const cosign of ['cosign2', 'cosign3'] as const) {
      // HOME: cosign must not find roots that an earlier run of somebody fetched.
      const judge = (...args: string[]): Promise<Outcome> => run(peer(cosign), args, { env: { HOME: folder, XDG_CACHE_HOME: undefined, TUF_ROOT: join(folder, 'tuf') } });
      const bundles = ['--trusted-root', kit.trustedRoot, ...(cosign === 'cosign2' ? ['--new-bundle-format'] : []), '--allow-http-registry'];
      const tags = ['--insecure-ignore-tlog', '--allow-http-registry'];

      for (const program of programs) {
        test(`${cosign} accepts ${program} and each of its platforms by bundle, with no --insecure flag`, async () => {
          for (const digest of digestsOf(program)) {
            const { code, stdout, stderr } = await judge('verify', '--key', kit.publicKey, ...bundles, `${repository('bundles', program)}@${digest}`);
            expect(code, stderr).toBe(0);
            expect(stdout).toContain(digest);
            expect(stderr).not.toContain('WARNING');
          }
        });

        test(`${cosign} accepts ${program} and each of its platforms by tag`, async () => {
          for (const digest of digestsOf(program)) {
            const { code, stdout, stderr } = await judge('verify', '--key', kit.publicKey, ...tags, `${repository('tags', program)}@${digest}`);
            expect(code, stderr).toBe(0);
            expect(stdout).toContain(digest);
          }
        });

        test(`${cosign} refuses ${program} for another key, either way`, async () => {
          const { index } = locked(program);
          expect((await judge('verify', '--key', stranger, ...bundles, `${repository('bundles', program)}@${index}`)).code).not.toBe(0);
          expect((await judge('verify', '--key', stranger, ...tags, `${repository('tags', program)}@${index}`)).code).not.toBe(0);
        });

        test(`${cosign} finds the provenance of ${program}, and the bill of materials of each platform`, async () => {
          const [index, ...platforms] = digestsOf(program);
          const wanted = [...[index, ...platforms].map((digest) => ['slsaprovenance1', digest!] as const), ...platforms.map((digest) => ['cyclonedx', digest] as const)];
          for (const [type, digest] of wanted) {
            const { code, stdout, stderr } = await judge('verify-attestation', '--key', kit.publicKey, '--type', type, ...bundles, `${repository('bundles', program)}@${digest}`);
            expect(code, `${type} ${stderr}`).toBe(0);
            const { payload } = JSON.parse(stdout.split('\n')[0]!) as { payload: string };
            expect(Buffer.from(payload, 'base64').toString()).toContain(digest.slice('sha256:'.length));
          }
        });

        test(`${cosign} finds no bill of materials of the index of ${program}, which is of no platform`, async () => {
          expect((await judge('verify-attestation', '--key', kit.publicKey, '--type', 'cyclonedx', ...bundles, `${repository('bundles', program)}@${locked(program).index}`)).code).not.toBe(0);
        });
      }
    }
  });
}
