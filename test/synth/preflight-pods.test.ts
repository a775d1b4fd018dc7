import { expect, test } from 'vitest';
import { parsePodValues } from '../../src/config/parse-values.ts';
import { buildPreflightPods, type PreflightPod } from '../../src/synth/preflight-pods.ts';
import { at, renderObjects } from '../fakes/rendered-objects.ts';
import { placeholderImages, readSet, setNames, type SetName } from '../fakes/value-sets.ts';

const podsOf = (set: SetName, nodes: readonly string[] = ['a', 'b']) => buildPreflightPods(readSet(set), placeholderImages, nodes, { suffix: 'x1', seconds: 60 });
const podOf = (set: SetName): PreflightPod => podsOf(set, ['a'])[0]!;
const daemonSetOf = (set: SetName) => at(renderObjects(readSet(set)).find(({ kind }) => kind === 'DaemonSet'), 'spec.template.spec');

test('one Pod a node, each with a name of this run, ended by the cluster at the latest', () => {
  const pods = podsOf('minimal');
  expect(pods.map(({ metadata, spec }) => [metadata.name, spec['nodeName'], spec['restartPolicy'], spec['activeDeadlineSeconds']])).toEqual([['zastava-preflight-x1-0', 'a', 'Never', 60], ['zastava-preflight-x1-1', 'b', 'Never', 60]]);
});

test.each(setNames)('%s: it has the image, the rights and the environment of the observer', (set) => {
  const [pod, observer] = [podOf(set).spec, daemonSetOf(set)];
  for (const path of ['containers.0.image', 'containers.0.securityContext', 'containers.0.env', 'containers.0.resources', 'securityContext', 'hostPID', 'tolerations', 'imagePullSecrets', 'automountServiceAccountToken']) expect(at(pod, path), path).toEqual(at(observer, path));
});

test.each(setNames)('%s: it mounts nothing of the host but its processes, and nothing that it could write', (set) => {
  const { spec } = podOf(set);
  const volumes = spec['volumes'] as { name: string; hostPath?: { path: string } }[];
  expect(volumes.flatMap(({ hostPath }) => hostPath?.path ?? [])).toEqual(['/proc']);
  const mounts = at(spec, 'containers.0.volumeMounts') as { name: string; readOnly?: boolean }[];
  expect(mounts.map(({ name }) => name).sort()).toEqual(volumes.map(({ name }) => name).sort());
  expect(mounts.every(({ readOnly }) => readOnly === true)).toBe(true);
});

test.each(setNames)('%s: it reads its values from itself, since no ConfigMap is there yet', (set) => {
  const { metadata, spec } = podOf(set);
  const config = (spec['volumes'] as { name: string; downwardAPI?: unknown }[]).find(({ name }) => name === 'config');
  const field = at(config, 'downwardAPI.items.0.fieldRef.fieldPath') as string;
  const text = metadata.annotations[/^metadata\.annotations\['(.+)'\]$/.exec(field)![1]!]!;
  expect(parsePodValues(text, 'annotation').zastava.observer).toEqual(readSet(set).zastava.observer);
  expect(spec['serviceAccountName']).toBeUndefined();
});

test('the DaemonSet cannot take it for one of its own', () => {
  const selector = at(renderObjects(readSet('minimal')).find(({ kind }) => kind === 'DaemonSet'), 'spec.selector.matchLabels') as Record<string, string>;
  const { labels } = podOf('minimal').metadata;
  expect(Object.entries(selector).every(([key, value]) => labels[key] === value)).toBe(false);
});
