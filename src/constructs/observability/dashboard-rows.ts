/** What the dashboard asks: one row a question of the runbook, each panel with its queries; how it looks is in dashboard.ts. */
import { alertThresholds as t } from '../../contract/alerts.ts';
import type { AlertName } from '../../contract/alerts.ts';
import { metrics } from '../../contract/metrics.ts';
import { bufferFill } from './alert-conditions.ts';
import { count, quantile, rate, select } from './promql.ts';
import { recordedSeries } from './recorded-series.ts';

interface DashboardQuery {
  readonly expr: string;
  readonly legend: string;
}

export interface DashboardPanel {
  readonly title: string;
  readonly description: string;
  /** Grafana's name of the unit. */
  readonly unit: 'ms' | 's' | 'bytes' | 'short' | 'cpm' | 'percentunit' | 'bool_yes_no';
  readonly queries: readonly DashboardQuery[];
  /** Drawn as lines; `bad` says on which side of `value` trouble lies. Between `warn` and `value` it is near. */
  readonly threshold?: { readonly value: number; readonly bad: 'above' | 'below'; readonly warn?: number };
  /** The alert that judges the same; the panel links to its section of the runbook. */
  readonly alert?: AlertName;
}

export interface DashboardRow {
  readonly title: string;
  /** Anchor of the section of the runbook that says what to do. */
  readonly section: string;
  readonly panels: readonly DashboardPanel[];
}

/** Matches the clusters chosen in the dashboard's variable. */
const chosen = { cluster: { regex: '$cluster' } } as const;
const minutes = t.rateWindowMinutes;
const day = 24 * 3600;

const latency = (q: number): string => quantile(q, metrics.backendLatency, minutes, ['cluster', 'endpoint'], chosen);
const admission = (q: number): string => quantile(q, metrics.admissionDuration, minutes, ['cluster', 'stage'], chosen);

