/**
 * From a start or stop in containerd to an event in the buffer. Containers are handled side by side, each in its own order:
 *
 *   start → its process, or its layers when that is gone → event kept → among the running ones → drift, policy violation
 *   stop  → event kept → no longer among them
 *
 * What cannot be found out makes an event poorer, never later than the limits of its parts, and never unsaid.
 */
import { missingIdKinds } from '../../../contract/label-values.ts';
import { metrics as catalogue } from '../../../contract/metrics.ts';
import type { Evidence, LoadedLibrary, ProcessFacts } from '../../../contract/runtime-event.ts';
import type { Log } from '../../telemetry/logs.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { EventBuffer } from '../buffer/event-buffer.ts';
import type { ContainerFact } from '../sources/containerd-facts.ts';
import type { FactsReader } from '../sources/facts-reader.ts';
import type { DriftFile, Unseen } from '../sources/process-facts.ts';
import type { Judgement, Judgements } from './judgements.ts';
import type { RunningContainer, RunningContainers } from './running.ts';
import { toEvent, type EventOrigin, type Occurrence } from './to-event.ts';

export interface ContainerEventsParts {
  readonly origin: () => EventOrigin;
  readonly bootId: string;
  readonly facts: Pick<FactsReader, 'process' | 'snapshot'>;
  readonly judgements: Pick<Judgements, 'judge'>;
  readonly running: RunningContainers;
  readonly buffer: Pick<EventBuffer, 'append'>;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** What was found out about an entry process. */
interface Found {
  readonly process: ProcessFacts;
  readonly loadedLibs: readonly LoadedLibrary[];
  readonly evidence: readonly Evidence[];
  readonly drift: readonly DriftFile[];
}

/** How long a start waits for its image's judgement: without posture it is worth more than late, and Scanner itself has the answer. */
const judgementMsMax = 250;
/** Facts under way; further ones wait in containerd. */
const underWayMax = 64;
const reasonsMax = 8;
const reasonCharactersMax = 300;

export class ContainerEvents {
  readonly #parts: ContainerEventsParts;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  readonly #facts = new Set<ContainerFact>();

  constructor(parts: ContainerEventsParts) {
    this.#parts = parts;
    for (const idKind of missingIdKinds) parts.metrics.count(catalogue.processesWithoutBuildId, { idKind }, 0);
  }

  /** Returns when there is room for the next fact. */
  async take(fact: ContainerFact): Promise<void> {
    while (this.#facts.size >= underWayMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#facts.add(fact);
    void this.#inTurn(fact.containerId, () => this.#tell(fact)).finally(() => {
      this.#facts.delete(fact);
      this.#waiting.shift()?.();
    });
  }

  /** When the oldest fact happened that is no event yet. */
  untoldSince(): Date | undefined {
    const times = [...this.#facts].map(({ at }) => at.getTime());
    return times.length === 0 ? undefined : new Date(Math.min(...times));
  }

  /** @param work does not fail */
  #inTurn(containerId: string, work: () => Promise<void>): Promise<void> {
    const done = (this.#underWay.get(containerId) ?? Promise.resolve()).then(work).finally(() => {
      if (this.#underWay.get(containerId) === done) this.#underWay.delete(containerId);
    });
    this.#underWay.set(containerId, done);
    return done;
  }

  /** Returns when all facts that were taken are events. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  /** Tells of files that run and are not of the image, each once. */
  async tellDrift(container: RunningContainer, found: Pick<Found, 'process' | 'evidence' | 'drift'>, at: Date): Promise<void> {
    const news = found.drift.filter(({ change, path }) => !container.drifted.has(`${change} ${path}`));
    if (news.length === 0) return;
    const { images } = container.fact.workload;
    const paths = (wanted: DriftFile['change']): string[] => news.flatMap(({ change, path }) => (change === wanted ? [path] : []));
    const delta = { baselineImageDigest: images.manifest ?? images.config ?? images.index ?? '', changedFiles: paths('changed'), newBinaries: paths('new') };
    await this.#append(container, { kind: 'drift', at, process: found.process, delta, evidence: found.evidence });
    for (const { change, path } of news) container.drifted.add(`${change} ${path}`);
    this.#parts.running.changed();
  }

