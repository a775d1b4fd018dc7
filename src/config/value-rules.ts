/**
 * Rules between the keys of a values file (contract section 2). Each takes well-formed values and names what contradicts
 * what; together they make sure that the cluster can start, and that no namespace falls under two rules.
 */
import type { Problem } from '../contract/errors.ts';
import { metrics } from '../contract/metrics.ts';
import { mountPaths, namespacesNeverJudged } from '../contract/names.ts';
import type { Values } from './schema.ts';

/** `site`: a values file from which manifests are made. `pod`: the part of it that a program needs. */
export type Scope = 'site' | 'pod';

export function ruleProblems({ zastava }: Values, scope: Scope): Problem[] {
  return [
    ...transportProblems(zastava.runtime),
    ...tagProblems(zastava.runtime),
    ...mountProblems(zastava.observer),
    ...namespaceProblems(zastava.webhook),
    ...(scope === 'site' ? certificateProblems(zastava.webhook.tls) : []),
  ];
}

function transportProblems({ authority, backend }: Values['zastava']['runtime']): Problem[] {
  const problems: Problem[] = [];
  if (!authority.issuer.startsWith('https:')) {
    problems.push({ where: 'zastava.runtime.authority.issuer', expected: 'an https URL', found: 'http' });
  }
  if (!backend.baseAddress.startsWith('https:') && !backend.allowInsecureHttp) {
    const todo = 'use https, or set backend.allowInsecureHttp in a lab';
    problems.push({ where: 'zastava.runtime.backend.baseAddress', expected: 'an https URL', found: 'http', todo });
  }
  return problems;
}

/** Labels of the metrics themselves: a tag that is named like one would give that label two values. */
export const metricLabels: ReadonlySet<string> = new Set([...Object.values(metrics).flatMap((metric) => Object.keys(metric.labels)), 'le']);

function tagProblems(runtime: Values['zastava']['runtime']): Problem[] {
  return Object.keys(runtime.metrics.commonTags).flatMap((tag): Problem[] => {
    const where = `zastava.runtime.metrics.commonTags.${tag}`;
    if (!/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/.test(tag) || tag.startsWith('__')) return [{ where, expected: 'a Prometheus label name', found: 'another name' }];
    return metricLabels.has(tag) ? [{ where, expected: 'a name that no metric uses as a label', found: `the label ${tag}` }] : [];
  });
}

/** Folders of the observer's image and its own mounts. */
export const containerFolders = ['/bin', '/dev', '/etc', '/lib', '/proc', '/sbin', '/sys', '/tmp', '/usr', mountPaths.scratch, mountPaths.buffer];

/** What is mounted at a path of the values must neither hide a folder of the container nor lie in one; nor twice at one place. */
function mountProblems({ bufferHostPath, containerd, procRoot }: Values['zastava']['observer']): Problem[] {
  const socketFolder = containerd.socket.slice(0, containerd.socket.lastIndexOf('/'));
  const mounts = [['procRoot', procRoot], ['containerd.root', containerd.root], ['containerd.socket', socketFolder]] as const;
  const problems = mounts.flatMap(([key, path], index): Problem[] => {
    const taken = [...containerFolders, ...mounts.slice(0, index).map(([, other]) => other)].find((other) => isWithin(path, other) || isWithin(other, path));
    if (taken === undefined) return [];
    return [{ where: `zastava.observer.${key}`, expected: `a folder apart from ${taken}`, found: path || '/' }];
  });
  if (isWithin(bufferHostPath, containerd.root)) {
    problems.push({ where: 'zastava.observer.bufferHostPath', expected: 'a folder outside containerd.root', found: bufferHostPath });
  }
  return problems;
}

/** In the image, as on most nodes, /var/run is /run. */
function isWithin(path: string, folder: string): boolean {
  const [inner, outer] = [path, folder].map((each) => `${each.replace(/^\/var\/run(?=\/|$)/, '/run')}/`) as [string, string];
  return inner.startsWith(outer);
}

function namespaceProblems(webhook: Values['zastava']['webhook']): Problem[] {
  const { enforcement, excludedNamespaces, failOpenNamespaces } = webhook;
  const excluded = 'zastava.webhook.excludedNamespaces';
  const failOpen = failOpenNamespaces.map(({ name }) => name);
  const problems: Problem[] = [...repeated(excluded, excludedNamespaces), ...repeated('zastava.webhook.failOpenNamespaces', failOpen)];
  problems.push(...repeated('zastava.webhook.registries', webhook.registries));
  for (const name of namespacesNeverJudged) {
    if (excludedNamespaces.includes(name)) continue;
    const todo = `add it: the cluster could not start again while the webhook is down`;
    problems.push({ where: excluded, expected: `a list with ${name}`, found: `a list without it`, todo });
  }
  for (const [name, mode] of Object.entries(enforcement.namespaces)) {
    if (!excludedNamespaces.includes(name)) continue;
    problems.push({ where: `zastava.webhook.enforcement.namespaces.${name}`, expected: 'a namespace that is judged', found: `${mode} for one of excludedNamespaces` });
  }
  failOpen.forEach((name, index) => {
    const where = `zastava.webhook.failOpenNamespaces[${index}].name`;
    const mode = enforcement.namespaces[name] ?? enforcement.default;
    if (excludedNamespaces.includes(name)) problems.push({ where, expected: 'a namespace that is judged', found: `${name}, one of excludedNamespaces` });
    else if (mode !== 'enforce') problems.push({ where, expected: 'a namespace that is enforced', found: `${name}, which has ${mode} and is never denied` });
  });
  return problems;
}

function repeated(where: string, names: readonly string[]): Problem[] {
  return names.flatMap((name, index) =>
    names.indexOf(name) === index ? [] : [{ where: `${where}[${index}]`, expected: 'each name once', found: `${name} again` }]);
}

function certificateProblems(tls: Values['zastava']['webhook']['tls']): Problem[] {
  const problems: Problem[] = [];
  if (tls.caBundle === undefined) {
    const todo = 'paste the public certificate of the CA that signs the serving certificate; the API server trusts no other';
    problems.push({ where: 'zastava.webhook.tls.caBundle', expected: 'public CA certificates in PEM', found: 'nothing', todo });
  }
  if (tls.mode === 'csr' && tls.signerName === undefined) {
    const todo = 'name the signer of your cluster; Kubernetes has none of its own for this';
    problems.push({ where: 'zastava.webhook.tls.signerName', expected: 'a signer, since tls.mode is csr', found: 'nothing', todo });
  }
  return problems;
}
