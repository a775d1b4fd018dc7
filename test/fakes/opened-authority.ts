/** Authority as a program opens it, against the real one on loopback, with what it wrote and counted. */
import { openAuthority, type Authority } from '../../src/runtime/authority/open-authority.ts';
import type { Values } from '../../src/config/schema.ts';
import { Metrics } from '../../src/runtime/telemetry/metrics.ts';
import { AuthorityServer, type AuthorityOptions } from './authority-server.ts';
import { RecordedLog } from './recorded-log.ts';
import { runtimeValues } from './runtime-values.ts';
import type { TestPki } from './test-pki.ts';

type Settings = Partial<Values['zastava']['runtime']['authority']>;

export interface OpenedAuthority extends AsyncDisposable {
  readonly authority: Authority;
  readonly server: AuthorityServer;
  readonly log: RecordedLog;
  /** Samples of this metric, as a scrape shows them. */
  samples(name: string): Promise<string[]>;
}

export async function openedAuthority(pki: TestPki, mounts: string, options: AuthorityOptions = {}, settings: Settings = {}): Promise<OpenedAuthority> {
  const server = await AuthorityServer.start(pki, options);
  const [log, metrics] = [new RecordedLog(), new Metrics('webhook', {})];
  const authority = await openAuthority({ runtime: runtimeValues({ authority: { issuer: server.issuer, ...settings } }), mounts, log: log.log, metrics });
  return {
    authority, server, log,
    samples: async (name) => (await metrics.render()).body.split('\n').filter((line) => line.startsWith(`${name}{`)),
    [Symbol.asyncDispose]: async () => {
      await authority.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** On performance.now()'s clock: later than any test waits. */
export const far = (): number => performance.now() + 20_000;
