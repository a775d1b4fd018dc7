/** No request fails while the certificate is replaced and while replicas are. FULL=1 sends 100,000 requests each. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programEnv } from '../../../src/contract/programs.ts';
import { admissionReview } from '../../fakes/admission-review.ts';
import { Backends } from '../../fakes/backends.ts';
import { MountedSecret } from '../../fakes/mounted-secret.ts';
import { RoundRobin, type Replica } from '../../fakes/round-robin.ts';
import { RuntimeProgram } from '../../fakes/runtime-program.ts';
import { loadSize, sendLoad } from '../../fakes/webhook-client.ts';

const patience = 15 * 60_000;
const review = JSON.stringify(admissionReview({ object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec: { containers: [{ name: 'a', image: `registry.internal/api@sha256:${'a'.repeat(64)}` }] } } }));
const names = ['zastava-webhook.stellaops.svc', 'localhost'];

let backends: Backends;
beforeAll(async () => {
  backends = await Backends.start();
});
afterAll(() => backends[Symbol.asyncDispose]());

async function newPair(): Promise<Record<string, string>> {
  const { cert, key } = await backends.pki.server(names);
  return { 'tls.crt': cert, 'tls.key': key };
}

async function startWebhook(secret: MountedSecret, more: Record<string, string> = {}): Promise<{ program: RuntimeProgram; replica: Replica }> {
  const { config, env } = backends.program({ tls: { mode: 'secret', caBundle: backends.pki.ca } });
  const program = new RuntimeProgram('webhook', { config, env: { ...env, [programEnv.tlsDir]: secret.folder, ...more } });
  await program.line('ready');
  await program.line('Issued runtime OpTok');
  return { program, replica: { port: await program.port('admission'), telemetryPort: await program.port('telemetry') } };
}

async function shownBy(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: backends.pki.ca });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

test('the certificate is replaced under load, again and again, with no failed request', async () => {
  using secret = new MountedSecret(await newPair());
  const { program, replica } = await startWebhook(secret);
  await using _ = program;
  const rotating = { done: 0, goesOn: true };
  const rotate = async (): Promise<void> => {
    while (rotating.goesOn) {
      const pair = await newPair();
      secret.swap(pair);
      await expect.poll(() => shownBy(replica.port), { timeout: 30_000 }).toBe(new X509Certificate(pair['tls.crt']!).fingerprint256);
      rotating.done++;
    }
  };
  const rotationsDone = rotate().finally(() => (rotating.goesOn = false));
  const { answered, failures } = await sendLoad(replica.port, backends.pki.ca, review, (sent) => !rotating.goesOn || (sent >= loadSize(1000) && rotating.done >= 3));
  rotating.goesOn = false;
  await rotationsDone;
  expect({ failures, logged: program.lines.filter(({ level }) => level === 'error' || level === 'warn') }).toEqual({ failures: {}, logged: [expect.objectContaining({ scope: 'admission.registration' })] });
  expect(answered).toBeGreaterThanOrEqual(loadSize(1000));
}, patience);

test('a pair that could not serve leaves the last good one in use, and is told once; the next good one is taken', async () => {
  const first = await newPair();
  using secret = new MountedSecret(first);
  const { program, replica } = await startWebhook(secret);
  await using _ = program;
  const shown = await shownBy(replica.port);
  const ended = await backends.pki.server(names, -1);
  const elsewhere = await backends.pki.server(['other.stellaops.svc']);
  for (const [pair, reason] of [
    [{ 'tls.crt': first['tls.crt']!, 'tls.key': elsewhere.key }, /is not the key of the certificate/],
    [{ 'tls.crt': ended.cert, 'tls.key': ended.key }, /the new certificate ended at/],
    [{ 'tls.crt': elsewhere.cert, 'tls.key': elsewhere.key }, /is not for zastava-webhook\.stellaops\.svc/],
    [{ 'tls.crt': '', 'tls.key': '' }, /is not an X\.509 certificate/],
  ] as const) {
    secret.swap(pair);
    await program.eventually(({ level, error }) => level === 'warn' && reason.test(String((error as { message?: string } | undefined)?.message)));
    expect(await shownBy(replica.port)).toBe(shown);
  }
  const next = await newPair();
  secret.swap(next);
  await program.line('serving certificate replaced');
  expect(await shownBy(replica.port)).not.toBe(shown);
  expect(program.lines.filter(({ scope, level }) => scope === 'admission.certificate' && level === 'warn')).toHaveLength(4);
  expect(program.stdout).not.toContain('PRIVATE KEY');
}, patience);

test('two replicas are restarted one after the other under load, with no failed request', async () => {
  using secret = new MountedSecret(await newPair());
  await using service = await RoundRobin.start();
  const start = async () => {
    const started = await startWebhook(secret, { [programEnv.drainSeconds]: '1' });
    service.add(started.replica);
    return started;
  };
  const replicas = [await start(), await start()];
  await expect.poll(() => service.ready).toBe(2);
  const restarting = { done: 0, goesOn: true };
  const exits: (number | string)[] = [];
  const restart = async (): Promise<void> => {
    while (restarting.goesOn) {
      const { program, replica } = replicas.shift()!;
      program.signal('SIGTERM');
      exits.push(await program.exit());
      service.remove(replica);
      replicas.push(await start());
      await expect.poll(() => service.ready, { timeout: 30_000 }).toBe(2);
      restarting.done++;
      await sleep(100);
    }
  };
  const restartsDone = restart().finally(() => (restarting.goesOn = false));
  const { answered, failures } = await sendLoad(service.port, backends.pki.ca, review, (sent) => !restarting.goesOn || (sent >= loadSize(1000) && restarting.done >= 2));
  restarting.goesOn = false;
  await restartsDone;
  for (const { program } of replicas) await program[Symbol.asyncDispose]();
  expect({ failures, exits: [...new Set(exits)] }).toEqual({ failures: {}, exits: [0] });
  expect(answered).toBeGreaterThanOrEqual(loadSize(1000));
}, patience);
