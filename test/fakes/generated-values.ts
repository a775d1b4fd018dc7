/**
 * Values files from the one schema: random ones, and a set in which every two options meet. What contradicts another key is taken
 * away again until the loader accepts the file, so that each is one that a site could have.
 */
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { buildJsonSchema } from '../../src/config/json-schema.ts';
import { parseValues } from '../../src/config/parse-values.ts';
import { valuesSchema } from '../../src/config/schema.ts';
import { ruleProblems } from '../../src/config/value-rules.ts';
import { ZastavaError, type Problem } from '../../src/contract/errors.ts';
import { readSetText } from './value-sets.ts';

export type Block = { [key: string]: unknown };

interface Node {
  readonly type?: string;
  readonly pattern?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly items?: Node;
  readonly propertyNames?: Node;
  readonly additionalProperties?: Node | boolean;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
}

const schema = buildJsonSchema() as Node;
const minimal = parse(readSetText('minimal')) as Block;
const samplePem = at(minimal, 'zastava.webhook.tls.caBundle') as string;

const tagName = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_]{0,20}$/);
const required: Readonly<Block> = { 'zastava.webhook.tls.caBundle': samplePem, 'zastava.webhook.tls.signerName': 'example.com/webhooks', 'zastava.runtime.authority.issuer': 'https://authority.example' };

/** Few names, so that namespaces of one list are in others, too. */
const namespaceNames = ['a', 'b', 'shop', 'payments', '10', '9', 'kube-system', 'stellaops'];

function arbitraryOf(node: Node, key: string): fc.Arbitrary<unknown> {
  if (node.properties !== undefined) {
    const members = Object.entries(node.properties).map(([name, member]) => [name, arbitraryOf(member, name)] as const);
    const known = fc.record(Object.fromEntries(members), { requiredKeys: [...(node.required ?? []), 'runtime', 'observer', 'webhook'].filter((name) => name in node.properties!) });
    return typeof node.additionalProperties === 'object' ? fc.tuple(fc.dictionary(tagName, arbitraryOf(node.additionalProperties, key), { maxKeys: 3 }), known).map(([more, some]) => ({ ...more, ...some })) : known;
  }
  if (node.enum !== undefined) return fc.constantFrom(...node.enum);
  if (node.type === 'boolean') return fc.boolean();
  if (node.type === 'integer') return fc.oneof(fc.constant(node.minimum), fc.constant(node.maximum), fc.integer({ min: node.minimum!, max: node.maximum! }));
  if (node.type === 'array') return fc.array(arbitraryOf(node.items!, key === 'failOpenNamespaces' ? 'namespaces' : key), { minLength: node.minItems ?? 0, maxLength: 4 });
  if (node.type === 'object') return fc.dictionary(textOf(node.propertyNames!, key), arbitraryOf(node.additionalProperties as Node, key), { maxKeys: 4 });
  return textOf(node, key);
}

function textOf(node: Node, key: string): fc.Arbitrary<string> {
  if (node.format === 'date-time') return fc.date({ min: new Date('2020-01-01'), max: new Date('2090-01-01'), noInvalidDate: true }).map((date) => date.toISOString());
  if (key === 'caBundle') return fc.constantFrom(samplePem, `\n${samplePem}\r\n \t${samplePem}`);
  if (key === 'appArmorProfile') return fc.oneof(fc.constantFrom('None', 'RuntimeDefault', 'Unconfined'), fc.stringMatching(/^Localhost\/[A-Za-z0-9._/-]{1,20}$/));
  const free = fc.stringMatching(new RegExp(node.pattern ?? '^.*$')).filter((text) => text.length <= Math.min(node.maxLength ?? 300, 300));
  return /amespaces$|^name$/.test(key) ? fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...namespaceNames) }, free) : free;
}

/** The values without what the loader refuses. What it misses is there from the start or added. */
function accepted(values: Block): Block {
  const copy = structuredClone(values);
  for (;;) {
    const problems = problemsOf(copy);
    if (problems.length === 0) return copy;
    // From the end, so that the places of those before stay right.
    for (const { where } of problems.toReversed()) repair(copy, where);
  }
}

export function problemsOf(values: unknown): readonly Problem[] {
  // The same as the loader, but for reading the text: there are thousands of files to judge.
  const { data, success } = valuesSchema.safeParse(values);
  if (success) return ruleProblems(data, 'site');
  try {
    parseValues(JSON.stringify(values), 'generated');
    return [];
  } catch (error) {
    if (error instanceof ZastavaError) return error.problems;
    throw error;
  }
}

function repair(values: Block, where: string): void {
  const element = /^(.*)\[(\d+)\]/.exec(where);
  if (element) (at(values, element[1]!) as unknown[] | undefined)?.splice(Number(element[2]), 1);
  else set(values, where, required[where]);
}

