/** What a check before an install finds: the shape in which a short-lived Pod tells it, and in which it is printed. */

export const preflightOutcomes = ['ok', 'warning', 'failed', 'unknown'] as const;

/** `unknown`: it could not be looked at. */
export type PreflightOutcome = (typeof preflightOutcomes)[number];

export interface PreflightFinding {
  /** What was looked at, in a few words; the same words on each node. */
  readonly check: string;
  readonly outcome: PreflightOutcome;
  /** In one line. No secret is in it. */
  readonly found: string;
  /** What to do about it, where it is not ok. */
  readonly todo?: string;
}

/** Command of the observer's program that looks around on its node and prints one line of this form on standard output. */
export const preflightCommand = 'preflight';

export interface PreflightLine {
  readonly preflight: readonly PreflightFinding[];
}
