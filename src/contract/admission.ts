/** Wire shapes of admission.k8s.io/v1, as far as the webhook reads and writes them, and its decision record (contract section 5). */
import type { Digest } from './oci.ts';

export const admissionReviewType = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' } as const;

/** Requests that the webhook is registered for. Others are a mistake in its registration and refused as malformed. */
export const admissionScope = { operations: ['CREATE', 'UPDATE'], subResources: ['', 'ephemeralcontainers'] } as const;

/**
 * Bounds of a review and of its answer. A reference longer than `imageNameCharactersMax` cannot be pulled: repository, tag, digest
 * and a DNS name are all limited. The API server cuts warnings beyond the last two.
 */
export const admissionLimits = {
  uidCharactersMax: 128,
  imagesMax: 256,
  imageNameCharactersMax: 1024,
  warningCharactersMax: 256,
  warningsCharactersMax: 4096,
} as const;

/** Labels that differ from Pod to Pod of one workload. No policy speaks of them, and with them no verdict could be used twice. */
export const labelsOfOnePod: readonly string[] = ['apps.kubernetes.io/pod-index', 'batch.kubernetes.io/job-completion-index', 'statefulset.kubernetes.io/pod-name'];

/** The answer. `uid` is the request's own; a `status.code` below 400 beside `allowed: false` would become 400. */
export interface AdmissionReviewResponse {
  readonly apiVersion: typeof admissionReviewType.apiVersion;
  readonly kind: typeof admissionReviewType.kind;
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly warnings?: readonly string[];
    /** Into the cluster's audit log, each key behind the webhook's name. */
    readonly auditAnnotations?: Readonly<Record<string, string>>;
  };
}

export type PolicyVerdict = 'pass' | 'warn' | 'fail' | 'error';

/** What was found out about one image of a Pod; null where nothing was. */
export interface ImageFinding {
  readonly name: string;
  /** `repo@sha256:…` */
  readonly resolved: string | null;
  readonly signed: boolean | null;
  readonly hasSbomReferrers: boolean | null;
  readonly policyVerdict: PolicyVerdict;
  readonly reasons: readonly string[];
}

export type AdmissionDecision = 'allow' | 'deny';
export type AdmissionMode = 'enforced' | 'warned' | 'audited' | 'failOpen' | 'cached';

/** One decision as it is logged: a JSON line with `decision` at its top, so that the runbook's `jq '.decision'` works. */
export interface DecisionRecord {
  /** The request's uid. */
  readonly admissionId: string;
  readonly namespace: string;
  readonly pod: string;
  /** Of the canonical JSON (RFC 8785) of the Pod's `spec`; null where there is no spec, or none that JSON can carry. */
  readonly podSpecDigest: Digest | null;
  readonly images: readonly ImageFinding[];
  readonly decision: AdmissionDecision;
  readonly mode: AdmissionMode;
  readonly reason: string;
  /** Of the verdicts; null where there are none. */
  readonly policyRevision: string | null;
  /** Nothing will come of it: such a decision is not counted. */
  readonly dryRun: boolean;
  /** How long the decision may be used again; 0: not at all. */
  readonly ttlSeconds: number;
}
