/** `zastava relock`: renews offline-kit/base.lock.json from what the Debian mirror serves now, and shows what changed. */
import type { Command } from 'commander';
import { parseBaseLock, renderBaseLock } from '../../images/base-lock.ts';
import { relockBase } from '../../images/relock.ts';
import { checkoutPaths, requireCheckout } from './checkout.ts';
import { readInputIfThere } from '../terminal/inputs.ts';
import { writeFiles } from './files.ts';
import { printJson, renderTable, say, type OutputOptions } from '../terminal/terminal.ts';

export function define(command: Command): void {
  command
    .option('--json', 'print the changes as JSON')
    .option('--quiet', 'print nothing but errors')
    .addHelpText('after', '\nExample:\n  npm run relock && git diff offline-kit/base.lock.json')
    .action(relock);
}

async function relock(options: OutputOptions): Promise<void> {
  requireCheckout('relock');
  const current = await readInputIfThere(checkoutPaths.baseLock);
  const { lock, changes } = await relockBase(current === undefined ? undefined : parseBaseLock(current, checkoutPaths.baseLock));
  await writeFiles('.', new Map([[checkoutPaths.baseLock, renderBaseLock(lock)]]));
  const rows = changes.map(({ name, architecture, from, to }) => [name, architecture, from ?? '(new)', '→', to ?? '(gone)']);
  say(options, ...(rows.length === 0 ? ['nothing changed'] : renderTable(rows)));
  printJson(options, { ok: true, changes });
}
