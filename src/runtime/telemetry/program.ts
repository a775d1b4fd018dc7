/**
 * What both programs do alike, from flags to exit code:
 *
 *   starting → ready → draining (SIGTERM or SIGINT: not ready, but still serving) → closing (nothing new) → exit 0
 *
 * A second signal ends it at once. Whatever goes wrong is one JSON line on standard error and exit 2 (input) or 3 (the rest).
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { parsePodValues } from '../../config/parse-values.ts';
import type { Values } from '../../config/schema.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { mountPaths, nodeNameEnv } from '../../contract/names.ts';
import { metrics as catalogue } from '../../contract/metrics.ts';
import { adminSocketName, httpPaths, programEnv, programPaths, programPorts, programVersion, shutdownLimits } from '../../contract/programs.ts';
import { askAdminSocket } from './admin-socket.ts';
import { createHealthServer } from './health.ts';
import { createLog, describeError, lastLineWritten, type Log } from './logs.ts';
import { Metrics } from './metrics.ts';
import { closeServer, listen, type AnyServer } from './servers.ts';
import { parseSettings, type Settings } from './settings.ts';

export interface ProgramContext {
  readonly values: Values;
  readonly settings: Settings;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Why the program is not ready; it is ready while this is empty. Its own parts add and take away theirs. */
  readonly unready: Set<string>;
  /** From the first signal on: answers should ask the client to close its connection. */
  readonly draining: () => boolean;
}

/** Something that a person in the container asks the running program to do. */
export interface Command {
  readonly name: string;
  /** Its one option, which must be given. */
  readonly option: string;
  readonly summary: string;
}

/** Something that the program does instead of its work, and then ends. */
export interface Action {
  readonly name: string;
  readonly summary: string;
  readonly run: (context: Pick<ProgramContext, 'values' | 'settings'>) => Promise<void>;
}

export const invalidateOpTok: Command = {
  name: 'invalidate-op-token',
  option: 'audience',
  summary: "makes the running program forget its OpTok for that audience, in this Pod, and fetch another",
};

export interface Program {
  readonly component: 'observer' | 'webhook';
  /** What it does, for --help. */
  readonly summary: string;
  readonly commands?: readonly Command[];
  readonly actions?: readonly Action[];
  /** When it is ready, an exception that nobody caught is logged and ends nothing: others are being answered. Default: false. */
  readonly outlivesMistakes?: boolean;
  /** Does the program's work from here on. */
  readonly start: (context: ProgramContext) => Promise<Started>;
}

export interface Started {
  /** To be drained at the end. */
  readonly servers?: readonly AnyServer[];
  /** After that; what it has not done when the kubelet's patience ends is cut off. */
  readonly close?: () => Promise<void>;
}

/** Runs the program and ends the process. */
export async function runProgram(program: Program): Promise<void> {
  const fail = (error: unknown): never => {
    const { code, message, ...rest } = describeError(error);
    // The problems are a field of their own; the message has them once more, line by line, for terminals.
    createLog(program.component, 2).fatal({ scope: 'program', code, ...rest }, message.split('\n', 1)[0]);
    process.exit(error instanceof ZastavaError ? error.exitCode : 3);
  };
  let running: Log | undefined;
  process.on('uncaughtException', (error) => {
    if (running === undefined || !program.outlivesMistakes) fail(error);
    else running.error({ scope: 'program', error }, 'a mistake of ours; the program goes on');
  });
  try {
    if (!(await act(program)) && !(await answerCommand(program)) && !answerFlags(program)) await serve(program, (log) => (running = log));
    process.exit(0);
  } catch (error) {
    fail(error);
  }
}

/** @param running told when the program is ready */
async function serve(program: Program, running: (log: Log) => void): Promise<void> {
  const signal = firstSignal();
  const log = createLog(program.component);
  const settings = parseSettings(process.env, program.component);
  const values = parsePodValues(await readConfiguration(settings.configPath), settings.configPath);
  const metrics = new Metrics(program.component, values.zastava.runtime.metrics.commonTags);
  metrics.set(catalogue.buildInfo, { component: program.component, version: programVersion }, 1);
  const unready = new Set(['starting']);

  const health = createHealthServer(unready, metrics);
  const port = await listen(health, settings.telemetryPort);
  log.info({ scope: 'telemetry', port }, 'listening');
  const starting = program.start({ values, settings, log, metrics, unready, draining: () => unready.has('draining') });
  // What the start waits for may never come; a signal then ends the program, too.
  const started = await Promise.race([starting, signal.then(() => undefined)]);
  if (started) {
    unready.delete('starting');
    running(log);
    log.info({ scope: 'program', version: programVersion, node: process.versions.node, ...(unready.size > 0 && { unready: [...unready] }) }, unready.size === 0 ? 'ready' : 'started');
  }

  const name = await signal;
  unready.add('draining');
  log.info({ scope: 'program', signal: name, serveOnSeconds: settings.drainSeconds }, 'draining');
  if (started) await sleep(settings.drainSeconds * 1000);
  const closed = await Promise.all((started?.servers ?? []).map((server) => closeServer(server, shutdownLimits.inFlightMs)));
  if (closed.includes(false)) log.warn({ scope: 'program', inFlightMs: shutdownLimits.inFlightMs }, 'connections still open were cut off');
  await started?.close?.();
  await closeServer(health, 0);
  log.info({ scope: 'program' }, 'stopped');
  await lastLineWritten(log);
}

