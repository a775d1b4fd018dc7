/** Chromium with a page and nothing else: headless, in a namespace without network, its own calls home left aside. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { succeed } from './commands.ts';
import { isRoot, peer } from './peers.ts';

const quiet = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--hide-scrollbars',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

export interface Opened {
  /** What chromium printed: with `--dump-dom`, the page as it understood it. */
  readonly stdout: string;
  /** Addresses that the page itself asked for. */
  readonly requests: readonly string[];
}

interface NetLog {
  readonly events: readonly { readonly params?: { readonly url?: string; readonly initiator?: string } }[];
}

/** Opens a file with a profile of its own below `folder`. Its log names an initiator for each request; the browser's own have none. */
export async function openPage(folder: string, page: string, args: readonly string[]): Promise<Opened> {
  const profile = mkdtempSync(join(folder, 'profile-'));
  const log = join(profile, 'net-log.json');
  const stdout = await succeed(peer('unshare'), [isRoot ? '-n' : '-rn', '--', peer('chromium'), ...quiet, `--user-data-dir=${profile}`, `--log-net-log=${log}`, ...args, pathToFileURL(page).href], { env: { HOME: profile } });
  const { events } = JSON.parse(readFileSync(log, 'utf8')) as NetLog;
  const requests = events.flatMap(({ params: { url, initiator } = {} }) => (url === undefined || initiator === undefined || initiator === 'not an origin' ? [] : [url]));
  return { stdout, requests };
}
