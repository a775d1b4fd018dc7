/** What verify finds in kits that are whole and well signed, and yet not what a kit must be. */
import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/bytes/canonical-json.ts';
import { sha256Hex } from '../../../src/bytes/digest.ts';
import { kitPaths, type KitManifest } from '../../../src/contract/kit-format.ts';
import { ociMediaTypes, type OciIndex, type OciManifest } from '../../../src/contract/oci.ts';
import { parseSigner, type Signer } from '../../../src/kit/keys.ts';
import { renderManifest, signManifest } from '../../../src/kit/manifest.ts';
import { attestationFiles, headOf, replace, seal, sealTar, signFile, splitTar, tarOf, tinyFiles, verify, type SealedFile, type SealedKit } from '../sealed-kit.ts';
import { testSigner } from '../tiny-kit.ts';

let files: SealedFile[];
let kit: SealedKit;
let stranger: Signer;

beforeAll(async () => {
  files = await tinyFiles();
  kit = await seal(files);
  const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  stranger = await parseSigner(pem.toString(), 'another key');
});

function fileOf(path: string): SealedFile {
  return files.find((file) => file.path === path)!;
}

function json<T>(path: string): T {
  return JSON.parse(fileOf(path).bytes.toString()) as T;
}

function blob(mediaType: string, content: string): SealedFile {
  return { path: kitPaths.blobs + sha256Hex(content), bytes: Buffer.from(content), mediaType, role: 'oci' };
}

function sorted(list: readonly SealedFile[]): SealedFile[] {
  const [layout, index, ...rest] = list;
  return [layout!, index!, ...rest.sort((a, b) => (a.path < b.path ? -1 : 1))];
}

/** The tiny kit with another image index, and index.json and manifests that point to it; nothing is attested of it. */
async function withImageIndex(change: (index: OciIndex) => unknown, more: readonly SealedFile[] = [], less: readonly string[] = []): Promise<SealedKit> {
  const old = files.find(({ mediaType, path }) => mediaType === ociMediaTypes.index && path.startsWith(kitPaths.blobs))!;
  const index = blob(ociMediaTypes.index, canonicalJson(change(json<OciIndex>(old.path))));
  const renamed = (text: string): string => text.replaceAll(old.path.slice(kitPaths.blobs.length), index.path.slice(kitPaths.blobs.length));
  const root = json<OciIndex>(kitPaths.ociIndex);
  const manifests = root.manifests.filter(({ artifactType }) => artifactType === undefined).map((descriptor) => ({ ...descriptor, size: index.bytes.length }));
  const changed = replace(files, {
    [old.path]: undefined,
    ...Object.fromEntries(attestationFiles(files).map((path) => [path, undefined])),
    ...Object.fromEntries(less.map((path) => [path, undefined])),
    [kitPaths.ociIndex]: renamed(canonicalJson({ ...root, manifests })),
    'manifests/deployment.yaml': renamed(fileOf('manifests/deployment.yaml').bytes.toString()),
  });
  return seal(sorted([...changed, index, ...more]));
}

