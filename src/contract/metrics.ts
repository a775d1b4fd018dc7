/**
 * The metrics catalogue (contract section 7): every metric of the runtime plane, once. The programs emit from it; rules,
 * dashboard, documents and the kit's catalogue file are built from it, so that a name cannot differ between them.
 */
import {
  admissionStages, backendEndpoints, backendOutcomes, certificates, components, corrections, decisionModes, decisionReasons,
  decisions, dropReasons, eventKinds, failOpenStates, gapReasons, missingIdKinds, streams, tokenFailureReasons, tokenSources,
} from './label-values.ts';
import type { Component } from './label-values.ts';

/** Values of a label: a closed list, or `open` where the site's own configuration decides (a tenant, a key's revision). */
type LabelValues = readonly string[] | 'open';

export interface Metric {
  /** Name as documents and the runbook print it. */
  readonly dotted: string;
  /** Name as Prometheus knows it: the dotted one with underscores. Histograms add `_bucket`, `_sum`, `_count`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly unit: 'count' | 'milliseconds' | 'seconds' | 'bytes' | 'timestamp' | 'boolean';
  /** Label name → its values; every sample carries `commonLabels` besides. */
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** Upper edges in the metric's unit; histograms only. */
  readonly buckets?: readonly number[];
  readonly help: string;
  /** The programs that emit it. */
  readonly programs: readonly Component[];
}

function metric<const Spec extends Omit<Metric, 'name'>>(spec: Spec): Spec & { readonly name: string } {
  return { ...spec, name: spec.dotted.replaceAll('.', '_') };
}

/** Labels that every sample carries: the tag of `metrics.commonTags` that alerts and dashboard group by. */
export const commonLabels = ['cluster'] as const;

/** Milliseconds. 250 is the upgrade gate, 750 the alert; the last edge lies beyond every timeout. */
export const latencyBucketsMs = [5, 10, 25, 50, 100, 250, 500, 750, 1000, 1500, 2500, 5000, 10_000] as const;

const observer = ['observer'] as const;
const webhook = ['webhook'] as const;

