import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Digest } from '../../src/contract/oci.ts';
import { pieceBytes, uploadBlob } from '../../src/registry/blob-upload.ts';
import { RegistryClient } from '../../src/registry/registry-client.ts';
import { Repository } from '../../src/registry/repository.ts';
import { OciRegistry } from '../fakes/oci-registry.ts';

const large = randomBytes(2 * pieceBytes + 12_345);
const small = randomBytes(1000);

function digestOf(bytes: Buffer): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function* inChunks(bytes: Buffer, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function upload(registry: OciRegistry, bytes: Buffer, pieces: AsyncIterable<Uint8Array> = inChunks(bytes)): Promise<number> {
  const client = new RegistryClient({ domain: registry.host, scopes: [], plainHttp: true, delayMs: 1 });
  let sent = 0;
  try {
    await uploadBlob(new Repository(client, 'team/app'), { digest: digestOf(bytes), size: bytes.length, pieces }, (count) => (sent += count));
    return sent;
  } finally {
    await client.close();
  }
}

const blobs = (registry: OciRegistry) => registry.repository('team/app').blobs;
const methods = (registry: OciRegistry) => registry.questions.map(({ method }) => method);

test('a small blob takes two requests', async () => {
  await using registry = await OciRegistry.start();
  expect(await upload(registry, small)).toBe(small.length);
  expect(blobs(registry).get(digestOf(small))).toEqual(small);
  expect(methods(registry)).toEqual(['POST', 'PUT']);
});

test('an empty blob is a blob', async () => {
  await using registry = await OciRegistry.start();
  await upload(registry, Buffer.alloc(0));
  expect([...blobs(registry).keys()]).toEqual([digestOf(Buffer.alloc(0))]);
});

test('a large blob goes in pieces', async () => {
  await using registry = await OciRegistry.start();
  expect(await upload(registry, large)).toBe(large.length);
  expect(blobs(registry).get(digestOf(large))?.equals(large)).toBe(true);
  expect(methods(registry)).toEqual(['POST', 'PATCH', 'PATCH', 'PATCH', 'PUT']);
});

test.each([0, 1, 1_000_000, pieceBytes])('a piece of which %d bytes arrived before a break is sent on from there', async (takeBytes) => {
  await using registry = await OciRegistry.start();
  let patches = 0;
  registry.disturb = ({ method }) => (method === 'PATCH' && ++patches === 2 ? { takeBytes } : undefined);
  await upload(registry, large);
  expect(blobs(registry).get(digestOf(large))?.equals(large)).toBe(true);
  expect(methods(registry).filter((method) => method === 'POST')).toHaveLength(1);
});

test('a registry that is busy is asked again, as late as it says', async () => {
  await using registry = await OciRegistry.start();
  let left = 3;
  registry.disturb = (_, response) => {
    if (left-- <= 0) return undefined;
    response.writeHead(left === 0 ? 429 : 503, left === 0 ? { 'retry-after': '0.01' } : {}).end();
    return 'answered';
  };
  await upload(registry, large);
  expect(blobs(registry).size).toBe(1);
});

test('a small blob whose upload is lost begins anew', async () => {
  await using registry = await OciRegistry.start();
  let puts = 0;
  registry.disturb = ({ method }) => (method === 'PUT' && ++puts === 1 ? 'broken' : undefined);
  await upload(registry, small);
  expect(blobs(registry).get(digestOf(small))).toEqual(small);
});

test('a large blob whose upload is lost says so, for the caller to begin anew', async () => {
  await using registry = await OciRegistry.start();
  let patches = 0;
  registry.disturb = ({ method }, response) => {
    if (method !== 'PATCH' || ++patches !== 2) return undefined;
    response.writeHead(404).end();
    return 'answered';
  };
  await expect(upload(registry, large)).rejects.toMatchObject({ code: 'registry.unavailable', message: expect.stringContaining('lost an upload') });
  expect(blobs(registry).size).toBe(0);
});

test('an answer that was lost after the blob arrived is no failure', async () => {
  await using registry = await OciRegistry.start();
  registry.disturb = ({ method }, response) => {
    if (method !== 'PUT') return undefined;
    registry.repository('team/app').blobs.set(digestOf(large), large);
    response.destroy();
    return 'answered';
  };
  await upload(registry, large);
});

test('content that turns out wrong is never finished', async () => {
  await using registry = await OciRegistry.start();
  async function* wrong(): AsyncGenerator<Uint8Array> {
    yield large.subarray(0, pieceBytes + 5);
    throw new Error('not what was verified');
  }
  await expect(upload(registry, large, wrong())).rejects.toThrow('not what was verified');
  expect(methods(registry)).not.toContain('PUT');
  expect(methods(registry).at(-1)).toBe('DELETE');
});

test('a registry that refuses says why', async () => {
  await using registry = await OciRegistry.start();
  registry.disturb = (_, response) => {
    response.writeHead(403).end('{"errors":[{"code":"DENIED"}]}');
    return 'answered';
  };
  await expect(upload(registry, small)).rejects.toMatchObject({ code: 'registry.rejected', message: expect.stringMatching(/403.*docker config.*DENIED/s) });
});
