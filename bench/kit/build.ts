/**
 * How long the whole of `kit build` takes, in a copy of this checkout: cold (the packages are downloaded and nothing is
 * built), warm (nothing changed), and with one source changed. Nothing is downloaded: packages come from this checkout's
 * cache, so build a kit here first.
 */
import { accessSync, appendFileSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyCheckout } from '../../test/peers/harness/tree.ts';
import { printRuns, timeAll, type Contender } from '../timing.ts';

const root = join(import.meta.dirname, '../..');
const packages = '.cache/images/packages';

export async function buildBench(): Promise<void> {
  accessSync(join(root, packages));
  const folder = mkdtempSync(join(tmpdir(), 'build-bench-'));
  try {
    await copyCheckout(root, folder);
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const forget = (): void => {
      rmSync(join(folder, '.cache'), { recursive: true, force: true });
      cpSync(join(root, packages), join(folder, packages), { recursive: true });
    };
    const command = ['env', '-C', folder, process.execPath, 'src/cli/zastava/main.ts', 'kit', 'build', '--quiet'];
    let changes = 0;
    const contenders: Contender[] = [
      { name: 'kit build, cold', command, before: forget },
      { name: 'kit build, warm', command },
      { name: 'kit build, one source changed', command, before: () => appendFileSync(join(folder, 'src/runtime/webhook/main.ts'), `\nReflect.set(globalThis, 'benchmark', ${++changes});\n`) },
    ];
    const runs = timeAll(contenders, 3);
    const kit = readdirSync(join(folder, 'offline-kit')).find((name) => name.endsWith('.tar.zst'))!;
    printRuns(statSync(join(folder, 'offline-kit', kit)).size, runs, []);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
