/**
 * What the observer will meet on this node, seen with its own rights through the processes of the host: the runtime's socket, what its
 * buffer would lie on, which security modules are in force, and whether processes are hidden. It writes nothing.
 */
import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import type { Values } from '../../../config/schema.ts';
import type { PreflightFinding } from '../../../contract/preflight.ts';
import { resolveHostPath } from './host-path.ts';

type ObserverValues = Values['zastava']['observer'];

const MiB = 1024 * 1024;
const connectMs = 3000;
/** Of what the buffer may hold: the database's own files beside it. */
const roomFactor = 1.5;
const inMemory = ['tmpfs', 'ramfs'];

/** Processes that live in the file system of the node, by which it can be seen: its first one, or else those of Kubernetes. */
const hostPrograms = ['kubelet', 'containerd', 'k3s', 'k3s-server', 'k3s-agent', 'rke2'];

/** @param ownProc of the container; the host's is `procRoot` of the values */
export async function checkNode({ procRoot, containerd, bufferHostPath, limits }: ObserverValues, ownProc = '/proc'): Promise<PreflightFinding[]> {
  const { finding, process } = await checkProcesses(procRoot, ownProc);
  const host = join(process, 'root');
  return [
    finding,
    await checkSocket(host, containerd.socket),
    await checkBuffer(process, host, bufferHostPath, limits.bufferBytesMax),
    await checkModules(host, ownProc),
  ];
}

/** @returns the process through which the node's files are seen, too */
async function checkProcesses(procRoot: string, ownProc: string): Promise<{ finding: PreflightFinding; process: string }> {
  const check = 'processes of the node (hidepid)';
  const mount = parseMounts(await readText(join(ownProc, 'self/mountinfo'))).findLast(({ path }) => path === procRoot);
  const hidden = /(?:^|,)hidepid=([^,]+)/.exec(mount?.options ?? '')?.[1] ?? 'off';
  const seen = (await readdir(procRoot).catch(() => [])).filter((name) => /^\d+$/.test(name));
  const first = join(procRoot, '1');
  const problem = await lookInto(first);
  if (problem === undefined) return { finding: { check, outcome: 'ok', found: `hidepid ${hidden}; ${seen.length} processes can be seen and looked into` }, process: first };
  for (const pid of seen) {
    const process = join(procRoot, pid);
    const name = (await readText(join(process, 'comm'))).trim();
    if (hostPrograms.includes(name) && (await lookInto(process)) === undefined) return { finding: { check, outcome: 'ok', found: `hidepid ${hidden}; ${seen.length} processes can be seen, ${name} among them looked into` }, process };
  }
  const todo = 'let the Pod use the host\'s processes (hostPID) with SYS_PTRACE and DAC_READ_SEARCH; see zastava.observer.security for AppArmor and SELinux';
  return { finding: { check, outcome: 'failed', found: `hidepid ${hidden}; processes cannot be looked into (${problem})`, todo }, process: first };
}

async function lookInto(process: string): Promise<string | undefined> {
  return stat(join(process, 'root/')).then(() => undefined, codeOf);
}

async function checkSocket(host: string, socket: string): Promise<PreflightFinding> {
  const check = `containerd's socket`;
  const todo = 'set zastava.observer.containerd.socket; k3s and RKE2 have /run/k3s/containerd/containerd.sock';
  try {
    const path = join(host, await resolveHostPath(host, socket));
    if (!(await stat(path)).isSocket()) return { check, outcome: 'failed', found: `${socket} is no socket`, todo };
    await reach(path);
    return { check, outcome: 'ok', found: `${socket} answers` };
  } catch (error) {
    return { check, outcome: 'failed', found: `${socket}: ${codeOf(error)}`, todo };
  }
}

function reach(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path).setTimeout(connectMs);
    const end = (act: () => void): void => {
      socket.destroy();
      act();
    };
    socket.on('connect', () => end(resolve)).on('error', (error) => end(() => reject(error))).on('timeout', () => end(() => reject(new Error('no answer'))));
  });
}

async function checkBuffer(process: string, host: string, asked: string, bytesMax: number): Promise<PreflightFinding> {
  const check = 'buffer';
  try {
    const folder = await resolveHostPath(host, asked);
    const there = await nearest(host, folder);
    const mounts = parseMounts(await readText(join(process, 'mountinfo')));
    const mount = mounts.filter(({ path }) => path === '/' || folder === path || folder.startsWith(`${path}/`)).reduce((best, one) => (one.path.length >= best.path.length ? one : best));
    const { bavail, bsize } = await statfs(join(host, there));
    const [free, needed] = [bavail * bsize, bytesMax * roomFactor];
    const found = `${asked} on ${mount.type}, ${Math.floor(free / MiB)} MiB free`;
    if (inMemory.includes(mount.type)) return { check, outcome: 'warning', found: `${found}: what is in it dies with a reboot`, todo: 'set zastava.observer.bufferHostPath to a folder on disk' };
    if (free < needed) return { check, outcome: 'failed', found: `${found}, ${Math.ceil(needed / MiB)} MiB are needed`, todo: 'make room, or lower zastava.observer.limits.bufferBytesMax' };
    return { check, outcome: 'ok', found };
  } catch (error) {
    return { check, outcome: 'unknown', found: `${asked}: ${codeOf(error)}` };
  }
}

/** The folder itself, or the one above it that is there. */
async function nearest(host: string, folder: string): Promise<string> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      await stat(join(host, path));
      return path;
    } catch (error) {
      if (path === '/' || (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR')) throw error;
    }
  }
}

async function checkModules(host: string, ownProc: string): Promise<PreflightFinding> {
  const check = 'Linux security modules';
  const modules = (await readText(join(host, 'sys/kernel/security/lsm'))).trim() || 'not to be seen';
  const label = (await readText(join(ownProc, 'self/attr/current'))).replace(/\0/g, '').trim();
  const found = `${modules}; this Pod runs as ${label || 'unlabelled'}`;
  if (/\bselinux\b/.test(modules) && label.includes(':') && !/:(?:spc_t|unconfined_t|container_runtime_t)(?::|$)/.test(label)) {
    return { check, outcome: 'warning', found, todo: 'SELinux confines the observer: set zastava.observer.security.seLinuxType to spc_t' };
  }
  if (/\bapparmor\b/.test(modules) && label.endsWith(' (enforce)')) {
    return { check, outcome: 'warning', found, todo: 'AppArmor confines the observer: set zastava.observer.security.appArmorProfile to Unconfined, or to a profile that allows ptrace' };
  }
  return { check, outcome: 'ok', found };
}

interface Mount {
  readonly path: string;
  readonly type: string;
  /** Of the file system and of the mount. */
  readonly options: string;
}

/** proc_pid_mountinfo(5): fields, then " - ", then type, source and options. Later mounts lie on top of earlier ones. */
function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [own = '', rest = ''] = line.split(' - ');
    const [, , , , path, options] = own.split(' ');
    const [type, , superOptions] = rest.split(' ');
    if (path === undefined || type === undefined) return [];
    return [{ path: path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))), type, options: `${options},${superOptions}` }];
  });
}

/** Empty when it cannot be read. */
async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
