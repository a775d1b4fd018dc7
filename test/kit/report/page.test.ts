import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { KitDocument } from '../../../src/kit/verify/contents.ts';
import type { KitManifest } from '../../../src/contract/kit-format.ts';
import { gatherKitFacts, type KitFacts } from '../../../src/kit/facts/kit-facts.ts';
import { buildInspection, type InspectionInput } from '../../../src/kit/report/inspection.ts';
import { renderInspectionPage } from '../../../src/kit/report/page.ts';
import type { VerifyReport } from '../../../src/kit/verify/report.ts';
import { attestationFiles, replace, seal, tinyFiles, verify, type SealedKit } from '../sealed-kit.ts';

interface Looked {
  readonly verification: VerifyReport;
  readonly facts: KitFacts | null;
}

/** Verifies a kit as the verb does, and gathers what it brings in the same pass. */
async function look(kit: SealedKit, options: Parameters<typeof verify>[1] = {}): Promise<Looked> {
  let seen: [KitManifest, readonly KitDocument[]] | undefined;
  const verification = await verify(kit, { ...options, onContents: (manifest, documents) => (seen = [manifest, documents]) });
  return { verification, facts: seen ? gatherKitFacts(...seen) : null };
}

function inspect(looked: Looked, more: Partial<InspectionInput> = {}): InspectionInput {
  return { inspectedAt: '2026-02-03T04:05:06Z', inspectedWith: 'zastava 1.0.0', file: 'tiny-0.1.0.tar.zst', certificateIdentity: null, previous: null, ...looked, ...more };
}

const page = (input: InspectionInput): string => renderInspectionPage(buildInspection(input));

/** What a reader sees, without the style sheet. */
function textOf(text: string): string {
  return text.replace(/<style>[\s\S]*<\/style>/, '').replace(/<[^>]*>/g, ' ').replaceAll('&#39;', "'").replace(/\s+/g, ' ');
}

let tiny: Looked;

beforeAll(async () => {
  tiny = await look(await seal(await tinyFiles()));
});

test('it says who signed, what was checked and how much of it, and what the kit brings', () => {
  expect(tiny.verification.checks.flatMap(({ problems }) => problems)).toEqual([]);
  const text = textOf(page(inspect(tiny)));
  const { signer, sha256, checks } = tiny.verification;
  for (const part of ['Verified', signer!.keyId, sha256!, 'tiny 0.1.0', '2026-02-03T04:05:06Z', ...checks.map(({ name }) => name)]) expect(text).toContain(part);
  for (const part of ['registry.internal/tiny/app', 'linux/arm64', 'libc6', 'LGPL-2.1', 'every image', '1 alert ', 'Slow', 'rate(tiny_requests_total[5m]) &gt; 1', 'Deployment']) expect(text).toContain(part);
});

test('the same kit and time give the same bytes', () => {
  expect(page(inspect(tiny))).toBe(page(inspect(structuredClone(tiny))));
});

