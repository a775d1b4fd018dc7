/** `zastava kit sign`: takes signatures that were made elsewhere, after `kit build --unsigned` said what is to be signed. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ZastavaError } from '../../contract/errors.ts';
import { writeCoSignature } from '../../kit/keys/co-signature.ts';
import { answerRequest, decodeSignature, matchSignature, readPending, requestsFolder } from '../../kit/keys/signing-requests.ts';
import { openKit } from '../../kit/open-kit.ts';
import { parsePublicKey } from '../../kit/public-key.ts';
import { readInput } from '../terminal/inputs.ts';
import { printJson, say, type OutputOptions } from '../terminal/terminal.ts';

interface SignOptions extends OutputOptions {
  readonly key: string;
  readonly signature?: readonly string[];
}

export function define(command: Command): void {
  command
    .argument('<kit>', 'the kit, also one that is not there yet')
    .requiredOption('--key <file>', 'public key in PEM of the key that signed')
    .option('--signature <file>', 'a signature, ASN.1 DER or base64 of it; again for each. Without: show what is to be signed', (file: string, files: readonly string[] = []) => [...files, file])
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', `
Each <hex>.digest in the folder KIT.to-sign has the 32 bytes to sign; sign until kit build --unsigned asks for no more.

Examples:
  zastava kit build --unsigned --key release.pub
  openssl pkeyutl -sign -inkey release.pem -in zastava-runtime-1.0.0.to-sign/<hex>.digest -out one.sig
  zastava kit sign zastava-runtime-1.0.0.tar.zst --key release.pub --signature one.sig
  zastava kit sign zastava-runtime-1.0.0.tar.zst --key auditor.pub --signature auditor.sig`)
    .action(sign);
}

async function sign(kit: string, options: SignOptions): Promise<void> {
  const key = parsePublicKey(await readInput(options.key, 'public key'), options.key);
  const folder = requestsFolder(kit);
  const pending = await readPending(folder);
  const sha256 = existsSync(kit) ? await digestOfKit(kit) : undefined;
  if (sha256 === undefined && pending.length === 0) throw new ZastavaError('environment', `there is neither ${kit} nor ${folder}; build the kit first: zastava kit build --unsigned --key ${options.key}`);

  const written: string[] = [];
  for (const path of options.signature ?? []) {
    const signature = decodeSignature(await readSignature(path));
    const hex = matchSignature(signature, [...pending, ...(sha256 === undefined ? [] : [sha256])], key, path);
    if (pending.includes(hex)) {
      await answerRequest(folder, hex, signature);
      written.push(join(folder, `${hex}.sig`));
    } else {
      written.push(...(await writeCoSignature(kit, hex, signature, key)));
    }
  }
  const left = await readPending(folder);
  say(options, ...written, ...left.map((hex) => `to sign: sha256:${hex} (${join(folder, `${hex}.digest`)})`));
  if (left.length === 0 && pending.length > 0) say(options, 'all that was asked for is signed; go on with: zastava kit build --unsigned');
  if (options.signature === undefined && sha256 !== undefined) say(options, `the kit itself: sha256:${sha256}`);
  printJson(options, { ok: true, written, toSign: left, kit: sha256 ?? null });
}

async function digestOfKit(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of (await openKit(path)).stream()) hash.update(chunk);
  return hash.digest('hex');
}

/** Bytes, since DER is no text. */
async function readSignature(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: Error) => {
    throw new ZastavaError('environment', `the signature ${path} cannot be read: ${cause.message}`, { cause });
  });
}
