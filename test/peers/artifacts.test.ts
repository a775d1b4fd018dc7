/**
 * The kit's artifacts as GitOps controllers and helm get them: out of the kit, into two registries, by two tools, and
 * pulled by Flux's client, by Argo CD's and by helm. What arrives is what the kit has, and what is committed.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OciIndex } from '../../src/contract/oci.ts';
import { artifacts, pushArtifact, pushTagSignature, type Artifact, type CopyTool } from './harness/artifacts.ts';
import { run, succeed, type Outcome } from './harness/commands.ts';
import { checkout, kit } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { registries } from './harness/registries.ts';
import { scratch } from './harness/scratch.ts';
import type { Server } from './harness/servers.ts';
import { readTree } from './harness/tree.ts';

const chart = (): Promise<Record<string, string>> => readTree(join(checkout, 'deploy/helm/zastava'));

async function manifests(folder: string): Promise<Record<string, string>> {
  const to = join(folder, 'expected');
  mkdirSync(to, { recursive: true });
  await succeed(peer('tar'), ['-xf', kit.tar, '-C', to, 'manifests']);
  return readTree(join(to, 'manifests'));
}

for (const registry of ['distribution', 'crane'] as const) {
  for (const tool of ['oras', 'skopeo'] as const satisfies readonly CopyTool[]) {
    describeWith([registry, tool, 'tar', 'flux', 'argocd'], `artifacts in the registry of ${registry}, by ${tool}`, () => {
      const folder = scratch('artifacts');
      let server: Server;
      const pushed = {} as Record<Artifact, string>;
      let content: Record<Artifact, Record<string, string>>;

      beforeAll(async () => {
        mkdirSync(join(folder, 'registry'));
        server = await registries[registry](join(folder, 'registry'));
        for (const artifact of artifacts) pushed[artifact] = await pushArtifact(tool, artifact, `127.0.0.1:${server.ready[1]}`, folder);
        content = { manifests: await manifests(folder), chart: await chart() };
        for (const files of Object.values(content)) expect(Object.keys(files).length).toBeGreaterThan(5);
      });
      afterAll(() => server?.stop());

      const digestOf = (artifact: Artifact): string => {
        const { manifests: entries } = JSON.parse(readFileSync(join(folder, 'artifacts/index.json'), 'utf8')) as OciIndex;
        return entries.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === `${artifact}-${kit.version}`)!.digest;
      };

      test.each(['by tag', 'by digest'])('Flux\'s client pulls the manifests %s', async (how) => {
        const to = join(folder, `flux ${how}`);
        mkdirSync(to);
        const reference = how === 'by tag' ? pushed.manifests : pushed.manifests.replace(/:[^:]+$/, `@${digestOf('manifests')}`);
        const metadata = JSON.parse(await succeed(peer('flux'), [reference, to])) as Record<string, unknown>;
        expect(metadata).toMatchObject({ digest: expect.stringContaining(digestOf('manifests')) as string, created: '2026-11-24T00:00:00Z' });
        expect(await readTree(to)).toEqual(content.manifests);
      });

      test('Flux\'s client pulls the chart, too', async () => {
        const to = join(folder, 'flux chart');
        mkdirSync(to);
        await succeed(peer('flux'), [pushed.chart, to]);
        expect(await readTree(join(to, 'zastava'))).toEqual(content.chart);
      });

      test.each(artifacts.flatMap((artifact) => [kit.version, '>=0.1.0', 'its digest'].map((revision) => [artifact, revision] as const)))('Argo CD\'s client pulls the %s at %s', async (artifact, revision) => {
        const to = join(folder, `argocd ${artifact} ${revision.replace(/\W/g, '')}`);
        const { digest, annotations } = JSON.parse(await succeed(peer('argocd'), [`oci://${pushed[artifact].replace(/:[^:]+$/, '')}`, revision === 'its digest' ? digestOf(artifact) : revision, to])) as { digest: string; annotations: Record<string, string> };
        expect(digest).toBe(digestOf(artifact));
        expect(annotations).toMatchObject({ 'org.opencontainers.image.version': kit.version, 'org.opencontainers.image.description': expect.stringContaining('Zastava runtime plane') as string });
        expect(await readTree(to)).toEqual(content[artifact]);
      });

      for (const helm of ['helm3', 'helm4'] as const) {
        describeWith([helm], helm, () => {
          test('pulls the chart, and renders it from the registry', async () => {
            const to = join(folder, helm);
            mkdirSync(to);
            const env = { HOME: to, HELM_CACHE_HOME: join(to, 'cache'), HELM_CONFIG_HOME: join(to, 'config'), HELM_DATA_HOME: join(to, 'data') };
            const url = `oci://${pushed.chart.replace(/:[^:]+$/, '')}`;
            await succeed(peer(helm), ['pull', url, '--version', kit.version, '--plain-http', '--untar', '--untardir', join(to, 'untarred')], { env });
            expect(await readTree(join(to, 'untarred/zastava'))).toEqual(content.chart);
            const rendered = await succeed(peer(helm), ['template', 'zastava-runtime', url, '--version', kit.version, '--plain-http', '-n', 'stellaops', '-f', join(checkout, 'offline-kit/zastava-runtime.values.yaml')], { env });
            expect(rendered).toContain('kind: DaemonSet');
          });
        });
      }

      describe.runIf(tool === 'oras')('are vouched for', () => {
        const stranger = join(folder, 'stranger.pub');
        writeFileSync(stranger, generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }));
        const judge = (cosign: 'cosign2' | 'cosign3', ...args: string[]): Promise<Outcome> => run(peer(cosign), args, { env: { HOME: folder, XDG_CACHE_HOME: undefined, TUF_ROOT: join(folder, 'tuf') } });

        for (const cosign of ['cosign2', 'cosign3'] as const) {
          const bundles = ['--trusted-root', kit.trustedRoot, ...(cosign === 'cosign2' ? ['--new-bundle-format'] : []), '--allow-http-registry'];

          describeWith([cosign], cosign, () => {
            test.each(artifacts)('by bundle and with provenance: %s', async (artifact) => {
              for (const args of [['verify'], ['verify-attestation', '--type', 'slsaprovenance1']]) {
                const { code, stdout, stderr } = await judge(cosign, ...args, '--key', kit.publicKey, ...bundles, pushed[artifact]);
                expect(code, stderr).toBe(0);
                expect(stdout).not.toBe('');
                expect((await judge(cosign, ...args, '--key', stranger, ...bundles, pushed[artifact])).code).not.toBe(0);
              }
            });

            // As Flux does with a public key: no trusted root, no log.
            test.runIf(cosign === 'cosign3').each(artifacts)('by the key alone: %s', async (artifact) => {
              const args = ['--insecure-ignore-tlog', '--allow-http-registry', pushed[artifact]];
              expect(await judge(cosign, 'verify', '--key', kit.publicKey, ...args)).toMatchObject({ code: 0 });
              expect((await judge(cosign, 'verify', '--key', stranger, ...args)).code).not.toBe(0);
            });
          });
        }

        describeWith(['cosign2', 'oras'], 'by tag, where there are no bundles', () => {
          test.each(artifacts)('%s', async (artifact) => {
            const tagged = `127.0.0.1:${server.ready[1]}/tagged`;
            await succeed(peer('oras'), ['cp', '--no-tty', '--from-oci-layout', `${join(folder, 'artifacts')}:${artifact}-${kit.version}`, '--to-plain-http', `${tagged}/${pushed[artifact].split('/').at(-1)}`]);
            await pushTagSignature(artifact, digestOf(artifact), tagged, folder);
            const args = ['--insecure-ignore-tlog', '--allow-http-registry', `${tagged}/${pushed[artifact].split('/').at(-1)}`];
            expect(await judge('cosign2', 'verify', '--key', kit.publicKey, ...args)).toMatchObject({ code: 0 });
            expect((await judge('cosign2', 'verify', '--key', stranger, ...args)).code).not.toBe(0);
          });
        });
      });
    });
  }
}