  /** Tells what the policy's newest answer changes for a container that runs. */
  async tellJudgement(container: RunningContainer, judgement: Judgement | undefined, at: Date): Promise<void> {
    if (!judgement) return;
    const { posture, policyVerdict, policyRevision, reasons } = judgement;
    const common = { at, posture, ...(container.process && { process: container.process }) };
    const before = container.posture;
    if (before && (before.imageSigned !== posture.imageSigned || before.sbomReferrer !== posture.sbomReferrer)) {
      const evidence = [{ signal: 'policy.revision', value: policyRevision }];
      await this.#append(container, { kind: 'attestationStatus', ...common, distinction: policyRevision, evidence });
    }
    const violates = policyVerdict === 'fail' && container.violated !== policyRevision;
    if (violates) {
      const texts = reasons.slice(0, reasonsMax).map((reason) => ({ signal: 'policy.reason', value: reason.slice(0, reasonCharactersMax) }));
      await this.#append(container, { kind: 'policyViolation', ...common, distinction: policyRevision, evidence: [{ signal: 'policy.revision', value: policyRevision }, ...texts] });
      container.violated = policyRevision;
    }
    if (container.posture === posture && !violates) return;
    container.posture = posture;
    this.#parts.running.changed();
  }

  async #tell(fact: ContainerFact): Promise<void> {
    try {
      await (fact.kind === 'start' ? this.#tellStart(fact) : this.#tellStop(fact));
    } catch (error) {
      this.#parts.log.error({ scope: 'containers', container: fact.containerId, kind: fact.kind, error }, 'a mistake of ours: an event was not told');
    }
  }

  async #tellStart(fact: ContainerFact): Promise<void> {
    const { running, judgements, metrics, bootId } = this.#parts;
    const judging = judgements.judge(fact.workload);
    const [found, judgement] = await Promise.all([this.#find(fact), within(judging, judgementMsMax)]);
    const { process, loadedLibs, evidence } = found;
    const posture = judgement?.posture;
    const container: RunningContainer = { fact, bootId, process, ...(posture && { posture }), drifted: new Set() };
    const source = fact.evidence === 'event' ? { signal: 'containerd.task.start', value: '/tasks/start' } : { signal: 'reconcile', value: 'containerd.tasks.list' };
    await this.#append(container, { kind: 'containerStart', at: fact.at, process, loadedLibs, ...(posture && { posture }), evidence: [source, ...evidence] });
    if (process.idKind !== 'gnu') metrics.count(catalogue.processesWithoutBuildId, { idKind: process.idKind });
    running.add(container);
    const kept = running.get(fact.containerId) ?? container;
    await this.tellDrift(kept, found, fact.at);
    if (judgement) await this.tellJudgement(kept, judgement, fact.at);
    else void judging.then((late) => this.#inTurn(fact.containerId, () => this.#tellLate(kept, late)));
  }

  async #tellLate(container: RunningContainer, judgement: Judgement | undefined): Promise<void> {
    if (this.#parts.running.get(container.fact.containerId) === container) await this.tellJudgement(container, judgement, new Date());
  }

  async #tellStop(fact: ContainerFact): Promise<void> {
    const { running, bootId } = this.#parts;
    const container = running.get(fact.containerId) ?? { fact, bootId, drifted: new Set<string>() };
    const source = fact.evidence === 'event' ? { signal: 'containerd.task.exit', value: '/tasks/exit' } : { signal: 'reconcile', value: 'containerd.tasks.list' };
    const status = fact.exitStatus === undefined ? [] : [{ signal: 'exitStatus', value: String(fact.exitStatus) }];
    await this.#append(container, { kind: 'containerStop', at: fact.at, ...(container.process && { process: container.process }), evidence: [source, ...status] });
    running.remove(fact.containerId);
  }

  /** From the process while it lives, else from the layers that it was started from. */
  async #find({ pid, spec, rootfs }: ContainerFact): Promise<Found> {
    const { facts } = this.#parts;
    const seen = await facts.process(pid, { ...spec, ...(rootfs && { rootfs }) });
    if (!('idKind' in seen)) return { process: seen.facts, loadedLibs: seen.libs, evidence: seen.evidence, drift: seen.drift };
    const layers = rootfs ? await facts.snapshot(rootfs, spec.args, spec.env, spec.cwd) : seen;
    if ('idKind' in layers) return unknown(pid, spec.args, seen);
    return { process: { pid, startTime: 0, ...layers.facts }, loadedLibs: layers.libs, evidence: layers.evidence, drift: [] };
  }

  #append({ fact, bootId }: RunningContainer, occurrence: Omit<Occurrence, 'workload' | 'bootId' | 'pid'>): Promise<void> {
    const { buffer, origin } = this.#parts;
    return buffer.append(toEvent(origin(), { ...occurrence, workload: fact.workload, bootId, pid: fact.pid }));
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function unknown(pid: number, args: readonly string[], { idKind }: Unseen): Found {
  return { process: { pid, startTime: 0, entrypoint: args, entryTrace: [], idKind }, loadedLibs: [], evidence: [], drift: [] };
}
