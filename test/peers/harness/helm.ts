/**
 * The chart in the hands of a real helm. Starting one costs far more than a template, so one start makes many: a parent chart has the
 * same chart as many times as there are values files, each under an alias of its own.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../../fakes/rendered-objects.ts';
import { run, succeed, type Outcome } from './commands.ts';
import { peer } from './peers.ts';

export const helms = ['helm3', 'helm4'] as const;
export type Helm = (typeof helms)[number];

/** Path in the chart → text. */
export type ChartFiles = ReadonlyMap<string, string>;

/** A chart and the values that it is given; the chart's name is taken from the place in the list. */
export interface Release {
  readonly files: ChartFiles;
  readonly values: object;
}

export function writeChart(folder: string, files: ChartFiles): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Of nothing outside the test: no cluster, no repositories of the user. */
function helmEnv(folder: string): Record<string, string> {
  return { HELM_CACHE_HOME: join(folder, 'cache'), HELM_CONFIG_HOME: join(folder, 'config'), HELM_DATA_HOME: join(folder, 'data'), KUBECONFIG: join(folder, 'none') };
}

export function helm(which: Helm, folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return run(peer(which), args, { env: { ...helmEnv(folder), ...env } });
}

/** The objects of each release, of which many may have the same files. Fails when helm refuses one of them. */
export async function templateAll(which: Helm, folder: string, releases: readonly Release[]): Promise<KubernetesObject[][]> {
  const parent = join(folder, `parent-${which}`);
  const charts = [...new Set(releases.map(({ files }) => files))];
  rmSync(parent, { recursive: true, force: true });
  charts.forEach((files, index) => writeChart(join(parent, `charts/c${index}`), apart(files, index)));
  const dependencies = releases.map(({ files }, index) => ({ name: `c${charts.indexOf(files)}`, alias: `r${index}`, version: versionOf(files), repository: '' }));
  writeFileSync(join(parent, 'Chart.yaml'), JSON.stringify({ apiVersion: 'v2', name: 'parent', version: '0.0.0', dependencies }));
  writeFileSync(join(parent, 'values.yaml'), JSON.stringify(Object.fromEntries(releases.map(({ values }, index) => [`r${index}`, values]))));
  const text = await succeed(peer(which), ['template', 'zastava-runtime', parent, '--namespace', 'stellaops'], { env: helmEnv(folder) });
  const objects: KubernetesObject[][] = releases.map(() => []);
  for (const document of text.split(/^---\n/m).filter((part) => part.trim() !== '')) {
    const [, index = '', body = ''] = /^# Source: parent\/charts\/r(\d+)\/templates\/[^\n]*\n([^]*)$/.exec(document) ?? [];
    objects[Number(index)]!.push(...parseOnce(body));
  }
  return objects;
}

/** Named templates are shared by all charts of a parent, so a changed one needs names of its own. */
function apart(files: ChartFiles, index: number): ChartFiles {
  return new Map([...files].map(([path, text]) => [path, path === 'Chart.yaml' ? text.replace(/^name: .*$/m, `name: c${index}`) : path.startsWith('templates/') ? text.replace(/(include|define) "zastava\./g, `$1 "c${index}.`) : text]));
}

function versionOf(files: ChartFiles): string {
  return (parse(files.get('Chart.yaml') ?? '') as { version: string }).version;
}

const parsed = new Map<string, readonly KubernetesObject[]>();

/** Most objects are the same for most values. */
export function parseOnce(text: string): readonly KubernetesObject[] {
  const objects = parsed.get(text) ?? parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject | null).filter((object) => object !== null);
  parsed.set(text, objects);
  return objects;
}

/** In the order that their names give, since helm sorts by kind. */
export function sortObjects(objects: readonly KubernetesObject[]): KubernetesObject[] {
  const key = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
  return [...objects].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
