/** Authority for one program: identity, tokens, fallback, audit lines and metrics, from the values and the mounted Secrets. */
import type { Values } from '../../config/schema.ts';
import { ZastavaError, type ErrorCode } from '../../contract/errors.ts';
import { mountPaths } from '../../contract/names.ts';
import type { Log } from '../telemetry/logs.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { mountedPath, MountedIdentity, type ClientTls, type Identity, type Mounts } from './mounted-identity.ts';
import type { OpTok } from './op-tok.ts';
import { readStaticToken } from './static-token.ts';
import { TokenAudit } from './token-audit.ts';
import { TokenRequester, TokenRequestError } from './token-request.ts';
import { CachedTokenSource, type TokenSource } from './token-source.ts';

export interface Authority {
  readonly tokens: TokenSource;
  /** What Scanner is shown, too: the certificate that the token is bound to. Undefined while there is nothing that can be used. */
  clientTls(): ClientTls | undefined;
  close(): Promise<void>;
}

interface AuthorityParts {
  readonly runtime: Values['zastava']['runtime'];
  /** Default: where the manifests mount the Secrets. */
  readonly mounts?: Mounts;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Milliseconds: how often the mounted files are looked at (the kubelet itself takes about a minute), how long a fallback serves until
 * Authority is asked again, and how long before a token's end it takes over: twice what one request may take, so that there is no gap.
 */
const everyMs = { look: 5000, fallback: 45_000, takeOver: 20_000 } as const;

/** Authority has not said no: it is not there, or this program cannot ask it yet. */
const fallbackCodes: readonly ErrorCode[] = ['authority.unavailable', 'authority.throttled', 'authority.key-invalid'];

/** Begins to fetch a token, and does not wait for it: a program starts without Authority, too. */
export async function openAuthority({ runtime: { authority: settings }, mounts = mountPaths.authority, log, metrics }: AuthorityParts): Promise<Authority> {
  const audit = new TokenAudit(log, metrics, settings);
  const identity = new MountedIdentity(mounts, { dpop: settings.requireDpop, certificate: settings.requireMutualTls });
  const requester = new TokenRequester(settings);
  const tokens = new CachedTokenSource({ request, skewMs: settings.refreshSkewSeconds * 1000, ...(settings.allowStaticTokenFallback && { standInMs: everyMs.takeOver }) });
  const askedAs = new WeakMap<OpTok, Identity>();
  let last: Identity | undefined;

  async function request(): Promise<OpTok> {
    try {
      const as = identity.current;
      const issued = await requester.request(as);
      askedAs.set(issued.opTok, as);
      audit.issued(issued, as);
      return issued.opTok;
    } catch (error) {
      audit.failed(error);
      if (!settings.allowStaticTokenFallback || holdsBetter() || !(error instanceof ZastavaError && fallbackCodes.includes(error.code))) throw error;
      return fallBack(error);
    }
  }

  /** A token of Authority's own that stays good for a while is better than any fallback. */
  function holdsBetter(): boolean {
    const { held } = tokens;
    return held?.source === 'authority' && held.expiresAt.getTime() - Date.now() > everyMs.takeOver;
  }

  async function fallBack(reason: ZastavaError): Promise<OpTok> {
    try {
      const { opTok, issuedAt } = await readStaticToken(mountedPath(mounts, 'static/token'), new Date());
      audit.fellBack(opTok, issuedAt);
      const askAgainMs = Math.max(everyMs.fallback, reason instanceof TokenRequestError ? (reason.retryAfterMs ?? 0) : 0);
      return { ...opTok, expiresAt: new Date(Math.min(opTok.expiresAt.getTime(), Date.now() + askAgainMs)) };
    } catch (error) {
      audit.refusedFallback(error);
      throw reason;
    }
  }

  async function look(): Promise<boolean> {
    try {
      if (!(await identity.refresh())) return false;
      last = identity.current;
      audit.loaded(last);
      return true;
    } catch (error) {
      audit.unreadable(error);
      return false;
    }
  }

  await look();
  tokens.renewNow();
  // With a new key or certificate; what is bound to the old ones serves until the new token is there.
  const watch = setInterval(() => void look().then((changed) => changed && tokens.renewNow()), everyMs.look).unref();
  metrics.beforeScrape(() => audit.measure(tokens.held));
  return {
    tokens,
    clientTls: () => {
      const { held } = tokens;
      return ((held && askedAs.get(held)) ?? last)?.tls;
    },
    close: async () => {
      clearInterval(watch);
      tokens.close();
      await requester.close();
    },
  };
}
