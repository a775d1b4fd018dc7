/** What the runbook promises of an install, whichever way it was made. */
import { expect } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { printed } from './printed.ts';
import type { Walk } from './walk.ts';

const opTok = { msg: 'Issued runtime OpTok', tokenType: 'DPoP', scope: 'authority.token.issue' };

/** Runs the lines of "Verify" (2.1, step 6); each gives what the text says of it. */
export async function verifyInstall({ operator }: Walk): Promise<void> {
  const [pods = '', observers = '', webhooks = '', logs = '', registration = ''] = printed('6. Verify:');
  for (const rollout of [observers, webhooks]) expect(await operator.sh(rollout)).toContain('successfully rolled out');
  expect(await operator.sh(pods)).toMatch(/^zastava-observer-\S+ +1\/1 +Running/m);
  await eventually(async () => {
    const lines = linesOf(await operator.sh(logs));
    expect(lines).toContainEqual(expect.objectContaining(opTok));
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'stream of container events live' }));
  });
  expect(await operator.sh(registration)).toContain('zastava-webhook');
  await eventually(async () => {
    const lines = linesOf(await operator.sh('kubectl -n stellaops logs -l app=zastava-webhook --tail=-1'));
    for (const msg of ['the registration of this webhook fits its values', opTok.msg]) expect(lines).toContainEqual(expect.objectContaining({ msg }));
  });
}

/** The smoke test of 2.2, step 4: unsigned is denied with the reason, signed is allowed. */
export async function smokeTest({ operator, workloads }: Walk): Promise<void> {
  const [unsigned = '', signed = ''] = printed('4. Smoke test', { UNSIGNED_IMAGE: workloads.unsigned, SIGNED_IMAGE: workloads.payments });
  expect(await operator.try(unsigned)).toMatchObject({ code: 1, stderr: expect.stringMatching(/denied.*image\.unsigned/s) });
  expect(await operator.try(signed)).toMatchObject({ code: 0 });
}

function linesOf(log: string): Record<string, unknown>[] {
  return log.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
}
