/** The error of a reader: one problem, and a message made from it, so that all readers speak alike. */
import { ZastavaError, type ErrorCode, type Problem } from '../contract/errors.ts';

export function refusal(code: ErrorCode, problem: Problem, cause?: unknown): ZastavaError {
  const { where, expected, found } = problem;
  return new ZastavaError(code, `${where}: expected ${expected}, found ${found}.`, { problems: [problem], cause });
}
