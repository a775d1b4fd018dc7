/**
 * Every text of a PodSpec that may name an image is judged, by the schema of Kubernetes itself. The schema's trimmed copy is written anew by
 * `UPDATE_GOLDEN=1 KUBERNETES_SWAGGER=<k8s.io/kubernetes>/api/openapi-spec/swagger.json npx vitest run test/runtime/webhook/pod-schema.test.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listImages } from '../../../src/runtime/webhook/images.ts';
import { specWith, textFields, trimSwagger, type PodSpecSchema } from '../../fakes/pod-spec-schema.ts';

const path = join(import.meta.dirname, '../../golden/pod-spec-openapi.json');
const swagger = process.env['KUBERNETES_SWAGGER'];
if (process.env['UPDATE_GOLDEN'] === '1' && swagger !== undefined) {
  writeFileSync(path, `${JSON.stringify(trimSwagger(JSON.parse(readFileSync(swagger, 'utf8')) as PodSpecSchema), null, 1)}\n`);
}
const schema = JSON.parse(readFileSync(path, 'utf8')) as PodSpecSchema;

/** Fields with words of images in their name, their place or their description that name none, and what they are. */
const noImages: Readonly<Record<string, string>> = {
  'Container.args': 'arguments in place of those of the image',
  'Container.command': 'a program in place of that of the image',
  'Container.imagePullPolicy': 'a policy',
  'Container.workingDir': 'a folder in the container',
  'EphemeralContainer.args': 'arguments in place of those of the image',
  'EphemeralContainer.command': 'a program in place of that of the image',
  'EphemeralContainer.imagePullPolicy': 'a policy',
  'EphemeralContainer.workingDir': 'a folder in the container',
  'ImageVolumeSource.pullPolicy': 'a policy',
  'LocalObjectReference.name': 'a Secret, in imagePullSecrets',
  'RBDVolumeSource.image': 'a block device of a Ceph pool',
  'VolumeMount.bindMountOptions': 'options of a mount',
  'WindowsSecurityContextOptions.runAsUserName': 'a user',
};

const marker = 'registry.internal/marker:1';

function isJudged(field: string): boolean {
  return listImages(specWith(field, marker), 'spec', []).some(({ name }) => name === marker);
}

/** Fields that may name an image, and that nobody judges. */
function unjudged(of: PodSpecSchema): string[] {
  return textFields(of).filter(({ speaksOfImages, name }) => speaksOfImages && noImages[name] === undefined).map(({ path }) => path).filter((field) => !isJudged(field));
}

/** A copy with one more property of a definition, and with more definitions. */
function withField(kind: string, key: string, property: object, definitions: PodSpecSchema['definitions'] = {}): PodSpecSchema {
  const id = `io.k8s.api.core.v1.${kind}`;
  return { ...schema, definitions: { ...schema.definitions, ...definitions, [id]: { ...schema.definitions[id], properties: { ...schema.definitions[id]?.properties, [key]: property } } } };
}

test('every field of a PodSpec that names an image is judged', () => {
  expect(textFields(schema).length).toBeGreaterThan(300);
  expect(textFields(schema).map(({ path }) => path).filter(isJudged)).toEqual(['containers[].image', 'ephemeralContainers[].image', 'initContainers[].image', 'volumes[].image.reference']);
  expect(unjudged(schema)).toEqual([]);
});

test('each exception is a field of the schema', () => {
  const names = new Set(textFields(schema).map(({ name }) => name));
  expect(Object.keys(noImages).filter((name) => !names.has(name))).toEqual([]);
});

test.each([
  ['a new list of containers', withField('PodSpec', 'sidecarContainers', { type: 'array', items: { $ref: '#/definitions/io.k8s.api.core.v1.Container' } }), ['sidecarContainers[].image']],
  ['a new field of a container', withField('Container', 'checkpointImage', { type: 'string' }), ['containers[].checkpointImage', 'initContainers[].checkpointImage']],
  ['a new field that only its description gives away', withField('Container', 'restoreFrom', { type: 'string', description: 'Artifact to restore the container from.' }), ['containers[].restoreFrom', 'initContainers[].restoreFrom']],
  [
    'a new kind of volume',
    withField('Volume', 'model', { $ref: '#/definitions/io.k8s.api.core.v1.ModelVolumeSource', description: 'An OCI object.' }, { 'io.k8s.api.core.v1.ModelVolumeSource': { properties: { artifactReference: { type: 'string' } } } }),
    ['volumes[].model.artifactReference'],
  ],
  ['a list of names', withField('ImageVolumeSource', 'fallbacks', { type: 'array', items: { type: 'string' } }), ['volumes[].image.fallbacks[]']],
])('%s in the schema is noticed', (_, changed, fields) => {
  expect(unjudged(changed)).toEqual(fields);
});
