/** A command line run in this process, which is faster than in one of its own: what it prints and how it would end. */
import type { Command } from 'commander';
import { vi } from 'vitest';
import { runCommandLine } from '../../src/cli/terminal/command-line.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** With this environment beside what a process needs. */
export async function runHere(program: Command, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) => vi.spyOn(process[name], 'write').mockImplementation((text) => {
    written[name] += String(text);
    return true;
  }));
  for (const name of Object.keys(process.env)) if (/^(STELLAOPS_|KUBECONFIG$|XDG_CONFIG_HOME$|DOCKER_CONFIG$)/.test(name)) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await runCommandLine(program, args);
    return { code: Number(process.exitCode), ...written };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
  }
}
