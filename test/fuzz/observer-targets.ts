/** What the observer reads of others: files of containers, what /proc says, what containerd sends, and its own disk after a fault. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { readElfDynamic } from '../../src/bytes/elf-dynamic.ts';
import { readElfIds } from '../../src/bytes/elf-notes.ts';
import { elfLimits, parseElf } from '../../src/bytes/elf.ts';
import { ZastavaError } from '../../src/contract/errors.ts';
import { EventStore } from '../../src/runtime/observer/buffer/event-store.ts';
import { withBuffer } from '../../src/runtime/observer/buffer/read-buffer.ts';
import { storeFileName } from '../../src/runtime/observer/buffer/store-file.ts';
import type { ContainerdClient } from '../../src/runtime/observer/sources/containerd-client.ts';
import type { ContainerdImages } from '../../src/runtime/observer/sources/containerd-images.ts';
import { containerdProtocol, dateOf, parseTaskEvent, type Container, type Envelope } from '../../src/runtime/observer/sources/containerd-protocol.ts';
import { ContainerdRecords } from '../../src/runtime/observer/sources/containerd-records.ts';
import { parseMaps } from '../../src/runtime/observer/sources/maps.ts';
import { boundArguments, parseArguments, parseScriptLine, parseStat, programOf, textLimits } from '../../src/runtime/observer/sources/proc-text.ts';
import { watched } from '../bytes/watched-file.ts';
import type { Target } from './targets.ts';

function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`accepted, and ${what}`);
}

/** The readers here give null for what they do not know: a refusal. */
function known<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new ZastavaError('usage', `no ${what}`);
  return value;
}

const isText = (value: unknown): boolean => typeof value === 'string' && value.isWellFormed();

function readElf(bytes: Buffer): null {
  const elf = known(parseElf(watched(bytes)), 'ELF file');
  const { buildId, goBuildId, package: packageText } = readElfIds(elf);
  holds(buildId === undefined || /^([0-9a-f]{2}){1,64}$/.test(buildId), `the build-id is ${buildId}`);
  for (const text of [goBuildId, packageText]) holds(text === undefined || (text !== '' && text.length <= 4096 && isText(text)), 'a note is no text');
  const { interpreter, needed, searchPaths } = readElfDynamic(elf);
  const names = [...needed, ...searchPaths, ...(interpreter === undefined ? [] : [interpreter])];
  holds(needed.length <= elfLimits.neededMax && names.every((name) => name !== '' && name.length <= elfLimits.pathBytesMax && !name.includes('\0')), 'a name is none');
  return null;
}

/** The same bytes as each of the texts that a process can choose; one of them must know them. */
function readProcText(bytes: Buffer): null {
  const args = parseArguments(bytes);
  const bounded = boundArguments(args);
  holds(args.length <= textLimits.argumentsMax && args.every((text) => !text.includes('\0')), 'arguments are not apart');
  holds(bounded.join('').length <= textLimits.argumentsCharsMax && bounded.every((text) => text.length <= textLimits.argumentCharsMax && text.isWellFormed()), 'arguments are not bounded');
  const script = parseScriptLine(bytes);
  if (script) holds(programOf(script) !== '' && !/[\0\n]/.test(programOf(script)), 'a script has no program');
  const stat = parseStat(bytes.toString());
  if (stat) holds([stat.pid, stat.parent, stat.startTime].every((value) => Number.isSafeInteger(value) && value >= 0), 'a number is none');
  known(script ?? stat, 'script and no stat');
  return null;
}

function readMaps(bytes: Buffer): null {
  const text = bytes.toString();
  const files = parseMaps(text);
  for (const { path, inode, device, range } of files) {
    holds(path.startsWith('/') && path.length <= textLimits.pathCharsMax, `a path is ${path}`);
    holds(inode > 0n && text.includes(range) && text.includes(device), 'a mapping was made up');
  }
  holds(new Set(files.map(({ device, inode }) => `${device} ${inode}`)).size === files.length, 'a file comes twice');
  known(files[0], 'mapping of a file');
  return null;
}

/** As gRPC does it: what cannot be decoded is an error of the call. */
function decoded<T>(type: string, bytes: Buffer): T {
  try {
    return (containerdProtocol[type] as MessageTypeDefinition<object, object>).deserialize(bytes) as T;
  } catch (cause) {
    throw new ZastavaError('usage', `no ${type}`, { cause });
  }
}