/** The first signal; any further one ends the process. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let received = 0;
    const receive = (signal: NodeJS.Signals) => (received++ === 0 ? resolve(signal) : process.exit(3));
    process.on('SIGTERM', receive).on('SIGINT', receive);
  });
}

async function readConfiguration(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { message } = cause as Error;
    throw new ZastavaError('environment', `cannot read the configuration (${message}); mount its ConfigMap there or set ${programEnv.config}`, { cause });
  }
}

/** @returns true if the command line names an action, which was done. @throws what it throws */
async function act({ component, actions = [] }: Program): Promise<boolean> {
  const action = actions.find(({ name }) => name === process.argv[2]);
  if (action === undefined) return false;
  const { values } = parseFlagsOf({ args: process.argv.slice(3), options: { help: { type: 'boolean', short: 'h' } } });
  if (values['help'] === true) {
    console.log(`zastava-${component} ${action.name}\n\n${action.summary}`);
    return true;
  }
  const settings = parseSettings(process.env, component);
  await action.run({ settings, values: parsePodValues(await readConfiguration(settings.configPath), settings.configPath) });
  return true;
}

/** @returns true if the command line names a command, which was done. @throws `usage`, `environment` */
async function answerCommand({ component, commands = [] }: Program): Promise<boolean> {
  const [name, ...args] = process.argv.slice(2);
  const command = commands.find((each) => each.name === name);
  if (command === undefined) {
    if (name === undefined || name.startsWith('-')) return false;
    throw new ZastavaError('usage', `unknown command ${JSON.stringify(name)}; see --help`);
  }
  const { values } = parseFlagsOf({ args, options: { [command.option]: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
  const argument = values[command.option];
  const usage = `zastava-${component} ${command.name} --${command.option} NAME`;
  if (values['help'] === true) console.log(`${usage}\n\n${command.summary}`);
  else if (typeof argument !== 'string' || argument === '') throw new ZastavaError('usage', `expected ${usage}`);
  else console.log(await askAdminSocket(join(parseSettings(process.env, component).scratchDir, adminSocketName), command.name, argument));
  return true;
}

/** @returns true if a flag was answered and there is nothing more to do. @throws `usage` */
function answerFlags(program: Program): boolean {
  const { help, version } = parseFlags();
  if (version) console.log(programVersion);
  else if (help) console.log(renderHelp(program));
  return Boolean(version ?? help);
}

function parseFlags(): { help?: boolean | undefined; version?: boolean | undefined } {
  return parseFlagsOf({ options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } } }).values as { help?: boolean; version?: boolean };
}

function parseFlagsOf(config: ParseArgsConfig): { values: Record<string, unknown> } {
  try {
    return parseArgs(config);
  } catch (cause) {
    throw new ZastavaError('usage', `${(cause as Error).message}; see --help`, { cause });
  }
}

function renderHelp({ component, summary, commands = [], actions = [] }: Program): string {
  const { inFlightMs, serveOnSeconds } = shutdownLimits;
  const forWebhook = [
    [programEnv.webhookPort, `port of the HTTPS server, ${httpPaths.validate} (${programPorts.webhook})`],
    [programEnv.tlsDir, `folder of ${programPaths.certificate} and ${programPaths.key} (${programPaths.tlsDir})`],
  ] as const;
  const forObserver = [
    [programEnv.bufferDir, `folder of its buffer (${mountPaths.buffer})`],
    [nodeNameEnv, "name of the node (the host's own)"],
  ] as const;
  const variables = [
    [programEnv.config, `path of the configuration (${programPaths.config})`],
    [programEnv.telemetryPort, `port of the HTTP server, ${httpPaths.live} ${httpPaths.ready} ${httpPaths.metrics} (${programPorts.telemetry})`],
    ...(component === 'webhook' ? forWebhook : []),
    ...(component === 'observer' ? forObserver : []),
    [programEnv.authorityDir, `folder of the mounted Secrets for Authority (${mountPaths.authority})`],
    [programEnv.scratchDir, `folder of its socket (${mountPaths.scratch})`],
    [programEnv.drainSeconds, `seconds to serve on after SIGTERM (${serveOnSeconds[component]})`],
  ] as const;
  return [
    `zastava-${component} [--help | --version]`,
    ...commands.map(({ name, option }) => `zastava-${component} ${name} --${option} NAME`),
    ...actions.map(({ name }) => `zastava-${component} ${name}`),
    '',
    summary,
    ...[...commands, ...actions].map(({ name, summary: does }) => `${name}: ${does}.`),
    'It logs JSON lines to standard output. SIGTERM or SIGINT: it is no longer ready, serves on for a while,',
    `lets requests in flight finish (at most ${inFlightMs / 1000} s) and stops; a second signal stops it at once.`,
    '',
    'Environment (default); port 0 takes a free one, named in the log line "listening":',
    ...variables.map(([name, meaning]) => `  ${name.padEnd(24)} ${meaning}`),
    '',
    'Exit codes: 0 stopped by a signal; 2 bad configuration or usage; 3 environment (file, port, certificate), second signal, or a mistake of ours.',
  ].join('\n');
}
