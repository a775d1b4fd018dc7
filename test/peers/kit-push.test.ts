/**
 * `zastava kit push` into other people's registries: what is there afterwards is what oras and skopeo bring, cosign verifies it, and a push
 * that was killed, or whose registry was, is finished by the same command. Over TLS with both kinds of authentication.
 */
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Component } from '../../src/contract/label-values.ts';
import { ociAnnotations, type OciIndex } from '../../src/contract/oci.ts';
import type { PushedKit } from '../../src/kit/push/push-kit.ts';
import { TestPki } from '../fakes/test-pki.ts';
import { eventually, run, succeed } from './harness/commands.ts';
import { checkout, kit, programs, readEntry } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { registries } from './harness/registries.ts';
import { scratch } from './harness/scratch.ts';
import type { Server } from './harness/servers.ts';
import { testUser, TokenServer } from './harness/token-server.ts';

const main = join(checkout, 'src/cli/zastava/main.ts');

const argumentsFor = (registry: string, args: readonly string[] = ['--plain-http']): string[] => [main, 'kit', 'push', kit.archive, registry, '--key', kit.publicKey, '--trusted-root', kit.trustedRoot, '--json', ...args];

async function push(registry: string, args?: readonly string[]): Promise<PushedKit> {
  return JSON.parse(await succeed(process.execPath, argumentsFor(registry, args))) as PushedKit;
}

/** What the kit has, as GNU tar reads it. */
async function readIndex(path: string): Promise<OciIndex['manifests']> {
  return (JSON.parse(await readEntry(path)) as OciIndex).manifests;
}

/** Digests of an image's index and of its platforms. */
async function readSubjects(program: Component): Promise<readonly [string, ...string[]]> {
  const { digest } = (await readIndex('index.json')).find(({ annotations }) => annotations?.[ociAnnotations.refName] === `${program}-${kit.version}`)!;
  return [digest, ...(await readIndex(`blobs/sha256/${digest.slice('sha256:'.length)}`)).map((each) => each.digest)];
}

const subjects = Object.fromEntries(await Promise.all(programs.map(async (program) => [program, await readSubjects(program)]))) as Record<Component, readonly [string, ...string[]]>;

async function validate(registry: string): Promise<void> {
  for (const program of programs) for (const digest of subjects[program].slice(1)) await succeed(peer('crane'), ['validate', '--remote', `${registry}/${program}@${digest}`]);
}

for (const registry of ['distribution', 'crane'] as const) {
  describeWith([registry, 'oras', 'skopeo', 'crane', 'cosign2', 'cosign3'], `a kit pushed into the registry of ${registry}`, () => {
    const folder = scratch('push');
    let server: Server;
    const at = (kind: string, program: string): string => `127.0.0.1:${server.ready[1]}/${kind}/${program}`;
    beforeAll(async () => {
      server = await registries[registry](folder);
      await push(`127.0.0.1:${server.ready[1]}/ours`);
      for (const program of programs) {
        await succeed(peer('oras'), ['cp', '-r', '--no-tty', '--from-oci-layout', `${kit.tar}:${program}-${kit.version}`, '--to-plain-http', `${at('oras', program)}:${kit.version}`]);
        await succeed(peer('skopeo'), ['--insecure-policy', 'copy', '-q', '--all', '--dest-tls-verify=false', `oci-archive:${kit.tar}:${program}-${kit.version}`, `docker://${at('skopeo', program)}:${kit.version}`]);
      }
    });
    afterAll(() => server?.stop());

    for (const program of programs) {
      test(`has ${program} byte for byte as oras and skopeo bring it`, async () => {
        for (const digest of [kit.version, ...subjects[program]]) {
          const reference = digest === kit.version ? `:${digest}` : `@${digest}`;
          const [ours, ...others] = await Promise.all(['ours', 'oras', 'skopeo'].map((kind) => succeed(peer('skopeo'), ['inspect', '--raw', '--tls-verify=false', `docker://${at(kind, program)}${reference}`])));
          expect(others).toEqual([ours, ours]);
        }
        expect((await succeed(peer('crane'), ['digest', `${at('ours', program)}:${kit.version}`])).trim()).toBe(subjects[program][0]);
      });

      test(`has all layers of ${program}, as crane reads and hashes them`, async () => {
        for (const digest of subjects[program].slice(1)) await succeed(peer('crane'), ['validate', '--remote', `${at('ours', program)}@${digest}`]);
      });

      test(`lists what refers to ${program} as after oras cp -r`, async () => {
        for (const digest of subjects[program]) {
          const [ours, oras] = await Promise.all(['ours', 'oras'].map((kind) => discover(`${at(kind, program)}@${digest}`)));
          expect(ours!.length).toBeGreaterThanOrEqual(2);
          expect(ours).toEqual(oras);
        }
      });

      for (const cosign of ['cosign2', 'cosign3'] as const) {
        test(`is accepted by ${cosign} from the registry: ${program}, by bundle and by tag`, async () => {
          const env = { HOME: folder, XDG_CACHE_HOME: undefined, TUF_ROOT: join(folder, 'tuf') };
          const bundle = ['--trusted-root', kit.trustedRoot, ...(cosign === 'cosign2' ? ['--new-bundle-format'] : [])];
          for (const digest of subjects[program]) {
            await succeed(peer(cosign), ['verify', '--key', kit.publicKey, ...bundle, '--allow-http-registry', `${at('ours', program)}@${digest}`], { env });
            const tag = await succeed(peer('crane'), ['manifest', `${at('ours', program)}:${digest.replace(':', '-')}.sig`]);
            expect(tag).toContain('dev.cosignproject.cosign/signature');
          }
        });
      }
    }

    test('has the symbols by build-id, each as oras pulls it', async () => {
      const tags = (await succeed(peer('crane'), ['ls', at('ours', 'debug-store')])).trim().split('\n');
      expect(tags.length).toBeGreaterThan(10);
      await succeed(peer('oras'), ['pull', '--no-tty', '--plain-http', '--output', join(folder, 'symbols'), `${at('ours', 'debug-store')}:${tags[0]}`]);
      expect(readdirSync(join(folder, 'symbols'), { recursive: true }).join(' ')).toContain('.debug');
    });

    test('is there already when it is pushed again', async () => {
      expect(await push(`127.0.0.1:${server.ready[1]}/ours`)).toMatchObject({ blobs: { sent: 0, mounted: 0 }, manifests: { sent: 0 } });
    });
  });
}

