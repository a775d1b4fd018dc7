/** What may be done to the files: all that a packer could get wrong or slip in, up to under signatures that are right. */
import { canonicalJson } from '../../../src/bytes/canonical-json.ts';
import { sha256Hex } from '../../../src/bytes/digest.ts';
import { kitPaths } from '../../../src/contract/kit-format.ts';
import { ociMediaTypes, type Descriptor, type OciIndex, type OciManifest } from '../../../src/contract/oci.ts';
import { attestationFiles, replace, type SealedFile } from '../sealed-kit.ts';
import { isBlob, type Tampering } from './tamper-cases.ts';

type FilesChange = (files: readonly SealedFile[]) => SealedFile[];
type Json = Record<string, unknown>;

export const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);

/** In the order of the kit. */
function sorted([layout, index, ...rest]: readonly SealedFile[]): SealedFile[] {
  return [layout!, index!, ...rest.sort(byPath)];
}

function document(path: string, text = 'x'): SealedFile {
  return { path, bytes: Buffer.from(text), mediaType: 'text/plain', role: 'document' };
}

function blob(mediaType: string, content: string): SealedFile {
  return { path: kitPaths.blobs + sha256Hex(content), bytes: Buffer.from(content), mediaType, role: 'oci' };
}

function descriptorOf({ path, bytes, mediaType }: SealedFile): Json {
  return { mediaType, digest: `sha256:${path.slice(kitPaths.blobs.length)}`, size: bytes.length };
}

const withFile = (file: SealedFile): FilesChange => (files) => sorted([...files, file]);
const without = (which: (file: SealedFile) => boolean): FilesChange => (files) => files.filter((file) => !which(file));
const withText = (path: string, text: string): FilesChange => (files) => replace(files, { [path]: text });

/** index.json changed. */
const withIndex = (change: (index: OciIndex) => unknown): FilesChange => (files) =>
  replace(files, { [kitPaths.ociIndex]: canonicalJson(change(JSON.parse(files[1]!.bytes.toString()) as OciIndex)) });

/** A blob changed, and everything that names it renamed with it, so that only what it says can be wrong. */
function withBlob(find: (files: readonly SealedFile[]) => SealedFile, change: (value: Json) => unknown): FilesChange {
  return (files) => {
    const bare = unattested(files);
    return rename(bare, find(bare), (bytes) => canonicalJson(change(JSON.parse(bytes.toString()) as Json)));
  };
}

/** Without what is attested of the image: that has checks of its own, which come later. */
function unattested(files: readonly SealedFile[]): SealedFile[] {
  const less = Object.fromEntries(attestationFiles(files).map((path) => [path, undefined]));
  const index = JSON.parse(files[1]!.bytes.toString()) as OciIndex;
  return replace(files, { ...less, [kitPaths.ociIndex]: canonicalJson({ ...index, manifests: index.manifests.filter(({ artifactType }) => artifactType === undefined) }) });
}

function rename(files: readonly SealedFile[], old: SealedFile, change: (bytes: Buffer) => string): SealedFile[] {
  const made = blob(old.mediaType, change(old.bytes));
  const [from, to] = [old, made].map(({ path }) => path.slice(kitPaths.blobs.length)) as [string, string];
  let changed = files.map((file) => (file === old ? made : file));
  for (const file of changed) {
    const text = file.bytes.toString();
    if (file === made || !text.includes(from) || file.mediaType === ociMediaTypes.layer) continue;
    const sized = (value: unknown): unknown => resized(value, `sha256:${from}`, made.bytes.length);
    const renamed = (file.role === 'oci' ? canonicalJson(sized(JSON.parse(text))) : text).replaceAll(from, to);
    changed = isBlob(file) ? rename(changed, file, () => renamed) : changed.map((other) => (other.path === file.path ? { ...other, bytes: Buffer.from(renamed) } : other));
    if (isBlob(file)) break;
  }
  return sorted(changed);
}

