/** Kits whose files, layouts and signatures are right, and whose images are not vouched for as they must be. */
import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/bytes/canonical-json.ts';
import { sha256Bytes, sha256Hex } from '../../../src/bytes/digest.ts';
import { predicateTypes } from '../../../src/contract/attestations.ts';
import { kitPaths } from '../../../src/contract/kit-format.ts';
import { ociMediaTypes, type Descriptor, type OciIndex, type OciManifest } from '../../../src/contract/oci.ts';
import { renderTagSignature } from '../../../src/kit/attest/tag-signature.ts';
import { parseSigner, type Signer } from '../../../src/kit/keys.ts';
import { attestationFiles, replace, seal, tinyFiles, verify, type SealedFile } from '../sealed-kit.ts';
import { testSigner } from '../tiny-kit.ts';

let files: SealedFile[];
let signer: Signer;
let stranger: Signer;

beforeAll(async () => {
  files = await tinyFiles();
  signer = await testSigner();
  stranger = await parseSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'another key');
});

function json<T>(path: string): T {
  return JSON.parse(files.find((file) => file.path === path)!.bytes.toString()) as T;
}

function blobPath(folder: string, { digest }: Descriptor): string {
  return folder + kitPaths.blobs + digest.slice('sha256:'.length);
}

interface Attached {
  readonly manifest: OciManifest;
  readonly layer: Buffer;
  readonly annotations?: Descriptor['annotations'];
}

/** What index.json of that folder lists, but for images. */
function attachedIn(folder: '' | 'signatures/'): Attached[] {
  return json<OciIndex>(folder + kitPaths.ociIndex).manifests.filter(({ artifactType }) => folder !== '' || artifactType !== undefined).map((entry) => {
    const manifest = json<OciManifest>(blobPath(folder, entry));
    return { manifest, layer: files.find(({ path }) => path === blobPath(folder, manifest.layers[0]!))!.bytes, ...(entry.annotations && { annotations: entry.annotations }) };
  });
}

function blobFile(folder: string, mediaType: string, bytes: Buffer): SealedFile {
  return { path: folder + kitPaths.blobs + sha256Hex(bytes), role: 'oci', mediaType, bytes };
}

/** The tiny kit with these attached in place of its own, in layouts that hold. */
async function codeWith(referrers: readonly Attached[], tags: readonly Attached[]): Promise<{ code: string | null; found: string[] }> {
  const root = json<OciIndex>(kitPaths.ociIndex);
  const images = root.manifests.filter(({ artifactType }) => artifactType === undefined);
  const old = attestationFiles(files);
  const more: SealedFile[] = [];
  const attach = (folder: string, list: readonly Attached[]): Descriptor[] => list.map(({ manifest, layer, annotations }) => {
    const layers = manifest.layers.slice(0, 1).map((descriptor) => ({ ...descriptor, digest: `sha256:${sha256Hex(layer)}` as const, size: layer.length }));
    const changed = Buffer.from(canonicalJson({ ...manifest, layers: [...layers, ...manifest.layers.slice(1)] }));
    const config = files.find(({ path }) => path === blobPath(folder, manifest.config))!;
    more.push(config, blobFile(folder, manifest.layers[0]!.mediaType, layer), blobFile(folder, ociMediaTypes.manifest, changed));
    return { mediaType: ociMediaTypes.manifest, digest: `sha256:${sha256Hex(changed)}`, size: changed.length, ...(annotations && { annotations }), ...(manifest.artifactType && { artifactType: manifest.artifactType }) };
  });
  const index = canonicalJson({ ...root, manifests: [...images, ...attach('', referrers)] });
  const signatures = canonicalJson({ ...root, manifests: attach(kitPaths.signatures, tags) });
  const kept = replace(files, { ...Object.fromEntries(old.map((path) => [path, undefined])), [kitPaths.ociIndex]: index });
  const layout = files.filter(({ path }) => path === kitPaths.signatures + kitPaths.ociLayout || path === kitPaths.signatures + kitPaths.ociIndex)
    .map((file) => (file.path.endsWith(kitPaths.ociIndex) ? { ...file, bytes: Buffer.from(signatures) } : file));
  const [head1, head2, ...rest] = [...kept, ...layout, ...more];
  const unique = [...new Map(rest.map((file) => [file.path, file])).values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const { code, checks } = await verify(await seal([head1!, head2!, ...unique]));
  return { code, found: checks.find(({ name }) => name === 'attestations')?.problems.map((problem) => `${problem.code}: ${problem.expected}`) ?? [] };
}

interface Bundle {
  verificationMaterial: { publicKey: { hint: string } };
  dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] };
}

