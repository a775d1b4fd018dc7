/** The Secrets that the Pods mount, and by what the API server will know the webhook. Nothing of a key is shown. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { checkObject } from '../../../bytes/json-checks.ts';
import type { Values } from '../../../config/schema.ts';
import { namespace, objectNames, registryFiles, secretNames } from '../../../contract/names.ts';
import type { PreflightFinding } from '../../../contract/preflight.ts';
import { messageOf, type ApiServer } from '../../cluster/api-server.ts';

const soonMs = 14 * 86_400_000;
const servingName = `${objectNames.webhook}.${namespace}.svc`;

type Files = ReadonlyMap<string, string>;

/** Throws what is wrong, as a text for people. */
type Look = (files: Files) => Pick<PreflightFinding, 'found'> & { readonly ends?: Date };

interface Wanted {
  readonly name: string;
  readonly keys: readonly string[];
  readonly todo: string;
  readonly look?: Look;
}

export async function checkSecrets(api: ApiServer, { runtime, images, webhook }: Values['zastava']): Promise<PreflightFinding[]> {
  const { authority } = runtime;
  const wanted: Wanted[] = [
    ...(authority.requireDpop ? [{ name: secretNames.dpop, keys: ['jwk.json'], todo: 'make it: zastava keys make dpop', look: lookAtDpop }] : []),
    ...(authority.requireMutualTls ? [{ name: secretNames.mtls, keys: ['tls.crt', 'tls.key'], todo: 'make it: zastava keys make mtls, and have the certificate issued', look: lookAtPair }] : []),
    ...(authority.allowStaticTokenFallback ? [{ name: secretNames.static, keys: ['token'], todo: 'make it, or set zastava.runtime.authority.allowStaticTokenFallback to false' }] : []),
    ...(webhook.registrySecret === undefined ? [] : [{ name: webhook.registrySecret, keys: [registryFiles.dockerConfig], todo: 'kubectl create secret docker-registry' }]),
    ...images.pullSecrets.map((name) => ({ name, keys: [registryFiles.dockerConfig], todo: 'kubectl create secret docker-registry' })),
    ...(webhook.tls.mode === 'secret' ? [{ name: secretNames.webhookTls, keys: ['tls.crt', 'tls.key'], todo: 'make it: zastava keys make webhook-tls, and have the certificate issued', look: lookAtServing(webhook.tls.caBundle ?? '') }] : []),
  ];
  return Promise.all(wanted.map((each) => checkSecret(api, each)));
}

/** By which the API server will know the webhook, where a signer makes the certificates. */
export function checkBundle(caBundle: string): PreflightFinding {
  const check = 'caBundle';
  const authorities = parseCertificates(caBundle);
  const ends = new Date(Math.max(...authorities.map(({ validToDate }) => validToDate.getTime())));
  if (authorities.length === 0) return { check, outcome: 'failed', found: 'has no certificate', todo: 'put the authority of the signer into zastava.webhook.tls.caBundle' };
  const found = `${authorities.length === 1 ? '1 authority' : `${authorities.length} authorities`}, the last until ${ends.toISOString()}`;
  if (ends <= new Date()) return { check, outcome: 'failed', found, todo: 'put the authority that the signer uses now into zastava.webhook.tls.caBundle' };
  return ends.getTime() - Date.now() < soonMs ? { check, outcome: 'warning', found, todo: 'add the next authority to it' } : { check, outcome: 'ok', found };
}

