import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OciIndex } from '../../../src/contract/oci.ts';
import { openKit } from '../../../src/kit/open-kit.ts';
import { pushKit, type PushedKit } from '../../../src/kit/push/push-kit.ts';
import { parseRecipe } from '../../../src/kit/recipe.ts';
import { RegistryClient } from '../../../src/registry/registry-client.ts';
import { OciRegistry, type OciRegistryOptions } from '../../fakes/oci-registry.ts';
import { makeTinyKit, tinyImage, tinyRecipe, type TinyKit } from '../tiny-kit.ts';

let kit: TinyKit;
let keyPem: string;
beforeAll(async () => {
  kit = await twoImages();
  keyPem = await readFile(kit.publicKey, 'utf8');
});
afterAll(() => rm(kit.folder, { recursive: true }));

/** The tiny kit with a second image: both have the empty config of what refers to them. */
async function twoImages(): Promise<TinyKit> {
  const other = await makeTinyKit();
  const web = await tinyImage(join(other.folder, 'web'), 'web');
  const entry = tinyRecipe.match(/ {2}- name: app\n(?: {4}.*\n)+/)![0];
  const recipe = parseRecipe(tinyRecipe.replace(entry, entry + entry.replaceAll('app', 'web')), 'recipe');
  const made = await makeTinyKit((plan) => ({ ...plan, recipe, images: [...plan.images, web] }));
  await rm(other.folder, { recursive: true });
  return made;
}

async function push(registry: OciRegistry, path: string = kit.path, onSent?: (sent: number, total: number) => void): Promise<PushedKit> {
  return pushKit(await openKit(path), {
    keyPem, ...(onSent && { onSent }),
    openRegistry: async () => {
      const client = new RegistryClient({ domain: registry.host, scopes: [], plainHttp: true, delayMs: 1 });
      await client.open();
      return { client, path: 'site' };
    },
  });
}

const index = (name: string) => kit.plan.images.find((image) => image.name === name) ?? kit.plan.images[1]!;
const places = (registry: OciRegistry) => [...registry.repositories.keys()].sort();

describe('a push', () => {
  test('brings images, signatures and all that refers to them', async () => {
    await using registry = await OciRegistry.start();
    const pushed = await push(registry);
    expect(places(registry)).toEqual(['site/app', 'site/web']);
    for (const name of ['app', 'web']) {
      const { tags, manifests, blobs } = registry.repository(`site/${name}`);
      expect([...tags.keys()].filter((tag) => tag.endsWith('.sig'))).toHaveLength(3);
      expect(tags.get('0.1.0')).toBe(index(name).index.digest);
      // The index and both platforms, 3 signatures, 2 bills of materials, 3 provenances, 3 signatures by tag.
      expect(manifests.size).toBe(14);
      for (const { bytes } of manifests.values()) {
        const { subject } = JSON.parse(bytes.toString()) as { subject?: { digest: string } };
        if (subject) expect(manifests.has(subject.digest)).toBe(true);
      }
      expect(blobs.size).toBeGreaterThan(10);
    }
    expect(pushed.manifests).toEqual({ present: 0, sent: 28 });
    expect(pushed.blobs.mounted).toBe(1);
    expect(pushed.tags.map(({ isNew }) => isNew)).toEqual(Array.from({ length: 8 }, () => true));
  });

  test('sets no tag before everything else is there, and the versions after the signatures', async () => {
    await using registry = await OciRegistry.start();
    await push(registry);
    const kinds = registry.changes.map((change): string => {
      if (change.includes('/blobs/')) return 'blob';
      if (change.includes('/manifests/sha256:')) return 'manifest';
      return change.endsWith('.sig') ? 'signature' : 'version';
    });
    const first = (kind: string) => kinds.indexOf(kind);
    const last = (kind: string) => kinds.lastIndexOf(kind);
    expect(last('blob')).toBeLessThan(first('manifest'));
    expect(last('manifest')).toBeLessThan(first('signature'));
    expect(first('signature')).toBeLessThan(first('version'));
    for (const name of ['app', 'web']) {
      const own = registry.changes.filter((change) => change.includes(`site/${name}/manifests/`)).map((change) => change.split('/').at(-1)!);
      expect(own.indexOf('0.1.0')).toBe(own.length - 1);
    }
  });

  test('that is repeated changes nothing', async () => {
    await using registry = await OciRegistry.start();
    await push(registry);
    registry.questions.length = 0;
    const again = await push(registry);
    expect(registry.changes).toEqual([]);
    expect(again).toMatchObject({ blobs: { sent: 0, mounted: 0 }, manifests: { sent: 0, present: 28 } });
    expect(again.tags.some(({ isNew }) => isNew)).toBe(false);
  });

  test('says how far it is, to the end', async () => {
    await using registry = await OciRegistry.start();
    const steps: [number, number][] = [];
    const { blobs } = await push(registry, kit.path, (...step) => steps.push(step));
    const [sent, total] = steps.at(-1)!;
    expect(sent).toBe(total);
    expect(total).toBe(blobs.sentBytes);
    expect(steps.every(([one], at) => at === 0 || one >= steps[at - 1]![0])).toBe(true);
  });

  test('says what a tag was before', async () => {
    await using registry = await OciRegistry.start();
    await push(registry);
    const { tags } = registry.repository('site/app');
    const child = index('app').children[0]!.descriptor.digest;
    tags.set('0.1.0', child);
    const { tags: set } = await push(registry);
    expect(set.filter(({ isNew }) => isNew)).toEqual([{ name: `${registry.host}/site/app:0.1.0`, digest: index('app').index.digest, isNew: true, before: child }]);
  });
});