/** The same with another bundle, whose signature is by `by` over what it then says. */
function resigned({ manifest, layer }: Attached, change: (statement: Record<string, unknown>) => unknown, by: Signer = signer): Attached {
  const bundle = JSON.parse(layer.toString()) as Bundle;
  const payload = Buffer.from(canonicalJson(change(JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString()) as Record<string, unknown>)));
  const { payloadType } = bundle.dsseEnvelope;
  const signed = sha256Bytes(Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload]));
  bundle.dsseEnvelope.payload = payload.toString('base64');
  bundle.dsseEnvelope.signatures[0]!.sig = Buffer.from(by.signDigest(signed)).toString('base64');
  return { manifest, layer: Buffer.from(canonicalJson(bundle)) };
}

function fromPart({ entries, blobs }: ReturnType<typeof renderTagSignature>, like: Attached): Attached {
  const manifest = JSON.parse(Buffer.from(blobs[0]!.bytes).toString()) as OciManifest;
  return { manifest: { ...manifest, config: like.manifest.config }, layer: Buffer.from(blobs[2]!.bytes), annotations: entries[0]!.annotations };
}

function withoutKey<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)) as Omit<T, K>;
}

/** A signature by tag of the same image, made for that repository. */
function made(repository: string, of: Attached, by: Signer = signer): Attached {
  const image = JSON.parse(of.layer.toString()) as { critical: { image: { 'docker-manifest-digest': `sha256:${string}` } } };
  return fromPart(renderTagSignature(repository, image.critical.image['docker-manifest-digest'], by), of);
}

/** The first referrer with that predicate type changed. */
function withChanged(predicateType: string, change: (attached: Attached) => Attached): Attached[] {
  const all = attachedIn('');
  const at = all.findIndex(({ manifest }) => manifest.annotations!['dev.sigstore.bundle.predicateType'] === predicateType);
  return all.with(at, change(all[at]!));
}

test('the kit is right before anything is changed, also when put together anew', async () => {
  expect(await codeWith(attachedIn(''), attachedIn('signatures/'))).toEqual({ code: null, found: [] });
});