describe('trust', () => {
  test('without a key verify refuses to look, with exit code 2', async () => {
    await expect(verify(kit, { keyPem: null })).rejects.toMatchObject({ code: 'kit.trust-missing', exitCode: 2 });
  });

  test('integrity only says what it did not check', async () => {
    const report = await verify(kit, { keyPem: null, integrityOnly: true });
    expect(report).toMatchObject({ ok: true, trust: 'none' });
    expect(report.notChecked.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      'signatures present: no key was given', 'manifest signature: no key was given', 'attestations: no key was given', 'kit signature: no key was given', 'release log: no key was given',
    ]);
  });

  test('a key takes precedence over integrity only', async () => {
    expect(await verify(kit, { keyPem: stranger.publicKeyPem, integrityOnly: true })).toMatchObject({ code: 'kit.manifest-signature-invalid', trust: 'key' });
  });

  test('another key than the one it was signed by is refused before anything is believed', async () => {
    const report = await verify(kit, { keyPem: stranger.publicKeyPem });
    expect(report).toMatchObject({ ok: false, code: 'kit.manifest-signature-invalid', kit: null, signer: null, sha256: null, entries: 0 });
    expect(report.checks.at(-1)?.problems[0]?.found).toContain((await testSigner()).keyId);
    expect(report.notChecked.map(({ name }) => name)).toEqual(['manifest', 'files', 'OCI layout', 'images', 'artifacts', 'attestations', 'metrics', 'kit signature', 'release log']);
  });

  test.each([
    ['a private key', async () => (await import('../tiny-kit.ts')).testKeyPem],
    ['another curve', async () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    ['RSA', async () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    ['text', async () => 'no key'],
  ])('%s is not taken for the public key', async (_, pem) => {
    await expect(verify(kit, { keyPem: await pem() })).rejects.toMatchObject({ code: 'kit.key-invalid', exitCode: 2 });
  });

  test('a development kit is refused unless it is allowed', async () => {
    const development = await seal(files, { kind: 'development' });
    expect((await verify(development)).code).toBe('kit.development-key');
    expect(await verify(development, { allowDevelopment: true })).toMatchObject({ ok: true, signer: { kind: 'development' } });
  });

  test('a manifest that names another key than it was signed by is refused', async () => {
    const foreign = await seal(files, { manifest: (manifest) => ({ ...manifest, signer: { kind: 'release', keyId: stranger.keyId } }) });
    expect((await verify(foreign)).code).toBe('kit.manifest-signature-invalid');
  });

  test('a JWS that chooses its own algorithm or header is refused', async () => {
    const [manifest, jws, ...rest] = splitTar(kit.tar);
    const signature = jws!.bytes.toString().split('..')[1]!;
    for (const header of [{ alg: 'none' }, { alg: 'ES256', kid: (await testSigner()).keyId }, { alg: 'HS256', kid: (await testSigner()).keyId }]) {
      const forged = Buffer.from(`${Buffer.from(JSON.stringify(header)).toString('base64url')}..${signature}`);
      expect((await verify(await sealTar(tarOf([...headOf(manifest!.bytes, forged), ...rest])))).code).toBe('kit.manifest-signature-invalid');
    }
  });
});

describe('the signatures beside the kit', () => {
  test('one of them is enough', async () => {
    expect((await verify({ ...kit, signatures: { ...kit.signatures, bundle: null } })).ok).toBe(true);
    expect((await verify({ ...kit, signatures: { ...kit.signatures, signature: null } })).ok).toBe(true);
  });

  test('none of them is too few', async () => {
    expect((await verify({ ...kit, signatures: { bundle: null, signature: null } })).code).toBe('kit.signature-missing');
  });

  test('when both are there, both must hold', async () => {
    const other = signFile(Buffer.from('another file'), await testSigner());
    for (const signatures of [{ ...kit.signatures, bundle: other.bundle }, { ...kit.signatures, signature: other.signature }]) {
      const report = await verify({ ...kit, signatures });
      expect(report).toMatchObject({ ok: false, code: 'kit.signature-invalid', entries: files.length });
      expect(report.checks.at(-1)).toMatchObject({ name: 'kit signature', count: 1, ok: false });
    }
  });

  test("a stranger's signature of the same file is refused", async () => {
    expect((await verify({ ...kit, signatures: signFile(kit.bytes, stranger) })).code).toBe('kit.signature-invalid');
  });

  test('a bundle whose digest is right and whose signature is of another file is refused', async () => {
    const mixed = JSON.parse(kit.signatures.bundle!) as { messageSignature: { signature: string } };
    mixed.messageSignature.signature = signFile(Buffer.from('another file'), await testSigner()).signature!.trim();
    expect((await verify({ ...kit, signatures: { bundle: JSON.stringify(mixed), signature: null } })).code).toBe('kit.signature-invalid');
  });

  test('a bundle whose signature is right and whose digest is of another file is refused', async () => {
    const mixed = JSON.parse(kit.signatures.bundle!) as { messageSignature: { messageDigest: { digest: string } } };
    mixed.messageSignature.messageDigest.digest = Buffer.alloc(32).toString('base64');
    expect((await verify({ ...kit, signatures: { bundle: JSON.stringify(mixed), signature: null } })).code).toBe('kit.signature-invalid');
  });

  test.each([
    ['text', 'no bundle'], ['an object', '{}'],
    ['a certificate in place of a key', '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{"rawBytes":"AA=="}},"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AA=="},"signature":"AA=="}}'],
  ])('%s is not taken for a bundle', async (_, bundle) => {
    expect((await verify({ ...kit, signatures: { bundle, signature: null } })).code).toBe('kit.signature-invalid');
  });

  test('a signature in base64 that is not canonical is refused', async () => {
    expect((await verify({ ...kit, signatures: { bundle: null, signature: ` ${kit.signatures.signature}` } })).code).toBe('kit.signature-invalid');
  });

  test('a signature file beyond the limit is refused', async () => {
    expect((await verify({ ...kit, signatures: { bundle: null, signature: 'A'.repeat(100_000) } })).code).toBe('kit.limit-exceeded');
  });
});

describe('the manifest', () => {
  test.each<[string, (manifest: KitManifest) => unknown]>([
    ['another media type', (manifest) => ({ ...manifest, mediaType: 'text/plain' })],
    ['an unknown member', (manifest) => ({ ...manifest, comment: 'hello' })],
    ['a member that is missing', (manifest) => Object.fromEntries(Object.entries(manifest).filter(([key]) => key !== 'version'))],
    ['a name that is a path', (manifest) => ({ ...manifest, name: '../tiny' })],
    ['a file with ".." in its path', (manifest) => ({ ...manifest, files: [...manifest.files, { ...manifest.files[0]!, path: 'z/../../etc', role: 'document' }] })],
    ['a file twice', (manifest) => ({ ...manifest, files: [...manifest.files, manifest.files.at(-1)!] })],
    ['files that differ in case only', (manifest) => ({ ...manifest, files: [...manifest.files, { ...manifest.files.at(-1)!, path: 'tools/tool.mjs'.replace('tool.mjs', 'tooL.mjs') }].sort((a, b) => (a.path < b.path ? -1 : 1)) })],
    ['a file that is also a folder', (manifest) => ({ ...manifest, files: [...manifest.files, { ...manifest.files.at(-1)!, path: 'tools/tool.mjs/x' }] })],
    ['a blob under a name that is not its digest', (manifest) => ({ ...manifest, files: manifest.files.map((file) => (file.path.startsWith(kitPaths.blobs) ? { ...file, sha256: '0'.repeat(64) } : file)) })],
    ['a layout file with the role of a document', (manifest) => ({ ...manifest, files: manifest.files.map((file) => ({ ...file, role: 'document' })) })],
  ])('%s is refused', async (_, manifest) => {
    expect((await verify(await seal(files, { manifest }))).code).toBe('kit.manifest-invalid');
  });

  test('all its problems are listed', async () => {
    const report = await verify(await seal(files, { manifest: (manifest) => ({ ...manifest, name: '', version: '' }) }));
    expect(report.checks.at(-1)?.problems.map(({ where }) => where)).toEqual(['name', 'version']);
  });

  test('JSON that is not canonical is refused', async () => {
    const signer = await testSigner();
    const manifest = Buffer.from(`${splitTar(kit.tar)[0]!.bytes.toString()}\n`);
    expect((await verify(await sealTar(tarOf([...headOf(manifest, signManifest(manifest, signer)), ...files])))).code).toBe('kit.manifest-invalid');
  });
});

/** The archive holds `archived`, the manifest lists the tiny kit's own files. */
async function against(archived: readonly { path: string; bytes: Buffer }[]): Promise<SealedKit> {
  const signer = await testSigner();
  const records = files.map(({ bytes, ...file }) => ({ ...file, size: bytes.length, sha256: sha256Hex(bytes) }));
  const manifest = renderManifest({ name: 'tiny', version: '0.1.0', signedAt: '2026-01-02T03:04:06Z', signer, files: records });
  return sealTar(tarOf([...headOf(manifest, signManifest(manifest, signer)), ...archived]));
}

describe('the files', () => {
  test('two files with their contents swapped are both named', async () => {
    const [a, b] = ['README.md', 'tools/tool.mjs'].map((path) => fileOf(path));
    const report = await verify(await against(replace(files, { [a!.path]: Buffer.from('x'.repeat(a!.bytes.length)), [b!.path]: Buffer.from('y'.repeat(b!.bytes.length)) })));
    expect(report.code).toBe('kit.entry-digest');
    expect(report.checks.find(({ name }) => name === 'files')?.problems.map(({ where }) => where)).toEqual([a!.path, b!.path]);
    expect(report.notChecked.map(({ name }) => name)).toEqual(['OCI layout', 'images', 'artifacts', 'attestations', 'metrics', 'release log']);
  });

  test('a file of another size is named', async () => {
    expect((await verify(await against(replace(files, { 'README.md': 'longer than before' })))).code).toBe('kit.entry-size');
  });

  test('a file that is missing is named, also when it is the last', async () => {
    expect((await verify(await against(replace(files, { 'README.md': undefined })))).code).toBe('kit.entry-missing');
    expect((await verify(await against(files.slice(0, -1)))).code).toBe('kit.entry-missing');
  });

  test('a file that the manifest does not name is refused', async () => {
    expect((await verify(await against([...files, { path: 'zzz', bytes: Buffer.from('hidden') }]))).code).toBe('kit.entry-extra');
  });

  test('files out of order, or twice, are refused', async () => {
    expect((await verify(await against([...files.slice(0, 2), ...files.slice(2).reverse()]))).code).toBe('kit.archive-invalid');
    expect((await verify(await against([...files, files.at(-1)!]))).code).toBe('kit.archive-invalid');
    expect((await verify(await against([...files, files[0]!]))).code).toBe('kit.archive-invalid');
  });
});

describe('the OCI layout', () => {
  test('a blob that no descriptor leads to is refused', async () => {
    expect((await verify(await seal(sorted([...files, blob('application/octet-stream', 'stowaway')])))).code).toBe('kit.closure-extra');
  });

  test('a layer that is missing is named', async () => {
    const layers = files.filter(({ mediaType }) => mediaType === ociMediaTypes.layer);
    const report = await verify(await seal(replace(files, Object.fromEntries(layers.map(({ path }) => [path, undefined])))));
    expect(report.code).toBe('kit.closure-missing');
    expect(report.checks.find(({ name }) => name === 'OCI layout')?.problems).toHaveLength(layers.length);
  });

  test('a descriptor with another size than its blob is refused', async () => {
    const root = json<OciIndex>(kitPaths.ociIndex);
    const wrong = { ...root, manifests: root.manifests.map((descriptor) => ({ ...descriptor, size: descriptor.size + 1 })) };
    expect((await verify(await seal(replace(files, { [kitPaths.ociIndex]: canonicalJson(wrong) })))).code).toBe('kit.closure-missing');
  });

  test.each([
    ['an index that is no JSON', kitPaths.ociIndex, 'no JSON'],
    ['an index without manifests', kitPaths.ociIndex, '{"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}'],
    ['an index of another kind', kitPaths.ociIndex, '{"manifests":[],"mediaType":"text/plain","schemaVersion":2}'],
    ['a descriptor that is none', kitPaths.ociIndex, '{"manifests":[{"digest":"sha256:../../x"}],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}'],
    ['a layout of another version', kitPaths.ociLayout, '{"imageLayoutVersion":"2.0.0"}'],
  ])('%s is refused', async (_, path, text) => {
    expect((await verify(await seal(replace(files, { [path]: text })))).code).toBe('kit.oci-invalid');
  });

  test('an index entry whose image config is for another platform is refused', async () => {
    const swapped = await withImageIndex((index) => {
      const [a, b] = index.manifests;
      return { ...index, manifests: [{ ...a!, platform: b!.platform }, { ...b!, platform: a!.platform }] };
    });
    expect((await verify(swapped)).code).toBe('kit.oci-invalid');
  });

  test('a descriptor that gives a blob another media type than the manifest is refused', async () => {
    const manifest = files.find(({ mediaType, bytes }) => mediaType === ociMediaTypes.manifest && !bytes.includes('artifactType'))!;
    const renamed = files.map((file) => (file === manifest ? { ...file, mediaType: 'application/octet-stream' } : file));
    expect((await verify(await seal(renamed))).code).toBe('kit.oci-invalid');
  });

  test('an image may be in the index under several names', async () => {
    const named = json<OciIndex>(kitPaths.ociIndex).manifests.filter(({ artifactType }) => artifactType === undefined);
    expect(new Set(named.map(({ digest }) => digest)).size).toBe(1);
    expect(named).toHaveLength(2);
    expect((await verify(kit)).checks.find(({ name }) => name === 'OCI layout')).toMatchObject({ ok: true, count: files.filter(({ path }) => path.includes(kitPaths.blobs)).length });
  });
});

function blobPath(digest: string): string {
  return kitPaths.blobs + digest.slice('sha256:'.length);
}

function blobsOfSecondPlatform(): Set<string> {
  const index = json<OciIndex>(files.find(({ mediaType, path }) => mediaType === ociMediaTypes.index && path.startsWith(kitPaths.blobs))!.path);
  const second = index.manifests[1]!;
  const manifest = json<OciManifest>(blobPath(second.digest));
  return new Set([second, manifest.config, ...manifest.layers].map(({ digest }) => blobPath(digest)));
}

describe('the images that manifests name', () => {
  test('an image that is there for one platform only is refused', async () => {
    const amd64 = await withImageIndex(
      (index) => ({ ...index, manifests: index.manifests.slice(0, 1) }), [],
      files.filter(({ path }) => blobsOfSecondPlatform().has(path)).map(({ path }) => path),
    );
    const report = await verify(amd64);
    expect(report.code).toBe('kit.image-missing');
    expect(report.checks.find(({ name }) => name === 'images')?.problems).toMatchObject([{ expected: 'the image for linux/arm64' }]);
  });

  test.each([
    ['by a digest that is not there', `image: registry.internal/tiny/app@sha256:${'0'.repeat(64)}`],
    ['by tag', 'image: registry.internal/tiny/app:1'],
    ['in a nested document of several', `a: 1\n---\nspec: {deep: [{initContainers: [{image: busybox}]}]}`],
    ['through an alias', 'x: &i busybox\nspec: {image: *i}'],
    ['as a volume', 'volumes: [{image: {reference: busybox}}]'],
  ])('an image named %s is refused', async (_, yaml) => {
    expect((await verify(await seal(replace(files, { 'manifests/deployment.yaml': yaml })))).code).toBe('kit.image-missing');
  });

  test('a manifest that is no YAML is refused', async () => {
    expect((await verify(await seal(replace(files, { 'manifests/deployment.yaml': 'a: [' })))).code).toBe('kit.document-invalid');
  });
});

describe('the metrics of the rules', () => {
  const catalogue = canonicalJson({ metrics: [{ name: 'tiny_requests_total', type: 'counter' }, { name: 'tiny_seconds', type: 'histogram' }], recorded: ['job:tiny:rate'] });

  async function codeOf(expr: string, rule: object = { alert: 'A' }): Promise<string | null> {
    const rules = JSON.stringify({ groups: [{ name: 'g', rules: [{ ...rule, expr }] }] });
    return (await verify(await seal(replace(files, { 'docs/ops/rules.yaml': rules, 'docs/ops/metrics.json': catalogue })), { keyPem: null, integrityOnly: true })).code;
  }

  test.each([
    'rate(tiny_requests_total{job="x"}[5m]) > 1', 'histogram_quantile(0.99, sum by (le) (rate(tiny_seconds_bucket[5m])))',
    'tiny_seconds_sum / tiny_seconds_count', 'job:tiny:rate offset 5m', 'absent(up{job="tiny"})', '{__name__="tiny_requests_total"}', '{"tiny_requests_total"}', 'vector(1)',
  ])('%s holds', async (expr) => {
    expect(await codeOf(expr)).toBeNull();
  });

  test.each([
    'rate(tiny_request_total[5m])', 'tiny_requests_total and on() unknown', 'tiny_seconds', '{job="x"}', '{__name__=~"tiny_.*"}',
    'max_over_time(rate(unknown[1m])[5m:1m])', '{__name__="unknown"}', '{"unknown"}',
  ])('%s is refused', async (expr) => {
    expect(await codeOf(expr)).toBe('kit.metric-unknown');
  });

  test('a series that is recorded and not in the catalogue is refused', async () => {
    expect(await codeOf('tiny_requests_total', { record: 'job:other:rate' })).toBe('kit.metric-unknown');
    expect(await codeOf('tiny_requests_total', { record: 'job:tiny:rate' })).toBeNull();
  });

  test('what is no PromQL is refused', async () => {
    expect(await codeOf('rate(tiny_requests_total[5m]')).toBe('kit.document-invalid');
  });

  test('every unknown metric is listed', async () => {
    const rules = JSON.stringify({ groups: [{ name: 'g', rules: [{ alert: 'A', expr: 'a + b' }, { alert: 'B', expr: 'c' }] }] });
    const report = await verify(await seal(replace(files, { 'docs/ops/rules.yaml': rules })));
    expect(report.checks.find(({ name }) => name === 'metrics')?.problems.map(({ where, found }) => `${where} ${found}`)).toEqual([
      'docs/ops/rules.yaml: g, A a', 'docs/ops/rules.yaml: g, A b', 'docs/ops/rules.yaml: g, B c',
    ]);
  });

  test('a PrometheusRule among the manifests is looked into as well', async () => {
    const yaml = 'kind: PrometheusRule\nspec: {groups: [{name: g, rules: [{alert: A, expr: unknown}]}]}';
    expect((await verify(await seal(replace(files, { 'manifests/deployment.yaml': yaml })))).code).toBe('kit.metric-unknown');
  });

  test('rules without a catalogue are refused', async () => {
    expect((await verify(await seal(replace(files, { 'docs/ops/metrics.json': undefined })))).code).toBe('kit.metric-unknown');
  });

  test('rules that have no groups, and a catalogue that is none, are refused', async () => {
    expect((await verify(await seal(replace(files, { 'docs/ops/rules.yaml': 'a: 1' })))).code).toBe('kit.document-invalid');
    expect((await verify(await seal(replace(files, { 'docs/ops/metrics.json': '[]' })))).code).toBe('kit.document-invalid');
  });
});
