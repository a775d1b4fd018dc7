/** Whom to trust about a kit, as options of the verbs that verify one. */
import type { Command } from 'commander';
import { ZastavaError } from '../../contract/errors.ts';
import { findCoSignatures } from '../../kit/keys/co-signature.ts';
import { openRevocations, type SignaturePaths } from '../../kit/open-kit.ts';
import { readInput } from '../terminal/inputs.ts';
import type { KitTrust } from './kit-check.ts';
import type { OutputOptions } from '../terminal/terminal.ts';

export interface TrustOptions extends OutputOptions {
  readonly key?: readonly string[];
  readonly allowDevelopment?: boolean;
  readonly bundle?: readonly string[];
  readonly signature?: readonly string[];
  readonly certificateIdentity?: string;
  readonly trustedRoot?: string;
  readonly certificate?: string;
  readonly require?: number;
  readonly revocations?: string;
}

export function addTrustOptions(command: Command): Command {
  return command
    .option('--key <file>', 'public key in PEM, which came another way than the kit; again for each further key that is trusted', collect)
    .option('--certificate-identity <name>', 'the signer by certificate: its whole URI or e-mail address; * stands for any characters but "/" and "@"')
    .option('--trusted-root <file>', 'trusted_root.json, which came another way than the kit: the authorities of certificates, and the release log')
    .option('--certificate <file>', "the signer's certificate in PEM (default: the one in the certificate bundle beside the kit)")
    .option('--bundle <file>', 'sigstore bundle (default: beside the kit); again for each further signer', collect)
    .option('--signature <file>', 'base64 signature (default: beside the kit); again for each further signer (default: those that kit sign left beside the kit for the keys given)', collect)
    .option('--require <number>', 'how many different keys must have signed the kit (default: 1)', parseCount)
    .option('--revocations <file>', 'a list of revoked keys, with its signature beside it (.sig or .sigstore.json)')
    .option('--allow-development', 'accept a kit that is signed by a development key');
}

/** The trust that the options name, and the signatures of the kit at `path` that are to be looked at. */
export async function readTrust(path: string, options: TrustOptions): Promise<{ trust: KitTrust; signatures: SignaturePaths }> {
  const { key = [], certificate, certificateIdentity, trustedRoot, require, revocations, allowDevelopment } = options;
  if (certificateIdentity !== undefined && trustedRoot === undefined) throw new ZastavaError('usage', '--certificate-identity needs --trusted-root: which authorities may say who signed');
  if (certificate !== undefined && certificateIdentity === undefined) throw new ZastavaError('usage', '--certificate needs --certificate-identity and --trusted-root: a certificate alone says nothing about whom to trust');
  const trustedRootJson = trustedRoot === undefined ? undefined : await readInput(trustedRoot, 'trusted root');
  const keyPems = await Promise.all(key.map((path) => readInput(path, 'public key')));
  const [keyPem = null, ...otherKeyPems] = keyPems;
  const trust: KitTrust = {
    keyPem,
    otherKeyPems,
    allowDevelopment: allowDevelopment === true,
    require,
    trustedRoot: trustedRootJson,
    ...(certificateIdentity !== undefined && trustedRootJson !== undefined && {
      certificate: {
        identity: certificateIdentity,
        trustedRootJson,
        certificatePem: certificate === undefined ? undefined : await readInput(certificate, 'certificate'),
      },
    }),
    ...(revocations !== undefined && { revocations: await openRevocations(revocations) }),
  };
  const [bundle, ...bundles] = options.bundle ?? [];
  const [signature, ...signatures] = options.signature ?? [];
  const named = [...bundles, ...signatures];
  return { trust, signatures: { bundle, signature, others: named.length > 0 || path === '-' ? named : findCoSignatures(path, keyPems) } };
}

/** An option that may be given again. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function parseCount(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new ZastavaError('usage', `--require is a number of keys, 1 to 99, found ${JSON.stringify(text)}`);
}
