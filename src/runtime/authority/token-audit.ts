/** What people and Prometheus are told of keys and tokens: the audit lines of the runbook (sections 2 to 4), and the metrics. Never a part of either. */
import type { Values } from '../../config/schema.ts';
import { ZastavaError } from '../../contract/errors.ts';
import type { tokenFailureReasons } from '../../contract/label-values.ts';
import { metrics as catalogue } from '../../contract/metrics.ts';
import type { Log } from '../telemetry/logs.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Identity } from './mounted-identity.ts';
import type { OpTok } from './op-tok.ts';
import type { IssuedToken } from './token-request.ts';

type AuthoritySettings = Values['zastava']['runtime']['authority'];
type FailureReason = (typeof tokenFailureReasons)[number];

const failureReasons = new Map<string, FailureReason>([
  ['authority.unavailable', 'unreachable'],
  ['authority.throttled', 'throttled'],
  ['authority.rejected', 'rejected'],
  ['authority.token-invalid', 'tokenInvalid'],
  ['authority.key-invalid', 'keyInvalid'],
]);

export class TokenAudit {
  readonly #metrics: Metrics;
  readonly #settings: AuthoritySettings;
  readonly #issue: Log;
  readonly #fallback: Log;
  readonly #key: Log;
  /** Of metrics. */
  readonly #audience: string;
  #keyLabels: { readonly revision: string; readonly thumbprint: string } | undefined;
  #token: { readonly source: OpTok['source']; readonly since: number } | undefined;
  #told = '';

  constructor(log: Log, metrics: Metrics, settings: AuthoritySettings) {
    [this.#metrics, this.#settings, this.#audience] = [metrics, settings, settings.audience.join(' ')];
    [this.#issue, this.#fallback, this.#key] = ['authority.token.issue', 'authority.token.fallback', 'authority.key'].map((scope) => log.child({ scope })) as [Log, Log, Log];
    metrics.set(catalogue.tokenExpiry, { audience: this.#audience }, 0);
    for (const reason of failureReasons.values()) metrics.count(catalogue.tokenFailures, { audience: this.#audience, reason }, 0);
    if (!settings.requireMutualTls) this.#issue.warn('Mutual TLS requirement disabled');
  }

  issued({ opTok, clockAheadSeconds }: IssuedToken, { dpop, tls }: Identity): void {
    const { issuer, clientId, audience, scopes } = this.#settings;
    this.#began(opTok, Date.now());
    this.#issue.info({
      decision: 'issued', issuer, clientId, audience, scopes, tokenType: dpop ? 'DPoP' : 'Bearer', expiresAt: opTok.expiresAt.toISOString(),
      ...(dpop && { keyThumbprint: dpop.thumbprint, keyRevision: dpop.revision }), mutualTls: tls.cert !== undefined,
    }, 'Issued runtime OpTok');
    if (clockAheadSeconds !== undefined) this.#issue.warn({ clockAheadSeconds }, "the clock of this node is not that of Authority: set it, before proofs and tokens are refused");
  }

  failed(error: unknown): void {
    const { issuer, clientId, audience } = this.#settings;
    const reason = (error instanceof ZastavaError && failureReasons.get(error.code)) || 'unreachable';
    this.#metrics.count(catalogue.tokenFailures, { audience: this.#audience, reason });
    this.#issue.error({ decision: 'refused', issuer, clientId, audience, error }, 'no OpTok was issued');
  }

  fellBack(opTok: OpTok, issuedAt: Date): void {
    this.#began(opTok, issuedAt.getTime());
    this.#fallback.warn({ decision: 'static', audience: this.#settings.audience, issuedAt: issuedAt.toISOString(), expiresAt: opTok.expiresAt.toISOString() }, 'static fallback token in use');
  }

  refusedFallback(error: unknown): void {
    this.#fallback.error({ decision: 'refused', audience: this.#settings.audience, error }, 'static fallback token refused');
  }

  loaded({ dpop, tls }: Identity): void {
    this.#told = '';
    if (dpop) {
      if (this.#keyLabels) this.#metrics.unset(catalogue.keyInfo, this.#keyLabels);
      this.#keyLabels = { revision: dpop.revision, thumbprint: dpop.thumbprint };
      this.#metrics.set(catalogue.keyInfo, this.#keyLabels, 1);
      this.#key.info({ keyRevision: dpop.revision, keyThumbprint: dpop.thumbprint }, 'DPoP key loaded');
    }
    if (tls.notAfter) {
      this.#metrics.set(catalogue.certificateNotAfter, { certificate: 'authorityClient' }, tls.notAfter.getTime() / 1000);
      this.#key.info({ certificateFingerprint: tls.fingerprint, certificateNotAfter: tls.notAfter.toISOString() }, 'client certificate loaded');
    }
  }

  /** Once for each reason. */
  unreadable(error: unknown): void {
    const text = String(error);
    if (text === this.#told) return;
    this.#told = text;
    this.#key.error({ error }, 'a key or certificate cannot be used; the last good one stays in force');
  }

  /** Before a scrape. */
  measure(held: OpTok | undefined): void {
    if (this.#token === undefined) return;
    const { source, since } = this.#token;
    if (held === undefined) this.#metrics.unset(catalogue.tokenAge, { audience: this.#audience, source });
    else this.#metrics.set(catalogue.tokenAge, { audience: this.#audience, source }, (Date.now() - since) / 1000);
  }

  #began(token: OpTok, since: number): void {
    if (this.#token && this.#token.source !== token.source) this.#metrics.unset(catalogue.tokenAge, { audience: this.#audience, source: this.#token.source });
    this.#token = { source: token.source, since };
    this.#metrics.set(catalogue.tokenExpiry, { audience: this.#audience }, token.expiresAt.getTime() / 1000);
  }
}
