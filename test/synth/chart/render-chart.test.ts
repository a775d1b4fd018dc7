/** The files of the chart that no helm has to be run for: what Artifact Hub, editors and people read. That it is fresh is in test/cli/zastava. */
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { buildJsonSchema } from '../../../src/config/json-schema.ts';
import { valueDescriptions } from '../../../src/config/value-descriptions.ts';
import { parseValues } from '../../../src/config/parse-values.ts';
import { secretNames } from '../../../src/contract/names.ts';
import { renderChart } from '../../../src/synth/chart/render-chart.ts';
import { placeholderImages, readSetText } from '../../fakes/value-sets.ts';

type Block = { readonly [key: string]: unknown };
interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
}

const files = renderChart(placeholderImages, '1.2.3');
const text = (path: string): string => files.get(path) ?? '';

function leaves(node: Node, path: readonly string[] = []): (readonly [path: string, node: Node, required: boolean])[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, member]) =>
    member.properties === undefined ? [[[...path, key].join('.'), member, node.required?.includes(key) ?? false] as const] : leaves(member, [...path, key]));
}

const keys = leaves(buildJsonSchema());

describe('Chart.yaml', () => {
  const chart = parse(text('Chart.yaml')) as { readonly version: string; readonly appVersion: string; readonly annotations: Readonly<Record<string, string>> };

  test('has the version, and the images with the digests that the manifests name', () => {
    expect(chart).toMatchObject({ apiVersion: 'v2', name: 'zastava', version: '1.2.3', appVersion: '1.2.3' });
    expect(parse(chart.annotations['artifacthub.io/images']!)).toEqual(['observer', 'webhook'].map((name, index) => ({
      name, image: `registry.internal/zastava/${name}:1.2.3@sha256:${'ab'[index]!.repeat(64)}`, platforms: ['linux/amd64', 'linux/arm64'],
    })));
  });

  test('says licence and changes in the form of Artifact Hub', () => {
    expect(chart.annotations['artifacthub.io/license']).toBe('Apache-2.0');
    const changes = parse(chart.annotations['artifacthub.io/changes']!) as { kind: string; description: string }[];
    expect(changes.length).toBeGreaterThan(0);
    for (const { kind, description } of changes) {
      expect(['added', 'changed', 'deprecated', 'removed', 'fixed', 'security']).toContain(kind);
      expect(description).toMatch(/^[A-Z].*\.$/);
    }
  });
});

describe('the values', () => {
  test('have every default of the schema, and no key of a site', () => {
    const defaults = parse(text('values.yaml')) as Block;
    const merged = (base: Block, over: Block): Block => ({ ...base, ...Object.fromEntries(Object.entries(over).map(([key, value]) =>
      [key, typeof value === 'object' && value !== null && !Array.isArray(value) ? merged((base[key] ?? {}) as Block, value as Block) : value])) });
    const site = parse(readSetText('minimal')) as Block;
    expect(parseValues(JSON.stringify(merged(defaults, site)), 'merged')).toEqual(parseValues(JSON.stringify(site), 'site'));
    for (const [path, { default: value }] of keys) {
      expect(path.split('.').reduce<unknown>((node, key) => (node as Block | undefined)?.[key], defaults), path).toEqual(value);
    }
  });

  test('are in the schema as they are, but for what Helm adds and what checks.yaml asks for', () => {
    const { properties, ...schema } = parse(text('values.schema.json')) as Node & Block;
    expect(properties?.['global']).toEqual({ type: 'object' });
    const strip = (node: Node): Node => (node.properties === undefined ? node : Object.fromEntries(Object.entries({
      ...node, properties: Object.fromEntries(Object.entries(node.properties).map(([key, member]) => [key, strip(member)])),
    }).filter(([key]) => key !== 'required')));
    const { global: _, ...own } = properties ?? {};
    expect({ ...schema, properties: own }).toEqual(strip(buildJsonSchema()));
  });

  test('are told in the README, each key with its default and its meaning', () => {
    const rows = [...text('README.md').matchAll(/^\| `([\w.]+)` \| (.*?) \| (.+) \|$/gm)].map(([, key, value, meaning]) => [key, value, meaning]);
    expect(rows.map(([key]) => key)).toEqual(keys.map(([path]) => path));
    for (const [at, [path, { default: value, description }, required]] of keys.entries()) {
      const shown = value === undefined ? '' : `\`${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}\``;
      expect(rows[at]?.slice(1), path).toEqual([required || path.endsWith('.caBundle') ? 'required' : shown, description]);
    }
  });

  test('have a description each, and no other has one', () => {
    const described = new Set([...keys.map(([path]) => path), 'zastava.runtime.metrics.commonTags']);
    expect(Object.keys(valueDescriptions).sort()).toEqual([...described].sort());
  });
});

describe('the templates', () => {
  test('make no Namespace, and ask neither the cluster nor the clock', () => {
    const templates = [...files].filter(([path]) => path.startsWith('templates/'));
    expect(templates.length).toBeGreaterThan(10);
    for (const [path, template] of templates) expect(template, path).not.toMatch(/kind: Namespace\b|\{\{[^}]*\b(?:lookup|now|date|randAlpha|genCA|Capabilities)\b/);
  });

  test('name images by their digests, below the one registry of the values', () => {
    expect([...text('templates/_helpers.tpl').matchAll(/"%s\/(\w+)@(sha256:[0-9a-f]+)" \$zastava\.images\.registry/g)].map(([, name, digest]) => [name, digest])).toEqual([
      ['observer', `sha256:${'a'.repeat(64)}`], ['webhook', `sha256:${'b'.repeat(64)}`],
    ]);
  });

  test('of no condition and no fact are the manifests themselves', () => {
    expect(parseAllDocuments(text('templates/service-accounts.yaml')).map((document) => (document.toJS() as Block)['kind'])).toEqual(['ServiceAccount', 'ServiceAccount']);
  });
});

test('the notes name the Secrets, the next commands, and the line for the ops log', () => {
  const notes = text('templates/NOTES.txt');
  for (const name of [secretNames.dpop, secretNames.mtls, secretNames.webhookTls]) expect(notes).toContain(name);
  expect(notes).toMatch(/kubectl -n stellaops rollout status ds\/zastava-observer/);
  expect(notes).toMatch(/echo .*\{\{ \.Chart\.Name \}\}-\{\{ \.Chart\.Version \}\}, values \$\(git rev-parse HEAD\)/);
});
