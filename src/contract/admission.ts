/** Wire shapes of admission.k8s.io/v1, as far as the webhook reads and writes them, and its decision record (contract section 5). */
import type { Digest } from './oci.ts';

export const admissionReviewType = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' } as const;

/** Requests that the webhook is registered for. Others are a mistake in its registration and refused as malformed. */
export const admissionScope = { operations: ['CREATE', 'UPDATE'], subResources: ['', 'ephemeralcontainers'] } as const;

/** The answer. `uid` is the request's own; a `status.code` below 400 beside `allowed: false` would become 400. */
export interface AdmissionReviewResponse {
  readonly apiVersion: typeof admissionReviewType.apiVersion;
  readonly kind: typeof admissionReviewType.kind;
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
    /** Each at most 256 characters, else the API server cuts them. */
    readonly warnings?: readonly string[];
  };
}

type PolicyVerdict = 'pass' | 'warn' | 'fail' | 'error';

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
  /** Of the canonical JSON (RFC 8785) of the Pod's `spec`. */
  readonly podSpecDigest: Digest;
  readonly images: readonly ImageFinding[];
  readonly decision: AdmissionDecision;
  readonly mode: AdmissionMode;
  /** How long the decision may be used again; 0: not at all. */
  readonly ttlSeconds: number;
}
