/** Scanner for one program: its two calls, over the same connections and with the same token. */
import type { Values } from '../../config/schema.ts';
import type { Authority } from '../authority/open-authority.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Component } from '../../contract/label-values.ts';
import { createAskPolicy, type AskPolicy } from './policy.ts';
import { ScannerConnections, type Send } from './send.ts';
import { withAuth } from './with-auth.ts';
import { withMetrics } from './with-metrics.ts';
import { withRetry } from './with-retry.ts';

export interface Scanner {
  readonly ask: AskPolicy;
  /** For what is not a question: never sent twice by itself. */
  readonly send: Send;
  close(): Promise<void>;
}

interface ScannerParts {
  readonly backend: Values['zastava']['runtime']['backend'];
  readonly authority: Pick<Authority, 'tokens' | 'clientTls'>;
  readonly metrics: Metrics;
  readonly component: Component;
}

export function openScanner({ backend, authority, metrics, component }: ScannerParts): Scanner {
  const connections = new ScannerConnections(() => authority.clientTls());
  const send = withAuth(withMetrics(connections.send, metrics), authority.tokens);
  const ask = createAskPolicy({ send: withRetry(send), backend, metrics, component });
  return { ask, send, close: () => connections.close() };
}