describeWith(['distribution', 'crane'], 'a push that is broken off', () => {
  const folder = scratch('broken');
  const blobs = (): number => readdirSync(join(folder, 'registry'), { recursive: true }).filter((path) => /blobs\/sha256\/..\/[0-9a-f]{64}\/data$/.test(String(path))).length;

  test('by the death of the pusher is finished by the next, which sends only the rest', async () => {
    const server = await registries.distribution(folder);
    const registry = `127.0.0.1:${server.ready[1]}`;
    const child = spawn(process.execPath, argumentsFor(registry), { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await eventually(async () => {
      if (blobs() < 3) throw new Error('nothing has arrived');
    });
    child.kill('SIGKILL');
    await ended;
    expect(child.signalCode).toBe('SIGKILL');
    expect((await run(peer('crane'), ['ls', `${registry}/observer`])).stdout).toBe('');
    const before = blobs();
    const pushed = await push(registry);
    expect(pushed.blobs.present).toBeGreaterThanOrEqual(3);
    expect(pushed.blobs.present).toBeGreaterThanOrEqual(before);
    expect(pushed.tags.every(({ isNew }) => isNew)).toBe(true);
    await validate(registry);
    await server.stop();
  });

  test('by the death of the registry goes on when that is back', async () => {
    const first = await registries.distribution(join(folder));
    const port = first.ready[1]!;
    const pushing = push(`127.0.0.1:${port}/again`);
    const already = blobs();
    await eventually(async () => {
      if (uploads() === 0 && blobs() === already) throw new Error('no upload has begun');
    });
    process.kill(first.pid, 'SIGKILL');
    await first.stop();
    const second = await registries.distribution(folder, { http: { addr: `127.0.0.1:${port}` } });
    await pushing;
    await validate(`127.0.0.1:${port}/again`);
    await second.stop();
  });

  function uploads(): number {
    return readdirSync(join(folder, 'registry'), { recursive: true }).filter((path) => /again\/.*\/_uploads\/[^/]+\/data$/.test(String(path))).length;
  }
});

describeWith(['distribution'], 'a registry with TLS of a private authority', () => {
  const folder = scratch('secured');
  let pki: TestPki;
  let tokens: TokenServer;
  beforeAll(async () => {
    pki = await TestPki.make();
    tokens = await TokenServer.start(pki);
    const { cert, key } = await pki.server();
    for (const [name, text] of Object.entries({ 'ca.pem': pki.ca, 'tls.crt': cert, 'tls.key': key, 'htpasswd': testUser.htpasswd, 'jwks.json': JSON.stringify(tokens.jwks) })) writeFileSync(join(folder, name), text);
  });
  afterAll(() => tokens.stop());

  const schemes = {
    basic: () => ({ htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } }),
    bearer: () => ({ token: { realm: `https://${tokens.host}/token`, service: 'registry', issuer: 'test', jwks: join(folder, 'jwks.json'), signingalgorithms: ['ES256'] } }),
  } as const;

  describe.each(['basic', 'bearer'] as const)('and %s authentication', (scheme) => {
    test('takes a kit with the credentials of the docker config, and none without', async () => {
      const server = await registries.distribution(folder, { http: { tls: { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') } }, auth: schemes[scheme]() });
      const registry = `localhost:${server.ready[1]}`;
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: { [registry]: { auth: Buffer.from(`${testUser.name}:${testUser.password}`).toString('base64') } } }));
      const args = ['--registry-ca', join(folder, 'ca.pem'), '--docker-config', join(folder, 'config.json')];
      const allowed = [...args, ...(scheme === 'bearer' ? ['--token-host', tokens.host] : [])];
      if (scheme === 'bearer') {
        const refused = await run(process.execPath, argumentsFor(`${registry}/${scheme}`, args));
        expect(refused.code).toBe(1);
        expect(refused.stderr).toContain('registry.credentials-withheld');
        expect(tokens.scopes).toEqual([]);
      }
      const pushed = await push(`${registry}/${scheme}`, allowed);
      const set = new Map(pushed.tags.map(({ name, digest }) => [name, digest]));
      for (const program of programs) expect(set.get(`${registry}/${scheme}/${program}:${kit.version}`)).toBe(subjects[program][0]);
      writeFileSync(join(folder, 'config.json'), '{}');
      expect((await run(process.execPath, argumentsFor(`${registry}/${scheme}`, allowed))).code).toBe(1);
      await server.stop();
    });
  });
});

/** What refers to a manifest, sorted, as oras finds it by the API or by the tag. */
async function discover(reference: string): Promise<{ digest: string; artifactType: string }[]> {
  const { referrers = [], manifests = [] } = JSON.parse(await succeed(peer('oras'), ['discover', '--plain-http', '--format', 'json', reference])) as Record<'referrers' | 'manifests', { digest: string; artifactType: string }[] | undefined>;
  return [...referrers, ...manifests].map(({ digest, artifactType }) => ({ digest, artifactType })).sort((a, b) => (a.digest < b.digest ? -1 : 1));
}
