/** Facts and parts of the events' tests. */
import type { Workload } from '../../../../src/contract/runtime-event.ts';
import type { NewEvent } from '../../../../src/runtime/observer/buffer/store-rows.ts';
import type { RuntimeEvent } from '../../../../src/contract/runtime-event.ts';
import type { ContainerFact } from '../../../../src/runtime/observer/sources/containerd-facts.ts';
import type { ObservedProcess } from '../../../../src/runtime/observer/sources/process-facts.ts';

export const digest = `sha256:${'a'.repeat(64)}`;
export const at = new Date('2026-11-24T12:00:00.000Z');

export function workloadOf(id: string, more: Partial<Workload> = {}): Workload {
  return { platform: 'kubernetes', namespace: 'payments', pod: 'api-1', podUid: 'uid', container: 'api', containerId: `containerd://${id}`, imageRef: 'registry.test/api:1', images: { index: digest }, ...more };
}

export function factOf(kind: 'start' | 'stop', id: string, more: Partial<ContainerFact> = {}): ContainerFact {
  return { kind, containerId: id, pid: 7, at, evidence: 'event', workload: workloadOf(id), spec: { args: ['/app'], env: ['TOKEN=very-secret'], cwd: '/' }, ...more };
}

export const observed: ObservedProcess = {
  facts: { pid: 7, startTime: 99, entrypoint: ['/app'], entryTrace: ['/app'], buildId: 'ab'.repeat(20), idKind: 'gnu' },
  bootId: 'boot', libs: [{ path: '/lib/libc.so.6', inode: 3, buildId: 'cd'.repeat(20) }], evidence: [{ signal: 'procfs.maps', value: '2 mappings' }], drift: [],
};

/** Keeps what is appended, and facts. */
export class KeptEvents {
  readonly stored: NewEvent[] = [];
  readonly facts = new Map<string, string>();
  readonly append = async (event: NewEvent): Promise<void> => void this.stored.push(event);
  readonly keepFact = async (name: string, value: string): Promise<void> => void this.facts.set(name, value);
  readonly fact = async (name: string): Promise<string | null> => this.facts.get(name) ?? null;

  get events(): RuntimeEvent[] {
    return this.stored.map(({ body }) => (JSON.parse(body) as { event: RuntimeEvent }).event);
  }

  get told(): string[] {
    return this.events.map(({ kind, workload }) => `${kind} ${workload.containerId.slice('containerd://'.length)}`);
  }
}