/** Every descriptor of that digest, with another size. */
function resized(value: unknown, digest: string, size: number): unknown {
  if (Array.isArray(value)) return value.map((item) => resized(item, digest, size));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resized(member, digest, size)]));
  return members['digest'] === digest ? { ...members, size } : members;
}

const ofType = (type: string) => (files: readonly SealedFile[]): SealedFile => files.find((file) => isBlob(file) && file.mediaType === type)!;
const imageIndex = ofType(ociMediaTypes.index);
const imageManifest = ofType(ociMediaTypes.manifest);
const first = (index: Json, change: (descriptor: Descriptor) => unknown): Json => ({ ...index, manifests: (index as unknown as OciIndex).manifests.map((descriptor, at) => (at === 0 ? change(descriptor) : descriptor)) });
const zeros = `sha256:${'0'.repeat(64)}`;
const deployment = 'manifests/deployment.yaml';
const rulesOf = (rule: Json): string => JSON.stringify({ groups: [{ name: 'g', rules: [rule] }] });

/** An image index within an index within … as deep as it goes. */
const nested = (depth: number): FilesChange => (files) => {
  const added: SealedFile[] = [];
  let inner: Json[] = [];
  for (let level = 0; level < depth; level++) {
    const index = blob(ociMediaTypes.index, canonicalJson({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: inner }));
    added.push(index);
    inner = [descriptorOf(index)];
  }
  return withIndex((index) => ({ ...index, manifests: [...index.manifests, ...inner] }))(sorted([...files, ...added]));
};

/** Each blob changed under the name that it has, and under the name that it would have. */
export function blobTampering(files: readonly SealedFile[]): Tampering[] {
  return files.filter(isBlob).flatMap(({ path, bytes, mediaType }): Tampering[] => {
    const changed = Buffer.from(bytes);
    changed[changed.length - 1]! ^= 1;
    const what = `${mediaType} ${path.slice(-8)}`;
    return [
      { region: 'blob', what, files: (list) => replace(list, { [path]: changed }) },
      { region: 'blob under its new digest', what, files: (list) => sorted(list.map((file) => (file.path === path ? { ...file, path: kitPaths.blobs + sha256Hex(changed), bytes: changed } : file))) },
    ];
  });
}

