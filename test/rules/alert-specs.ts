/** Each alert at its limit: the state that just calls for it, and the one that just does not. Numbers stand here as an operator would write them down. */
import type { AlertName } from '../../src/contract/alerts.ts';
import type { AlertSpec } from './timelines.ts';

type Levels = AlertSpec['levels'];

/** Buckets of a histogram: what each grows by in a step, `bad` and `good`. */
function buckets(metric: string, labels: Readonly<Record<string, string>>, edges: Readonly<Record<string, readonly [bad: number, good: number]>>): Levels {
  return Object.entries(edges).map(([le, [bad, good]]) => ({ type: 'counter', metric: `${metric}_bucket`, labels: { ...labels, le }, bad, good }));
}

const always = (level: Omit<Levels[number], 'good' | 'bad'>, value: number): Levels[number] => ({ ...level, good: value, bad: value });

const backend = 'zastava_runtime_backend_latency_ms';
const admission = 'zastava_admission_duration_ms';
const decisions = 'zastava_admission_decisions_total';
const tokenAge = 'zastava_authority_token_age_seconds';
const [hours23, weeks2] = [82_800, 1_209_600];

export const alertSpecs: Readonly<Record<Exclude<AlertName, 'ZastavaRuntimeAbsent' | 'ZastavaRuntimePodsMissing'>, AlertSpec>> = {
  // P95 at 775 ms, and at exactly 750.
  ZastavaRuntimeBackendLatencyHigh: {
    severity: 'warning', labels: { endpoint: 'events' }, leadMinutes: 0.5, forMinutes: 5,
    description: 'P95 of calls to events is 775 ms in cluster c1; the limit is 750 ms.',
    levels: [
      ...buckets(backend, { endpoint: 'events', outcome: 'ok' }, { 500: [0, 0], 750: [1700, 1710], 1000: [1800, 1800], '+Inf': [1800, 1800] }),
      ...buckets(backend, { endpoint: 'policy', outcome: 'ok' }, { 500: [1800, 1800], 750: [1800, 1800], 1000: [1800, 1800], '+Inf': [1800, 1800] }),
    ],
  },
  ZastavaRuntimeBackendTailLatencyHigh: {
    severity: 'warning', labels: { endpoint: 'policy' }, leadMinutes: 0.5, forMinutes: 5,
    description: 'P99 of calls to policy is 2573 ms in cluster c1; the limit is 2500 ms.',
    levels: buckets(backend, { endpoint: 'policy', outcome: 'timeout' }, { 1500: [0, 0], 2500: [9897, 9901], 5000: [10_000, 10_000], '+Inf': [10_000, 10_000] }),
  },
  ZastavaRuntimeEventsSilent: {
    severity: 'warning', labels: {}, leadMinutes: 0, forMinutes: 30,
    description: 'No event was accepted for 30 minutes in cluster c1, although 1 container streams are up.',
    levels: [
      always({ type: 'gauge', metric: 'zastava_runtime_stream_up', labels: { stream: 'containerd' } }, 1),
      { type: 'counter', metric: 'zastava_runtime_events_total', labels: { tenant: 't', component: 'observer', kind: 'containerStart' }, bad: 0, good: (s) => (s % 120 === 30 ? 1 : 0) },
    ],
  },
  ZastavaRuntimeStreamDown: {
    severity: 'critical', labels: { stream: 'containerd', instance: 'a' }, leadMinutes: 0, forMinutes: 2,
    description: 'The containerd stream of a in cluster c1 has been down for 2 minutes (zastava_runtime_stream_up is 0).',
    levels: [{ type: 'gauge', metric: 'zastava_runtime_stream_up', labels: { stream: 'containerd' }, bad: 0, good: 1 }],
  },
  ZastavaRuntimeBufferFilling: {
    severity: 'warning', labels: { instance: 'a' }, leadMinutes: 0, forMinutes: 5,
    description: 'The buffer of a in cluster c1 is 81% full; events are dropped when it is full.',
    levels: [
      { type: 'gauge', metric: 'zastava_runtime_buffer_bytes', bad: 81, good: 80 },
      always({ type: 'gauge', metric: 'zastava_runtime_buffer_max_bytes' }, 100),
    ],
  },
  ZastavaRuntimeBufferNoRoom: {
    severity: 'warning', labels: { instance: 'a' }, leadMinutes: 0, forMinutes: 2,
    description: 'The buffer of a in cluster c1 may grow to 1024kiB with what its disk has left.',
    levels: [{ type: 'gauge', metric: 'zastava_runtime_buffer_max_bytes', bad: 1_048_575, good: 1_048_576 }],
  },
  ZastavaRuntimeBufferDrops: {
    severity: 'critical', labels: { reason: 'bufferFull' }, leadMinutes: 5, forMinutes: 0,
    description: '1 events were dropped (bufferFull) in 5 minutes in cluster c1.',
    levels: [
      { type: 'counter', metric: 'zastava_runtime_buffer_drops_total', labels: { reason: 'bufferFull' }, bad: 0.1, good: 0 },
      always({ type: 'counter', metric: 'zastava_runtime_buffer_drops_total', labels: { reason: 'bufferCorrupt' } }, 0),
    ],
  },
  ZastavaRuntimeBufferVolatile: {
    severity: 'warning', labels: { instance: 'a' }, leadMinutes: 0, forMinutes: 0,
    description: 'The buffer of a in cluster c1 lies on tmpfs (zastava_runtime_buffer_volatile is 1).',
    levels: [{ type: 'gauge', metric: 'zastava_runtime_buffer_volatile', bad: 1, good: 0 }],
  },
  // 20.8 denies a minute, and 19.8; allowing is no deny.
  ZastavaAdmissionDenySpike: {
    severity: 'critical', labels: {}, leadMinutes: 2, forMinutes: 0,
    description: '21 denies a minute in cluster c1; the limit is 20.',
    levels: [
      { type: 'counter', metric: decisions, labels: { decision: 'deny', mode: 'enforced', reason: 'policy.fail' }, bad: 7.4, good: 6.9 },
      always({ type: 'counter', metric: decisions, labels: { decision: 'deny', mode: 'cached', reason: 'policy.fail' } }, 3),
      always({ type: 'counter', metric: decisions, labels: { decision: 'allow', mode: 'enforced', reason: 'policy.pass' } }, 1000),
    ],
  },
  ZastavaAdmissionLatencyHigh: {
    severity: 'critical', labels: {}, leadMinutes: 0.5, forMinutes: 5,
    description: 'P99 of admissions is 2573 ms in cluster c1; the limit is 2500 ms.',
    levels: [
      ...buckets(admission, { stage: 'total' }, { 1500: [0, 0], 2500: [9897, 9901], 5000: [10_000, 10_000], '+Inf': [10_000, 10_000] }),
      ...buckets(admission, { stage: 'policy' }, { 1500: [0, 0], 2500: [0, 0], 5000: [10_000, 10_000], '+Inf': [10_000, 10_000] }),
    ],
  },
  ZastavaAdmissionFailOpenInUse: {
    severity: 'critical', labels: { reason: 'backend.unavailable' }, leadMinutes: 5, forMinutes: 0,
    description: '1 admissions in cluster c1 failed open (backend.unavailable) in 5 minutes.',
    levels: [
      { type: 'counter', metric: decisions, labels: { decision: 'allow', mode: 'failOpen', reason: 'backend.unavailable' }, bad: 0.1, good: 0 },
      always({ type: 'counter', metric: decisions, labels: { decision: 'allow', mode: 'warned', reason: 'backend.unavailable' } }, 5),
    ],
  },
  ZastavaAdmissionFailOpenExpired: {
    severity: 'warning', labels: {}, leadMinutes: 0, forMinutes: 0,
    description: '1 namespaces in cluster c1 are past their until and enforced again.',
    levels: [
      { type: 'gauge', metric: 'zastava_admission_fail_open_namespaces', labels: { state: 'expired' }, bad: 1, good: 0 },
      always({ type: 'gauge', metric: 'zastava_admission_fail_open_namespaces', labels: { state: 'inForce' } }, 3),
    ],
  },
  // Good: it always expires a second from now.
  ZastavaAuthorityTokenStale: {
    severity: 'critical', labels: { audience: 'scanner', instance: 'a' }, leadMinutes: 0, forMinutes: 1,
    description: 'The OpTok of a in cluster c1 for scanner never came.',
    levels: [{ type: 'gauge', metric: 'zastava_authority_token_expiry_timestamp_seconds', labels: { audience: 'scanner' }, bad: 0, good: (s) => s + 1 }],
  },
  ZastavaAuthorityStaticFallbackInUse: {
    severity: 'warning', labels: { audience: 'scanner', instance: 'a', source: 'static' }, leadMinutes: 0, forMinutes: 0,
    description: 'a in cluster c1 uses a static token for scanner instead of an OpTok; it is 1s old.',
    levels: [
      // NaN: no sample that a comparison would keep.
      { type: 'gauge', metric: tokenAge, labels: { audience: 'scanner', source: 'static' }, bad: 1, good: Number.NaN },
      always({ type: 'gauge', metric: tokenAge, labels: { audience: 'scanner', source: 'authority' } }, 60),
    ],
  },
  ZastavaAuthorityStaticTokenOld: {
    severity: 'critical', labels: { audience: 'scanner', instance: 'a', source: 'static' }, leadMinutes: 0, forMinutes: 0,
    description: 'The static token of a in cluster c1 is 23h 1m 0s old; the limit is 23 hours.',
    levels: [
      { type: 'gauge', metric: tokenAge, labels: { audience: 'scanner', source: 'static' }, bad: hours23 + 60, good: hours23 },
      always({ type: 'gauge', metric: tokenAge, labels: { audience: 'scanner', source: 'authority' } }, 2 * hours23),
    ],
  },
  ZastavaCertificateExpiring: {
    severity: 'warning', labels: { certificate: 'webhookServing', instance: 'a' }, leadMinutes: 0, forMinutes: 0,
    description: 'webhookServing of a in cluster c1 ends in 13d 23h 59m 0s.',
    levels: [{ type: 'gauge', metric: 'zastava_certificate_not_after_timestamp_seconds', labels: { certificate: 'webhookServing' }, bad: (s) => s + weeks2 - 60, good: (s) => s + weeks2 }],
  },
};
