/** Runs the few programs of the machine that a build needs (apt, dpkg-deb, npm). Never through a shell. */
import { spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { ZastavaError } from '../contract/errors.ts';

const elsewhere = 'When the network is not there, name a folder that has the packages with --packages.';

/** Tool → where it comes from, and what may help when it fails. */
const tools = {
  'apt-get': { origin: 'the Debian package "apt"', advice: elsewhere },
  'apt-cache': { origin: 'the Debian package "apt"', advice: elsewhere },
  'dpkg-deb': { origin: 'the package "dpkg", which most Linux distributions have', advice: 'The file may be damaged.' },
  'npm': { origin: 'a Node.js installation', advice: elsewhere },
} as const;
type Tool = keyof typeof tools;

interface ToolOptions {
  readonly cwd?: string;
}

/** Runs a tool to its end and gives its standard output. @throws ZastavaError `environment` when it is missing or fails. */
export async function runTool(tool: Tool, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  let output = '';
  await streamTool(tool, args, async (stdout) => { output = await text(stdout); }, options);
  return output;
}

/** Runs a tool and hands its standard output to `read`. @throws as runTool */
export async function streamTool(tool: Tool, args: readonly string[], read: (stdout: Readable) => Promise<void>, options: ToolOptions = {}): Promise<void> {
  const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: options.cwd, env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  const [reading, complaint, ending] = await Promise.allSettled([read(child.stdout), text(child.stderr), exitOf(tool, child)]);
  if (ending.status === 'rejected') throw ending.reason;
  if (ending.value !== 0) {
    const said = complaint.status === 'fulfilled' ? withoutCredentials(complaint.value).trim().split('\n').slice(0, 8).join('\n') : '';
    throw new ZastavaError('environment', `${tool} ${args[0] ?? ''} failed (${ending.value}): ${said || 'it gave no reason'}\n${tools[tool].advice}`);
  }
  if (reading.status === 'rejected') throw reading.reason;
}

function exitOf(tool: Tool, child: ChildProcess): Promise<number | string> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new ZastavaError('environment',
      `${tool} cannot be started: a build of the images needs it on PATH. It comes with ${tools[tool].origin}.`, { cause })));
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown'));
  });
}

/** Addresses of mirrors may carry a user and password. */
function withoutCredentials(message: string): string {
  return message.replaceAll(/\/\/[^/\s@]+@/g, '//');
}
