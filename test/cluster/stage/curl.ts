/** curl for Scanner's Pod, where the runbook (4.2) runs it: Debian's, with its own libraries. The image has no shell, so Node starts the loader. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { nodePath } from '../../../src/images/node-layer.ts';
import { peer } from '../../peers/harness/peers.ts';

/** Puts it into a folder. */
export function putCurl(folder: string): void {
  const program = peer('curl');
  const libraries = [...execFileSync(peer('ldd'), [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
  for (const path of libraries) copyFileSync(path, join(folder, basename(path)));
  copyFileSync(program, join(folder, 'curl-program'));
  const loader = libraries.map((path) => basename(path)).find((name) => name.startsWith('ld-'));
  const script = `#!${nodePath}
const { status } = require('node:child_process').spawnSync(__dirname + '/${loader}', ['--library-path', __dirname, __dirname + '/curl-program', ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(status);
`;
  writeFileSync(join(folder, 'curl'), script, { mode: 0o755 });
}