export const dashboardRows: readonly DashboardRow[] = [
  { title: 'Is it alive?', section: '44-alerts-and-the-first-command-for-each', panels: [
    { title: 'Pods', unit: 'short', alert: 'ZastavaRuntimeAbsent', description: 'By program. None: nothing watches, or nobody is asked.',
      queries: [{ expr: count(metrics.buildInfo, ['cluster', 'component'], chosen), legend: '{{cluster}} {{component}}' }] },
    { title: 'Pods by version', unit: 'short', alert: 'ZastavaRuntimePodsMissing', description: 'Two versions for long after an upgrade: it is stuck.',
      queries: [{ expr: count(metrics.buildInfo, ['cluster', 'component', 'version'], chosen), legend: '{{cluster}} {{component}} {{version}}' }] },
    { title: 'Streams connected', unit: 'short', threshold: { value: 1, bad: 'below' }, alert: 'ZastavaRuntimeStreamDown', description: 'By observer: 1 connected, 0 not.',
      queries: [{ expr: select(metrics.streamUp, chosen), legend: '{{cluster}} {{instance}} {{stream}}' }] },
    { title: 'Events accepted a minute', unit: 'cpm', alert: 'ZastavaRuntimeEventsSilent', description: 'Zero on a busy cluster is a fault.',
      queries: [{ expr: `60 * ${rate(metrics.events, minutes, ['cluster', 'kind'], chosen)}`, legend: '{{cluster}} {{kind}}' }] },
  ] },
  { title: 'Is it late?', section: '42-scannerwebservice-latency-spike', panels: [
    { title: 'Backend P95', unit: 'ms', threshold: { value: t.backendP95MsMax, bad: 'above', warn: t.upgradeP95MsMax }, alert: 'ZastavaRuntimeBackendLatencyHigh',
      description: `Alert above ${t.backendP95MsMax} ms; an upgrade goes on below ${t.upgradeP95MsMax} ms.`,
      queries: [{ expr: latency(0.95), legend: '{{cluster}} {{endpoint}}' }] },
    { title: 'Backend P99', unit: 'ms', threshold: { value: t.backendP99MsMax, bad: 'above' }, alert: 'ZastavaRuntimeBackendTailLatencyHigh',
      description: 'The slowest one in a hundred calls.',
      queries: [{ expr: latency(0.99), legend: '{{cluster}} {{endpoint}}' }] },
    { title: 'Admission P99 by stage', unit: 'ms', threshold: { value: t.admissionP99MsMax, bad: 'above' }, alert: 'ZastavaAdmissionLatencyHigh', description: 'total is what the API server waits for.',
      queries: [{ expr: admission(0.99), legend: '{{cluster}} {{stage}}' }] },
    { title: 'Oldest waiting event', unit: 's', alert: 'ZastavaRuntimeBufferFilling', description: 'Age of the oldest event that Scanner has not accepted.',
      queries: [{ expr: select(metrics.queueAge, chosen), legend: '{{cluster}} {{instance}}' }] },
    { title: 'Verdicts known', unit: 'percentunit', description: 'Images whose verdict was in the cache, of all asked for.',
      queries: [{ legend: '{{cluster}}', expr: `${rate(metrics.cacheHits, minutes, ['cluster'], chosen)} / `
        + `(${rate(metrics.cacheHits, minutes, ['cluster'], chosen)} + ${rate(metrics.cacheMisses, minutes, ['cluster'], chosen)})` }] },
    { title: 'Bytes in flight', unit: 'bytes', description: 'Reviews that are being answered.',
      queries: [{ expr: select(metrics.inflightBytes, chosen), legend: '{{cluster}} {{instance}}' }] },
  ] },
  { title: 'Is it losing?', section: '45-what-the-observer-can-lose-and-what-it-cannot-see', panels: [
    { title: 'Buffer fill', unit: 'percentunit', threshold: { value: t.bufferFillRatioMax, bad: 'above' }, alert: 'ZastavaRuntimeBufferFilling', description: 'Share of the bytes that the buffer may have.',
      queries: [{ expr: bufferFill(chosen), legend: '{{cluster}} {{instance}}' }] },
    { title: 'Room for the buffer', unit: 'bytes', threshold: { value: t.bufferRoomBytesMin, bad: 'below' }, alert: 'ZastavaRuntimeBufferNoRoom', description: 'That a buffer may grow to with what its disk has left; 0 while the disk fails.',
      queries: [{ expr: select(metrics.bufferBytesMax, chosen), legend: '{{cluster}} {{instance}}' }] },
    { title: 'Drops and gaps a minute', unit: 'cpm', alert: 'ZastavaRuntimeBufferDrops', description: 'Every drop is declared to Scanner as a gap.',
      queries: [
        { expr: `60 * ${rate(metrics.bufferDrops, minutes, ['cluster', 'reason'], chosen)}`, legend: '{{cluster}} dropped: {{reason}}' },
        { expr: `60 * ${rate(metrics.gaps, minutes, ['cluster', 'reason'], chosen)}`, legend: '{{cluster}} gap: {{reason}}' },
      ] },
    { title: 'Found only by comparison', unit: 'cpm', description: 'Starts and stops that the stream did not show.',
      queries: [{ expr: `60 * ${rate(metrics.corrections, minutes, ['cluster', 'correction'], chosen)}`, legend: '{{cluster}} {{correction}}' }] },
    { title: 'Without build-id', unit: 'cpm', description: 'Processes without a GNU build-id, and policy answers without buildIds.',
      queries: [
        { expr: `60 * ${rate(metrics.processesWithoutBuildId, minutes, ['cluster', 'idKind'], chosen)}`, legend: '{{cluster}} {{idKind}}' },
        { expr: `60 * ${rate(metrics.policyWithoutBuildIds, minutes, ['cluster', 'component'], chosen)}`, legend: '{{cluster}} policy, {{component}}' },
      ] },
    { title: 'Buffers on tmpfs', unit: 'short', threshold: { value: 1, bad: 'above' }, alert: 'ZastavaRuntimeBufferVolatile', description: 'Observers whose buffer dies with a reboot.',
      queries: [{ expr: `sum by (cluster) (${select(metrics.bufferVolatile, chosen)})`, legend: '{{cluster}}' }] },
  ] },
  { title: 'Whom does it deny?', section: '43-admission-deny-storm', panels: [
    { title: 'Decisions a minute', unit: 'cpm', alert: 'ZastavaAdmissionFailOpenInUse', description: 'By decision and by how it came about.',
      queries: [{ expr: `60 * ${rate(metrics.decisions, minutes, ['cluster', 'decision', 'mode'], chosen)}`, legend: '{{cluster}} {{decision}} {{mode}}' }] },
    { title: 'Denies a minute by reason', unit: 'cpm', description: 'The alert adds them up.',
      queries: [{ expr: `60 * ${rate(metrics.decisions, t.denyWindowMinutes, ['cluster', 'reason'], { decision: 'deny', ...chosen })}`, legend: '{{cluster}} {{reason}}' }] },
    { title: 'Denies a minute', unit: 'cpm', threshold: { value: t.deniesPerMinuteMax, bad: 'above' }, alert: 'ZastavaAdmissionDenySpike', description: 'What the alert judges, as the rules record it.',
      queries: [{ expr: `${recordedSeries.deniesPerMinute.record}{cluster=~"$cluster"}`, legend: '{{cluster}}' }] },
    { title: 'Fail-open namespaces', unit: 'short', alert: 'ZastavaAdmissionFailOpenExpired', description: 'In force, and past their until.',
      queries: [{ expr: `max by (cluster, state) (${select(metrics.failOpenNamespaces, chosen)})`, legend: '{{cluster}} {{state}}' }] },
  ] },
  { title: 'Are tokens and certificates fresh?', section: '41-authority-offline', panels: [
    { title: 'OpTok life left', unit: 's', threshold: { value: 0, bad: 'below' }, alert: 'ZastavaAuthorityTokenStale', description: 'Below zero: expired and not renewed.',
      queries: [{ expr: `${select(metrics.tokenExpiry, chosen)} - time()`, legend: '{{cluster}} {{instance}} {{audience}}' }] },
    { title: 'Age of the token in use', unit: 's', threshold: { value: t.staticTokenHoursMax * 3600, bad: 'above' }, alert: 'ZastavaAuthorityStaticTokenOld', description: 'A static one must go within a day.',
      queries: [{ expr: select(metrics.tokenAge, chosen), legend: '{{cluster}} {{instance}} {{source}}' }] },
    { title: 'Token failures a minute', unit: 'cpm', alert: 'ZastavaAuthorityStaticFallbackInUse', description: 'Requests to Authority that gave no token.',
      queries: [{ expr: `60 * ${rate(metrics.tokenFailures, minutes, ['cluster', 'reason'], chosen)}`, legend: '{{cluster}} {{reason}}' }] },
    { title: 'Pods by loaded key', unit: 'short', description: 'After a rotation only the new revision should be left.',
      queries: [{ expr: count(metrics.keyInfo, ['cluster', 'revision', 'thumbprint'], chosen), legend: '{{cluster}} {{revision}} {{thumbprint}}' }] },
    { title: 'Certificate life left', unit: 's', threshold: { value: t.certificateDaysMin * day, bad: 'below' }, alert: 'ZastavaCertificateExpiring', description: `Alert below ${t.certificateDaysMin} days.`,
      queries: [{ expr: `min by (cluster, certificate) (${select(metrics.certificateNotAfter, chosen)}) - time()`, legend: '{{cluster}} {{certificate}}' }] },
  ] },
];
