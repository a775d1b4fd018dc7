/**
 * The socket by which a command in the container reaches the running program (runbook 2.3). Only the container's own user can
 * open it; one line of JSON in, one out.
 */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { ZastavaError } from '../../contract/errors.ts';

/** Command → what it does with its argument, and what it says to the person. */
export type AdminCommands = Readonly<Record<string, (argument: string) => string | Promise<string>>>;

interface Answer {
  readonly ok: boolean;
  readonly message: string;
}

const lineBytesMax = 4096;
const patienceMs = 5000;

/** Listens until the server is closed. What an earlier process left at the path goes away. @throws `environment` */
export async function serveAdminSocket(path: string, commands: AdminCommands): Promise<Server> {
  await rm(path, { force: true });
  const server = createServer((socket) => {
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    void answer(socket, commands).then((said) => socket.end(`${JSON.stringify(said)}\n`));
  });
  try {
    const listening = once(server, 'listening');
    // Made without any right for others, not only set so afterwards.
    const before = process.umask(0o177);
    server.listen(path);
    process.umask(before);
    await listening;
  } catch (cause) {
    throw new ZastavaError('environment', `the socket ${path} cannot be made: ${(cause as Error).message}`, { cause });
  }
  // A connection that fails is not the end of the program.
  server.on('error', () => {});
  server.unref();
  return server;
}

/** @returns what the program says. @throws `environment` when it cannot be reached, `usage` when it refuses */
export async function askAdminSocket(path: string, command: string, argument: string): Promise<string> {
  const socket = connect(path).setTimeout(patienceMs, () => socket.destroy(new Error(`no answer within ${patienceMs} ms`)));
  try {
    socket.write(`${JSON.stringify({ command, argument })}\n`);
    const { ok, message } = JSON.parse(await readLine(socket)) as Answer;
    if (!ok) throw new ZastavaError('usage', message);
    return message;
  } catch (cause) {
    if (cause instanceof ZastavaError) throw cause;
    throw new ZastavaError('environment', `the running program cannot be reached at ${path}: ${(cause as Error).message}; run this in its container, as its user`, { cause });
  } finally {
    socket.destroy();
  }
}

/** Never throws: whatever comes, the program lives on. */
async function answer(socket: Socket, commands: AdminCommands): Promise<Answer> {
  try {
    const { command, argument } = JSON.parse(await readLine(socket)) as Record<string, unknown>;
    if (typeof command !== 'string' || typeof argument !== 'string') return { ok: false, message: 'expected a command and its argument' };
    const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
    if (run === undefined) return { ok: false, message: `unknown command ${JSON.stringify(command)}` };
    return { ok: true, message: await run(argument) };
  } catch (error) {
    return { ok: false, message: error instanceof ZastavaError ? error.message : 'not understood' };
  }
}

async function readLine(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.includes('\n')) return text.slice(0, text.indexOf('\n'));
    if (text.length > lineBytesMax) break;
  }
  throw new Error('the other end closed the connection');
}
