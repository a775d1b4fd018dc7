/** The bench's own programs, built anew for each run: a second with what the compilers keep. */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One file of c/. @returns the program, or the library to preload. Needs gcc. */
export function compile(name: 'runtime' | 'disk', folder: string): string {
  const binary = join(folder, name === 'disk' ? 'disk.so' : name);
  const kind = name === 'disk' ? ['-shared', '-fPIC'] : ['-static'];
  return built(binary, 'gcc', ['-O2', '-Wall', ...kind, '-o', binary, join(import.meta.dirname, 'c', `${name}.c`)], import.meta.dirname);
}

/** Of the modules of the peer containerd. Needs Go. */
export function buildStarter(): string {
  const binary = join(tmpdir(), 'zastava-bench-observer-go');
  return built(binary, 'go', ['build', '-trimpath', '-o', binary, '.'], join(import.meta.dirname, 'go'));
}

function built(binary: string, command: string, args: readonly string[], cwd: string): string {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' } });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`);
  return binary;
}
