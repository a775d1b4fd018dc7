/** The certificate and key that the API server is shown, from the mounted Secret. A pair that could not serve is refused at the start. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZastavaError } from '../../contract/errors.ts';
import { programEnv, programPaths } from '../../contract/programs.ts';

export interface ServingCertificate {
  /** PEM: the leaf, then its chain. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  readonly notAfter: Date;
}

/** @throws `environment`; the message never has a part of a file. */
export async function readServingCertificate(folder: string): Promise<ServingCertificate> {
  const [certificatePath, keyPath] = [join(folder, programPaths.certificate), join(folder, programPaths.key)];
  const certificate = await read(certificatePath);
  const key = await read(keyPath);
  const leaf = parse(certificatePath, 'an X.509 certificate in PEM', () => new X509Certificate(certificate));
  const privateKey: KeyObject = parse(keyPath, 'an unencrypted private key in PEM', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) throw refusal(`${keyPath} is not the key of the certificate ${certificatePath}`);
  return { certificate, key, notAfter: leaf.validToDate };
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
