/**
 * Opens a kit's file and the signatures beside it. The only place of the reading side that touches the file system but
 * for `kit extract`; verify itself takes streams and texts.
 */
import { read } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { ZastavaError } from '../contract/errors.ts';
import { kitLimits, kitSuffixes } from '../contract/kit-format.ts';
import type { SignatureFiles } from './verify/file-signature.ts';
import type { SignedRevocations } from './verify/revocations.ts';

const chunkBytes = 1024 * 1024;
const readInto = promisify(read);

export interface OpenedKit {
  /** Bytes of the file; null when it comes from a stream. */
  readonly bytes: number | null;
  readonly signatures: SignatureFiles;
  /** The file from its start. One buffer is used again and again: a chunk is valid until the next is asked for. */
  stream(): AsyncIterable<Uint8Array>;
}

export interface SignaturePaths {
  /** Default: beside the kit. */
  readonly bundle?: string | undefined;
  readonly signature?: string | undefined;
  /** More signatures and bundles, of other signers. */
  readonly others?: readonly string[];
}

/**
 * `path` is a file, or `-` for standard input, which can be read once and has nothing beside it.
 * What cannot be read is `environment`; only the signatures that were not asked for by path may be absent.
 */
export async function openKit(path: string, paths: SignaturePaths = {}): Promise<OpenedKit> {
  if (path === '-') return { bytes: null, signatures: await readSignatures(undefined, paths), stream: () => readChunks('standard input', 0) };
  const { size } = await stat(path).catch(unreadable(path));
  return { bytes: size, signatures: await readSignatures(path, paths), stream: () => readFileChunks(path) };
}

async function readSignatures(path: string | undefined, paths: SignaturePaths): Promise<SignatureFiles> {
  const beside = (suffix: string): string | undefined => (path === undefined ? undefined : path + suffix.slice(kitSuffixes.archive.length));
  return {
    bundle: await readText(paths.bundle, beside(kitSuffixes.bundle)),
    signature: await readText(paths.signature, beside(kitSuffixes.signature)),
    certificateBundle: await readText(undefined, beside(kitSuffixes.certificateBundle)),
    consistency: await readText(undefined, beside(kitSuffixes.consistency), kitLimits.consistencyBytesMax),
    others: await Promise.all((paths.others ?? []).map(async (name) => ({ name, text: (await readText(name, undefined)) ?? '' }))),
  };
}

/** A revocation list and the signatures beside it, `<path>.sig` and `<path>.sigstore.json`. */
export async function openRevocations(path: string): Promise<SignedRevocations> {
  return {
    list: (await readText(path, undefined)) ?? '',
    signatures: { signature: await readText(undefined, `${path}.sig`), bundle: await readText(undefined, `${path}.sigstore.json`) },
  };
}

async function readText(asked: string | undefined, beside: string | undefined, bytesMax: number = kitLimits.signatureBytesMax): Promise<string | null> {
  const path = asked ?? beside;
  if (path === undefined) return null;
  try {
    const { size } = await stat(path);
    if (size > bytesMax) throw new ZastavaError('kit.limit-exceeded', `${path} has ${size} bytes; such a file beside a kit has at most ${bytesMax}.`);
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (asked === undefined && hasCode(cause, 'ENOENT')) return null;
    return unreadable(path)(cause);
  }
}

async function* readFileChunks(path: string): AsyncGenerator<Uint8Array, void> {
  const file = await open(path).catch(unreadable(path));
  try {
    yield* readChunks(path, file.fd);
  } finally {
    await file.close();
  }
}

/**
 * Reads by descriptor into one buffer, and fills it before it hands it out: a pipe gives 64 KiB at a time, and a stream
 * of Node would make a new buffer for each.
 */
async function* readChunks(name: string, descriptor: number): AsyncGenerator<Uint8Array, void> {
  const buffer = Buffer.allocUnsafeSlow(chunkBytes);
  for (let filled = 0; ; ) {
    const bytesRead = await readReady(descriptor, buffer, filled).catch(unreadable(name));
    filled += bytesRead;
    if (filled > 0 && (bytesRead === 0 || filled === buffer.length)) {
      yield buffer.subarray(0, filled);
      filled = 0;
    }
    if (bytesRead === 0) return;
  }
}

/** A pipe may have been set not to block by the program at its other end: then it says so until there are bytes. */
async function readReady(descriptor: number, buffer: Buffer, offset: number): Promise<number> {
  for (;;) {
    try {
      return (await readInto(descriptor, buffer, offset, buffer.length - offset, null)).bytesRead;
    } catch (error) {
      if (!hasCode(error, 'EAGAIN')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function unreadable(path: string): (cause: unknown) => never {
  return (cause) => {
    if (cause instanceof ZastavaError) throw cause;
    throw new ZastavaError('environment', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause });
  };
}
