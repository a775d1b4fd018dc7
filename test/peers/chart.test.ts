/**
 * The chart against the plain manifests, by real helms: the same values give the same objects, for every two options that can meet and
 * for random files. Taking any condition out of the chart is noticed. FULL=1 tries more of both.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { parseImagesLock } from '../../src/config/parse-images-lock.ts';
import { parseValues } from '../../src/config/parse-values.ts';
import { renderArtifacts } from '../../src/synth/render-artifacts.ts';
import { renderChart } from '../../src/synth/chart/render-chart.ts';
import { anyValues } from '../fakes/generated-values.ts';
import { buildPairwise } from '../fakes/pairwise.ts';
import type { KubernetesObject } from '../fakes/rendered-objects.ts';
import { goldenFolder, setNames } from '../fakes/value-sets.ts';
import { helm, helms, parseOnce, sortObjects, templateAll, writeChart, type ChartFiles } from './harness/helm.ts';
import { checkout } from './harness/kit.ts';
import { describeWith } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

const full = process.env['FULL'] === '1';
const lockPath = join(checkout, 'offline-kit/images.lock.json');
const lock = parseImagesLock(readFileSync(lockPath, 'utf8'), lockPath);
const files: ChartFiles = renderChart(lock, packageJson.version);
const samplePath = join(checkout, 'offline-kit/zastava-runtime.values.yaml');

const wanted = new Map<object, KubernetesObject[]>();

/** Without the Namespace, which no chart has. */
function manifests(values: object): KubernetesObject[] {
  const known = wanted.get(values);
  if (known) return known;
  const texts = [...renderArtifacts(parseValues(JSON.stringify(values), 'generated'), lock)].filter(([path]) => !path.endsWith('kustomization.yaml'));
  const objects = sortObjects(texts.flatMap(([, text]) => String(text).split(/^---\n/m).flatMap(parseOnce)).filter(({ kind }) => kind !== 'Namespace'));
  wanted.set(values, objects);
  return objects;
}

interface Mutant {
  readonly name: string;
  readonly path: string;
  readonly text: string;
}

/** Each condition always true, and never; those of checks.yaml have tests of their own. */
function mutants(paths: RegExp): Mutant[] {
  return [...files].filter(([path]) => paths.test(path)).flatMap(([path, text]) => [...text.matchAll(/\{\{-? (?:else )?if (.*?) \}\}/g)].flatMap((match) => ['true', 'false'].map((always) => ({
    name: `${path}:${text.slice(0, match.index).split('\n').length} ${match[1]} → ${always}`, path,
    text: text.slice(0, match.index) + match[0].replace(match[1]!, always) + text.slice(match.index + match[0].length),
  }))));
}

/** Only what one template needs, so that thousands are made in seconds. Without values.yaml, the helpers fill in all defaults. */
function reduced(path: string, text = files.get(path)!): ChartFiles {
  const own: [string, string] = path.endsWith('.yaml') ? [path, text] : ['templates/notes.yaml', notesAsObject(text)];
  return new Map([['Chart.yaml', files.get('Chart.yaml')!], ['templates/_helpers.tpl', files.get('templates/_helpers.tpl')!], own]);
}

/** Helm prints the notes of an installation only: here they are an object, with those of an upgrade. An alias is a name of its own. */
function notesAsObject(text: string): string {
  const notes = '{{ include "zastava.notes" . | toJson }}';
  return `{{- define "zastava.notes" }}${text.replace('.Chart.Name', '"zastava"')}{{ end }}
---
kind: Notes
installed: ${notes}
{{- $_ := set .Release "IsInstall" false }}
upgraded: ${notes}
{{- $_ := set .Release "IsInstall" true }}
`;
}

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const random = fc.sample(anyValues, { numRuns: full ? 1000 : 200, seed });
const { files: pairwise, contradictions } = buildPairwise();

