/**
 * Which namespaces each of the two webhook configurations selects (contract sections 1 and 2). Only namespaces that are
 * enforced, and do not fail open, sit behind failurePolicy Fail; excluded ones sit behind none; each other one behind
 * Ignore. The rules between values keep excluded, warned, audited and fail-open namespaces apart.
 */
import type { Values } from '../config/schema.ts';

type Webhook = Pick<Values['zastava']['webhook'], 'enforcement' | 'failOpenNamespaces' | 'excludedNamespaces'>;

/** At most one list of each pair has elements; of `fail…` none when nothing is enforced, of `ignore…` none when nothing is let through. */
export interface NamespaceSets {
  readonly failNotIn: readonly string[];
  readonly failIn: readonly string[];
  readonly ignoreNotIn: readonly string[];
  readonly ignoreIn: readonly string[];
}

/** Each list sorted. */
export function namespaceSets({ enforcement, failOpenNamespaces, excludedNamespaces }: Webhook): NamespaceSets {
  const failOpen = failOpenNamespaces.map(({ name }) => name);
  const named = Object.entries(enforcement.namespaces);
  if (enforcement.default === 'enforce') {
    const relaxed = [...named.filter(([, mode]) => mode !== 'enforce').map(([name]) => name), ...failOpen];
    return { failNotIn: sorted([...excludedNamespaces, ...relaxed]), failIn: [], ignoreNotIn: [], ignoreIn: sorted(relaxed) };
  }
  const strict = named.filter(([name, mode]) => mode === 'enforce' && !failOpen.includes(name)).map(([name]) => name);
  return { failNotIn: [], failIn: sorted(strict), ignoreNotIn: sorted([...excludedNamespaces, ...strict]), ignoreIn: [] };
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
