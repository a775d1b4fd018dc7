/** The files of dist/manifests: golden, byte-stable, free of what a cluster would add or drop, valid against Kubernetes' schemas. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as fc from 'fast-check';
import { ValidatingWebhookConfiguration } from 'kubernetes-models/admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration';
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ClusterRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole';
import { ClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { parseValues } from '../../src/config/parse-values.ts';
import { at, renderObjects, renderTexts, walk, type KubernetesObject } from '../fakes/rendered-objects.ts';
import { goldenFolder, readSet, readSetText, setNames } from '../fakes/value-sets.ts';

/** The rules are checked fresh in docs/ops; here they would only be there twice. */
const notGolden = '80-monitoring.yaml';

function shuffled(value: unknown, order: () => number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, order));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, member]) => ({ at: order(), entry: [key, shuffled(member, order)] as const }));
  return Object.fromEntries(entries.sort((a, b) => a.at - b.at).map(({ entry }) => entry));
}

describe.each(setNames)('the manifests of %s', (name) => {
  const texts = renderTexts(readSet(name));
  const objects = renderObjects(readSet(name));

  test('are the golden ones (UPDATE_GOLDEN=1 writes them anew)', () => {
    const folder = join(goldenFolder, 'manifests', name);
    const files = new Map([...texts].map(([path, text]) => [basename(path), text] as const).filter(([file]) => file !== notGolden));
    if (process.env['UPDATE_GOLDEN'] === '1') {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      for (const [file, text] of files) writeFileSync(join(folder, file), text);
    }
    expect(readdirSync(folder).sort()).toEqual([...files.keys()].sort());
    for (const [file, text] of files) expect(text, file).toBe(readFileSync(join(folder, file), 'utf8'));
  });

  test('are the same bytes at every render, whatever the order of the keys in the values', () => {
    expect([...renderTexts(readSet(name))]).toEqual([...texts]);
    const values = parse(readSetText(name)) as unknown;
    fc.assert(fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (stream) => {
      const text = stringify(shuffled(values, () => stream.next().value as number));
      expect([...renderTexts(parseValues(text, 'shuffled'))]).toEqual([...texts]);
    }), { numRuns: 10 });
  });

  test('are named in apply order, and the kustomization lists all of them', () => {
    const files = [...texts.keys()].map((path) => basename(path));
    const kustomization = parse(texts.get('manifests/kustomization.yaml') ?? '') as { resources: string[] };
    expect(kustomization.resources).toEqual(files.filter((file) => file !== 'kustomization.yaml').sort());
    expect([...texts.keys()].every((path) => path.startsWith('manifests/'))).toBe(true);
    expect(objects[0]?.kind).toBe('Namespace');
    expect(objects.at(-1)?.kind).toBe('ValidatingWebhookConfiguration');
  });

  test('mean the same to readers of YAML 1.1 and of 1.2', () => {
    for (const [path, text] of texts) {
      const read = (version: '1.1' | '1.2') => parseAllDocuments(text, { version }).map((document) => document.toJS() as unknown);
      expect(read('1.1'), path).toEqual(read('1.2'));
    }
  });

  test('have nothing empty, nothing null, and nothing that only a cluster writes', () => {
    for (const object of objects) {
      const empty = walk(object).filter(([, value]) => value === null || (typeof value === 'object' && Object.keys(value).length === 0));
      expect(empty.map(([path]) => `${object.kind} ${path.join('.')}`)).toEqual([]);
      const clusterKeys = walk(object).filter(([path]) => ['status', 'creationTimestamp', 'uid', 'resourceVersion', 'managedFields'].includes(path.at(-1) ?? ''));
      expect(clusterKeys.map(([path]) => path.join('.'))).toEqual([]);
    }
  });

  test('have each object once, and quantities in the form that a cluster gives back', () => {
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    const quantities = objects.flatMap((object) => walk(object).filter(([path]) => ['cpu', 'memory', 'sizeLimit'].includes(path.at(-1) ?? '')).map(([, value]) => value));
    expect(quantities.length).toBeGreaterThan(6);
    expect(quantities.filter((value) => !/^(?:[1-9][0-9]{0,2}m|[1-9]|[1-9][0-9]{0,2}[KMG]i)$/.test(String(value)))).toEqual([]);
  });

  test.each(objects.filter(({ apiVersion }) => !apiVersion.startsWith('monitoring.')).map((object) => [object.kind, object.metadata.name, object] as const))(
    'are valid for a current Kubernetes, field by field: %s %s',
    (kind, _name, object) => {
      const validate = validatorOf(object);
      expect(() => validate(object)).not.toThrow();
      // A field that the schema does not know is one whose value it does not look at.
      const unknown = walk(object).filter(([path]) => path.length > 0 && !refusesNonsense(validate, object, path));
      expect(unknown.map(([path]) => `${kind} ${path.join('.')}`)).toEqual([]);
    },
  );
});

type Validate = (object: object) => void;

const models: Readonly<Record<string, new (data: never) => { validate(): void }>> = {
  ClusterRole, ClusterRoleBinding, ConfigMap, DaemonSet, Deployment, Namespace, NetworkPolicy, PodDisruptionBudget, Service, ServiceAccount,
  ValidatingWebhookConfiguration,
};

function validatorOf({ kind }: KubernetesObject): Validate {
  const Model = models[kind];
  if (!Model) throw new Error(`no schema for ${kind}`);
  return (object) => new Model(object as never).validate();
}

function refusesNonsense(validate: Validate, object: object, path: readonly string[]): boolean {
  const copy = structuredClone(object);
  const parent = at(copy, path.slice(0, -1).join('.') || 'none') ?? copy;
  const key = path.at(-1) ?? '';
  // No field takes a list of lists of a number, whatever its type.
  (parent as Record<string, unknown>)[key] = [[[5]]];
  try {
    validate(copy);
    return false;
  } catch {
    return true;
  }
}

test('a field that Kubernetes does not know is noticed', () => {
  const [object] = renderObjects(readSet('minimal')).filter(({ kind }) => kind === 'DaemonSet');
  if (!object) throw new Error('no DaemonSet');
  const validate = validatorOf(object);
  const odd = structuredClone(object);
  (at(odd, 'spec.template.spec') as Record<string, unknown>)['hostPids'] = true;
  expect(refusesNonsense(validate, odd, ['spec', 'template', 'spec', 'hostPids'])).toBe(false);
  expect(refusesNonsense(validate, odd, ['spec', 'template', 'spec', 'hostPID'])).toBe(true);
});
