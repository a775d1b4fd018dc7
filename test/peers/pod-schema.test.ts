/** Our trimmed copy of the schema of a Pod is still what the pinned Kubernetes says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { kubernetesVersion, trimSwagger, type PodSpecSchema } from '../fakes/pod-spec-schema.ts';
import { succeed } from './harness/commands.ts';
import { describeWith, peer } from './harness/peers.ts';

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as PodSpecSchema;

describeWith(['go'], "Kubernetes' own schema", () => {
  test('gives the copy that the webhook is tested with', async () => {
    const cwd = join(import.meta.dirname, 'go/kubernetes');
    const { Version: version, Dir: folder } = JSON.parse(await succeed(peer('go'), ['mod', 'download', '-json', `k8s.io/kubernetes@${kubernetesVersion}`], { cwd })) as { Version: string; Dir: string };
    expect(await succeed(peer('go'), ['list', '-mod=mod', '-m', '-f', '{{.Version}}', 'k8s.io/kubernetes'], { cwd })).toBe(`${version}\n`);
    expect(trimSwagger(read(join(folder, 'api/openapi-spec/swagger.json')))).toEqual(read(join(import.meta.dirname, '../golden/pod-spec-openapi.json')));
  });
});
