/**
 * Sends one blob of any size in constant memory. A small one goes in one request. A large one goes in pieces, and each piece is kept until
 * the registry has said that it has it: after a break the registry is asked how far it came, and the rest of the piece follows.
 *
 *   started → (piece sent → acknowledged)* → finished by its digest
 *                  ↘ broken → asked → rest of the piece
 *
 * Invariant: `offset` is what the registry has acknowledged; no byte before it is needed again.
 */
import { ZastavaError } from '../contract/errors.ts';
import type { Descriptor } from '../contract/oci.ts';
import { isBusy, isPassing, type Question } from './registry-client.ts';
import { parseUrl, type RegistryResponse } from './registry-request.ts';
import type { Repository } from './repository.ts';

export interface BlobContent extends Pick<Descriptor, 'digest' | 'size'> {
  /** Exactly `size` bytes, or it throws; each piece is valid until the next is asked for. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

export const pieceBytes = 8 * 1024 * 1024;
/** A piece on a slow line, and a registry that puts a large blob into its place. */
const patienceMs = 300_000;
const triesMax = 5;

/**
 * @param onSent is called with the bytes that were acknowledged since the last call
 * @throws `registry.unavailable` when the upload is lost and must begin anew, `registry.rejected`, and what `pieces` throws
 */
export async function uploadBlob(repository: Repository, { digest, size, pieces }: BlobContent, onSent: (bytes: number) => void = () => undefined): Promise<void> {
  if (size <= pieceBytes) {
    await sendWhole(repository, { digest, size }, await gather(pieces, size));
    return onSent(size);
  }
  const upload = await BlobUpload.start(repository);
  // One piece is filled while the other is on its way.
  const buffers = [Buffer.allocUnsafeSlow(upload.pieceBytes), Buffer.allocUnsafeSlow(upload.pieceBytes)] as const;
  let sending = Promise.resolve();
  try {
    for await (const piece of inPieces(pieces, buffers)) {
      await sending;
      sending = upload.append(piece).then(() => onSent(piece.length));
      // It is awaited at the next turn; until then its failure is not unheard of.
      sending.catch(() => undefined);
    }
    await sending;
    await upload.finish({ digest, size });
  } catch (error) {
    await sending.catch(() => undefined);
    await upload.cancel();
    throw error;
  }
}

/** An upload that was begun. */
export class BlobUpload {
  readonly #repository: Repository;
  readonly pieceBytes: number;
  #location: URL;
  #offset = 0;

  private constructor(repository: Repository, location: URL, bytes: number) {
    [this.#repository, this.#location, this.pieceBytes] = [repository, location, bytes];
  }

  static async start(repository: Repository): Promise<BlobUpload> {
    const response = await repository.client.ask({ method: 'POST', at: repository.at('blobs/uploads/') });
    if (response.status !== 202) throw repository.refusal(response, `to take a blob into ${repository.name}`);
    // Some registries take no smaller pieces than they name.
    const least = Number(response.header('oci-chunk-min-length') ?? 0);
    if (least > 16 * pieceBytes) throw new ZastavaError('registry.answer-invalid', `${repository.name} takes no pieces smaller than ${least} bytes`);
    return new BlobUpload(repository, locationOf(response, repository), Math.max(pieceBytes, least || 0));
  }

  /** Returns when the registry has acknowledged all of it. */
  async append(piece: Uint8Array): Promise<void> {
    const end = this.#offset + piece.length;
    const start = this.#offset;
    for (let tries = 1; this.#offset < end; tries++) {
      const response = await this.#tryOnce({
        method: 'PATCH', at: this.#location, body: piece.subarray(this.#offset - start),
        headers: { 'content-type': 'application/octet-stream', 'content-range': `${this.#offset}-${end - 1}` },
      });
      if (response?.status === 202) {
        this.#location = locationOf(response, this.#repository, this.#location);
        this.#offset = end;
        return;
      }
      if (response && !isBusy(response) && response.status !== 416 && response.status !== 404) throw this.#repository.refusal(response, `a piece of a blob for ${this.#repository.name}`);
      if (tries === triesMax || response?.status === 404) throw lost(this.#repository);
      await this.#repository.client.rest(tries, response);
      await this.#resume(start, end);
    }
  }

