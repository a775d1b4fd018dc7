/** `zastava keys make`: keys for a kit, its log and a site, into a folder of their own; never into a kit, never over an older one. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Argument, type Command } from 'commander';
import { ZastavaError } from '../../contract/errors.ts';
import { makeClientKey, makeClientSecret, makeDpopKey, makeServingKey, makeSigningKey, type SiteKey } from '../../kit/keys/site-keys.ts';
import { checkoutPaths } from './checkout.ts';
import { readInput } from '../terminal/inputs.ts';
import { printJson, say, type OutputOptions } from '../terminal/terminal.ts';

interface MakeOptions extends OutputOptions {
  readonly to: string;
  readonly revision: string;
  readonly clientId: string;
  readonly certificate?: string;
  readonly days: string;
}

type Kind = 'kit' | 'log' | 'dpop' | 'mtls' | 'webhook-tls';

const passphraseVariable = 'ZASTAVA_KEY_PASSPHRASE';

const makers: Record<Kind, (options: MakeOptions) => SiteKey | Promise<SiteKey>> = {
  'kit': () => makeSigningKey('zastava-runtime', process.env[passphraseVariable] || undefined),
  'log': () => makeSigningKey('release-log', process.env[passphraseVariable] || undefined),
  'dpop': ({ revision }) => makeDpopKey(revision),
  'mtls': async ({ to, clientId, certificate }) =>
    certificate === undefined ? makeClientKey(clientId) : makeClientSecret(await readInput(join(to, 'client.key'), 'client key'), await readInput(certificate, 'certificate')),
  'webhook-tls': ({ days }) => makeServingKey(new Date(), parseDays(days)),
};

export function define(command: Command): void {
  command
    .addArgument(new Argument('<kind>', 'what it is for').choices(Object.keys(makers)))
    .requiredOption('--to <dir>', 'the folder for its files')
    .option('--revision <text>', 'dpop: annotation of the Secret, to tell a key from the one before', '1')
    .option('--client-id <name>', 'mtls: the client as Authority knows it', 'zastava-runtime')
    .option('--certificate <file>', 'mtls: the certificate that was issued for client.csr, with its chain: writes the Secret')
    .option('--days <number>', 'webhook-tls: how long the certificate is valid', '365')
    .option('--json', 'print the names of the files as JSON')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', `\nkit and log keys are encrypted when ${passphraseVariable} is set.\n\nExamples:\n  zastava keys make kit --to /media/vault\n  zastava keys make mtls --to secrets/mtls && zastava keys make mtls --to secrets/mtls --certificate issued.pem\n  zastava keys make webhook-tls --to secrets/webhook --days 365`)
    .action(makeKey);
}

async function makeKey(kind: Kind, options: MakeOptions): Promise<void> {
  refuseKitFolders(options.to);
  const { secret, open, next } = await makers[kind](options);
  const paths = [...secret.keys(), ...open.keys()].map((name) => join(options.to, name));
  const there = paths.filter((path) => existsSync(path));
  if (there.length > 0) throw new ZastavaError('usage', `${there.join(', ')} is there already; a key is never written over. Move it away, or name another folder.`);
  await mkdir(options.to, { recursive: true, mode: 0o700 });
  for (const [name, text] of secret) await writeFile(join(options.to, name), text, { flag: 'wx', mode: 0o600 });
  for (const [name, text] of open) await writeFile(join(options.to, name), text, { flag: 'wx', mode: 0o644 });
  say(options, ...paths, next);
  printJson(options, { ok: true, kind, files: paths, next });
}

/** Folders that a kit is made of or lies in. */
function refuseKitFolders(folder: string): void {
  const path = relative('.', folder);
  const inside = [checkoutPaths.kits, checkoutPaths.dist, 'docs'].find((place) => path === place || path.startsWith(place + sep));
  if (inside !== undefined) throw new ZastavaError('usage', `${folder} is in ${inside}/, which kits are made of or lie in; a key never goes there. Name another folder.`);
}

function parseDays(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new ZastavaError('usage', `--days is a whole number from 1 to 9999, found ${JSON.stringify(text)}`);
}
