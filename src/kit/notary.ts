/** Who signs a kit, where it is written down, and when: one for all signatures of a kit. */
import type { Signer } from './keys.ts';
import type { ReleaseLog } from './log/release-log.ts';

export interface Notary {
  readonly signer: Signer;
  readonly log: ReleaseLog;
  /** RFC 3339, seconds, UTC. */
  readonly signedAt: string;
}
