/** Authority and Scanner as the operator reaches them, for as long as the work takes. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createResolver } from '../../registry/resolver.ts';
import { openAuthority } from '../../runtime/authority/open-authority.ts';
import { openScanner } from '../../runtime/scanner/open-scanner.ts';
import type { AskPolicy } from '../../runtime/scanner/policy.ts';
import { createLogTo } from '../../runtime/telemetry/logs.ts';
import { Metrics } from '../../runtime/telemetry/metrics.ts';
import { VerdictFinder } from '../../runtime/webhook/verdicts.ts';
import type { Find, Webhook } from './judgement.ts';
import type { OperatorConfig } from './operator-config.ts';

interface Session {
  /** Throws what went wrong. */
  readonly ask: AskPolicy;
  /** As the webhook does it: with the tags resolved at the registries of the values, by the operator's own docker config. */
  readonly find: Find;
}

/** Milliseconds for one Pod: an operator waits longer than an API server. */
export const patienceMs = 30_000;

/** @throws `authority.*` before any work when there is no token */
export async function withSession({ runtime, files }: OperatorConfig, webhook: Webhook, work: (session: Session) => Promise<void>): Promise<void> {
  // Nobody reads them: what goes wrong is printed.
  const [log, metrics] = [createLogTo('stellaops-cli', { write: () => undefined }), new Metrics('webhook', {})];
  const docker = process.env['DOCKER_CONFIG'] || join(homedir(), '.docker');
  const authority = await openAuthority({ runtime, mounts: files, log, metrics });
  const scanner = openScanner({ backend: runtime.backend, authority, metrics, component: 'webhook' });
  try {
    await authority.tokens.get(performance.now() + patienceMs);
    const resolve = createResolver({ registries: webhook.registries, dockerConfigPath: join(docker, 'config.json'), caPath: join(docker, 'ca.crt') });
    const finder = new VerdictFinder({ webhook, ask: scanner.ask, resolve, log, metrics, now: () => new Date() });
    await work({ ask: scanner.ask, find: (review) => finder.find(review, performance.now() + patienceMs, false) });
  } finally {
    await scanner.close();
    await authority.close();
  }
}
