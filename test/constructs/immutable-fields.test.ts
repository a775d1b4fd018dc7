/**
 * What no version may change, since an upgrade would fail or lose something: names of objects, and fields that Kubernetes does not
 * let anyone change. The golden list is that of the first version; it only grows.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { at, renderObjects, type KubernetesObject } from '../fakes/rendered-objects.ts';
import { goldenFolder, readSet, setNames } from '../fakes/value-sets.ts';

/** Kind → paths that the API server refuses a change of. */
const immutable: Readonly<Record<string, readonly string[]>> = {
  ClusterRoleBinding: ['roleRef'],
  ConfigMap: ['immutable'],
  DaemonSet: ['spec.selector'],
  Deployment: ['spec.selector'],
  Service: ['spec.clusterIP', 'spec.clusterIPs', 'spec.ipFamilyPolicy', 'spec.type'],
};

function fixedOf(object: KubernetesObject): [string, object] {
  const { apiVersion, kind, metadata } = object;
  return [`${apiVersion} ${kind} ${metadata.namespace ?? ''}/${metadata.name}`, Object.fromEntries((immutable[kind] ?? []).flatMap((path) => (at(object, path) === undefined ? [] : [[path, at(object, path)]])))];
}

test.each(setNames)('are as in the first version: %s', (name) => {
  const golden = JSON.parse(readFileSync(join(goldenFolder, 'immutable-fields.json'), 'utf8')) as Record<string, object>;
  const fixed = Object.fromEntries(renderObjects(readSet(name)).map(fixedOf));
  expect(golden).toMatchObject(fixed);
  for (const key of Object.keys(fixed)) expect(fixed[key], key).toEqual(golden[key]);
  // Only what values decide may be missing.
  expect(Object.keys(golden).filter((key) => !(key in fixed) && !/monitoring\.coreos\.com|failopen$/.test(key))).toEqual([]);
});
