/**
 * The closed lists of label values (contract section 7): what a metric may say, so that no series can be made by an
 * attacker or by free text. The event kinds, modes and gap reasons are also what goes over the wire and into logs.
 */

import type { AdmissionDecision, AdmissionMode } from './admission.ts';

/** The two programs of the runtime plane. */
export const components = ['observer', 'webhook'] as const;
export type Component = (typeof components)[number];

/** Kinds of runtime events, as on the wire. */
export const eventKinds = ['containerStart', 'containerStop', 'drift', 'policyViolation', 'attestationStatus'] as const;

/** The two calls that the plane makes to Scanner. */
export const backendEndpoints = ['events', 'policy'] as const;

/** How a call ended: 2xx; 400, 409 or 422; 401 or 403; 429; 5xx or a broken connection; no answer in time. */
export const backendOutcomes = ['ok', 'rejected', 'unauthorized', 'throttled', 'failed', 'timeout'] as const;

export const decisions = ['allow', 'deny'] as const satisfies readonly AdmissionDecision[];

/** How a decision came about. */
export const decisionModes = ['enforced', 'warned', 'audited', 'failOpen', 'cached'] as const satisfies readonly AdmissionMode[];

/** Why a decision is what it is: never the policy's own text, which belongs in the decision record. */
export const decisionReasons = [
  'policy.pass', 'policy.warn', 'policy.fail', 'policy.error',
  'backend.unavailable', 'backend.timeout', 'backend.rejected', 'authority.unavailable', 'authority.rejected',
  'tag.unresolved', 'tag.refused', 'image.invalid', 'images.none', 'images.unchanged', 'review.invalid',
  'webhook.overloaded', 'webhook.failed',
] as const;

/** Steps of one admission, and `total` from the first byte of the request to the last of the answer. */
export const admissionStages = ['parse', 'resolve', 'policy', 'decide', 'total'] as const;

/** Why the observer let go of an event that it had captured. */
export const dropReasons = ['bufferFull', 'bufferCorrupt', 'eventRejected'] as const;

/** Why events are missing from what Scanner was told: dropped here, or never seen at all. */
export const gapReasons = [...dropReasons, 'streamLost', 'bufferLost'] as const;

/** Sources of container facts that stay connected. */
export const streams = ['containerd'] as const;

/** What a comparison with the real state of the node had to put right. */
export const corrections = ['missedStart', 'missedStop'] as const;

/** Why a process has no GNU build-id: `go` has one of its own kind, `exited` was gone before it could be read. */
export const missingIdKinds = ['go', 'stripped', 'script', 'exited', 'unreadable'] as const;

/** Where the token in use came from: Authority, or the static fallback file. */
export const tokenSources = ['authority', 'static'] as const;

/** Why no token came: no connection; 4xx; 429; a token without the binding, audience or scopes asked for; no key. */
export const tokenFailureReasons = ['unreachable', 'rejected', 'throttled', 'tokenInvalid', 'keyInvalid'] as const;

/** Certificates whose end is watched. */
export const certificates = ['webhookServing', 'webhookCa', 'authorityClient'] as const;

/** A fail-open namespace counts as `expired` from its `until` on, when it is enforced again. */
export const failOpenStates = ['inForce', 'expired'] as const;
