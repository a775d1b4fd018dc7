/** The servers that are measured, each a process that listens on a port of its own, its log in a file. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programEnv } from '../../src/contract/programs.ts';
import type { Backends } from '../../test/fakes/backends.ts';
import { tlsDir } from '../../test/fakes/runtime-program.ts';

export interface Contender {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
}

const [cert, key] = [join(tlsDir, 'tls.crt'), join(tlsDir, 'tls.key')];
const root = join(import.meta.dirname, '../..');

export function startBare(name: string, folder: string): Promise<Contender> {
  return start(name, folder, process.execPath, [join(import.meta.dirname, 'bare-server.ts'), cert, key], {}, /listening (\d+)/);
}

export function startGo(folder: string): Promise<Contender> {
  return start('go', folder, join(goBinaries(), 'allow'), [cert, key], {}, /listening (\d+)/);
}

let built = false;

/** Folder of the programs of `go/`; Go builds what has changed. */
export function goBinaries(): string {
  const folder = join(tmpdir(), 'zastava-bench-go');
  if (!built) execFileSync('go', ['build', '-o', `${folder}/`, './...'], { cwd: join(import.meta.dirname, 'go'), stdio: 'inherit' });
  built = true;
  return folder;
}

export function startZastava(name: string, folder: string, backends: Backends, program: string): Promise<Contender> {
  const own = join(folder, name.replaceAll(' ', '-'));
  mkdirSync(own, { recursive: true });
  const { config, env } = backends.program();
  writeFileSync(join(own, 'values.json'), config);
  const settings = {
    [programEnv.config]: join(own, 'values.json'), [programEnv.telemetryPort]: '0', [programEnv.webhookPort]: '0', [programEnv.tlsDir]: tlsDir, [programEnv.drainSeconds]: '0', [programEnv.scratchDir]: own, ...env,
  };
  return start(name, folder, process.execPath, [program], settings, /"scope":"admission","port":(\d+)[\s\S]*Issued runtime OpTok|Issued runtime OpTok[\s\S]*"scope":"admission","port":(\d+)/);
}

async function start(name: string, folder: string, command: string, args: readonly string[], env: Readonly<Record<string, string>>, ready: RegExp): Promise<Contender> {
  const path = join(folder, `${name.replaceAll(' ', '-')}.log`);
  const log = openSync(path, 'w');
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', log, log], env: { ...process.env, ...env } });
  closeSync(log);
  process.on('exit', () => child.kill('SIGKILL'));
  for (let turn = 0; turn < 300; turn++) {
    const found = ready.exec(readFileSync(path, 'utf8'));
    const port = found?.slice(1).find((group) => group !== undefined);
    if (port !== undefined) return { name, port: Number(port), child };
    await sleep(50);
  }
  throw new Error(`${name} did not start: ${readFileSync(path, 'utf8')}`);
}

/** CPU seconds of a process so far, and MiB in memory. */
export function usageOf({ child }: Contender): { cpuSeconds: number; rssMiB: number } {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return { cpuSeconds: (Number(stat[11]) + Number(stat[12])) / 100, rssMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024 };
}
