/** `zastava debug serve`: the debug store for gdb, elfutils and all others that speak debuginfod. */
import { once } from 'node:events';
import { isIP, type AddressInfo } from 'node:net';
import type { Command } from 'commander';
import { debugFolder } from '../../contract/debug-store.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { printJson, say, warn, type OutputOptions } from '../terminal/terminal.ts';
import { createDebuginfod } from './debuginfod.ts';
import { collect } from './trust-options.ts';

interface ServeOptions extends OutputOptions {
  readonly dir?: readonly string[];
  readonly listen: string;
}

export function define(command: Command): void {
  command
    .option('--dir <dir>', `a folder with .build-id in it; again for each further one (default: ${debugFolder})`, collect)
    .option('--listen <address:port>', 'where to listen; port 0 is any that is free', '127.0.0.1:8002')
    .option('--json', 'print the address as JSON')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', '\nExample:\n  zastava debug serve &\n  DEBUGINFOD_URLS=http://127.0.0.1:8002 debuginfod-find debuginfo 5f0c7c3cb4d9f8a4f1c1d5c6b7e8f90123456789')
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const { host, port } = parseAddress(options.listen);
  const server = createDebuginfod(options.dir ?? [debugFolder], (error) => warn(`a request failed: ${(error as Error).message}`));
  server.listen(port, host);
  await once(server, 'listening');
  const bound = server.address() as AddressInfo;
  const url = `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
  if (!/^(127\.|::1$)/.test(bound.address)) warn(`everybody who reaches ${url} can read the symbols: it asks for no identity and speaks plain HTTP`);
  say(options, `DEBUGINFOD_URLS=${url}`);
  printJson(options, { ok: true, url });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      server.close();
      server.closeAllConnections();
    });
  }
  await once(server, 'close');
}

function parseAddress(text: string): { host: string; port: number } {
  const [, six, four, port] = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = six ?? four;
  if (host !== undefined && isIP(host) !== 0 && Number(port) < 65_536) return { host, port: Number(port) };
  throw new ZastavaError('usage', `--listen is an address and a port such as 127.0.0.1:8002 or [::1]:8002, found ${JSON.stringify(text)}`);
}
