import { expect, test } from 'vitest';
import { imageBuildType } from '../../../src/contract/attestations.ts';
import type { ImageComponent } from '../../../src/images/image.ts';
import { renderProvenance, type BuildOrigin } from '../../../src/kit/attest/provenance.ts';
import { parseRecipe } from '../../../src/kit/recipe.ts';
import { tinyRecipe } from '../tiny-kit.ts';

const libc: ImageComponent = { kind: 'debian', name: 'libc6', version: '2.41', architecture: 'amd64', suite: 'trixie', licenses: [], pinned: { algorithm: 'sha256', hex: 'b'.repeat(64) } };
const zone: ImageComponent = { ...libc, name: 'tzdata', architecture: 'all' };
const left: ImageComponent = { kind: 'npm', name: 'left', version: '1.0.0', licenses: [] };
const right: ImageComponent = { kind: 'npm', name: 'right', version: '1.0.0', licenses: [], pinned: { algorithm: 'sha512', hex: 'c'.repeat(128) } };

function provenance(origin: BuildOrigin): { buildDefinition: { resolvedDependencies: unknown[] } & Record<string, unknown>; runDetails: unknown } {
  const { images, epoch } = parseRecipe(tinyRecipe, 'tiny recipe');
  const made = renderProvenance({ recipe: images[0]!, epoch, version: '0.1.0', components: [zone, right, libc, zone, left], origin });
  return JSON.parse(JSON.stringify(made)) as ReturnType<typeof provenance>;
}

test('what was built from what stands in it: recipe, commit, and each pinned package once, by digest and sorted', () => {
  const { buildDefinition, runDetails } = provenance({ commit: 'd'.repeat(40), builderId: 'https://builder.internal/1' });
  expect(buildDefinition).toMatchObject({ buildType: imageBuildType, externalParameters: { epoch: '2026-01-02T03:04:05Z', version: '0.1.0', recipe: { name: 'app', program: { entry: 'src/main.ts' } } } });
  expect(buildDefinition.resolvedDependencies).toEqual([
    { name: 'source', digest: { gitCommit: 'd'.repeat(40) } },
    { uri: 'pkg:deb/debian/libc6@2.41?arch=amd64&distro=trixie', digest: { sha256: 'b'.repeat(64) } },
    { uri: 'pkg:deb/debian/tzdata@2.41?arch=all&distro=trixie', digest: { sha256: 'b'.repeat(64) } },
    { uri: 'pkg:npm/right@1.0.0', digest: { sha512: 'c'.repeat(128) } },
  ]);
  expect(runDetails).toEqual({ builder: { id: 'https://builder.internal/1', version: { node: process.versions.node } } });
});

test('without a commit it claims none', () => {
  expect(provenance({ builderId: 'x' }).buildDefinition.resolvedDependencies).toHaveLength(3);
});
