/** The JSON schema: strict, with every default, and in the words that Helm's readers understand. */
import { expect, test } from 'vitest';
import { buildJsonSchema } from '../../src/config/json-schema.ts';

interface Node {
  readonly type?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: unknown;
}

const schema = buildJsonSchema() as Node & { $schema: string };

function at(path: string): Node | undefined {
  return path.split('.').reduce<Node | undefined>((node, key) => node?.properties?.[key], schema);
}

function blocks(node: Node): Node[] {
  return [...(node.properties ? [node] : []), ...Object.values(node.properties ?? {}).flatMap(blocks)];
}

test('the JSON schema is of draft 7, which Helm 3 and 4 read', () => {
  expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
});

test('every block of the JSON schema refuses unknown keys, but the tags, which are texts', () => {
  expect(blocks(schema).length).toBeGreaterThan(12);
  const open = blocks(schema).filter((node) => node.additionalProperties !== false);
  expect(open).toEqual([at('zastava.runtime.metrics.commonTags')]);
  expect(open[0]?.additionalProperties).toMatchObject({ type: 'string' });
});

test('the JSON schema asks for what has no default, and tells the defaults', () => {
  expect(at('zastava')?.required).toEqual(['runtime']);
  expect(at('zastava.runtime')?.required).toEqual(['tenant', 'environment', 'deployment', 'authority', 'metrics']);
  expect(at('zastava.runtime.authority')?.required).toEqual(['issuer']);
  expect(at('zastava.webhook.replicas')).toMatchObject({ type: 'integer', default: 3, minimum: 1, maximum: 50 });
  expect(at('zastava.webhook.excludedNamespaces')?.default).toEqual(['kube-system', 'kube-public', 'kube-node-lease', 'stellaops']);
});

test('no pattern of the JSON schema looks around: the regular expressions of Go cannot', () => {
  const patterns = [...JSON.stringify(schema).matchAll(/"pattern":"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? '');
  expect(patterns.length).toBeGreaterThan(15);
  expect(patterns.filter((pattern) => /\(\?[=!<]/.test(pattern))).toEqual([]);
});
