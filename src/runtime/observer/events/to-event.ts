/**
 * One event as Scanner gets it (contract section 3). Its id is a hash of what happened to whom and of the facts: the same
 * facts found out again, after a restart too, have the same id, and Scanner drops the duplicate.
 */
import { canonicalJson } from '../../../bytes/canonical-json.ts';
import { digestOf } from '../../../bytes/digest.ts';
import { eventSchemaVersion, type EventEnvelope, type EventKind, type RuntimeEvent } from '../../../contract/runtime-event.ts';
import type { NewEvent } from '../buffer/store-rows.ts';

/** The same for all events of this observer. */
export interface EventOrigin {
  readonly tenant: string;
  readonly node: string;
  /** containerd's. */
  readonly version: string;
}

export interface Occurrence extends Pick<RuntimeEvent, 'workload' | 'process' | 'loadedLibs' | 'posture' | 'delta' | 'evidence'> {
  readonly kind: EventKind;
  readonly at: Date;
  readonly bootId: string;
  /** Of the container's entry process. */
  readonly pid: number;
  /** What else makes it another event than one of the same facts, such as the revision of a policy. */
  readonly distinction?: string;
}

export function toEvent({ tenant, node, version }: EventOrigin, occurrence: Occurrence): NewEvent {
  const { kind, at, workload, process, loadedLibs, posture, delta, evidence } = occurrence;
  const [eventId, when] = [eventIdOf(node, occurrence), at.toISOString()];
  const event: RuntimeEvent = {
    eventId, when, kind, tenant, node, runtime: { engine: 'containerd', version }, workload,
    ...(process && { process }), ...(loadedLibs && { loadedLibs }), ...(posture && { posture }), ...(delta && { delta }), evidence,
  };
  return { eventId, kind, when, body: JSON.stringify({ schemaVersion: eventSchemaVersion, event } satisfies EventEnvelope) };
}

function eventIdOf(node: string, { kind, bootId, workload, pid, process, loadedLibs = [], posture, delta, distinction = '' }: Occurrence): string {
  const facts = {
    containerStart: () => ({
      ids: [process?.idKind ?? '', process?.buildId ?? '', process?.goBuildId ?? ''],
      libraries: loadedLibs.map(({ path, sha256 = '', buildId = '' }) => [path, sha256, buildId]),
    }),
    // A task ends once, whatever is known of its end.
    containerStop: () => ({}),
    drift: () => ({ changed: delta?.changedFiles ?? [], added: delta?.newBinaries ?? [] }),
    policyViolation: () => ({}),
    attestationStatus: () => ({ signed: posture?.imageSigned ?? false, sbom: posture?.sbomReferrer ?? false }),
  }[kind]();
  return digestOf(canonicalJson({ node, bootId, containerId: workload.containerId, kind, execId: '', pid, startTime: process?.startTime ?? 0, distinction, facts }));
}
