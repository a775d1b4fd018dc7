/** SHA-256, the one hash of the kit and of OCI content. */
import { createHash, hash } from 'node:crypto';
import type { Digest } from '../contract/oci.ts';

/** 64 lowercase hex digits. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return hash('sha256', bytes);
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${sha256Hex(bytes)}`;
}

export function sha256Bytes(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
