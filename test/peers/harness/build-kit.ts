/** Releases a kit once for all test files, from a copy of the checkout, with keys that nobody has seen, a log that is empty, and a fixed signing time. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { kitSuffixes } from '../../../src/contract/kit-format.ts';
import { succeed } from './commands.ts';
import { releaseArguments } from './release.ts';
import { copyCheckout } from './tree.ts';

const checkout = join(import.meta.dirname, '../../..');
const signingTime = '2026-01-01T00:00:00Z';

export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'zastava-kit-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };
    const key = join(folder, 'test.key');
    const out = join(folder, 'out');
    const logKey = join(folder, 'log.key');
    for (const path of [key, logKey]) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    }
    const source = join(folder, 'source');
    await copyCheckout(checkout, source);
    mkdirSync(join(checkout, '.cache'), { recursive: true });
    for (const shared of ['node_modules', '.cache']) symlinkSync(join(checkout, shared), join(source, shared));
    await succeed(process.execPath, releaseArguments({ key, logKey, out, signingTime }), { cwd: source });
    const name = join(out, `zastava-runtime-${version}`);
    const tar = join(folder, 'kit.tar');
    await succeed('zstd', ['-d', '-q', name + kitSuffixes.archive, '-o', tar]);
    project.provide('kit', {
      version,
      key,
      logKey,
      signingTime,
      out,
      archive: name + kitSuffixes.archive,
      signature: name + kitSuffixes.signature,
      bundle: name + kitSuffixes.bundle,
      publicKey: join(out, 'trust/zastava-runtime.pub'),
      trustedRoot: join(out, 'trust/trusted_root.json'),
      tar,
    });
  } catch (error) {
    remove();
    throw error;
  }
  return remove;
}