/** In the order of the runbook: events and backend, admission, Authority, the observer's buffer and sources, the rest. */
export const metrics = {
  events: metric({
    dotted: 'zastava.runtime.events.total', type: 'counter', unit: 'count', programs: observer,
    labels: { tenant: 'open', component: components, kind: eventKinds },
    help: 'Runtime events that Scanner has accepted.',
  }),
  backendLatency: metric({
    dotted: 'zastava.runtime.backend.latency.ms', type: 'histogram', unit: 'milliseconds', programs: components,
    labels: { endpoint: backendEndpoints, outcome: backendOutcomes }, buckets: latencyBucketsMs,
    help: 'Time of one call to Scanner, from request to the last byte of the answer, in milliseconds.',
  }),
  policyWithoutBuildIds: metric({
    dotted: 'zastava.runtime.policy.without.build.ids.total', type: 'counter', unit: 'count', programs: components,
    labels: { component: components },
    help: 'Policy answers for an image that name no build-ids.',
  }),
  decisions: metric({
    dotted: 'zastava.admission.decisions.total', type: 'counter', unit: 'count', programs: webhook,
    labels: { decision: decisions, mode: decisionModes, reason: decisionReasons },
    help: 'Admission decisions.',
  }),
  cacheHits: metric({
    dotted: 'zastava.admission.cache.hits.total', type: 'counter', unit: 'count', programs: webhook, labels: {},
    help: 'Images whose verdict was in the cache.',
  }),
  cacheMisses: metric({
    dotted: 'zastava.admission.cache.misses.total', type: 'counter', unit: 'count', programs: webhook, labels: {},
    help: 'Images whose verdict had to be asked for.',
  }),
  admissionDuration: metric({
    dotted: 'zastava.admission.duration.ms', type: 'histogram', unit: 'milliseconds', programs: webhook,
    labels: { stage: admissionStages }, buckets: latencyBucketsMs,
    help: 'Time of one admission by stage, in milliseconds.',
  }),
  inflightBytes: metric({
    dotted: 'zastava.admission.inflight.bytes', type: 'gauge', unit: 'bytes', programs: webhook, labels: {},
    help: 'Bytes of the reviews that are being answered.',
  }),
  failOpenNamespaces: metric({
    dotted: 'zastava.admission.fail.open.namespaces', type: 'gauge', unit: 'count', programs: webhook,
    labels: { state: failOpenStates },
    help: 'Namespaces listed to fail open: in force, or past their until.',
  }),
  tokenExpiry: metric({
    dotted: 'zastava.authority.token.expiry.timestamp.seconds', type: 'gauge', unit: 'timestamp', programs: components,
    labels: { audience: 'open' },
    help: 'Unix time at which the newest OpTok expires; 0 until there is one.',
  }),
  tokenAge: metric({
    dotted: 'zastava.authority.token.age.seconds', type: 'gauge', unit: 'seconds', programs: components,
    labels: { audience: 'open', source: tokenSources },
    help: 'Age of the token in use; a source that is not in use has no series.',
  }),
  tokenFailures: metric({
    dotted: 'zastava.authority.token.failures.total', type: 'counter', unit: 'count', programs: components,
    labels: { audience: 'open', reason: tokenFailureReasons },
    help: 'Requests for an OpTok that gave none.',
  }),
  keyInfo: metric({
    dotted: 'zastava.authority.key.info', type: 'gauge', unit: 'boolean', programs: components,
    labels: { revision: 'open', thumbprint: 'open' },
    help: 'The DPoP key that is loaded: revision of its Secret and RFC 7638 thumbprint; always 1.',
  }),
  bufferBytes: metric({
    dotted: 'zastava.runtime.buffer.bytes', type: 'gauge', unit: 'bytes', programs: observer, labels: {},
    help: 'Bytes of events in the buffer on disk.',
  }),
  bufferBytesMax: metric({
    dotted: 'zastava.runtime.buffer.max.bytes', type: 'gauge', unit: 'bytes', programs: observer, labels: {},
    help: 'Bytes that the buffer may grow to, with what its disk has left; 0 while the disk fails and events are in memory only.',
  }),
  bufferVolatile: metric({
    dotted: 'zastava.runtime.buffer.volatile', type: 'gauge', unit: 'boolean', programs: observer, labels: {},
    help: '1 when the buffer lies on tmpfs and dies with a reboot.',
  }),
  bufferDrops: metric({
    dotted: 'zastava.runtime.buffer.drops.total', type: 'counter', unit: 'count', programs: observer,
    labels: { reason: dropReasons },
    help: 'Captured events that were let go.',
  }),
  gaps: metric({
    dotted: 'zastava.runtime.gaps.total', type: 'counter', unit: 'count', programs: observer,
    labels: { reason: gapReasons },
    help: 'Gaps declared to Scanner: it knows that events are missing.',
  }),
  queueAge: metric({
    dotted: 'zastava.runtime.queue.age.seconds', type: 'gauge', unit: 'seconds', programs: observer, labels: {},
    help: 'Age of the oldest event that Scanner has not accepted yet.',
  }),
  streamUp: metric({
    dotted: 'zastava.runtime.stream.up', type: 'gauge', unit: 'boolean', programs: observer, labels: { stream: streams },
    help: '1 while the stream of container events is connected, 0 while it is not.',
  }),
  corrections: metric({
    dotted: 'zastava.runtime.reconcile.corrections.total', type: 'counter', unit: 'count', programs: observer,
    labels: { correction: corrections },
    help: 'Containers whose start or stop only a comparison with the node showed.',
  }),
  processesWithoutBuildId: metric({
    dotted: 'zastava.runtime.processes.without.build.id.total', type: 'counter', unit: 'count', programs: observer,
    labels: { idKind: missingIdKinds },
    help: 'Entry processes without a GNU build-id.',
  }),
  certificateNotAfter: metric({
    dotted: 'zastava.certificate.not.after.timestamp.seconds', type: 'gauge', unit: 'timestamp', programs: components,
    labels: { certificate: certificates },
    help: 'Unix time at which a certificate ends.',
  }),
  buildInfo: metric({
    dotted: 'zastava.build.info', type: 'gauge', unit: 'boolean', programs: components,
    labels: { component: components, version: 'open' },
    help: 'The running version; always 1.',
  }),
} as const satisfies Record<string, Metric>;
