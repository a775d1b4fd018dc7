/** The few settings that come from the environment and not from the values: where things are, for one process on one machine. */
import { hostname } from 'node:os';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import { mountPaths, nodeNameEnv } from '../../contract/names.ts';
import { programEnv, programPaths, programPorts, shutdownLimits } from '../../contract/programs.ts';

export interface Settings {
  readonly configPath: string;
  readonly telemetryPort: number;
  readonly webhookPort: number;
  readonly tlsDir: string;
  /** How long to serve on after SIGTERM. */
  readonly drainSeconds: number;
  readonly authorityDir: string;
  readonly scratchDir: string;
  readonly bufferDir: string;
  readonly nodeName: string;
}

/** @throws `usage` with every variable that is wrong. */
export function parseSettings(env: NodeJS.ProcessEnv, component: 'observer' | 'webhook'): Settings {
  const problems: Problem[] = [];
  const integer = (name: string, otherwise: number, max: number): number => {
    const text = env[name];
    if (text === undefined) return otherwise;
    if (/^\d{1,5}$/.test(text) && Number(text) <= max) return Number(text);
    problems.push({ where: name, expected: `a whole number from 0 to ${max}`, found: JSON.stringify(text) });
    return otherwise;
  };
  const { serveOnSeconds, inFlightMs, terminationGraceSeconds } = shutdownLimits;
  const settings = {
    configPath: env[programEnv.config] ?? programPaths.config,
    telemetryPort: integer(programEnv.telemetryPort, programPorts.telemetry, 65_535),
    webhookPort: integer(programEnv.webhookPort, programPorts.webhook, 65_535),
    tlsDir: env[programEnv.tlsDir] ?? programPaths.tlsDir,
    authorityDir: env[programEnv.authorityDir] ?? mountPaths.authority,
    scratchDir: env[programEnv.scratchDir] ?? mountPaths.scratch,
    bufferDir: env[programEnv.bufferDir] ?? mountPaths.buffer,
    nodeName: env[nodeNameEnv] ?? hostname(),
    drainSeconds: integer(programEnv.drainSeconds, serveOnSeconds[component], terminationGraceSeconds - inFlightMs / 1000 - 1),
  };
  if (problems.length > 0) throw new ZastavaError('usage', 'the environment of the program has problems', { problems });
  return settings;
}
