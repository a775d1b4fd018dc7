/** The part of the values that the programs read, with defaults, over which a test puts its own. */
import { parsePodValues } from '../../src/config/parse-values.ts';
import type { Values } from '../../src/config/schema.ts';

type Runtime = Values['zastava']['runtime'];

export function podValues(runtime: object = {}, rest: object = {}): Values {
  const base = { tenant: 'acme', environment: 'test', deployment: 'edge-1', authority: { issuer: 'https://authority.internal' }, metrics: { commonTags: { cluster: 'edge-1' } } };
  return parsePodValues(JSON.stringify({ zastava: { runtime: { ...base, ...runtime }, ...rest } }), 'test');
}

export function runtimeValues(runtime: object = {}): Runtime {
  return podValues(runtime).zastava.runtime;
}
