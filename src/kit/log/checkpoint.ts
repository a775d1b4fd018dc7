/**
 * Heads of the log as signed notes (C2SP tlog-checkpoint and signed-note), the way that Rekor writes them: cosign reads
 * a note of origin `<host> - <tree id>` as a head of a Rekor v1 log, and the key's hash is the first bytes of the log's id.
 */
import { sha256Bytes } from '../../bytes/digest.ts';
import { refusal } from '../../bytes/refusal.ts';
import type { Digest } from '../../contract/oci.ts';
import type { Signer } from '../keys.ts';
import type { PublicKey } from '../public-key.ts';
import type { TreeHead } from './merkle-tree.ts';

export interface Checkpoint extends TreeHead {
  /** Name of the log: `<host> - <tree id>`. */
  readonly origin: string;
}

const keyHashBytes = 4;
const notePattern = /^(?<body>(?<origin>(?<host>[a-z0-9.-]{1,200}) - \d{1,20})\n(?<size>[1-9]\d{0,14})\n(?<root>[A-Za-z0-9+/]{43}=)\n)\n— (?<name>[a-z0-9.-]{1,200}) (?<signature>[A-Za-z0-9+/]{8,200}={0,2})\n$/;

/** The tree's id is made of the log's key, so that it needs no place to be kept. */
export function originOf(host: string, logId: Digest): string {
  return `${host} - ${BigInt(`0x${logId.slice('sha256:'.length, 'sha256:'.length + 15)}`)}`;
}

export function renderCheckpoint({ origin, size, root }: Checkpoint, signer: Signer): string {
  const body = `${origin}\n${size}\n${root.toString('base64')}\n`;
  const signature = Buffer.concat([keyHashOf(signer.keyId), signer.signDigest(sha256Bytes(Buffer.from(body)))]);
  return `${body}\n— ${hostOf(origin)} ${signature.toString('base64')}\n`;
}

/** Throws `kit.log-invalid` when it is not a head that `key` has signed; `where` names it in the message. */
export function openCheckpoint(text: string, key: PublicKey, where: string): Checkpoint {
  const { body = '', origin = '', host, size, root = '', name, signature = '' } = notePattern.exec(text)?.groups ?? {};
  if (body === '' || host !== name) throw refusal('kit.log-invalid', { where, expected: 'a checkpoint: origin, size, root and one signature', found: JSON.stringify(text.slice(0, 80)) });
  const bytes = Buffer.from(signature, 'base64');
  const holds = bytes.subarray(0, keyHashBytes).equals(keyHashOf(key.keyId)) && key.verifiesMessage(Buffer.from(body), bytes.subarray(keyHashBytes));
  if (!holds) throw refusal('kit.log-invalid', { where, expected: `a head signed by the log key ${key.keyId}`, found: 'another signature' });
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') };
}

export function hostOf(origin: string): string {
  return origin.slice(0, origin.indexOf(' '));
}

function keyHashOf(keyId: Digest): Buffer {
  return Buffer.from(keyId.slice('sha256:'.length), 'hex').subarray(0, keyHashBytes);
}
