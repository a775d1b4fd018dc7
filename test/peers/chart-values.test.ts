/**
 * Values that helm refuses are those that we refuse, and for the same reason: rules between keys in the same words, all at once, and
 * by the schema at the same place. Lint has nothing to say about the chart.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { parseImagesLock } from '../../src/config/parse-images-lock.ts';
import type { Problem } from '../../src/contract/errors.ts';
import { renderChart } from '../../src/synth/chart/render-chart.ts';
import { at, fileOf, options, problemsOf, set, type Block } from '../fakes/generated-values.ts';
import type { KubernetesObject } from '../fakes/rendered-objects.ts';
import { helm, helms, templateAll, writeChart, type ChartFiles, type Helm } from './harness/helm.ts';
import { checkout } from './harness/kit.ts';
import { describeWith } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

const lockPath = join(checkout, 'offline-kit/images.lock.json');
const files: ChartFiles = renderChart(parseImagesLock(readFileSync(lockPath, 'utf8'), lockPath), packageJson.version);
const base = (): Block => fileOf(options.map(([first]) => first!));

/** The values that break each rule, alone; path → value. Undefined takes the key away. */
const broken: readonly Readonly<Record<string, unknown>>[] = [
  {},
  ...['runtime.tenant', 'runtime.environment', 'runtime.deployment', 'runtime.authority.issuer', 'runtime.metrics.commonTags.cluster', 'webhook.tls.caBundle'].map((path) => ({ [path]: undefined })),
  { 'runtime.authority.issuer': 'http://authority.example' },
  { 'runtime.backend.baseAddress': 'http://scanner.internal', 'runtime.backend.allowInsecureHttp': false },
  ...['a.b', '1a', '__a', 'kind', 'le', 'x'.repeat(65)].map((tag) => ({ 'runtime.metrics.commonTags': { cluster: 'c1', [tag]: 'x' } })),
  ...['/proc', '/usr/share', '/var', '/var/lib/containerd', '/var/lib/zastava', '/run/zastava/x'].map((path) => ({ 'observer.procRoot': path })),
  { 'observer.containerd.root': '/var/run/containerd' },
  { 'observer.containerd.root': '/run' },
  { 'observer.containerd.socket': '/containerd.sock' },
  { 'observer.containerd.socket': '/host/proc/containerd.sock' },
  { 'observer.bufferHostPath': '/var/lib/containerd/zastava' },
  { 'observer.bufferHostPath': '/var/run/c', 'observer.containerd.root': '/run/c' },
  { 'webhook.excludedNamespaces': ['a', 'stellaops', 'a', 'a'] },
  { 'webhook.excludedNamespaces': [] },
  { 'webhook.registries': ['a', 'b', 'a'] },
  { 'webhook.failOpenNamespaces': [{ name: 'a' }, { name: 'b' }, { name: 'a' }] },
  { 'webhook.failOpenNamespaces': [{ name: 'stellaops' }] },
  { 'webhook.enforcement.namespaces': { 'stellaops': 'warn', 'kube-system': 'enforce' } },
  { 'webhook.enforcement.namespaces': { a: 'warn', b: 'audit', c: 'enforce' }, 'webhook.failOpenNamespaces': [{ name: 'c' }, { name: 'b' }, { name: 'a' }] },
  { 'webhook.enforcement.default': 'audit', 'webhook.failOpenNamespaces': [{ name: 'a' }] },
  { 'webhook.tls.mode': 'csr', 'webhook.tls.signerName': undefined },
];

function fileWith(changes: Readonly<Record<string, unknown>>): Block {
  const file = base();
  for (const [path, value] of Object.entries(changes)) set(file, `zastava.${path}`, value);
  return file;
}

/** Files that hold to the schema, with any options of any keys, so that several rules are broken at once. */
const anyOptions = fc.tuple(...options.map((own) => fc.constantFrom(...own))).map((row) => fileOf(row));
const anyBroken = fc.tuple(anyOptions, fc.subarray([...broken], { minLength: 1, maxLength: 4 })).map(([file, changes]) => {
  for (const [path, value] of changes.flatMap((one) => Object.entries(one))) set(file, `zastava.${path}`, value);
  return file;
});

/** The chart with its problems as an object, where it would fail. */
const telling: ChartFiles = new Map([...files].map(([path, text]) => [path, path !== 'templates/checks.yaml' ? text
  : `---\napiVersion: v1\nkind: Problems\nmetadata:\n  name: problems\nproblems: {{ include "zastava.problems" . }}\n${text.slice(text.indexOf('{{- define'))}`]));

const worded = ({ where, expected, found, todo }: Problem) => `${where}: expected ${expected}, found ${found}${todo === undefined ? '' : `; ${todo}`}`;
const toldBy = (objects: readonly KubernetesObject[]) => (objects.find(({ kind }) => kind === 'Problems')!['problems'] as string[]).toSorted();

/** Each rule of checks.yaml that never holds. */
function withoutRule(): (readonly [name: string, files: ChartFiles])[] {
  const text = telling.get('templates/checks.yaml')!;
  return [...text.matchAll(/\{\{- (?:else )?if (.*?) \}\}/g)].map((match) => [match[1]!,
    new Map([...telling, ['templates/checks.yaml', text.slice(0, match.index) + match[0].replace(match[1]!, 'false') + text.slice(match.index + match[0].length)]])]);
}