async function checkSecret(api: ApiServer, { name, keys, todo, look = () => ({ found: 'is there' }) }: Wanted): Promise<PreflightFinding> {
  const check = name === secretNames.webhookTls ? 'serving certificate and caBundle' : `Secret ${name}`;
  const answer = await api.call('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
  if (answer.status === 404) return { check, outcome: 'failed', found: `the Secret ${name} is not there`, todo };
  if (answer.status !== 200) return { check, outcome: 'unknown', found: messageOf(answer) };
  const files = new Map(Object.entries(checkObject(answer.body['data'] ?? {}, 'data', [])).map(([key, value]) => [key, Buffer.from(String(value), 'base64').toString('utf8')]));
  const lacking = keys.filter((key) => !files.has(key));
  if (lacking.length > 0) return { check, outcome: 'failed', found: `the Secret ${name} has no ${lacking.join(', ')}`, todo };
  try {
    const { found, ends } = look(files);
    if (ends !== undefined && ends.getTime() - Date.now() < soonMs) return { check, outcome: 'warning', found, todo: 'have it renewed' };
    return { check, outcome: 'ok', found };
  } catch (error) {
    return { check, outcome: 'failed', found: (error as Error).message, todo };
  }
}

const lookAtDpop: Look = (files) => {
  let key: { kty?: unknown; crv?: unknown; d?: unknown } = {};
  try {
    key = JSON.parse(files.get('jwk.json') ?? '') as typeof key;
    createPrivateKey({ key: key as never, format: 'jwk' });
  } catch {
    // Without the cause, which may quote the key.
    throw new Error('jwk.json is no private key (JWK)');
  }
  if (key.kty !== 'EC' || key.crv !== 'P-256') throw new Error('jwk.json is no key on P-256');
  return { found: `a key on P-256, revision ${files.get('revision')?.trim() || 'unnamed'}` };
};

const lookAtPair: Look = (files) => {
  const { leaf } = readPair(files);
  return { found: `a pair, until ${leaf.validToDate.toISOString()}${files.has('ca.crt') ? ', with the authority of the servers' : ''}`, ends: leaf.validToDate };
};

/** As the API server will look at it. */
function lookAtServing(caBundle: string): Look {
  return (files) => {
    const { leaf, chain } = readPair(files);
    if (leaf.checkHost(servingName) === undefined) throw new Error(`the certificate is not for ${servingName}, but for ${leaf.subjectAltName ?? 'no name'}`);
    const authority = findAuthority(leaf, chain, parseCertificates(caBundle));
    if (authority === undefined) throw new Error('zastava.webhook.tls.caBundle does not verify the certificate: the API server could not call the webhook');
    const ends = new Date(Math.min(leaf.validToDate.getTime(), authority.validToDate.getTime()));
    return { found: `for ${servingName}, verified by caBundle, until ${ends.toISOString()}`, ends };
  };
}

function readPair(files: Files): { leaf: X509Certificate; chain: X509Certificate[] } {
  const [leaf, ...chain] = parseCertificates(files.get('tls.crt') ?? '');
  if (leaf === undefined) throw new Error('tls.crt is no certificate in PEM');
  let belongs: boolean;
  try {
    belongs = leaf.checkPrivateKey(createPrivateKey(files.get('tls.key') ?? ''));
  } catch {
    throw new Error('tls.key is no unencrypted private key in PEM');
  }
  if (!belongs) throw new Error('tls.key is not the key of tls.crt');
  const now = new Date();
  if (leaf.validToDate <= now) throw new Error(`the certificate ended at ${leaf.validToDate.toISOString()}`);
  if (leaf.validFromDate > now) throw new Error(`the certificate begins at ${leaf.validFromDate.toISOString()}`);
  return { leaf, chain };
}

/** Up the chain to one of the bundle, if that is still good. */
function findAuthority(leaf: X509Certificate, chain: readonly X509Certificate[], bundle: readonly X509Certificate[]): X509Certificate | undefined {
  let current = leaf;
  for (let depth = 0; depth <= chain.length; depth++) {
    const issuedCurrent = (one: X509Certificate): boolean => current.checkIssued(one) && current.verify(one.publicKey);
    const root = bundle.find((one) => issuedCurrent(one) && one.validToDate > new Date());
    if (root) return root;
    const next = chain.find((one) => one !== current && issuedCurrent(one));
    if (next === undefined) return undefined;
    current = next;
  }
  return undefined;
}

function parseCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}
