/** Wire shapes of what the observer tells Scanner (contract section 3), and of the gaps that ride along. */
import type { eventKinds, gapReasons, missingIdKinds } from './label-values.ts';

export const eventSchemaVersion = 'zastava.runtime.event@v1.0';

export type EventKind = (typeof eventKinds)[number];
export type GapReason = (typeof gapReasons)[number];

/** One batch as it is posted. */
export interface EventBatch {
  /** The same until Scanner has answered, over restarts too. */
  readonly batchId: string;
  readonly events: readonly EventEnvelope[];
  readonly gaps?: readonly Gap[];
}

export interface EventEnvelope {
  readonly schemaVersion: typeof eventSchemaVersion;
  readonly event: RuntimeEvent;
}

export interface RuntimeEvent {
  /** `sha256:…`: by it Scanner drops duplicates. The same facts have the same id, new facts another. */
  readonly eventId: string;
  /** RFC 3339, UTC. */
  readonly when: string;
  readonly kind: EventKind;
  readonly tenant: string;
  readonly node: string;
  readonly runtime: { readonly engine: 'containerd'; readonly version: string };
  readonly workload: Workload;
  readonly process?: ProcessFacts;
  readonly loadedLibs?: readonly LoadedLibrary[];
  readonly posture?: Posture;
  readonly delta?: Drift;
  readonly evidence: readonly Evidence[];
}

export interface Workload {
  readonly platform: 'kubernetes';
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly container: string;
  /** `containerd://…` */
  readonly containerId: string;
  /** As the Pod names it: a tag may have moved since. */
  readonly imageRef: string;
  /** Whatever of the three could be found out. */
  readonly images: { readonly index?: string; readonly manifest?: string; readonly config?: string };
}

export interface ProcessFacts {
  readonly pid: number;
  /** Clock ticks since boot, as the kernel has it: pid, this and the boot name one process. */
  readonly startTime: number;
  readonly entrypoint: readonly string[];
  /** Programs from the first to the one that runs now. */
  readonly entryTrace: readonly string[];
  /** Lowercase hex of NT_GNU_BUILD_ID. */
  readonly buildId?: string;
  readonly goBuildId?: string;
  /** `gnu`, or why there is no GNU build-id. */
  readonly idKind: 'gnu' | (typeof missingIdKinds)[number];
}

export interface LoadedLibrary {
  readonly path: string;
  readonly inode?: number;
  readonly sha256?: string;
  readonly buildId?: string;
}

export interface Posture {
  readonly imageSigned?: boolean;
  readonly sbomReferrer?: boolean;
  readonly attestation?: string;
}

export interface Drift {
  readonly baselineImageDigest: string;
  readonly changedFiles: readonly string[];
  readonly newBinaries: readonly string[];
}

export interface Evidence {
  readonly signal: string;
  readonly value: string;
}

/** Events that are missing from what Scanner was told. */
export interface Gap {
  readonly reason: GapReason;
  /** Events; 0 when nobody can know how many. */
  readonly count: number;
  readonly bytes: number;
  /** RFC 3339, UTC. */
  readonly from: string;
  readonly to: string;
  /** Numbers in the buffer; 0 for events that never got one. */
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** What one batch may hold (contract section 3). */
export const batchLimits = { eventsMax: 256, bytesMax: 1024 * 1024 } as const;