describe('a registry', () => {
  const without: [string, OciRegistryOptions][] = [['without the referrers API', { referrersApi: false }], ['without mounts', { mounts: false }]];
  test.each(without)('%s gets the same images', async (_, options) => {
    await using full = await OciRegistry.start();
    await using registry = await OciRegistry.start(options);
    await push(full);
    await push(registry);
    for (const name of ['site/app', 'site/web']) {
      expect([...registry.repository(name).blobs.keys()].sort()).toEqual([...full.repository(name).blobs.keys()].sort());
      expect([...registry.repository(name).manifests.keys()]).toEqual(expect.arrayContaining([...full.repository(name).manifests.keys()]));
    }
  });

  test('without the referrers API gets a tag for each subject that lists them, beside what others put there', async () => {
    await using registry = await OciRegistry.start({ referrersApi: false });
    const repository = registry.repository('site/app');
    const { digest } = index('app').index;
    const tag = digest.replace(':', '-');
    const foreign = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'9'.repeat(64)}`, size: 5 };
    repository.manifests.set(foreign.digest, { type: foreign.mediaType, bytes: Buffer.from('{}') });
    repository.manifests.set('sha256:foreign', { type: 'application/vnd.oci.image.index.v1+json', bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [foreign] })) });
    repository.tags.set(tag, 'sha256:foreign');
    await push(registry);
    const listed = (JSON.parse(repository.manifests.get(repository.tags.get(tag)!)!.bytes.toString()) as OciIndex).manifests;
    expect(listed[0]).toEqual(foreign);
    // A signature and a provenance; bills of materials are of the platforms.
    expect(listed.slice(1)).toMatchObject([{ artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json', annotations: expect.any(Object) }, { size: expect.any(Number) }]);
    registry.questions.length = 0;
    await push(registry);
    expect(registry.changes).toEqual([]);
  });

  test('that goes away in the middle is waited for, and gets the rest', async () => {
    await using registry = await OciRegistry.start();
    let questions = 0;
    registry.disturb = () => (++questions > 60 && questions < 90 ? 'broken' : undefined);
    const { manifests } = await push(registry);
    expect(manifests.sent).toBe(28);
  });

  test('that stays away leaves no tag, and the next push sends only the rest', async () => {
    await using registry = await OciRegistry.start();
    let puts = 0;
    registry.disturb = ({ method }) => (method === 'PUT' && ++puts > 12 ? 'broken' : undefined);
    await expect(push(registry)).rejects.toMatchObject({ code: 'registry.unavailable' });
    expect([...registry.repositories.values()].flatMap(({ tags }) => [...tags])).toEqual([]);
    registry.disturb = undefined;
    const { blobs, manifests } = await push(registry);
    expect(blobs.present).toBeGreaterThanOrEqual(12);
    expect(manifests.sent).toBe(28);
  });
});

describe('nothing is sent', () => {
  test('of a kit that does not hold', async () => {
    await using registry = await OciRegistry.start();
    const bytes = await readFile(kit.path);
    const broken = join(kit.folder, 'broken.tar.zst');
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(broken, bytes);
    await writeFile(`${broken}.sig`, await readFile(`${kit.path}.sig`));
    await expect(push(registry, broken)).rejects.toMatchObject({ message: expect.stringContaining('nothing was pushed') });
    expect(registry.questions).toEqual([]);
  });

  test('of a kit by another key', async () => {
    await using registry = await OciRegistry.start();
    const other = `-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n`;
    await expect(pushKit(await openKit(kit.path), { keyPem: other, openRegistry: () => Promise.reject(new Error('was opened')) })).rejects.toMatchObject({ code: expect.stringMatching(/^kit\./) });
    expect(registry.questions).toEqual([]);
  });

  test('under a name when the kit changes between verifying and sending', async () => {
    await using registry = await OciRegistry.start();
    const opened = await openKit(kit.path);
    const other = await makeTinyKit();
    let passes = 0;
    const swapped = { ...opened, stream: () => (++passes === 1 ? opened.stream() : openedStream(other.path)) };
    const client = new RegistryClient({ domain: registry.host, scopes: [], plainHttp: true, delayMs: 1 });
    await expect(pushKit(swapped, { keyPem, openRegistry: () => Promise.resolve({ client, path: '' }) })).rejects.toMatchObject({ code: 'environment', message: expect.stringContaining('changed') });
    expect(registry.changes.filter((change) => change.includes('/manifests/'))).toEqual([]);
    await rm(other.folder, { recursive: true });
  });
});

async function* openedStream(path: string): AsyncGenerator<Uint8Array> {
  yield* (await openKit(path)).stream();
}
