/** The folders on the node that make a container's root file system, from the mounts that containerd gave its runtime. */
import type { Mount } from './containerd-protocol.ts';
import type { RootFolders } from './process-facts.ts';

/** @returns undefined when the file system is made in a way whose files do not lie in folders (block devices, a snapshotter of its own). */
export function parseRootFolders(mounts: readonly Mount[]): RootFolders | undefined {
  const [mount] = mounts;
  // A second mount says that the last one is made of what the others show, which is not to be seen from here.
  if (!mount || mounts.length > 1) return undefined;
  if (mount.type === 'bind') return mount.options.includes('ro') ? { lowers: [mount.source] } : { upper: mount.source, lowers: [] };
  if (mount.type !== 'overlay') return undefined;
  const upper = optionOf(mount, 'upperdir');
  const lowers = splitFolders(optionOf(mount, 'lowerdir') ?? '');
  const folders = [...lowers, ...(upper === undefined ? [] : [unescape(upper)])];
  if (folders.length === 0 || folders.some((folder) => !folder.startsWith('/'))) return undefined;
  return { ...(upper !== undefined && { upper: unescape(upper) }), lowers };
}

function optionOf(mount: Mount, name: string): string | undefined {
  return mount.options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** overlayfs parts its folders by colons and takes a backslash before one that belongs to a name. */
function splitFolders(text: string): string[] {
  return [...text.matchAll(/(?:\\.|[^:\\])+/gs)].map(([folder]) => unescape(folder));
}

function unescape(folder: string): string {
  return folder.replaceAll(/\\(.)/gs, '$1');
}
