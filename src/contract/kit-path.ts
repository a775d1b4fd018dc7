/** Which paths a kit may hold: the writer refuses the others in a recipe, the reader in an archive. */
import { kitLimits } from './kit-format.ts';

/** Segments of ASCII letters, digits, `.`, `_`, `+`, `-`; none is empty, `.` or `..`; relative; 100 bytes at most. */
const pattern = /^(?!\.\.?(\/|$))[A-Za-z0-9._+-]+(\/(?!\.\.?(\/|$))[A-Za-z0-9._+-]+)*$/;

export function isKitPath(path: string): boolean {
  return path.length <= kitLimits.pathBytesMax && pattern.test(path);
}
