/** Folders that a test file may fill; they go away at its end, with whatever a failed run left mounted in them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { run } from './commands.ts';

/** Mount points below a folder, innermost first. */
function mountsBelow(folder: string): string[] {
  const points = readFileSync('/proc/self/mounts', 'utf8').split('\n').map((line) => line.split(' ')[1] ?? '');
  return points.filter((point) => point.startsWith(`${folder}/`)).toReversed();
}

/** A new folder for the file or `describe` that calls it. @param below Another place than that for temporary files. */
export function scratch(name: string, below = tmpdir()): string {
  const folder = mkdtempSync(join(below, `zastava-${name}-`));
  afterAll(async () => {
    for (const point of mountsBelow(folder)) await run('umount', ['-l', point]);
    // Never through a mount: that could be the host's own files.
    if (mountsBelow(folder).length > 0) throw new Error(`still mounted, and so left in place: ${mountsBelow(folder).join(', ')}`);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