/** The value at a path such as `zastava.runtime.tenant`. */
export function at(values: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((node, step) => (node as Block | undefined)?.[step], values);
}

/** Sets what is at a path; undefined takes it away. */
export function set(values: Block, path: string, value: unknown): void {
  const steps = path.split('.');
  const last = steps.pop()!;
  const block = steps.reduce<Block>((node, step) => (node[step] ??= {}) as Block, values);
  if (value === undefined) delete block[last];
  else block[last] = value;
}

export interface Option {
  readonly path: string;
  readonly value: unknown;
}

function optionValues(node: Node, path: string): Record<string, readonly unknown[]> {
  const below = Object.entries(node.properties ?? {}).filter(([key]) => key !== 'cluster');
  if (below.length > 0) return Object.assign({}, ...below.map(([key, member]) => optionValues(member, path === '' ? key : `${path}.${key}`))) as Record<string, readonly unknown[]>;
  return { [path]: chosen[path] ?? typical(node) };
}

/** Keys whose difference is in their text. */
const chosen: Readonly<Record<string, readonly unknown[]>> = {
  'zastava.runtime.tenant': ['t1', 'true'],
  'zastava.runtime.environment': ['test', '0'],
  'zastava.runtime.deployment': ['c1', 'null'],
  'zastava.runtime.authority.issuer': ['https://authority.example', 'https://a:8443/realms/x'],
  'zastava.runtime.authority.clientId': [undefined, '<a> & "b" \\ \'c\' {{ .d }}'],
  'zastava.runtime.authority.keyRevision': [undefined, '1'],
  'zastava.runtime.backend.baseAddress': [undefined, 'http://scanner.lab', 'https://s.internal/base'],
  'zastava.runtime.backend.allowInsecureHttp': [true, false],
  'zastava.runtime.backend.eventsPath': [undefined, '/e'],
  'zastava.runtime.backend.policyPath': [undefined, '/p'],
  'zastava.runtime.metrics.commonTags': [{ cluster: 'c1' }, { 'cluster': '1.0', 'zone': '{{ "a" }}', 'on': 'yes' }],
  'zastava.images.registry': [undefined, 'mirror:5000/ops/zastava'],
  'zastava.images.pullSecrets': [undefined, ['a'], ['b', 'a.b']],
  'zastava.observer.procRoot': [undefined, '/node/proc'],
  'zastava.observer.containerd.socket': [undefined, '/run/k3s/containerd/containerd.sock'],
  'zastava.observer.containerd.root': [undefined, '/data/containerd'],
  'zastava.observer.containerd.namespace': [undefined, 'moby'],
  'zastava.observer.bufferHostPath': [undefined, '/data/zastava'],
  'zastava.observer.security.appArmorProfile': [undefined, 'None', 'RuntimeDefault', 'Localhost/a/b'],
  'zastava.observer.security.seLinuxType': [undefined, 'spc_t'],
  'zastava.webhook.enforcement.namespaces': [undefined, { shop: 'enforce' }, { 'lab': 'warn', '10': 'audit', 'shop': 'enforce', 'x': 'enforce' }],
  'zastava.webhook.failOpenNamespaces': [undefined, [{ name: 'shop' }], [{ name: 'x', until: '2030-01-01T00:00:00Z' }, { name: 'shop' }]],
  'zastava.webhook.excludedNamespaces': [undefined, ['stellaops', 'scanner', 'kube-system']],
  'zastava.webhook.registries': [undefined, ['mirror:5000', 'a']],
  'zastava.webhook.registrySecret': [undefined, 'mirror-access'],
  'zastava.webhook.tls.caBundle': [samplePem, `${samplePem}\n${samplePem}`],
  'zastava.webhook.tls.signerName': ['example.com/webhooks', undefined],
  'zastava.webhook.tls.certificateRevision': [undefined, '1'],
};

function typical(node: Node): readonly unknown[] {
  if (node.enum !== undefined) return node.enum;
  if (node.type === 'boolean') return [false, true];
  if (node.type === 'integer') return [undefined, node.minimum, node.maximum];
  if (node.type === 'array') return [undefined, ['aud:one'], ['two', 'aud:one']];
  throw new Error(`no typical values of ${JSON.stringify(node)}`);
}

/** Any file of the schema that the loader accepts; every key is there or not. */
export const anyValues: fc.Arbitrary<Block> = arbitraryOf(schema, 'zastava').map((values) => accepted(values as Block));

/** For each key the values that make a difference; undefined is no key at all. */
export const options: readonly (readonly Option[])[] = Object.entries(optionValues(schema, '')).map(([path, values]) => values.map((value) => ({ path, value })));

export function withOption(row: readonly Option[], option: Option): readonly Option[] {
  return row.map((other) => (other.path === option.path ? option : other));
}

export function fileOf(row: readonly Option[]): Block {
  const file: Block = {};
  for (const { path, value } of row) set(file, path, structuredClone(value));
  return file;
}
