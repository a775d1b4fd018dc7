/**
 * A tiny, complete kit for tests, made by the real assembleKit and signKit: one image for two platforms, a manifest
 * that names it, rules and their catalogue, a document and a tool. Needs nothing of the image build.
 */
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { canonicalJson } from '../../src/bytes/canonical-json.ts';
import { digestOf } from '../../src/bytes/digest.ts';
import { ociMediaTypes, platforms, type Descriptor, type Digest, type Platform } from '../../src/contract/oci.ts';
import type { BuiltImage, ImageChild, ImageComponent } from '../../src/images/image.ts';
import { assembleKit, type AssembledKit, type KitPlan } from '../../src/kit/assemble-kit.ts';
import { provideDevelopmentCertificate } from '../../src/kit/certificates/development-certificate.ts';
import { parseSigner, type Signer } from '../../src/kit/keys.ts';
import { developmentLog } from '../../src/kit/log/release-log.ts';
import type { Notary } from '../../src/kit/notary.ts';
import { parseRecipe } from '../../src/kit/recipe.ts';
import { signKit, type KitSignatures } from '../../src/kit/sign-kit.ts';
import { writeTrust, type TrustFiles } from '../../src/kit/trust.ts';

/** A key of the tests alone; it protects nothing. The P-256 key of RFC 6979, appendix A.2.5. */
export const testKeyPem = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFX
Z7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg/tS6JVqdMclh63TGNW1owEm4kjth
+mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ
-----END PRIVATE KEY-----
`;

export const tinyRecipe = `
name: tiny
title: Tiny kit
epoch: 2026-01-02T03:04:05Z
images:
  - name: app
    title: App
    description: An app
    licenses: Apache-2.0
    user: "65532"
    program: { name: app, entry: src/main.ts }
manifests: { from: dist/manifests, path: manifests }
documents:
  - { from: rules.yaml, path: docs/ops/rules.yaml, role: rules }
  - { from: catalogue.json, path: docs/ops/metrics.json, role: catalogue }
  - { from: README.md, path: README.md, role: document }
  - { from: tool.mjs, path: tools/tool.mjs, role: tool }
`;

export interface TinyKit extends AssembledKit, KitSignatures, TrustFiles {
  /** The folder that holds everything. */
  readonly folder: string;
  readonly plan: KitPlan;
}

export async function testSigner(): Promise<Signer> {
  return parseSigner(testKeyPem, 'the test key');
}

/** With a log of its own, which nothing was written to. */
export async function testNotary(): Promise<Notary> {
  const signer = await testSigner();
  return { signer, log: developmentLog(signer), signedAt: '2026-01-02T03:04:06Z' };
}

/** Makes a kit in a new folder under the system's temporary one; `change` alters the plan before. `certifiedAt`: with a development certificate, made then. */
export async function makeTinyKit(change: (plan: KitPlan) => KitPlan = (plan) => plan, certifiedAt?: Date): Promise<TinyKit> {
  const folder = await mkdtemp(join(tmpdir(), 'tiny-kit-'));
  const plan = change(await tinyPlan(folder));
  const certificate = certifiedAt && (await provideDevelopmentCertificate(join(folder, 'certificate.pem'), plan.notary.signer, { now: certifiedAt }));
  const kit = await assembleKit(plan);
  const signed = await signKit({ ...kit, name: plan.recipe.name }, plan.notary, certificate);
  const trust = await writeTrust(join(folder, 'trust'), plan.recipe.name, plan.notary, certificate);
  return { ...kit, ...signed, ...trust, folder, plan };
}

/** The plan of the tiny kit; its blobs are written below `folder`. */
export async function tinyPlan(folder: string): Promise<KitPlan> {
  const image = await tinyImage(join(folder, 'cache'), 'app');
  return {
    recipe: parseRecipe(tinyRecipe, 'tiny recipe'),
    version: '0.1.0',
    registry: 'registry.internal/tiny',
    images: [image],
    sources: tinySources(image),
    root: folder,
    notary: await testNotary(),
    provenance: { commit: 'a'.repeat(40), builderId: 'https://builder.internal/tiny' },
    to: join(folder, 'out'),
  };
}

function tinySources({ name, index }: BuiltImage): Map<string, Uint8Array> {
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { template: { spec: { containers: [{ name, image: `registry.internal/tiny/${name}@${index.digest}` }] } } },
  };
  const rules = { groups: [{ name: 'tiny', rules: [{ alert: 'Slow', expr: 'rate(tiny_requests_total[5m]) > 1' }] }] };
  const texts = {
    'dist/manifests/deployment.yaml': JSON.stringify(deployment),
    'rules.yaml': JSON.stringify(rules),
    'catalogue.json': canonicalJson({ metrics: [{ name: 'tiny_requests_total', type: 'counter' }] }),
    'README.md': '# Tiny\n',
    'tool.mjs': 'console.log("tiny");\n',
  };
  return new Map(Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)]));
}

/** One of each kind, as if they were in it. */
function componentsFor({ architecture }: Platform): ImageComponent[] {
  return [
    { kind: 'debian', name: 'libc6', version: '2.41-12+deb13u5', architecture, suite: 'trixie', licenses: ['LGPL-2.1'], pinned: { algorithm: 'sha256', hex: 'b'.repeat(64) } },
    { kind: 'npm', name: '@tiny/left', version: '1.0.0', licenses: ['MIT'] },
  ];
}

/** An image of one small layer a platform, built by hand. */
export async function tinyImage(cache: string, name: string): Promise<BuiltImage> {
  await mkdir(cache, { recursive: true });
  const blobs = new Map<Digest, { path: string; size: number }>();
  const put = async (mediaType: string, bytes: Uint8Array | string): Promise<Descriptor> => {
    const digest = digestOf(bytes);
    const path = join(cache, digest.slice('sha256:'.length));
    await writeFile(path, bytes);
    const { length } = await readFile(path);
    blobs.set(digest, { path, size: length });
    return { mediaType, digest, size: length };
  };
  const child = async (platform: Platform): Promise<ImageChild> => {
    const layer = Buffer.from(`${name} for ${platform.architecture}`.padEnd(1536, '\0'));
    const config = await put(ociMediaTypes.config, canonicalJson({ ...platform, config: {}, rootfs: { type: 'layers', diff_ids: [digestOf(layer)] } }));
    const layers = [await put(ociMediaTypes.layer, gzipSync(layer))];
    const manifest = canonicalJson({ schemaVersion: 2, mediaType: ociMediaTypes.manifest, config, layers });
    return { platform, descriptor: { ...(await put(ociMediaTypes.manifest, manifest)), platform }, components: componentsFor(platform) };
  };
  const children = await Promise.all(platforms.map(child));
  const manifests = children.map(({ descriptor }) => descriptor);
  const index = await put(ociMediaTypes.index, canonicalJson({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests }));
  return { name, index, children, blobs };
}
