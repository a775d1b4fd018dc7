/**
 * Bill of materials of one image and platform: CycloneDX 1.6 in JSON. It depends on the image alone: its serial number
 * is made of the image's digest, and no time stands in it.
 */
import { sha256Hex } from '../../bytes/digest.ts';
import type { BuiltImage, ImageChild, ImageComponent } from '../../images/image.ts';
import { packageUrl } from './package-url.ts';

type Json = Readonly<Record<string, unknown>>;

export interface SbomImage {
  readonly image: Pick<BuiltImage, 'name'>;
  readonly child: ImageChild;
  /** With its registry. */
  readonly repository: string;
  readonly version: string;
  /** SPDX expression of the program itself. */
  readonly licenses: string;
}

export function renderSbom({ image, child, repository, version, licenses }: SbomImage): Json {
  const { digest } = child.descriptor;
  const ref = `pkg:oci/${image.name}@${encodeURIComponent(digest)}?arch=${child.platform.architecture}&repository_url=${encodeURIComponent(repository)}`;
  const components = child.components.map(renderComponent);
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(digest)}`,
    version: 1,
    metadata: {
      component: { 'type': 'container', 'bom-ref': ref, 'name': image.name, version, 'purl': ref, 'licenses': [{ expression: licenses }] },
    },
    components,
    dependencies: [{ ref, dependsOn: components.map((component) => component['bom-ref']) }],
  };
}

function renderComponent(component: ImageComponent): Json {
  const { kind, name, version, licenses, pinned } = component;
  const purl = packageUrl(component);
  const slash = name.indexOf('/');
  return {
    'type': kind === 'node' ? 'application' : 'library',
    'bom-ref': purl,
    ...(slash > 0 && { group: name.slice(0, slash) }),
    'name': name.slice(slash + 1),
    version,
    purl,
    ...(kind === 'node' && { cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*` }),
    ...(pinned && { hashes: [{ alg: pinned.algorithm === 'sha256' ? 'SHA-256' : 'SHA-512', content: pinned.hex }] }),
    ...(licenses.length > 0 && { licenses: renderLicenses(kind, licenses) }),
  };
}

/** npm's are SPDX expressions; Debian's short names are its own. */
function renderLicenses(kind: ImageComponent['kind'], licenses: readonly string[]): Json[] {
  return kind === 'debian' ? licenses.map((name) => ({ license: { name } })) : licenses.map((expression) => ({ expression }));
}

/** Version 8 of RFC 9562: bits of a hash. */
function uuidOf(text: string): string {
  const hex = sha256Hex(text);
  const variant = (8 + (Number.parseInt(hex[16]!, 16) & 3)).toString(16);
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, variant + hex.slice(17, 20), hex.slice(20, 32)].join('-');
}
