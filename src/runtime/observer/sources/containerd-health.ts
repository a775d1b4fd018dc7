/** Why containerd cannot be read, as a sentence that a person can act on; contract section 2 has the values that it names. */
import { readlink, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { ContainerdClient } from './containerd-client.ts';

const socketKey = 'zastava.observer.containerd.socket';

/** @param error What ended the stream, or kept it from beginning. */
export async function explainLoss(socket: string, error: unknown): Promise<string> {
  const code = await knock(socket);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return `there is no socket at ${socket}: containerd is not running, or its socket is elsewhere; set ${socketKey} (k3s and RKE2: /run/k3s/containerd/containerd.sock) and mount its folder`;
  }
  if (code === 'ENOTSOCK') return `${socket} is not a socket: set ${socketKey} to containerd's`;
  if (code === 'EACCES' || code === 'EPERM') {
    return `connecting to ${socket} is not allowed: the observer must run as root, with AppArmor unconfined (SELinux: spc_t)`;
  }
  if (code === 'ECONNREFUSED') return `nobody listens at ${socket}: containerd is not running, or the folder that is mounted is not the one it uses now`;
  return `containerd at ${socket} does not give its events: ${error instanceof Error ? error.message : String(error)}`;
}

/** @returns The system's code of the error, or undefined when somebody listens. */
async function knock(path: string): Promise<string | undefined> {
  try {
    if (!(await stat(path)).isSocket()) return 'ENOTSOCK';
    await new Promise<void>((resolve, reject) => {
      const connection = connect(path, () => {
        connection.destroy();
        resolve();
      });
      connection.on('error', reject);
    });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/**
 * Are containerd's pids the ones of `procRoot`? Without hostPID, or with another /proc, a pid names another process, or none.
 * @returns null when they are, or when this containerd does not say (before 1.7).
 */
export async function checkHostPid(client: ContainerdClient, procRoot: string): Promise<string | null> {
  const { pid, pidns } = await client.call('containerd.services.introspection.v1.Introspection/Server', {});
  if (pid === 0 || pidns === 0) return null;
  const path = join(procRoot, String(pid), 'ns', 'pid');
  const wrong = `containerd's pids are not those of ${procRoot}: set hostPID: true and mount the node's /proc there (zastava.observer.procRoot)`;
  try {
    return (await readlink(path)) === `pid:[${pidns}]` ? null : wrong;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') return `${path} may not be read: the observer needs SYS_PTRACE, AppArmor unconfined, and a /proc without hidepid`;
    return wrong;
  }
}