/** Paths of Helm's message, in our form. */
function placesIn(message: string): string[] {
  return [...message.matchAll(/at '([^']*)'/g)].map(([, path = '']) => path.slice(1).replaceAll('/', '.'));
}

async function refusal(which: Helm, folder: string, values: object): Promise<string> {
  const path = join(folder, 'values.json');
  writeFileSync(path, JSON.stringify(values));
  const { code, stderr } = await helm(which, folder, ['template', 'zastava-runtime', join(folder, 'chart'), '-f', path]);
  return code === 0 ? '' : stderr;
}

/** One value each that its key's type, pattern or limits refuse. */
const misfits: readonly (readonly [path: string, value: unknown])[] = [
  ['runtime.tenant', 'Acme Inc'], ['runtime.authority.requireDpop', 'yes'], ['runtime.authority.audience', []], ['runtime.authority.clientId', 'ä'],
  ['runtime.authority.refreshSkewSeconds', 301], ['observer.batchSize', 0], ['observer.batchSize', 1.5], ['observer.procRoot', 'proc'], ['observer.limits', []],
  ['webhook.replicas', '3'], ['webhook.enforcement.default', 'deny'], ['webhook.excludedNamespaces', ['A']], ['webhook.tls.caBundle', '-----BEGIN PRIVATE KEY-----\nx'],
  ['webhook.tls.caBundle', `${String(at(base(), 'zastava.webhook.tls.caBundle'))}\u00a0`], ['webhook.enforcement.namespaces', { a: 'off' }], ['images.registry', 'https://registry.internal'],
  ['webhook.failOpenNamespaces', [{ name: 'a', until: 'tomorrow' }]], ['webhook.failOpenNamespaces', [{ until: '2030-01-01T00:00:00Z' }]],
];

describe.each(helms)('%s', (which) => describeWith([which], 'refuses', () => {
  const folder = scratch('chart-values');
  writeChart(join(folder, 'chart'), files);

  test('what breaks a rule between keys, in the words of zastava values check', async () => {
    const bad = [...broken.slice(1).map(fileWith), ...fc.sample(anyBroken, { numRuns: process.env['FULL'] === '1' ? 500 : 60, seed: 7 })];
    const told = await templateAll(which, folder, bad.map((values) => ({ files: telling, values })));
    bad.forEach((values, index) => expect(toldBy(told[index]!), JSON.stringify(values)).toEqual(problemsOf(values).map(worded).toSorted()));
    expect(broken.slice(1).every((_, index) => toldBy(told[index]!).length > 0)).toBe(true);
  });

  test('each of them by a rule of its own', async () => {
    const values = broken.slice(1).map(fileWith);
    // A change of nothing must go unnoticed, or else anything would be noticed.
    const changed = [...withoutRule(), ['nothing', telling] as const];
    const charts = [telling, ...changed.map(([, mutant]) => mutant)].map((chart) => new Map([...chart].filter(([path]) => ['Chart.yaml', 'templates/_helpers.tpl', 'templates/checks.yaml'].includes(path))));
    const told = await templateAll(which, folder, charts.flatMap((chart) => values.map((one) => ({ files: chart, values: one }))));
    const problems = charts.map((_, index) => JSON.stringify(told.slice(index * values.length, (index + 1) * values.length).map(toldBy)));
    expect(changed.filter((_, index) => problems[index + 1] === problems[0]).map(([name]) => name)).toEqual(['nothing']);
  });

  test('with all problems in one message', async () => {
    const message = await refusal(which, folder, { zastava: { webhook: { tls: { mode: 'csr' }, excludedNamespaces: [] } } });
    for (const key of ['runtime.tenant', 'runtime.authority.issuer', 'webhook.excludedNamespaces', 'webhook.tls.caBundle', 'webhook.tls.signerName']) expect(message).toContain(`zastava.${key}: expected`);
    expect(message).toMatch(/the values have 9 problems:/);
  });

  test('what does not fit the schema, all at once, at the places that we name', async () => {
    const values = fileWith({});
    for (const [path, value] of misfits) set(values, `zastava.${path}`, value);
    set(values, 'zastava.observer.procroot', '/proc');
    const ours = problemsOf(values).map(({ where }) => where);
    const theirs = placesIn(await refusal(which, folder, values)).map((path) => path.replace(/\.(\d+)(?=\.|$)/g, '[$1]'));
    for (const where of ours) {
      // Unknown and missing keys are told at their block.
      const block = where.slice(0, where.lastIndexOf('.'));
      expect(theirs.includes(where) || theirs.includes(block), `${where} in ${theirs.join(' ')}`).toBe(true);
    }
  });

  test.each(misfits)('what does not fit the schema, for the key %s (%#)', async (path, value) => {
    const values = fileWith({ [path]: value });
    expect(problemsOf(values)).not.toEqual([]);
    expect(await refusal(which, folder, values)).toContain(`/zastava/${path.replaceAll('.', '/')}`);
  });

  test('nothing in the chart itself, with and without a site', async () => {
    const sample = join(checkout, 'offline-kit/zastava-runtime.values.yaml');
    for (const args of [[], ['-f', sample]]) {
      const { code, stdout, stderr } = await helm(which, folder, ['lint', '--strict', join(folder, 'chart'), ...args]);
      expect(code, stdout + stderr).toBe(0);
      expect(stdout).toContain('1 chart(s) linted, 0 chart(s) failed');
      expect(stdout).not.toMatch(/\[(WARNING|ERROR)\]/);
    }
  });
}));