describe('the page needs nothing and nobody', () => {
  test('it has no script, no form, no picture, no address, and a policy that allows its own style alone', () => {
    const text = page(inspect(tiny));
    expect(text).not.toMatch(/<(script|link|img|iframe|object|embed|form|base|svg)\b|\bon\w+=|url\(|@import|(src|action)=/i);
    expect([...text.matchAll(/\bhref="([^"]*)"/g)].map(([, target]) => target).every((target) => /^#[a-z-]+$/.test(target!))).toBe(true);
    const style = /<style>([\s\S]*)<\/style>/.exec(text)![1]!;
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(text)![1];
    expect(policy).toBe(`default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'`);
  });

  test('each table has a caption and headings with a scope, each section is named', () => {
    const text = page(inspect(tiny));
    expect(text.match(/<caption>/g)).toHaveLength(text.match(/<table>/g)!.length);
    expect(text).not.toMatch(/<th(?!ead>| scope=")/);
    const [ids, targets] = [/<section id="([^"]+)"/g, /href="#([^"]+)"/g].map((pattern) => [...text.matchAll(pattern)].map(([, id]) => id));
    expect(targets).toEqual(ids);
  });

  test('on paper it is light, and repeats the heads of tables', () => {
    expect(page(inspect(tiny))).toMatch(/@media print \{[\s\S]*table-header-group/);
  });
});

describe('hostile names', () => {
  const hostile = `"><script>alert('x')</script><img src=//evil.example/x>\u202Egnp\u0007`;

  test('stay text, wherever they stand', () => {
    const { verification, facts } = structuredClone({ verification: tiny.verification, facts: tiny.facts! });
    const poison = <T>(value: T): T => {
      if (typeof value === 'string') return `${value}${hostile}` as T;
      if (Array.isArray(value)) return value.map(poison) as T;
      if (value instanceof Map) return new Map([...value].map(([key, member]) => [`${key}${hostile}`, poison(member)])) as T;
      if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, member === 'alert' ? member : poison(member)])) as T;
      return value;
    };
    const finding = { code: 'kit.entry-digest', where: hostile, expected: hostile, found: hostile } as const;
    const poisoned = { ...verification, kit: poison(verification.kit), signer: poison(verification.signer), sha256: hostile, checks: verification.checks.map((check) => ({ ...check, problems: [finding] })) };
    const other = poison(facts);
    const text = page(inspect({ verification: poisoned, facts: other }, { file: hostile, certificateIdentity: hostile, inspectedAt: hostile, inspectedWith: hostile, previous: { facts, sha256: hostile } }));
    expect(text.match(/&lt;script&gt;/g)!.length).toBeGreaterThan(100);
    for (const raw of ['<script', '<img', '\u202E', '\u0007']) expect(text).not.toContain(raw);
    expect(text).toContain('[U+202E]gnp[U+0007]');
    const tag = /^<[a-z][a-z0-9]*( (id|class|scope|role|tabindex|href|lang|charset|name|content|http-equiv|aria-label|aria-labelledby)="[^"<>]*")*>$/;
    expect(text.match(/<[a-z][^>]*>/gi)!.filter((found) => !tag.test(found))).toEqual([]);
  });

  test('of a kit that was really sealed with them, in a manifest, stay text', async () => {
    const files = await tinyFiles();
    const deployment = files.find(({ path }) => path === 'manifests/deployment.yaml')!.bytes.toString().replace('"metadata":{"name":"app"', '"metadata":{"name":"<script>app</script>"');
    const looked = await look(await seal(replace(files, { 'manifests/deployment.yaml': deployment })));
    expect(looked.verification.ok).toBe(true);
    expect(page(inspect(looked))).toContain('&lt;script&gt;app&lt;/script&gt;');
  });
});

describe('what differs from the kit accepted before', () => {
  test('is shown, with the other key called out', () => {
    const facts = structuredClone(tiny.facts!);
    const earlier: KitFacts = {
      ...facts,
      manifest: { ...facts.manifest, version: '0.0.9', signer: { ...facts.manifest.signer, keyId: 'sha256:00' } },
      packages: facts.packages!.map((each) => (each.name === 'libc6' ? { ...each, version: '2.36' } : each)),
    };
    const text = textOf(page(inspect(tiny, { previous: { facts: earlier, sha256: 'f'.repeat(64) } })));
    for (const part of ['tiny 0.0.9', 'Another key.', 'deb libc6', '2.36 (LGPL-2.1)', '2.41-12+deb13u5 (LGPL-2.1)']) expect(text).toContain(part);
  });

  test('is nothing for the same kit', () => {
    expect(textOf(page(inspect(tiny, { previous: { facts: tiny.facts!, sha256: 'f'.repeat(64) } })))).toContain('Nothing differs but the signatures.');
  });
});

test('a kit that does not hold is refused on the page, with its problems, and nothing of it is shown', async () => {
  const files = await tinyFiles();
  const kit = await seal(replace(files, { 'docs/ops/metrics.json': '{"metrics":[]}' }));
  const looked = await look(kit);
  const inspection = buildInspection(inspect(looked, { previous: { facts: tiny.facts!, sha256: 'f'.repeat(64) } }));
  expect(inspection).toMatchObject({ contents: null, sincePrevious: null });
  const text = textOf(renderInspectionPage(inspection));
  for (const part of ['Refused', 'Do not use this kit.', 'does not hold', 'kit.metric-unknown', 'tiny_requests_total']) expect(text).toContain(part);
  expect(text).not.toContain('Verified');
  expect(text).not.toContain('libc6');
});

test('without a key it says loudly what was not checked, and calls nobody a signer', async () => {
  const text = textOf(page(inspect(await look(await seal(await tinyFiles()), { keyPem: null, integrityOnly: true }))));
  for (const part of ['Whole, but by whomever it was made', 'Claimed, not verified.', 'Not checked: manifest signature', 'Not checked: kit signature']) expect(text).toContain(part);
});

test('a development key and a certificate are named', async () => {
  const looked = await look(await seal(await tinyFiles(), { kind: 'development' }), { allowDevelopment: true });
  const text = textOf(page(inspect(looked, { certificateIdentity: 'https://kit.example/release' })));
  for (const part of ['Verified, with a development key', 'No site should trust it', 'Certificate of https://kit.example/release']) expect(text).toContain(part);
});

test('privileges of Pods are called out', async () => {
  const files = await tinyFiles();
  const deployment = JSON.parse(files.find(({ path }) => path === 'manifests/deployment.yaml')!.bytes.toString()) as { spec: { template: { spec: object } } };
  Object.assign(deployment.spec.template.spec, { hostPID: true, volumes: [{ hostPath: { path: '/proc' } }], securityContext: { runAsUser: 0, capabilities: { add: ['SYS_PTRACE'] } } });
  const looked = await look(await seal(replace(files, { 'manifests/deployment.yaml': JSON.stringify(deployment) })));
  expect(buildInspection(inspect(looked)).contents!.objects).toEqual([
    { kind: 'Deployment', namespace: null, name: 'app', grants: false, privileges: ['capability SYS_PTRACE', 'host path /proc', 'host processes', 'runs as root'] },
  ]);
});

test('a kit without lists of packages says so', async () => {
  const files = await tinyFiles();
  const gone = new Set(attestationFiles(files));
  const index = JSON.parse(files.find(({ path }) => path === 'index.json')!.bytes.toString()) as { manifests: { mediaType: string }[] };
  index.manifests = index.manifests.filter(({ mediaType }) => mediaType.includes('index'));
  const bare = replace(files.filter(({ path }) => !gone.has(path)), { 'index.json': JSON.stringify(index) });
  const looked = await look(await seal(bare), { keyPem: null, integrityOnly: true });
  expect(looked.verification.ok).toBe(true);
  expect(textOf(page(inspect(looked)))).toContain('The kit has no list of the packages in its images');
});
