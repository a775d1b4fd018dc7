/**
 * Names, severities and thresholds of the alerts, and the upgrade gate (contract section 8). The relations between them
 * and the histograms' buckets are checked when this module is loaded: an alert that could never fire breaks the build.
 */
import { ZastavaError } from './errors.ts';
import { latencyBucketsMs } from './metrics.ts';
import { serverLimits } from './programs.ts';

/** Where the site serves the runbook that travels in the kit; `runbook_url` adds the alert's anchor. */
export const runbookBaseUrl = 'https://docs.internal/ops/zastava-runtime-operations.md';

/** `critical`: someone acts now. `warning`: today. `info`: to be known. */
export type Severity = 'critical' | 'warning' | 'info';

/** Alert name → severity. The name, in lower case, is the anchor of its section in the runbook. */
export const alertSeverities = {
  ZastavaRuntimeAbsent: 'critical',
  ZastavaRuntimePodsMissing: 'warning',
  ZastavaRuntimeBackendLatencyHigh: 'warning',
  ZastavaRuntimeBackendTailLatencyHigh: 'warning',
  ZastavaRuntimeEventsSilent: 'warning',
  ZastavaRuntimeStreamDown: 'critical',
  ZastavaRuntimeBufferFilling: 'warning',
  ZastavaRuntimeBufferNoRoom: 'warning',
  ZastavaRuntimeBufferDrops: 'critical',
  ZastavaRuntimeBufferVolatile: 'warning',
  ZastavaAdmissionDenySpike: 'critical',
  ZastavaAdmissionLatencyHigh: 'critical',
  ZastavaAdmissionFailOpenInUse: 'critical',
  ZastavaAdmissionFailOpenExpired: 'warning',
  ZastavaAuthorityTokenStale: 'critical',
  ZastavaAuthorityStaticFallbackInUse: 'warning',
  ZastavaAuthorityStaticTokenOld: 'critical',
  ZastavaCertificateExpiring: 'warning',
} as const satisfies Record<string, Severity>;

export type AlertName = keyof typeof alertSeverities;

export interface AlertThresholds {
  /** No Pod of a program in a cluster. */
  readonly absentForMinutes: number;
  /** Hours that a cluster counts as one of ours after its last Pod was seen. */
  readonly absentWindowHours: number;
  /** Share of the Pods that were there within `podsWindowHours`, 0 to 1. */
  readonly podsRatioMin: number;
  readonly podsWindowHours: number;
  /** That a number of Pods must hold to count: one that was replaced can be seen for five more, which is how far Prometheus looks back. */
  readonly podsSteadyMinutes: number;
  readonly podsMissingForMinutes: number;
  /** An upgrade goes on while P95 of the backend stays below this [runbook 2.2]. */
  readonly upgradeP95MsMax: number;
  /** Backend P95, for `backendLatencyForMinutes` [runbook 4.2]. */
  readonly backendP95MsMax: number;
  readonly backendP99MsMax: number;
  readonly backendLatencyForMinutes: number;
  /** Admission P99, all stages together. */
  readonly admissionP99MsMax: number;
  /** Denies in a cluster [runbook 4.3]. */
  readonly deniesPerMinuteMax: number;
  /** Seconds between two scrapes that the windows are made for. */
  readonly scrapeSecondsMax: number;
  /** Minutes that the deny rate looks back: short, so that a storm shows at once. */
  readonly denyWindowMinutes: number;
  /** Minutes that all other rates look back. */
  readonly rateWindowMinutes: number;
  /** An expired OpTok may still be renewed within this. */
  readonly tokenStaleForMinutes: number;
  /** Age of a static fallback token that calls for a rotation [runbook 4.1]: the programs refuse it at 24 hours, and its age is gone then. */
  readonly staticTokenHoursMax: number;
  readonly eventsSilentForMinutes: number;
  readonly streamDownForMinutes: number;
  /** Share of the buffer's bytes, 0 to 1. */
  readonly bufferFillRatioMax: number;
  readonly bufferFillingForMinutes: number;
  /** Bytes that the disk must let the buffer have; the smallest buffer that the values allow has twice that. */
  readonly bufferRoomBytesMin: number;
  readonly bufferNoRoomForMinutes: number;
  readonly certificateDaysMin: number;
}

export const alertThresholds: AlertThresholds = {
  absentForMinutes: 5,
  absentWindowHours: 24,
  podsRatioMin: 0.75,
  podsWindowHours: 1,
  podsSteadyMinutes: 10,
  podsMissingForMinutes: 15,
  upgradeP95MsMax: 250,
  backendP95MsMax: 750,
  backendP99MsMax: 2500,
  backendLatencyForMinutes: 5,
  admissionP99MsMax: 2500,
  deniesPerMinuteMax: 20,
  scrapeSecondsMax: 30,
  denyWindowMinutes: 2,
  rateWindowMinutes: 5,
  tokenStaleForMinutes: 1,
  staticTokenHoursMax: 23,
  eventsSilentForMinutes: 30,
  streamDownForMinutes: 2,
  bufferFillRatioMax: 0.8,
  bufferFillingForMinutes: 5,
  bufferRoomBytesMin: 1024 * 1024,
  bufferNoRoomForMinutes: 2,
  certificateDaysMin: 14,
};

/**
 * Checks that the thresholds make sense together.
 * @throws ZastavaError `internal` with every relation that does not hold.
 */
export function checkAlertThresholds(t: AlertThresholds): void {
  const edges: readonly number[] = latencyBucketsMs;
  const relations: readonly (readonly [string, boolean])[] = [
    ['the upgrade gate lies below the P95 alert', t.upgradeP95MsMax < t.backendP95MsMax],
    ['the P95 alert lies below the P99 alert', t.backendP95MsMax < t.backendP99MsMax],
    ['the admission alert lies below what the API server waits', t.admissionP99MsMax < serverLimits.admissionTimeoutSeconds * 1000],
    ['every latency is a bucket edge',
      [t.upgradeP95MsMax, t.backendP95MsMax, t.backendP99MsMax, t.admissionP99MsMax].every((ms) => edges.includes(ms))],
    ['a rate window holds at least four scrapes', Math.min(t.denyWindowMinutes, t.rateWindowMinutes) * 60 >= 4 * t.scrapeSecondsMax],
    ['Pods are missed before they are forgotten', t.podsMissingForMinutes < t.podsWindowHours * 60 && t.absentForMinutes < t.absentWindowHours * 60],
    ['Pods count before they are forgotten', t.podsSteadyMinutes > 5 && t.podsSteadyMinutes < t.podsWindowHours * 60],
    ['a share of the Pods is missed before all are', t.podsRatioMin > 0 && t.podsRatioMin < 1],
    ['the buffer alert comes before it is full', t.bufferFillRatioMax > 0 && t.bufferFillRatioMax < 1],
  ];
  const broken = relations.filter(([, holds]) => !holds);
  if (broken.length > 0) {
    throw new ZastavaError('internal', 'Alert thresholds in src/contract/alerts.ts contradict each other; correct them.', {
      problems: broken.map(([relation]) => ({ where: 'alertThresholds', expected: relation, found: JSON.stringify(t) })),
    });
  }
}

checkAlertThresholds(alertThresholds);
