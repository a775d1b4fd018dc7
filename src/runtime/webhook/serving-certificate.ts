/**
 * The certificate and key that the API server is shown, from the mounted Secret, which is read again when it changes. A pair
 * that could not serve is refused at the start; later, the last good one stays.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { ZastavaError } from '../../contract/errors.ts';
import { namespace, objectNames } from '../../contract/names.ts';
import { programEnv, programPaths, serverLimits } from '../../contract/programs.ts';
import type { Log } from '../telemetry/logs.ts';

export interface ServingCertificate {
  /** PEM: the leaf, then its chain. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Names by which the API server may call the Service; the first is the one that it uses. */
export const servingNames = [`${objectNames.webhook}.${namespace}.svc`, `${objectNames.webhook}.${namespace}.svc.cluster.local`, `${objectNames.webhook}.${namespace}`] as const;

/** Told of each certificate after the first; what it throws leaves the last one in use. */
export type UseCertificate = (certificate: ServingCertificate) => void;

/** How often the mounted files are looked at (ms); the kubelet itself takes about a minute. */
const lookMs = 1000;

/** Watches the folder for as long as the process lives. */
export async function watchServingCertificate(folder: string, current: ServingCertificate, use: UseCertificate, log: Log): Promise<never> {
  let [inUse, lastProblem] = [current, ''];
  for (;;) {
    await sleep(lookMs, undefined, { ref: false });
    try {
      const found = await readServingCertificate(folder);
      if (found.certificate === inUse.certificate && found.key === inUse.key) continue;
      requireServing(found);
      use(found);
      [inUse, lastProblem] = [found, ''];
      log.info({ scope: 'admission.certificate', certificateNotAfter: found.notAfter.toISOString() }, 'serving certificate replaced');
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== lastProblem) log.warn({ scope: 'admission.certificate', error, certificateNotAfter: inUse.notAfter.toISOString() }, 'the new serving certificate cannot be used; the last good one stays');
      lastProblem = problem;
    }
  }
}

/** @throws `environment`; the message never has a part of a file. */
export async function readServingCertificate(folder: string): Promise<ServingCertificate> {
  // The kubelet swaps this link; behind it, both files are of one version of the Secret.
  const version = await realpath(join(folder, '..data')).catch(() => folder);
  const [certificate, key] = [await read(join(version, programPaths.certificate)), await read(join(version, programPaths.key))];
  const [certificatePath, keyPath] = [join(folder, programPaths.certificate), join(folder, programPaths.key)];
  const leaf = parse(certificatePath, 'an X.509 certificate in PEM', () => new X509Certificate(certificate));
  const privateKey = parse(keyPath, 'an unencrypted private key in PEM', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) throw refusal(`${keyPath} is not the key of the certificate ${certificatePath}`);
  parse(certificatePath, 'a certificate that TLS can serve with (an RSA key has at least 2048 bits)', () => createSecureContext({ cert: certificate, key, ciphers: serverLimits.ciphers }));
  return { certificate, key, notBefore: leaf.validFromDate, notAfter: leaf.validToDate };
}

/** A certificate that the API server would refuse does not replace one that it may accept. */
function requireServing({ certificate, notAfter }: ServingCertificate): void {
  if (notAfter <= new Date()) throw refusal(`the new certificate ended at ${notAfter.toISOString()}`);
  if (new X509Certificate(certificate).checkHost(servingNames[0]) === undefined) throw refusal(`the new certificate is not for ${servingNames[0]}`);
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw refusal(`cannot read it (${(cause as Error).message})`, cause);
  }
}

function parse<T>(path: string, expected: string, reader: () => T): T {
  try {
    return reader();
  } catch (cause) {
    throw refusal(`${path} is not ${expected}`, cause);
  }
}

function refusal(what: string, cause?: unknown): ZastavaError {
  return new ZastavaError('environment', `serving certificate: ${what}; mount the Secret zastava-webhook-tls there or set ${programEnv.tlsDir}`, { cause });
}
