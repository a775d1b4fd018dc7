import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseValues } from '../../../../src/config/parse-values.ts';
import type { PreflightLine } from '../../../../src/contract/preflight.ts';
import { checkBackends } from '../../../../src/runtime/observer/preflight/backend-checks.ts';
import { Backends } from '../../../fakes/backends.ts';
import { RuntimeProgram } from '../../../fakes/runtime-program.ts';

let backends: Backends;
beforeAll(async () => {
  backends = await Backends.start();
});
afterAll(() => backends[Symbol.asyncDispose]());

async function check(runtime: object = {}) {
  const findings = await checkBackends(parseValues(backends.program({}, runtime).config, 'test').zastava.runtime, backends.mounts);
  return Object.fromEntries(findings.map(({ check, ...rest }) => [check, rest]));
}

describe('backends', () => {
  test('that are as they should be', async () => {
    const found = await check();
    // The certificates of the test last a day.
    const notOk = Object.values(found).filter(({ outcome }) => outcome !== 'ok');
    expect(notOk).toEqual([0, 1].map(() => ({ outcome: 'warning', found: expect.stringMatching(/^TLSv1\.3, certificate of test authority for \d more days$/), todo: expect.stringContaining('renew') })));
    expect(Object.keys(found)).toEqual(['keys for Authority', 'name of Authority', 'TLS of Authority', 'name of Scanner', 'TLS of Scanner', 'token with the right claims', 'policy path of Scanner']);
    expect(found['token with the right claims']?.found).toMatch(/^DPoP for scanner with aud:scanner api:scanner.runtime.write, for \d+ s, bound to our DPoP key and to our certificate$/);
  });

  test('with a name that nobody knows', async () => {
    const found = await check({ backend: { baseAddress: 'https://scanner.invalid' } });
    expect(found['name of Scanner']).toMatchObject({ outcome: 'failed', found: expect.stringContaining('scanner.invalid'), todo: expect.any(String) });
    expect(found['TLS of Scanner']).toBeUndefined();
    expect(found['policy path of Scanner']).toMatchObject({ outcome: 'failed' });
    expect(found['token with the right claims']).toMatchObject({ outcome: 'ok' });
  });

  test('at a port where nobody listens', async () => {
    const found = await check({ backend: { baseAddress: 'https://localhost:1' } });
    expect(found['TLS of Scanner']).toMatchObject({ outcome: 'failed', found: expect.stringContaining('ECONNREFUSED') });
  });

  test('that give no token for such scopes', async () => {
    const found = await check({ authority: { issuer: backends.authority.issuer, scopes: ['aud:scanner', 'api:scanner.admin'] } });
    expect(found['token with the right claims']).toMatchObject({ outcome: 'failed' });
    expect(found['policy path of Scanner']).toBeUndefined();
  });

  test('with another policy path', async () => {
    backends.scanner.options = { ...backends.scanner.options, answer: ({ path }) => (path === '/elsewhere' ? { status: 404 } : undefined) };
    const found = await check({ backend: { baseAddress: backends.scanner.baseAddress, policyPath: '/elsewhere' } });
    expect(found['policy path of Scanner']).toMatchObject({ outcome: 'failed', found: expect.stringContaining('/elsewhere') });
  });

  test('of an authority that is not mounted', async () => {
    const ca = join(backends.mounts, 'mtls/ca.crt');
    rmSync(ca);
    const found = await check().finally(() => writeFileSync(ca, backends.pki.ca));
    expect(found['TLS of Authority']).toMatchObject({ outcome: 'failed', found: expect.stringMatching(/UNABLE_TO|SELF_SIGNED/), todo: expect.stringContaining('ca.crt') });
  });
});

test('zastava-observer preflight prints one line with all of it, and no key', async () => {
  const { config, env } = backends.program();
  await using program = new RuntimeProgram('observer', { config, env, flags: ['preflight'] });
  expect(await program.exit()).toBe(0);
  const { preflight } = JSON.parse(program.stdout) as PreflightLine;
  expect(program.stdout.trim().split('\n')).toHaveLength(1);
  expect(preflight.map(({ check }) => check)).toEqual(expect.arrayContaining(['buffer', 'policy path of Scanner']));
  const { d } = JSON.parse(backends.jwk) as { d: string };
  expect(program.stdout).not.toContain(d);
});
