/** What is attested of the tiny kit's image, as cosign wants it: checked by Node's crypto and by @sigstore/verify. */
import { verify } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/bytes/canonical-json.ts';
import { digestOf } from '../../../src/bytes/digest.ts';
import { attestationMediaTypes, predicateTypes } from '../../../src/contract/attestations.ts';
import { ociMediaTypes, type Descriptor, type OciManifest } from '../../../src/contract/oci.ts';
import type { BuiltImage } from '../../../src/images/image.ts';
import type { KitPlan } from '../../../src/kit/assemble-kit.ts';
import { attestContents, type Attestations } from '../../../src/kit/attest/attest-contents.ts';
import type { LayoutPart } from '../../../src/kit/attest/blob.ts';
import { testNotary, tinyPlan } from '../tiny-kit.ts';

let plan: KitPlan;
let image: BuiltImage;
let made: Attestations;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'attest-'));
  plan = await tinyPlan(folder);
  await rm(folder, { recursive: true });
  image = plan.images[0]!;
  made = attestContents({ images: plan.images, artifacts: [], values: [] }, plan);
});

function content({ blobs }: LayoutPart, { digest }: Descriptor): Buffer {
  return Buffer.from(blobs.find(({ descriptor }) => descriptor.digest === digest)!.bytes);
}

function json<T>(part: LayoutPart, descriptor: Descriptor): T {
  return JSON.parse(content(part, descriptor).toString()) as T;
}

interface Bundle {
  readonly dsseEnvelope: { readonly payload: string; readonly payloadType: string; readonly signatures: readonly { readonly sig: string }[] };
}

interface Statement {
  readonly subject: readonly { readonly digest: { readonly sha256: string } }[];
  readonly predicateType: string;
}

function statementOf(manifest: OciManifest): Statement {
  const { dsseEnvelope } = json<Bundle>(made.ofImages, manifest.layers[0]!);
  return JSON.parse(Buffer.from(dsseEnvelope.payload, 'base64').toString()) as Statement;
}

function manifests(): OciManifest[] {
  return made.ofImages.entries.map((entry) => json<OciManifest>(made.ofImages, entry));
}

test('every blob is what its descriptor says, and every descriptor leads to one', () => {
  for (const part of [made.ofImages, made.signatures]) {
    for (const { descriptor, bytes } of part.blobs) expect(descriptor).toMatchObject({ digest: digestOf(bytes), size: bytes.length });
    const known = new Set(part.blobs.map(({ descriptor }) => descriptor.digest));
    const wanted = part.entries.flatMap((entry) => [entry, ...[json<OciManifest>(part, entry)].flatMap(({ config, layers }) => [config, ...layers])]);
    expect(new Set(wanted.map(({ digest }) => digest))).toEqual(known);
  }
});

test('the same images, key and log give the same bytes', async () => {
  const again = attestContents({ images: plan.images, artifacts: [], values: [] }, { ...plan, notary: await testNotary() });
  expect(canonicalJson(again.ofImages.entries)).toBe(canonicalJson(made.ofImages.entries));
  expect(canonicalJson(again.signatures.entries)).toBe(canonicalJson(made.signatures.entries));
});

describe('referrers', () => {
  test('index and platforms have signature and provenance, platforms a bill of materials', () => {
    const { signature, sbom, provenance } = predicateTypes;
    const children = image.children.map(({ descriptor }) => descriptor.digest);
    const found = new Map<string, string[]>();
    for (const manifest of manifests()) found.set(manifest.subject!.digest, [...(found.get(manifest.subject!.digest) ?? []), statementOf(manifest).predicateType]);
    expect(Object.fromEntries(found)).toEqual({ [image.index.digest]: [signature, provenance], ...Object.fromEntries(children.map((digest) => [digest, [signature, sbom, provenance]])) });
  });

  test('are OCI 1.1 artifacts of the bundle, listed with their type and without a name', () => {
    for (const manifest of manifests()) {
      expect(manifest).toMatchObject({ artifactType: attestationMediaTypes.bundle, config: { mediaType: ociMediaTypes.empty, size: 2 }, layers: [{ mediaType: attestationMediaTypes.bundle }] });
      expect(manifest.annotations).toEqual({
        'dev.sigstore.bundle.content': 'dsse-envelope',
        'dev.sigstore.bundle.predicateType': statementOf(manifest).predicateType,
        'org.opencontainers.image.created': '2026-01-02T03:04:05Z',
      });
    }
    for (const entry of made.ofImages.entries) expect(Object.keys(entry).sort()).toEqual(['artifactType', 'digest', 'mediaType', 'size']);
  });

  test('state what their subject is, signed', () => {
    for (const manifest of manifests()) {
      expect(statementOf(manifest).subject).toEqual([{ digest: { sha256: manifest.subject!.digest.slice(7) } }]);
      const { payload, payloadType, signatures } = json<Bundle>(made.ofImages, manifest.layers[0]!).dsseEnvelope;
      const bytes = Buffer.from(payload, 'base64');
      const signed = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${bytes.length} `), bytes]);
      expect(signatures.map(({ sig }) => verify('sha256', signed, plan.notary.signer.publicKeyPem, Buffer.from(sig, 'base64')))).toEqual([true]);
    }
  });
});

describe('signatures by tag', () => {
  test('are one for index and each platform, under the name that cosign looks for after that of the image', () => {
    const digests = [image.index, ...image.children.map(({ descriptor }) => descriptor)].map(({ digest }) => digest);
    expect(made.signatures.entries.map(({ annotations }) => annotations)).toEqual(digests.map((digest) => ({ 'org.opencontainers.image.ref.name': `app-${digest.replace(':', '-')}.sig` })));
    const payloads = made.signatures.entries.map((entry) => json<{ critical: object }>(made.signatures, json<OciManifest>(made.signatures, entry).layers[0]!));
    expect(payloads.map(({ critical }) => critical)).toEqual(digests.map((digest) => ({
      'identity': { 'docker-reference': 'registry.internal/tiny/app' }, 'image': { 'docker-manifest-digest': digest }, 'type': 'cosign container image signature',
    })));
  });

  test('hold for the bytes of the payload', () => {
    for (const entry of made.signatures.entries) {
      const layer = json<OciManifest>(made.signatures, entry).layers[0]!;
      const signature = Buffer.from(layer.annotations!['dev.cosignproject.cosign/signature']!, 'base64');
      expect(verify('sha256', content(made.signatures, layer), plan.notary.signer.publicKeyPem, signature)).toBe(true);
    }
  });
});
