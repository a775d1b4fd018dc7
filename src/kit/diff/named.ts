/** The one shape of a change, and the comparison of named things. */
import { diffFields, show } from './fields.ts';

/** In the order that they are shown. */
export const changeAreas = ['kit', 'images', 'packages', 'manifests', 'permissions', 'alerts', 'values', 'documents', 'signatures'] as const;
export type ChangeArea = (typeof changeAreas)[number];

export interface Change {
  readonly area: ChangeArea;
  readonly kind: 'added' | 'removed' | 'changed';
  /** `DaemonSet stellaops/zastava-observer`, `deb libc6`, a path. */
  readonly what: string;
  /** Path of the field; empty for the whole. */
  readonly field: string;
  /** A text as it is, all else as JSON; null for what is not there. */
  readonly before: string | null;
  readonly after: string | null;
}

/** What only one side has is one change; what both have is compared field by field. Sorted by name. */
export function diffNamed(area: ChangeArea, a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): Change[] {
  return [...new Set([...a.keys(), ...b.keys()])].sort().flatMap((what): Change[] => {
    if (!a.has(what)) return [{ area, kind: 'added', what, field: '', before: null, after: show(b.get(what)) }];
    if (!b.has(what)) return [{ area, kind: 'removed', what, field: '', before: show(a.get(what)), after: null }];
    return diffFields(a.get(what), b.get(what)).map((change) => ({ area, kind: 'changed', what, ...change }));
  });
}
