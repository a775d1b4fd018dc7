/** Runbook 2.4: the plane goes, and nothing of it stays in the cluster. */
import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { AdmissionLoad } from '../stage/admission-load.ts';
import { scannerFolder } from '../stage/names.ts';
import { printed } from './printed.ts';
import type { Walk } from './walk.ts';

/**
 * Leaves by these commands: no Pod is refused for want of a webhook, and after the first command none at all. Whoever installs next finds
 * a site on which nothing was.
 */
export async function takeAway(walk: Walk, commands: readonly string[]): Promise<void> {
  const { stage, operator, workloads } = walk;
  const load = new AdmissionLoad(stage, 'payments', () => walk.pod('asked', 'payments', workloads.payments), 100);
  try {
    for (const command of commands) {
      await operator.sh(command);
      expect(await stage.tryKubectl('-n', 'payments', 'run', 'leaving', `--image=${workloads.unsigned}`, '--dry-run=server'), command).toMatchObject({ code: 0, stderr: '' });
    }
  } finally {
    await load.end();
  }
  expect(load.failures).toEqual([]);
  const kinds = (await stage.kubectl('api-resources', '--verbs=list', '-o', 'name')).trim().split('\n').filter((kind) => !kind.startsWith('events'));
  const objects = (await stage.kubectl('get', kinds.join(','), '-A', '-o', 'custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name', '--no-headers')).split('\n');
  expect(objects.length).toBeGreaterThan(50);
  expect(objects.filter((object) => /zastava|stellaops/.test(object))).toEqual([]);
  await stage.room.succeed('rm', '-rf', '/var/lib/zastava');
  for (const name of ['events', 'gaps', 'questions']) rmSync(stage.folder.at('node', scannerFolder, `${name}.jsonl`), { force: true });
  rmSync(`${operator.folder}/keys`, { recursive: true });
}

export function leave(walk: () => Walk): void {
  test('2.4: the registration goes first, then the rest; the cluster admits Pods all the while, and nothing is left', async () => {
    const since = Date.now();
    const commands = printed('### 2.4 Leaving');
    await takeAway(walk(), commands);
    expect(await walk().create(walk().pod('after-leaving', 'payments', walk().workloads.unsigned))).toMatchObject({ code: 0, stderr: '' });
    walk().count('leave', '2.4', since, `${commands.length} commands, nothing left in the cluster`);
  });
}
