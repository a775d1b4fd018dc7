/** Other people's servers, each on what it is told to listen on, stopped at the latest when this process ends. */
import { spawn } from 'node:child_process';
import type { CommandOptions } from './commands.ts';

export interface Server {
  /** What the pattern of `ready` found in the log. */
  readonly ready: RegExpMatchArray;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a server and waits for the line that says it listens. The error has the whole log. */
export function startServer(command: string, args: readonly string[], ready: RegExp, options: CommandOptions = {}): Promise<Server> {
  const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): unknown => child.kill('SIGKILL');
  process.on('exit', kill);
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));

  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    const impatience = setTimeout(kill, 15_000);
    await ended;
    clearTimeout(impatience);
    process.off('exit', kill);
  }

  return new Promise((resolve, reject) => {
    let log = '';
    const fail = (): void => reject(new Error(`${command} ${args.join(' ')} did not start:\n${log}`));
    const impatience = setTimeout(() => {
      kill();
      fail();
    }, 60_000);
    child.on('error', reject).on('close', fail);
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        const match = ready.exec(log);
        if (!match) return;
        clearTimeout(impatience);
        resolve({ ready: match, pid: child.pid ?? 0, stop });
      });
    }
  });
}