export const contentTampering: readonly Tampering[] = [
  ...['/etc/passwd', '../zz', 'a/../b', './a', 'a//b', 'zz/', '..'].map((path): Tampering => ({ region: 'entry name', what: path, files: withFile(document(path)) })),
  { region: 'entry order', what: 'all in another order', files: (files) => [...files.slice(0, 2), ...files.slice(2).reverse()] },
  { region: 'entry order', what: 'index.json twice', files: (files) => sorted([...files, files[1]!]) },
  { region: 'file content', what: 'a document of the same length', files: withText('README.md', '# Evil\n') },
  { region: 'file content', what: 'a tool of the same length', files: (files) => replace(files, { 'tools/tool.mjs': 'x'.repeat(files.find(({ path }) => path === 'tools/tool.mjs')!.bytes.length) }) },
  { region: 'file length', what: 'a document longer than it was', files: withText('README.md', 'longer than before') },
  { region: 'file length', what: 'a document of nothing', files: withText('README.md', '') },
  { region: 'extra file', what: 'a document', files: withFile(document('zzz')) },
  { region: 'extra file', what: 'under the name of a folder', files: withFile(document('tools/x')) },
  { region: 'missing file', what: 'a document', files: without(({ path }) => path === 'README.md') },
  { region: 'missing file', what: 'a manifest', files: without(({ path }) => path === deployment) },
  { region: 'missing file', what: 'a document, and another in its place', files: (files) => sorted([...without(({ path }) => path === 'README.md')(files), document('zzz')]) },
  { region: 'name that differs in case', what: 'of a document', files: withFile(document('TOOLS/tool.mjs')) },
  { region: 'document size', what: 'one beyond the limit', files: withText(deployment, `# ${'x'.repeat(30_000)}`), lowered: true },
  { region: 'document size', what: 'all of them beyond the limit', files: (files) => sorted([...files, ...Array.from({ length: 9 }, (_, index): SealedFile => ({ ...document(`manifests/z${index}.yaml`, `# ${index}${'x'.repeat(15_000)}`), role: 'manifests' }))]), lowered: true },
  ...[ociMediaTypes.index, ociMediaTypes.manifest, ociMediaTypes.config, ociMediaTypes.layer].flatMap((type): Tampering[] => [
    { region: 'missing blob', what: type, files: (files) => without((file) => file === ofType(type)(files))(files) },
    { region: 'extra blob', what: type, files: withFile(blob(type, '{"extra":true}')) },
  ]),
  { region: 'descriptor', what: 'another size', files: withIndex((index) => first(index as unknown as Json, (descriptor) => ({ ...descriptor, size: descriptor.size + 1 }))) },
  { region: 'descriptor', what: 'a blob that is not there', files: withIndex((index) => ({ ...index, manifests: [...index.manifests, { ...index.manifests[0], digest: zeros }] })) },
  { region: 'descriptor', what: 'a layer that is not there', files: withBlob(imageManifest, (manifest) => ({ ...manifest, layers: [...(manifest as unknown as OciManifest).layers, { mediaType: ociMediaTypes.layer, digest: zeros, size: 1 }] })) },
  { region: 'descriptor', what: 'a config that is not there', files: withBlob(imageManifest, (manifest) => ({ ...manifest, config: { ...(manifest['config'] as Json), size: 1 } })) },
  { region: 'descriptor', what: 'a subject that is not there', files: withBlob(imageManifest, (manifest) => ({ ...manifest, subject: { mediaType: ociMediaTypes.manifest, digest: zeros, size: 1 } })) },
  { region: 'descriptor', what: 'a subject of an index that is not there', files: withBlob(imageIndex, (index) => ({ ...index, subject: { mediaType: ociMediaTypes.index, digest: zeros, size: 1 } })) },
  { region: 'OCI document', what: 'a layout of another version', files: withText(kitPaths.ociLayout, '{"imageLayoutVersion":"2.0.0"}') },
  { region: 'OCI document', what: 'a layout that is no JSON', files: withText(kitPaths.ociLayout, 'x') },
  { region: 'OCI document', what: 'an index that is a list', files: withText(kitPaths.ociIndex, '[]') },
  { region: 'OCI document', what: 'an index of another kind', files: withIndex((index) => ({ ...index, mediaType: 'text/plain' })) },
  { region: 'OCI document', what: 'an index without manifests', files: withText(kitPaths.ociIndex, canonicalJson({ schemaVersion: 2, mediaType: ociMediaTypes.index })) },
  { region: 'OCI document', what: 'an image index of another kind', files: withBlob(imageIndex, (index) => ({ ...index, mediaType: ociMediaTypes.manifest })) },
  { region: 'OCI document', what: 'an image manifest of another kind', files: withBlob(imageManifest, (manifest) => ({ ...manifest, mediaType: ociMediaTypes.index })) },
  { region: 'OCI document', what: 'an image manifest that is a list', files: withBlob(imageManifest, (manifest) => [manifest]) },
  { region: 'OCI document', what: 'an empty config and no artifact type', files: (files) => {
    const empty = blob(ociMediaTypes.empty, '{}');
    const manifest = blob(ociMediaTypes.manifest, canonicalJson({ schemaVersion: 2, mediaType: ociMediaTypes.manifest, config: descriptorOf(empty), layers: [] }));
    return withIndex((index) => ({ ...index, manifests: [...index.manifests, descriptorOf(manifest)] }))(sorted([...unattested(files), empty, manifest]));
  } },
  { region: 'OCI document', what: 'a layer without a media type', files: withBlob(imageManifest, (manifest) => ({ ...manifest, layers: (manifest as unknown as OciManifest).layers.map((layer) => ({ ...layer, mediaType: 'layer' })) })) },
  { region: 'OCI document', what: 'a layer in an index', files: withIndex((index) => ({ ...index, manifests: [...index.manifests, { ...index.manifests[0], mediaType: ociMediaTypes.layer }] })) },
  { region: 'OCI document', what: 'a media type that the manifest does not give', files: withIndex((index) => ({ ...index, manifests: [...index.manifests, { ...index.manifests[0], mediaType: ociMediaTypes.manifest }] })) },
  ...([['mediaType', 'x'], ['mediaType', 1], ['digest', 'sha256:../../x'], ['digest', 1], ['size', -1], ['size', 0.5], ['platform', null], ['platform', { os: 'linux', architecture: 's390x' }], ['platform', { os: 'windows', architecture: 'amd64' }]] as const)
    .map(([field, value]): Tampering => ({ region: 'OCI document', what: `a descriptor with ${field} ${JSON.stringify(value)}`, files: withIndex((index) => ({ ...index, manifests: [...index.manifests, { ...index.manifests[0], [field]: value }] })) })),
  { region: 'OCI document', what: 'a descriptor that is null', files: withIndex((index) => ({ ...index, manifests: [...index.manifests, null] })) },
  { region: 'OCI document', what: 'images of the two platforms exchanged', files: withBlob(imageIndex, (index) => {
    const [a, b] = (index as unknown as OciIndex).manifests as [Descriptor, Descriptor];
    return { ...index, manifests: [{ ...a, platform: b.platform }, { ...b, platform: a.platform }] };
  }) },
  { region: 'OCI document', what: 'an index in an index, beyond all use', files: nested(10) },
  { region: 'image', what: 'by tag', files: withText(deployment, 'image: registry.internal/tiny/app:1') },
  { region: 'image', what: 'by a digest that is not there', files: withText(deployment, `image: registry.internal/tiny/app@${zeros}`) },
  { region: 'image', what: 'in the second document', files: withText(deployment, 'a: 1\n---\nspec: {deep: [{initContainers: [{image: busybox}]}]}') },
  { region: 'image', what: 'through an alias', files: withText(deployment, 'x: &i busybox\nspec: {image: *i}') },
  { region: 'image', what: 'as a volume', files: withText(deployment, 'volumes: [{image: {reference: busybox}}]') },
  { region: 'image', what: 'for one platform only', files: withBlob(imageIndex, (index) => ({ ...index, manifests: (index as unknown as OciIndex).manifests.map((descriptor, at) => (at === 0 ? descriptor : Object.fromEntries(Object.entries(descriptor).filter(([key]) => key !== 'platform')))) })) },
  { region: 'metric', what: 'an alert on one that nothing emits', files: withText('docs/ops/rules.yaml', rulesOf({ alert: 'A', expr: 'rate(tiny_request_total[5m])' })) },
  { region: 'metric', what: 'a series that is not in the catalogue', files: withText('docs/ops/rules.yaml', rulesOf({ record: 'job:other:rate', expr: 'tiny_requests_total' })) },
  { region: 'metric', what: 'no name', files: withText('docs/ops/rules.yaml', rulesOf({ alert: 'A', expr: '{job="x"}' })) },
  { region: 'metric', what: 'a pattern for a name', files: withText('docs/ops/rules.yaml', rulesOf({ alert: 'A', expr: '{__name__=~"tiny_.*"}' })) },
  { region: 'metric', what: 'a PrometheusRule among the manifests', files: withText(deployment, 'kind: PrometheusRule\nspec: {groups: [{name: g, rules: [{alert: A, expr: unknown}]}]}') },
  { region: 'metric', what: 'no catalogue', files: without(({ role }) => role === 'catalogue') },
  { region: 'document', what: 'a manifest that is no YAML', files: withText(deployment, 'a: [') },
  { region: 'document', what: 'rules without groups', files: withText('docs/ops/rules.yaml', 'a: 1') },
  { region: 'document', what: 'a rule without an expression', files: withText('docs/ops/rules.yaml', rulesOf({ alert: 'A' })) },
  { region: 'document', what: 'a rule that is no PromQL', files: withText('docs/ops/rules.yaml', rulesOf({ alert: 'A', expr: 'rate(tiny_requests_total[5m]' })) },
  { region: 'document', what: 'a catalogue that is none', files: withText('docs/ops/metrics.json', '[]') },
];