function readContainerdEvent(bytes: Buffer): null {
  const envelope = decoded<Envelope>('containerd.services.events.v1.Envelope', bytes);
  const event = known(parseTaskEvent(envelope), 'event of a task');
  const times = [envelope.timestamp, 'exitedAt' in event ? event.exitedAt : null].map((time) => dateOf(time));
  for (const time of times) holds(time === undefined || time.toISOString() !== '', 'a time is none');
  if ('pid' in event) holds(Number.isSafeInteger(event.pid) && event.pid >= 0 && typeof event.containerId === 'string', 'a pid is none');
  if ('rootfs' in event) holds(event.rootfs.every(({ type, options }) => typeof type === 'string' && options.every((option) => typeof option === 'string')), 'a mount is none');
  return null;
}

async function readContainerdRecord(bytes: Buffer): Promise<null> {
  const { container } = decoded<{ container: Container | null }>('containerd.services.containers.v1.GetContainerResponse', bytes);
  known(container, 'container');
  const client = { call: async (name: string) => (name.endsWith('/Get') ? { container } : { mounts: [] }) } as unknown as ContainerdClient;
  const images = { digests: async () => ({}) } as unknown as ContainerdImages;
  const { workload, spec, sandbox } = await new ContainerdRecords(client, images).take(container?.id ?? '');
  const { namespace, pod, podUid, container: name, imageRef, containerId } = workload;
  holds([namespace, pod, podUid, name, imageRef, containerId, spec.cwd, ...spec.args, ...spec.env].every((value) => typeof value === 'string'), 'a field is no text');
  holds(typeof sandbox === 'boolean' && Array.isArray(spec.args), 'a specification is none');
  return null;
}

/** For people, and as the observer opens it: what is sound has all its fields, and one batch can be taken. */
function readBuffer(folder: string): null {
  const path = join(folder, storeFileName);
  withBuffer(path, ({ events, gaps, facts, batchId }) => {
    for (const { sound, eventId, kind, when, body, seq } of events()) holds(!sound || ([eventId, kind, when, body].every((value) => typeof value === 'string') && seq > 0), 'a sound event lacks something');
    holds(JSON.stringify({ gaps, facts, batchId }) !== '', 'it cannot be shown');
  });
  const store = new EventStore(path, 64 * 1024 * 1024);
  try {
    const batch = store.next('fuzz', { eventsMax: 32, bytesMax: 1024 * 1024 });
    for (const { body } of batch?.events ?? []) JSON.parse(body);
    if (batch) store.settle(batch.batchId);
    store.append([{ eventId: 'sha256:1', kind: 'containerStart', when: '2026-01-01T00:00:00Z', body: '{}' }]);
  } finally {
    store.close();
  }
  return null;
}

function inFolder(files: (bytes: Buffer) => Readonly<Record<string, Uint8Array>>): (bytes: Buffer) => null {
  return (bytes) => {
    const folder = mkdtempSync(join(tmpdir(), 'zastava-fuzz-'));
    try {
      for (const [name, content] of Object.entries(files(bytes))) writeFileSync(join(folder, name), content);
      return readBuffer(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

/** The log's own database, from the corpus of the other target. */
const database = readFileSync(join(import.meta.dirname, 'corpus', 'buffer-file', 'events.db'));

const protobufWords = ['\x0a', '\x12', '\x1a', '\x22', '\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01', '\x80', '\xff\xff\xff\xff\x0f', '/tasks/start', 'containerd.events.TaskExit', '{"process":{"args":null}}'];

export const observerTargets: readonly Target[] = [
  { name: 'elf', words: ['\x7fELF', 'GNU\0', 'Go\0\0', 'FDO\0', '\xff\xff\xff\xff', '\0\0\0\x7f', '\x04\0\0\0', '\0\0\0\0\0\0\0\x80'], read: readElf },
  { name: 'proc-text', words: ['(', ')', ' ', '\0', '#!', '\n', '/usr/bin/env', '-S', '=', '99999999999999999999', '\xff', 'R'], read: readProcText },
  { name: 'proc-maps', words: ['r-xp', '\n', ' ', '/', '(deleted)', '\\012', '[vdso]', '00:00 0', 'ffffffffffffffff-', '18446744073709551616'], read: readMaps },
  { name: 'containerd-event', words: protobufWords, read: readContainerdEvent },
  { name: 'containerd-record', words: protobufWords, read: readContainerdRecord },
  { name: 'buffer-file', slow: true, words: ['SQLite format 3\0', '\0\0\0\x01', '\xff\xff\xff\xff', 'events', 'CREATE TABLE', '\x0d', '\x05'], read: inFolder((bytes) => ({ [storeFileName]: bytes })) },
  { name: 'buffer-log', slow: true, words: ['\x37\x7f\x06\x82', '\x37\x7f\x06\x83', '\0\0\x10\0', '\0\0\0\x01', '\xff\xff\xff\xff'], read: inFolder((bytes) => ({ [storeFileName]: database, [`${storeFileName}-wal`]: bytes })) },
];
