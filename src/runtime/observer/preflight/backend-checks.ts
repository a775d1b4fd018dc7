/** Authority and Scanner as the programs will reach them from this node, with their own keys: names, TLS, a token, and the policy. */
import { lookup } from 'node:dns/promises';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Values } from '../../../config/schema.ts';
import { ZastavaError } from '../../../contract/errors.ts';
import type { PreflightFinding } from '../../../contract/preflight.ts';
import { MountedIdentity, type Identity, type Mounts } from '../../authority/mounted-identity.ts';
import type { OpTok } from '../../authority/op-tok.ts';
import { TokenRequester, tlsOptions } from '../../authority/token-request.ts';
import { openScanner } from '../../scanner/open-scanner.ts';
import { Metrics } from '../../telemetry/metrics.ts';

type Runtime = Values['zastava']['runtime'];

const waitMs = 10_000;
const daySeconds = 86_400;
const soonDays = 14;
/** Nobody has it: the answer must have a verdict on it all the same. */
const imageOfNobody = `preflight.invalid/nobody@sha256:${'0'.repeat(64)}`;

export async function checkBackends(runtime: Runtime, mounts: Mounts): Promise<PreflightFinding[]> {
  const { authority, backend } = runtime;
  const identity = new MountedIdentity(mounts, { dpop: authority.requireDpop, certificate: authority.requireMutualTls });
  const unread = await identity.refresh().then(() => undefined, messageOf);
  const keys: PreflightFinding = unread === undefined ? { check: 'keys for Authority', outcome: 'ok', found: describeKeys(identity.current) } : { check: 'keys for Authority', outcome: 'failed', found: unread };
  const as = unread === undefined ? identity.current : { tls: {} };
  const reached = [...(await checkServer('Authority', authority.issuer, as)), ...(await checkServer('Scanner', backend.baseAddress, as))];
  if (unread !== undefined) return [keys, ...reached];
  return [keys, ...reached, ...(await checkToken(runtime, as))];
}

function describeKeys({ dpop, tls }: Identity): string {
  const parts = [dpop && `DPoP key ${dpop.thumbprint}`, tls.notAfter && `client certificate until ${tls.notAfter.toISOString()}`, tls.ca !== undefined && 'authority of the servers'];
  return parts.filter(Boolean).join('; ') || 'none are asked for';
}

async function checkServer(name: string, address: string, { tls }: Identity): Promise<PreflightFinding[]> {
  const url = new URL(address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  let resolved: PreflightFinding;
  try {
    const addresses = await lookup(host, { all: true });
    resolved = { check: `name of ${name}`, outcome: 'ok', found: `${host} is ${addresses.map((each) => each.address).join(', ')}` };
  } catch (error) {
    return [{ check: `name of ${name}`, outcome: 'failed', found: `${host} is not resolved (${(error as NodeJS.ErrnoException).code})`, todo: `let the cluster's DNS and its nodes know ${host}` }];
  }
  return [resolved, url.protocol === 'https:' ? await checkTls(name, url, tls) : { check: `TLS of ${name}`, outcome: 'warning', found: `${address} has none`, todo: 'for a lab only' }];
}

async function checkTls(name: string, url: URL, tls: Identity['tls']): Promise<PreflightFinding> {
  const check = `TLS of ${name}`;
  try {
    const { protocol, certificate } = await shakeHands(url, tls);
    const days = Math.floor((Date.parse(certificate.valid_to) - Date.now()) / (daySeconds * 1000));
    const found = `${protocol}, certificate of ${[certificate.issuer.CN].flat()[0] ?? 'an unnamed authority'} for ${days} more days`;
    return days < soonDays ? { check, outcome: 'warning', found, todo: `renew the certificate of ${url.host}` } : { check, outcome: 'ok', found };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { check, outcome: 'failed', found: `${url.host}: ${code ?? message}`, todo: 'if its authority is a private one, put it as ca.crt into the Secret zastava-authority-mtls; if it does not answer, see routes and network policies' };
  }
}

function shakeHands(url: URL, tls: Identity['tls']): Promise<{ protocol: string; certificate: PeerCertificate }> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const socket: TLSSocket = connect({ host, port: Number(url.port || 443), ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }), ...tlsOptions(tls), timeout: waitMs });
    const end = (act: () => void): void => {
      socket.destroy();
      act();
    };
    socket.on('secureConnect', () => {
      const result = { protocol: socket.getProtocol() ?? 'TLS', certificate: socket.getPeerCertificate() };
      end(() => resolve(result));
    });
    socket.on('error', (error) => end(() => reject(error))).on('timeout', () => end(() => reject(new Error(`no answer within ${waitMs / 1000} s`))));
  });
}

async function checkToken(runtime: Runtime, as: Identity): Promise<PreflightFinding[]> {
  const { authority } = runtime;
  const requester = new TokenRequester(authority);
  try {
    const { opTok, clockAheadSeconds } = await requester.request(as);
    const seconds = Math.round((opTok.expiresAt.getTime() - Date.now()) / 1000);
    const bound = [authority.requireDpop && 'to our DPoP key', authority.requireMutualTls && 'to our certificate'].filter(Boolean).join(' and ');
    const found = `${authority.requireDpop ? 'DPoP' : 'Bearer'} for ${authority.audience.join(', ')} with ${authority.scopes.join(' ')}, for ${seconds} s${bound === '' ? '' : `, bound ${bound}`}`;
    const clock = clockAheadSeconds === undefined ? [] : [{ check: 'clock', outcome: 'warning' as const, found: `${clockAheadSeconds} s ahead of Authority's`, todo: 'set the clock of this node' }];
    return [{ check: 'token with the right claims', outcome: 'ok', found }, ...clock, await checkPolicy(runtime, as, opTok)];
  } catch (error) {
    return [{ check: 'token with the right claims', outcome: 'failed', found: messageOf(error) }];
  } finally {
    await requester.close();
  }
}

async function checkPolicy({ backend }: Runtime, as: Identity, opTok: OpTok): Promise<PreflightFinding> {
  const check = 'policy path of Scanner';
  const tokens = { get: () => Promise.resolve(opTok), drop: () => false };
  const scanner = openScanner({ backend, authority: { tokens, clientTls: () => as.tls }, metrics: new Metrics('observer', {}), component: 'observer' });
  try {
    const { policyRevision } = await scanner.ask({ namespace: 'zastava-preflight', labels: {}, images: [imageOfNobody] }, performance.now() + waitMs);
    return { check, outcome: 'ok', found: `${backend.policyPath} answers with policy ${policyRevision}` };
  } catch (error) {
    return { check, outcome: 'failed', found: `${backend.policyPath}: ${messageOf(error)}`, todo: 'see zastava.runtime.backend, and what Scanner lets the client of zastava.runtime.authority do' };
  } finally {
    await scanner.close();
  }
}

/** With every problem, in one line. */
function messageOf(error: unknown): string {
  const problems = error instanceof ZastavaError ? error.problems : [];
  const list = problems.map(({ where, expected, found }) => `${where}: expected ${expected}, found ${found}`);
  return [(error as Error).message, ...list].join('; ').replaceAll(/\s+/g, ' ').slice(0, 1000);
}