describe('what is missing is named', () => {
  test.each([['signature', predicateTypes.signature], ['bill of materials', predicateTypes.sbom], ['provenance', predicateTypes.provenance]])('each %s', async (name, type) => {
    const all = attachedIn('');
    for (const one of all.filter(({ manifest }) => manifest.annotations!['dev.sigstore.bundle.predicateType'] === type)) {
      expect(await codeWith(all.filter((other) => other !== one), attachedIn('signatures/'))).toEqual({ code: 'kit.attestation-missing', found: [`kit.attestation-missing: its ${name}`] });
    }
  });

  test('each signature by tag', async () => {
    const all = attachedIn('signatures/');
    expect(all).toHaveLength(3);
    for (const one of all) expect((await codeWith(attachedIn(''), all.filter((other) => other !== one))).found).toEqual(['kit.attestation-missing: its signature by tag']);
  });

  test('all of it, when the second layout is not there at all', async () => {
    const without = replace(files, Object.fromEntries(files.filter(({ path }) => path.startsWith(kitPaths.signatures)).map(({ path }) => [path, undefined])));
    expect((await verify(await seal(without))).code).toBe('kit.attestation-missing');
  });

  test('an image that index.json lists alone needs them as well', async () => {
    const root = json<OciIndex>(kitPaths.ociIndex);
    const artifact = Buffer.from(canonicalJson({ schemaVersion: 2, mediaType: ociMediaTypes.manifest, artifactType: 'application/vnd.example', config: attachedIn('')[0]!.manifest.config, layers: [] }));
    const file = blobFile('', ociMediaTypes.manifest, artifact);
    const index = canonicalJson({ ...root, manifests: [...root.manifests, { mediaType: ociMediaTypes.manifest, digest: `sha256:${sha256Hex(artifact)}`, size: artifact.length }] });
    const [layout, , ...rest] = [...replace(files, { [kitPaths.ociIndex]: index })];
    const sorted = [...rest, file].sort((a, b) => (a.path < b.path ? -1 : 1));
    const report = await verify(await seal([layout!, replace(files, { [kitPaths.ociIndex]: index })[1]!, ...sorted]));
    expect(report.checks.find(({ name }) => name === 'attestations')?.problems.map(({ expected }) => expected)).toEqual(['its signature', 'its signature by tag', 'its provenance']);
  });
});

