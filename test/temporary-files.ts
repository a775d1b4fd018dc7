/** One folder for the temporary files of a whole run, which goes with it: a test that fails leaves nothing behind either. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** vitest's global setup. The name is short: sockets lie in it. */
export default function makeFolder(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'z-'));
  // Tests also run programs as other users.
  chmodSync(folder, 0o755);
  process.env['TMPDIR'] = folder;
  return () => {
    // Never through a mount: that could be the host's own files.
    if (readFileSync('/proc/self/mounts', 'utf8').includes(` ${folder}/`)) throw new Error(`something is still mounted below ${folder}, and so it is left in place`);
    rmSync(folder, { recursive: true, force: true });
  };
}
