/** `zastava kit release`: `kit build` by a release key, written down in the release log, which is committed with the release. */
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { Command } from 'commander';
import { ZastavaError } from '../../contract/errors.ts';
import { kitSuffixes } from '../../contract/kit-format.ts';
import { openReleaseLog, type OpenedLog } from '../../kit/log/log-folder.ts';
import type { Signer } from '../../kit/keys.ts';
import { checkoutPaths, requireCheckout } from './checkout.ts';
import { addSealOptions, readKey, sayKit, sealAndCheck, type CheckedKit, type SealOptions } from './kit-seal.ts';
import { say } from '../terminal/terminal.ts';

interface ReleaseOptions extends SealOptions {
  readonly logKey: string;
}

export function define(command: Command): void {
  addSealOptions(command)
    .requiredOption('--log-key <file>', 'private key of the release log, ECDSA P-256')
    .addHelpText('after', '\nExample:\n  zastava kit release --version 1.2.0 --key release.pem --log-key release-log.pem && git add offline-kit/release-log')
    .action(releaseKit);
}

/**
 * The kit is made in a folder aside and put into its place after the log has it. Otherwise a kit could get out that the log
 * does not know, and the next release would show sites a fork.
 */
async function releaseKit(options: ReleaseOptions): Promise<void> {
  requireCheckout('kit release');
  if (options.key === undefined) throw new ZastavaError('usage', 'a release is signed by a release key: --key FILE');
  const aside = join(options.out, 'unreleased');
  let log: OpenedLog | undefined;
  const kit = await sealAndCheck({ ...options, out: aside }, async (signer) => {
    refuseDevelopmentKey(signer);
    return (log = await openReleaseLog(checkoutPaths.releaseLog, await readKey(options.logKey)));
  });
  if (kit === undefined) return;
  if (!kit.report.ok) return sayKit(options, kit);
  await log?.commit();
  const released = await putInPlace(kit, aside, options.out);
  await rm(aside, { recursive: true, force: true });
  sayKit(options, released);
  say(options, `${checkoutPaths.releaseLog}/ has the release: commit it`);
}

function refuseDevelopmentKey(signer: Signer | 'elsewhere'): void {
  if (signer === 'elsewhere' || signer.kind !== 'development') return;
  throw new ZastavaError('usage', 'a development key makes no release, since every site refuses it; give a release key: --key FILE (zastava keys make kit makes one)');
}

/** What lies beside an earlier kit of this name goes first, and the archive comes last: it never stands beside a signature that is not its own. */
async function putInPlace(kit: CheckedKit, from: string, to: string): Promise<CheckedKit> {
  const stem = basename(kit.kit.path).slice(0, -kitSuffixes.archive.length);
  for (const suffix of Object.values(kitSuffixes)) await rm(join(to, stem + suffix), { force: true });
  const move = async (path: string): Promise<string> => {
    const target = join(to, relative(from, path));
    await mkdir(dirname(target), { recursive: true });
    await rename(path, target);
    return target;
  };
  const moveAll = async <Files extends object>(files: Files): Promise<Files> =>
    Object.fromEntries(await Promise.all(Object.entries(files).map(async ([name, path]) => [name, await move(path as string)]))) as Files;
  const [trust, beside] = [await moveAll(kit.trust), await moveAll(kit.beside)];
  return { ...kit, trust, beside, kit: { ...kit.kit, path: await move(kit.kit.path) } };
}