describe('a referrer is refused', () => {
  test.each<[string, (attached: Attached) => Attached]>([
    ["by a stranger's key", (one) => resigned(one, (statement) => statement, stranger)],
    ['of another image', (one) => resigned(one, (statement) => ({ ...statement, subject: [{ digest: { sha256: '0'.repeat(64) } }] }))],
    ['of two images', (one) => resigned(one, (statement) => ({ ...statement, subject: [...(statement['subject'] as unknown[]), { digest: { sha256: '0'.repeat(64) } }] }))],
    ['of nothing', (one) => resigned(one, (statement) => withoutKey(statement, 'subject'))],
    ['that says something else than its annotation', (one) => resigned(one, (statement) => ({ ...statement, predicateType: predicateTypes.provenance }))],
    ['of a kind that no kit has', (one) => ({ ...resigned(one, (statement) => ({ ...statement, predicateType: 'https://example.org/x' })), manifest: { ...one.manifest, annotations: { ...one.manifest.annotations, 'dev.sigstore.bundle.predicateType': 'https://example.org/x' } } })],
    ['of an older statement type', (one) => resigned(one, (statement) => ({ ...statement, _type: 'https://in-toto.io/Statement/v0.1' }))],
    ['with an empty bill of materials', (one) => resigned(one, (statement) => ({ ...statement, predicate: {} }))],
    ['with no predicate', (one) => resigned(one, (statement) => ({ ...statement, predicate: null }))],
    ['with another artifact type', (one) => ({ ...one, manifest: { ...one.manifest, artifactType: 'application/vnd.example' } })],
    ['that is no bundle', (one) => ({ ...one, layer: Buffer.from('{}') })],
    ['that is no JSON', (one) => ({ ...one, layer: Buffer.from('no JSON') })],
    ['signed twice', (one) => {
      const bundle = JSON.parse(one.layer.toString()) as Bundle;
      bundle.dsseEnvelope.signatures.push(bundle.dsseEnvelope.signatures[0]!);
      return { ...one, layer: Buffer.from(JSON.stringify(bundle)) };
    }],
    ['with the hint of another key', (one) => ({ ...one, layer: Buffer.from(one.layer.toString().replace(/"hint":"[^"]+"/, '"hint":"AAAA"')) })],
    ['with another payload type', (one) => ({ ...one, layer: Buffer.from(one.layer.toString().replace('application/vnd.in-toto+json', 'application/vnd.in-toto+text')) })],
  ])('%s', async (_, change) => {
    const { code, found } = await codeWith(withChanged(predicateTypes.sbom, change), attachedIn('signatures/'));
    expect(code).toBe('kit.attestation-invalid');
    expect(found).toContain('kit.attestation-missing: its bill of materials');
  });

  test('that signs and has a text for a predicate', async () => {
    const { code } = await codeWith(withChanged(predicateTypes.signature, (one) => resigned(one, (statement) => ({ ...statement, predicate: 'text' }))), attachedIn('signatures/'));
    expect(code).toBe('kit.attestation-invalid');
  });

  test('whose subject is another image than the one that its statement names', async () => {
    const [first, second] = attachedIn('').filter(({ manifest }) => manifest.annotations!['dev.sigstore.bundle.predicateType'] === predicateTypes.sbom);
    const swapped = { ...first!, manifest: { ...first!.manifest, subject: second!.manifest.subject! } };
    expect((await codeWith(withChanged(predicateTypes.sbom, () => swapped), attachedIn('signatures/'))).code).toBe('kit.attestation-invalid');
  });

  test('whose subject is in the kit and no image', async () => {
    const { config } = attachedIn('')[0]!.manifest;
    const stray = (one: Attached): Attached => ({ ...resigned(one, (statement) => ({ ...statement, subject: [{ digest: { sha256: config.digest.slice(7) } }] })), manifest: { ...one.manifest, subject: config } });
    expect((await codeWith(withChanged(predicateTypes.sbom, stray), attachedIn('signatures/'))).code).toBe('kit.attestation-invalid');
  });

  test('whose subject is not in the kit, by the layout already', async () => {
    const gone = withChanged(predicateTypes.sbom, (one) => ({ ...one, manifest: { ...one.manifest, subject: { ...one.manifest.subject!, digest: `sha256:${'0'.repeat(64)}` } } }));
    expect((await codeWith(gone, attachedIn('signatures/'))).code).toBe('kit.closure-missing');
  });
});

describe('a signature by tag is refused', () => {
  const { digest } = { digest: `sha256:${'0'.repeat(64)}` as const };

  test.each<[string, (attached: Attached) => Attached]>([
    ["by a stranger's key", (one) => made('registry.internal/tiny/app', one, stranger)],
    ['of another image', (one) => fromPart(renderTagSignature('registry.internal/tiny/app', digest, signer), one)],
    ['under the name of another image', (one) => ({ ...one, annotations: { 'org.opencontainers.image.ref.name': `app-sha256-${'0'.repeat(64)}.sig` } })],
    ['under the name of another repository', (one) => ({ ...one, annotations: made('registry.internal/tiny/other', one).annotations })],
    ['without a name', (one) => withoutKey(one, 'annotations')],
    ['without a signature', (one) => ({ ...one, manifest: { ...one.manifest, layers: one.manifest.layers.map((layer) => withoutKey(layer, 'annotations')) } })],
    ['of a payload that was changed', (one) => ({ ...one, layer: Buffer.from(one.layer.toString().replace('"optional":null', '"optional":{}')) })],
    ['with a layer more', (one) => ({ ...one, manifest: { ...one.manifest, layers: [...one.manifest.layers, one.manifest.config] } })],
  ])('%s', async (_, change) => {
    const { code, found } = await codeWith(attachedIn(''), attachedIn('signatures/').with(0, change(attachedIn('signatures/')[0]!)));
    expect(code).toBe('kit.attestation-invalid');
    expect(found).toContain('kit.attestation-missing: its signature by tag');
  });
});

test('an empty config without an artifact type is refused by the layout', async () => {
  expect((await codeWith(withChanged(predicateTypes.sbom, (one) => ({ ...one, manifest: withoutKey(one.manifest, 'artifactType') })), attachedIn('signatures/'))).code).toBe('kit.oci-invalid');
});

test('a blob in the second layout that no descriptor leads to is refused', async () => {
  const [layout, index, ...rest] = files;
  const sorted = [...rest, blobFile(kitPaths.signatures, 'application/octet-stream', Buffer.from('stowaway'))].sort((a, b) => (a.path < b.path ? -1 : 1));
  expect((await verify(await seal([layout!, index!, ...sorted]))).code).toBe('kit.closure-extra');
});
