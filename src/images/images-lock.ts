/** images.lock.json: the digests that manifests refer to, written by a build; CI fails when the committed file is another. */
import type { BuiltImage } from './image.ts';

/** Sorted by name; platforms in the contract's order. */
export function renderImagesLock(images: readonly BuiltImage[]): string {
  const entries = images.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((image) => {
    const platforms = image.children.map(({ platform, descriptor }) => [`${platform.os}/${platform.architecture}`, descriptor.digest]);
    return [image.name, { index: image.index.digest, platforms: Object.fromEntries(platforms) }];
  });
  return `${JSON.stringify({ images: Object.fromEntries(entries) }, null, 2)}\n`;
}
