/**
 * What really happened, kept outside the process that is killed: the source of events and the double of Scanner have their
 * own journals, and no word of the process is believed but "committed".
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EventBatch, Gap } from '../../../../src/contract/runtime-event.ts';
import { bundleProgram } from '../../../../src/images/bundle-program.ts';
import { newEvent, numberOf } from './new-events.ts';

const root = join(import.meta.dirname, '../../../..');
const program = new URL('./crash-program.ts', import.meta.url);

/** What Scanner does with a batch: `late` after some milliseconds, `breaks` takes it and ends the connection without an answer. */
type Mood = 'takes' | 'fails' | 'late' | 'breaks';

interface OracleOptions {
  /** Of each event's body, about. Default: 300. */
  readonly eventBytes?: number;
  /** Of the buffer. Default: 64 MiB. */
  readonly bytesMax?: number;
}

interface LifeOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A program to start it by, with its arguments. */
  readonly by?: readonly string[];
}

export class Oracle implements AsyncDisposable {
  /** Given to the process. */
  readonly offered = new Set<number>();
  /** Said to be on disk. */
  readonly committed = new Set<number>();
  /** How often Scanner took it. */
  readonly accepted = new Map<number, number>();
  /** Ids of what came and was never offered, or was not as offered. */
  readonly unknown: string[] = [];
  /** In batches that Scanner answered. */
  readonly declared: Gap[] = [];
  mood: () => Mood = () => 'takes';
  readonly #options: Required<OracleOptions>;
  readonly #server: Server;
  /** With the program as one file, as it is in the image: so it starts in a tenth of the time. */
  readonly #folder = mkdtempSync(join(tmpdir(), 'zastava-oracle-'));
  readonly #lives: Life[] = [];
  #next = 0;

  constructor({ eventBytes = 300, bytesMax = 64 * 1024 * 1024 }: OracleOptions) {
    this.#options = { eventBytes, bytesMax };
    this.#server = createServer(async (request, response) => {
      const batch = JSON.parse(await text(request)) as EventBatch;
      const mood = this.mood();
      if (mood === 'late') await sleep(Math.random() * 30);
      if (mood !== 'fails') this.#take(batch);
      if (mood === 'breaks') return void response.destroy();
      if (mood !== 'fails') this.declared.push(...(batch.gaps ?? []));
      response.writeHead(mood === 'fails' ? 503 : 202).end('{}');
    });
  }

  static async start(options: OracleOptions = {}): Promise<Oracle> {
    const oracle = new Oracle(options);
    await bundleProgram({ root, entry: relative(root, fileURLToPath(program)), outfile: join(oracle.#folder, 'program.mjs') });
    oracle.#server.listen(0, '127.0.0.1');
    await once(oracle.#server, 'listening');
    return oracle;
  }

  /** A process begins to live. */
  begin(folder: string, { env = {}, by = [] }: LifeOptions = {}): Life {
    const { eventBytes, bytesMax } = this.#options;
    const url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const [command = '', ...args] = [...by, process.execPath, join(this.#folder, 'program.mjs'), folder, url, String(eventBytes), String(bytesMax)];
    const life = new Life(this, spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'ignore', 'pipe'] }));
    this.#lives.push(life);
    return life;
  }

  /** The number of a new event. */
  offer(): number {
    this.offered.add(this.#next);
    return this.#next++;
  }

  /** Committed, and never delivered. */
  lost(): number[] {
    return [...this.committed].filter((number) => !this.accepted.has(number));
  }

  /** In gaps of the reason, or of any. */
  declaredCount(reason?: string): number {
    return this.declared.filter((gap) => reason === undefined || gap.reason === reason).reduce((sum, { count }) => sum + count, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A failed test may leave one.
    await Promise.all(this.#lives.filter(({ alive }) => alive).map((life) => life.end()));
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #take({ events }: EventBatch): void {
    for (const { event } of events) {
      const number = numberOf(event);
      const known = (JSON.parse(newEvent(number, this.#options.eventBytes).body) as { event: object }).event;
      if (!this.offered.has(number) || JSON.stringify(event) !== JSON.stringify(known)) this.unknown.push(event.eventId);
      this.accepted.set(number, (this.accepted.get(number) ?? 0) + 1);
    }
  }
}

export class Life {
  readonly child: ChildProcess;
  readonly #oracle: Oracle;
  readonly #ended: Promise<unknown>;
  readonly #seen = new Map<string, number>();
  readonly #waiters = new Set<() => void>();
  #source: NodeJS.Timeout | undefined;
  #commit = '';
  #send = '';

  constructor(oracle: Oracle, child: ChildProcess) {
    [this.#oracle, this.child] = [oracle, child];
    const marks = child.stdio[3] as Readable;
    marks.on('data', (chunk: Buffer) => {
      for (const letter of chunk.toString()) this.#see(letter);
      for (const look of this.#waiters) look();
    });
    const words = createInterface({ input: child.stdout as Readable });
    words.on('line', (line) => oracle.committed.add(Number(line)));
    child.stdin?.on('error', () => undefined);
    this.#ended = Promise.all([once(child, 'exit'), once(words, 'close'), once(marks, 'close')]);
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The largest that it ever was in memory. */
  get rssMiB(): number {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.child.pid}/status`, 'utf8'))?.[1]) / 1024;
  }

  offer(count = 1): void {
    for (let left = count; left > 0; left--) this.child.stdin?.write(`${this.#oracle.offer()}\n`);
  }

  /** Events come all the time, from when it is open. */
  async flood(): Promise<void> {
    await this.steps('O', 1);
    this.#source = setInterval(() => this.offer(Math.floor(Math.random() * 4)), 4);
  }

  /** Returns at once when it has gone so many times through a step, or after ten seconds. */
  async steps(letter: string, count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => ((this.#seen.get(letter) ?? 0) >= count ? resolve() : undefined);
    this.#waiters.add(look);
    look();
    const late = setTimeout(resolve, 10_000);
    await promise;
    clearTimeout(late);
    this.#waiters.delete(look);
  }

  /** It ends by itself, as no one is there to watch it. */
  async end(): Promise<void> {
    clearInterval(this.#source);
    this.child.stdin?.end();
    await this.#ended;
  }

  /** kill -9. @returns where it died: one phase of committing and one of sending, or one of its start */
  async kill(): Promise<readonly string[]> {
    clearInterval(this.#source);
    this.child.kill('SIGKILL');
    await this.#ended;
    if (!this.#seen.has('R')) return ['before recovery'];
    if (!this.#seen.has('O')) return ['during recovery'];
    return [`${phases[this.#commit] ?? 'before'} commit`, `${phases[this.#send] ?? 'before'} send`];
  }

  #see(letter: string): void {
    this.#seen.set(letter, (this.#seen.get(letter) ?? 0) + 1);
    // An event that comes while a commit is under way changes nothing.
    if ('acC'.includes(letter) && !(letter === 'a' && this.#commit === 'c')) this.#commit = letter;
    if ('sSD'.includes(letter)) this.#send = letter;
  }
}

/** What comes after the last step. */
const phases: Readonly<Record<string, string>> = { a: 'before', c: 'inside', C: 'after', s: 'inside', S: 'after', D: 'before' };
