/**
 * The file beside a released kit that proves its log extends every log head released before: from any of them a site can
 * go on to this kit's, and nobody can show two sites two histories.
 */
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { refusal } from '../../bytes/refusal.ts';
import { kitLimits, kitMediaTypes } from '../../contract/kit-format.ts';

export interface ConsistencyProof {
  /** Leaves of the earlier tree. */
  readonly size: number;
  readonly hashes: readonly Buffer[];
}

const where = 'the consistency proofs';
const hashPattern = /^[A-Za-z0-9+/]{43}=$/;
/** Of a tree of 2^53 leaves. */
const hashesMax = 54;

export function renderConsistency(proofs: readonly ConsistencyProof[]): string {
  return canonicalJson({ mediaType: kitMediaTypes.consistency, proofs: proofs.map(({ size, hashes }) => ({ size, hashes: hashes.map((hash) => hash.toString('base64')) })) });
}

/** Throws `kit.log-invalid` for what is of another shape. Nothing in it is believed: a proof holds or does not. */
export function parseConsistency(text: string): ConsistencyProof[] {
  if (text.length > kitLimits.consistencyBytesMax) throw refusal('kit.limit-exceeded', { where, expected: `at most ${kitLimits.consistencyBytesMax} bytes`, found: `${text.length}` });
  let value: { mediaType?: unknown; proofs?: unknown } | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch (cause) {
    throw refusal('kit.log-invalid', { where, expected: 'JSON', found: 'other text' }, cause);
  }
  if (value?.mediaType !== kitMediaTypes.consistency || !Array.isArray(value.proofs)) throw refusal('kit.log-invalid', { where, expected: `proofs of ${kitMediaTypes.consistency}`, found: JSON.stringify(value).slice(0, 80) });
  return value.proofs.map(parseProof);
}

function parseProof(value: { size?: unknown; hashes?: unknown } | null): ConsistencyProof {
  const { size, hashes } = value ?? {};
  const holds = Number.isSafeInteger(size) && Array.isArray(hashes) && hashes.length <= hashesMax && hashes.every((hash) => typeof hash === 'string' && hashPattern.test(hash));
  if (!holds) throw refusal('kit.log-invalid', { where, expected: 'a size and hashes in base64', found: JSON.stringify(value ?? null).slice(0, 80) });
  return { size: size as number, hashes: (hashes as string[]).map((hash) => Buffer.from(hash, 'base64')) };
}
