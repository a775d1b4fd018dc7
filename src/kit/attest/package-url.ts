/** Package URLs (purl-spec) of an image's components: the names by which scanners look up what is known of a package. */
import type { ImageComponent } from '../../images/image.ts';

export function packageUrl({ kind, name, version, architecture, suite }: ImageComponent): string {
  switch (kind) {
    case 'debian': return `pkg:deb/debian/${encode(name)}@${encode(version)}?arch=${architecture}&distro=${suite}`;
    case 'node': return `pkg:generic/${name}@${encode(version)}`;
    case 'npm': return `pkg:npm/${name.split('/').map(encode).join('/')}@${encode(version)}`;
  }
}

/** A colon stays; all else that is not unreserved is written in percents, "+" too. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':');
}
