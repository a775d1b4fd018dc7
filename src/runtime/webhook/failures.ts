/** What went wrong on the way to a verdict, as a reason of the closed list and as words for the Pod's maker; and the wait with an end. */
import { ZastavaError, type ErrorCode } from '../../contract/errors.ts';
import type { DecisionReason } from './decision.ts';

/** Codes of what was called → the reason that decisions and metrics show. */
const reasons: Partial<Record<ErrorCode, DecisionReason>> = {
  'scanner.unavailable': 'backend.unavailable',
  'scanner.throttled': 'backend.unavailable',
  'scanner.timeout': 'backend.timeout',
  'scanner.rejected': 'backend.rejected',
  'scanner.answer-invalid': 'backend.rejected',
  'authority.unavailable': 'authority.unavailable',
  'authority.throttled': 'authority.unavailable',
  'authority.rejected': 'authority.rejected',
  'authority.token-invalid': 'authority.rejected',
  'authority.key-invalid': 'authority.rejected',
};

export function describeFailure(error: unknown): { readonly failure: DecisionReason; readonly detail: string } {
  if (!(error instanceof ZastavaError)) return { failure: 'webhook.failed', detail: '' };
  return { failure: reasons[error.code] ?? 'webhook.failed', detail: error.message };
}

/**
 * Waits for work until the deadline, even if the work itself does not keep it.
 * @param waitingFor what the error says that was waited for
 * @throws `code` when the time is over
 */
export async function within<T>(deadlineAt: number, code: ErrorCode, waitingFor: string, work: () => Promise<T>): Promise<T> {
  const late = () => new ZastavaError(code, `the time for the answer was over while waiting for ${waitingFor}`);
  const left = deadlineAt - performance.now();
  if (!(left > 0)) throw late();
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), left);
  });
  try {
    return await Promise.race([work(), end]);
  } finally {
    clearTimeout(timer);
  }
}
