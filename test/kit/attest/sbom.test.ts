import { expect, test } from 'vitest';
import { ociMediaTypes, platforms } from '../../../src/contract/oci.ts';
import type { ImageComponent } from '../../../src/images/image.ts';
import { packageUrl } from '../../../src/kit/attest/package-url.ts';
import { renderSbom } from '../../../src/kit/attest/sbom.ts';

const components: ImageComponent[] = [
  { kind: 'debian', name: 'libstdc++6', version: '1:14.2.0-19+deb13u1~x', architecture: 'arm64', suite: 'trixie', licenses: ['GPL-3', 'LGPL'], pinned: { algorithm: 'sha256', hex: 'b'.repeat(64) } },
  { kind: 'node', name: 'node', version: '24.0.1', architecture: 'arm64', licenses: ['MIT'], pinned: { algorithm: 'sha512', hex: 'c'.repeat(128) } },
  { kind: 'npm', name: '@scope/left', version: '1.0.0', licenses: [] },
];

function sbom(digit: string): ReturnType<typeof renderSbom> {
  const child = { platform: platforms[1]!, descriptor: { mediaType: ociMediaTypes.manifest, digest: `sha256:${digit.repeat(64)}` as const, size: 1 }, components };
  return renderSbom({ image: { name: 'app' }, child, repository: 'registry.internal/tiny/app', version: '1.2.3', licenses: 'Apache-2.0' });
}

test('a bill of materials names each package by its URL, with licences and the digest of its file', () => {
  const { components: found, ...head } = sbom('a') as { components: Record<string, unknown>[] };
  expect(head).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, metadata: { component: { type: 'container', name: 'app', version: '1.2.3' } } });
  expect(found).toEqual([
    {
      'type': 'library', 'bom-ref': found[0]!['purl'], 'name': 'libstdc++6', 'version': '1:14.2.0-19+deb13u1~x',
      'purl': 'pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19%2Bdeb13u1~x?arch=arm64&distro=trixie',
      'hashes': [{ alg: 'SHA-256', content: 'b'.repeat(64) }], 'licenses': [{ license: { name: 'GPL-3' } }, { license: { name: 'LGPL' } }],
    },
    {
      'type': 'application', 'bom-ref': 'pkg:generic/node@24.0.1', 'name': 'node', 'version': '24.0.1', 'purl': 'pkg:generic/node@24.0.1',
      'cpe': 'cpe:2.3:a:nodejs:node.js:24.0.1:*:*:*:*:*:*:*', 'hashes': [{ alg: 'SHA-512', content: 'c'.repeat(128) }], 'licenses': [{ expression: 'MIT' }],
    },
    { 'type': 'library', 'bom-ref': 'pkg:npm/%40scope/left@1.0.0', 'group': '@scope', 'name': 'left', 'version': '1.0.0', 'purl': 'pkg:npm/%40scope/left@1.0.0' },
  ]);
});

test('it says that the image depends on each of them, by references that are there', () => {
  const { components: found, metadata, dependencies } = sbom('a') as { components: { 'bom-ref': string }[]; metadata: { component: { 'bom-ref': string } }; dependencies: unknown };
  expect(dependencies).toEqual([{ ref: metadata.component['bom-ref'], dependsOn: found.map((component) => component['bom-ref']) }]);
  expect(metadata.component['bom-ref']).toBe(`pkg:oci/app@sha256%3A${'a'.repeat(64)}?arch=arm64&repository_url=registry.internal%2Ftiny%2Fapp`);
});

test('its serial number is a UUID made of the digest, and no time stands in it', () => {
  expect(sbom('a')).toEqual(sbom('a'));
  expect(sbom('a')['serialNumber']).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(sbom('b')['serialNumber']).not.toBe(sbom('a')['serialNumber']);
  expect(JSON.stringify(sbom('a'))).not.toMatch(/\d{4}-\d\d-\d\dT/);
});

test('a package URL never has a plus sign', () => {
  expect(components.map(packageUrl).join(' ')).not.toContain('+');
});