test('every two options are in one file, but for those that contradict each other', () => {
  expect(contradictions).toEqual([
    'zastava.runtime.backend.allowInsecureHttp=false & zastava.runtime.backend.baseAddress="http://scanner.lab"',
    'zastava.webhook.tls.mode="csr" & zastava.webhook.tls.signerName=undefined',
  ]);
});

describe.each(helms)('%s', (which) => describeWith([which], 'gives the objects of npm run synth', () => {
  const folder = scratch('chart');

  test('file by file, as a site does it', async () => {
    writeChart(join(folder, 'chart'), files);
    const paths = [samplePath, ...setNames.map((name) => join(goldenFolder, 'values', `${name}.yaml`))];
    for (const path of paths) {
      const { code, stdout, stderr } = await helm(which, folder, ['template', 'zastava-runtime', join(folder, 'chart'), '-f', path, '--namespace', 'stellaops']);
      expect(code, stderr).toBe(0);
      expect(sortObjects(stdout.split(/^---\n/m).flatMap(parseOnce)), path).toEqual(manifests(parse(readFileSync(path, 'utf8')) as object));
    }
  });

  test('for every two options', async () => {
    const objects = await templateAll(which, folder, pairwise.map((values) => ({ files, values })));
    pairwise.forEach((values, index) => expect(sortObjects(objects[index]!), JSON.stringify(values)).toEqual(manifests(values)));
  });

  test('for random files', async () => {
    const objects = await templateAll(which, folder, random.map((values) => ({ files, values })));
    random.forEach((values, index) => expect(sortObjects(objects[index]!), `SEED=${seed} ${JSON.stringify(values)}`).toEqual(manifests(values)));
  });

  test('also where no default came from values.yaml, as with --reuse-values of an older version', async () => {
    const bare = new Map([...files].filter(([path]) => path !== 'values.yaml'));
    const objects = await templateAll(which, folder, pairwise.map((values) => ({ files: bare, values })));
    pairwise.forEach((values, index) => expect(sortObjects(objects[index]!), JSON.stringify(values)).toEqual(manifests(values)));
  });

  test.runIf(full || which === 'helm4')('and would not without any one of the conditions in a template', async () => {
    const real = mutants(/^templates\/(?!checks).*\.(?:yaml|txt)$/);
    expect(real.length).toBeGreaterThan(60);
    const paths = [...new Set(real.map(({ path }) => path))];
    // A change of nothing must go unnoticed, or else anything would be noticed.
    const changed = [...real, ...paths.map((path) => ({ name: path, path, text: files.get(path)! }))];
    const charts = [...paths.map((path) => reduced(path)), ...changed.map(({ path, text }) => reduced(path, text))];
    const objects = await templateAll(which, folder, charts.flatMap((chart) => pairwise.map((values) => ({ files: chart, values }))));
    const made = charts.map((_, at) => JSON.stringify(objects.slice(at * pairwise.length, (at + 1) * pairwise.length)));
    const unnoticed = changed.filter(({ path }, at) => made[paths.length + at] === made[paths.indexOf(path)]);
    expect(unnoticed.map(({ name }) => name)).toEqual(paths);
  });

  test.runIf(full || which === 'helm4')('and would not without any one of the conditions in the helpers', async () => {
    const real = mutants(/_helpers/);
    expect(real.length).toBeGreaterThanOrEqual(8);
    const changed = [...real, { ...real[0]!, name: 'nothing', text: files.get(real[0]!.path)! }];
    const unnoticed: string[] = [];
    for (const { name, path, text } of changed) {
      const mutant = new Map([...files].filter(([file]) => file !== 'values.yaml').map(([file, kept]) => [file, file === path ? text : kept]));
      // One that makes helm fail is noticed, too.
      const objects = await templateAll(which, folder, pairwise.map((values) => ({ files: mutant, values }))).catch(() => undefined);
      if (objects && pairwise.every((values, index) => JSON.stringify(sortObjects(objects[index]!)) === JSON.stringify(manifests(values)))) unnoticed.push(name);
    }
    expect(unnoticed).toEqual(['nothing']);
  });
}));