  /** @param rest what has not been appended */
  async finish({ digest, size }: Pick<Descriptor, 'digest' | 'size'>, rest: Uint8Array = new Uint8Array(0)): Promise<void> {
    const url = new URL(this.#location);
    url.searchParams.set('digest', digest);
    const response = await this.#tryOnce({ method: 'PUT', at: url, headers: { 'content-type': 'application/octet-stream' }, body: rest });
    if (response?.status === 201) return;
    // It may be there although the answer was lost.
    if (response && !isBusy(response) && response.status !== 404 && response.status !== 416) throw this.#repository.refusal(response, `the blob ${digest} for ${this.#repository.name}`);
    if (!(await this.#repository.hasBlob({ digest, size }))) throw lost(this.#repository);
  }

  /** As well as it can be done: an upload that was left would be cleared away by the registry some day. */
  async cancel(): Promise<void> {
    await this.#repository.client.askOnce({ method: 'DELETE', at: this.#location, patienceMs: 5000 }).catch(() => undefined);
  }

  /** Asks how far the registry came with the piece from `start` to `end`. */
  async #resume(start: number, end: number): Promise<void> {
    const response = await this.#tryOnce({ method: 'GET', at: this.#location });
    if (!response || isBusy(response)) return;
    const last = /^(?:bytes=)?0-(\d+)$/.exec(response.header('range') ?? '')?.[1];
    // "0-0" is how registries say that they have nothing yet.
    const received = last === undefined || last === '0' ? 0 : Number(last) + 1;
    if (response.status !== 204 || received < start || received > end) throw lost(this.#repository);
    this.#offset = received;
    this.#location = locationOf(response, this.#repository, this.#location);
  }

  async #tryOnce(question: Question): Promise<RegistryResponse | undefined> {
    try {
      return await this.#repository.client.askOnce({ ...question, patienceMs });
    } catch (error) {
      if (isPassing(error)) return undefined;
      throw error;
    }
  }
}

/** An upload that was lost on the way begins anew. */
async function sendWhole(repository: Repository, blob: Pick<Descriptor, 'digest' | 'size'>, whole: Uint8Array): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await (await BlobUpload.start(repository)).finish(blob, whole);
    } catch (error) {
      if (!isPassing(error) || tries === triesMax) throw error;
      await repository.client.rest(tries);
    }
  }
}

async function gather(pieces: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const whole = Buffer.allocUnsafe(size);
  let filled = 0;
  for await (const piece of pieces) {
    whole.set(piece, filled);
    filled += piece.length;
  }
  return whole;
}

/** Full buffers by turns, and the rest. */
async function* inPieces(pieces: AsyncIterable<Uint8Array>, buffers: readonly [Buffer, Buffer]): AsyncGenerator<Uint8Array, void> {
  let [buffer, other] = buffers;
  let filled = 0;
  for await (const piece of pieces) {
    for (let taken = 0; taken < piece.length;) {
      const part = piece.subarray(taken, taken + buffer.length - filled);
      buffer.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled < buffer.length) continue;
      yield buffer;
      [buffer, other, filled] = [other, buffer, 0];
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

function locationOf(response: RegistryResponse, repository: Repository, before?: URL): URL {
  const location = response.header('location');
  if (location !== undefined) return parseUrl(location, response.url);
  if (before !== undefined) return before;
  throw new ZastavaError('registry.answer-invalid', `${repository.name} begins an upload and does not say where`);
}

function lost(repository: Repository): ZastavaError {
  return new ZastavaError('registry.unavailable', `${repository.name} lost an upload that was going on`);
}
