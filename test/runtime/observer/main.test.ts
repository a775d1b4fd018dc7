import { expect, test, vi } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { metrics as catalogue } from '../../../src/contract/metrics.ts';
import { Backends } from '../../fakes/backends.ts';
import { RuntimeProgram, sampleConfig } from '../../fakes/runtime-program.ts';

test('starts, serves health and metrics, says why it is not ready, and stops on SIGINT', async () => {
  await using observer = new RuntimeProgram('observer', { config: JSON.stringify({ zastava: { ...sampleConfig.zastava, observer: { containerd: { socket: '/nowhere/containerd.sock' } } } }) });
  await observer.line('started');
  const base = `http://127.0.0.1:${await observer.port('telemetry')}`;
  expect(await (await fetch(`${base}/healthz`)).json()).toEqual({ alive: true });
  await vi.waitFor(async () => expect(await (await fetch(`${base}/readyz`)).json()).toEqual({
    ready: false,
    reasons: [expect.stringMatching(/^authority: .*zastava-authority-mtls/), expect.stringMatching(/^containerd: there is no socket at \/nowhere\/containerd\.sock: .*zastava\.observer\.containerd\.socket/)],
  }), { timeout: 10_000 });
  const metrics = await (await fetch(`${base}/metrics`)).text();
  expect(metrics).toContain(`${catalogue.buildInfo.name}{component="observer",version="${packageJson.version}",cluster="edge-1",site="hamburg"} 1`);
  observer.signal('SIGINT');
  expect(await observer.exit()).toBe(0);
  expect(observer.lines.slice(-2)).toMatchObject([{ msg: 'draining', signal: 'SIGINT' }, { msg: 'stopped' }]);
  expect(observer.stderr).toBe('');
});

test('asks Authority for a token in the background, serves without it, and drops it when told to', async () => {
  await using backends = await Backends.start();
  backends.authority.options = { intercept: ({ path }) => (path === '/token' ? { status: 503 } : undefined) };
  await using observer = new RuntimeProgram('observer', backends.program());
  await observer.line('started');
  expect(await observer.line('no OpTok was issued')).toMatchObject({ scope: 'authority.token.issue', error: { code: 'authority.unavailable' } });
  backends.authority.options = {};
  expect(await observer.line('Issued runtime OpTok')).toMatchObject({ scope: 'authority.token.issue', component: 'observer', decision: 'issued', tokenType: 'DPoP', audience: ['scanner'] });
  const command = new RuntimeProgram('observer', { flags: ['invalidate-op-token', '--audience', 'scanner'], config: null, env: { ZASTAVA_SCRATCH_DIR: observer.folder } });
  expect([await command.exit(), command.stderr]).toEqual([0, '']);
  expect(command.stdout).toMatch(/^dropped the OpTok for scanner in the pod \S+; another is being fetched/);
  expect(await observer.line('OpTok invalidated')).toMatchObject({ decision: 'invalidated', dropped: true });
});

test('prints its version and its help', async () => {
  const version = new RuntimeProgram('observer', { flags: ['--version'], config: null });
  expect([await version.exit(), version.stdout, version.stderr]).toEqual([0, `${packageJson.version}\n`, '']);
  const help = new RuntimeProgram('observer', { flags: ['--help'], config: null });
  expect(await help.exit()).toBe(0);
  for (const word of ['ZASTAVA_CONFIG', 'ZASTAVA_TELEMETRY_PORT', '/readyz', '8080', 'Exit codes']) expect(help.stdout).toContain(word);
});

/** Runs it to its end; gives exit code and the one line of standard error. */
async function failureOf(options: ConstructorParameters<typeof RuntimeProgram>[1]): Promise<{ code: number | string; line: Record<string, unknown> }> {
  const observer = new RuntimeProgram('observer', options);
  const code = await observer.exit();
  expect(observer.stderr.trimEnd().split('\n')).toHaveLength(1);
  return { code, line: JSON.parse(observer.stderr) as Record<string, unknown> };
}

test('refuses a bad configuration with every problem in one line, and shows no key that strayed into it', async () => {
  const key = '-----BEGIN PRIVATE KEY-----\nc3RyYXk=\n-----END PRIVATE KEY-----';
  const config = JSON.stringify({ zastava: { runtime: { tenant: 7, environment: 'test', deployment: key, authority: {}, metrics: { commonTags: { cluster: 'c' } } }, observer: { batchSize: 0, bachSize: 1 } } });
  const { code, line } = await failureOf({ config });
  expect(code).toBe(2);
  expect(line).toMatchObject({ level: 'fatal', component: 'observer', scope: 'program', code: 'values.invalid' });
  const where = (line['problems'] as { where: string }[]).map((problem) => problem.where);
  expect(where.toSorted()).toEqual([
    'zastava.observer.bachSize', 'zastava.observer.batchSize', 'zastava.runtime.authority.issuer', 'zastava.runtime.deployment', 'zastava.runtime.tenant',
  ]);
  expect(JSON.stringify(line)).not.toContain('c3RyYXk');
});

test('refuses a configuration that is no JSON or YAML', async () => {
  expect(await failureOf({ config: '{"zastava": ' })).toMatchObject({ code: 2, line: { code: 'values.invalid' } });
});

test('a missing configuration is told apart from a bad one', async () => {
  const { code, line } = await failureOf({ config: null });
  expect(code).toBe(3);
  expect(line).toMatchObject({ code: 'environment', msg: expect.stringContaining('set ZASTAVA_CONFIG') });
});

test('refuses a flag and a variable that it does not understand', async () => {
  expect(await failureOf({ flags: ['--verbose'] })).toMatchObject({ code: 2, line: { code: 'usage', msg: expect.stringContaining('--verbose') } });
  expect(await failureOf({ env: { ZASTAVA_TELEMETRY_PORT: 'x' } })).toMatchObject({ code: 2, line: { code: 'usage', problems: [{ where: 'ZASTAVA_TELEMETRY_PORT' }] } });
});
