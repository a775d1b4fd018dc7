/**
 * Which namespaces the cluster sends to this webhook, and with which failurePolicy, against what its values want. Namespaces
 * are compared one by one, and not the selectors: two selectors can be written differently and mean the same.
 */
import { checkList, checkObject, type JsonObject } from '../../bytes/json-checks.ts';
import type { Values } from '../../config/schema.ts';
import { namespaceNameLabel } from '../../contract/names.ts';

/** The failurePolicy that a namespace stands behind; `both` is one review too many for each Pod. */
type Coverage = 'Fail' | 'Ignore' | 'both' | 'nothing';

type Webhook = Values['zastava']['webhook'];

/** Selectors of the two configurations; undefined where there is no such object. */
export interface Selectors {
  readonly fail: JsonObject | undefined;
  readonly ignore: JsonObject | undefined;
}

/** Stands for each namespace that neither the values nor a selector name. No namespace can have this name. */
const anyOther = 'any namespace that is not listed';
const namesShownMax = 8;

/** One line for each way in which namespaces differ. */
export function compareNamespaces(selectors: Selectors, webhook: Webhook): string[] {
  const { enforcement, excludedNamespaces, failOpenNamespaces } = webhook;
  const names = new Set([
    anyOther, ...excludedNamespaces, ...Object.keys(enforcement.namespaces), ...failOpenNamespaces.map(({ name }) => name),
    ...namesIn(selectors.fail), ...namesIn(selectors.ignore),
  ]);
  const differing = new Map<string, string[]>();
  for (const name of [...names].sort()) {
    const [wanted, found] = [wantedFor(name, webhook), foundFor(name, selectors)];
    if (wanted === found) continue;
    const difference = `expected behind ${wanted}, found behind ${found}`;
    differing.set(difference, [...(differing.get(difference) ?? []), name]);
  }
  return [...differing].map(([difference, list]) => `namespaces ${shown(list)}: ${difference}; apply the manifests again, or correct the values`);
}

/** The cluster lets Pods of this namespace wait for the webhook, and refuses them without. */
export function standsBehindFail(name: string, selectors: Selectors): boolean {
  return ['Fail', 'both'].includes(foundFor(name, selectors));
}

function wantedFor(name: string, { enforcement, excludedNamespaces, failOpenNamespaces }: Webhook): Coverage {
  if (excludedNamespaces.includes(name)) return 'nothing';
  const mode = Object.hasOwn(enforcement.namespaces, name) ? enforcement.namespaces[name] : enforcement.default;
  return mode === 'enforce' && !failOpenNamespaces.some((each) => each.name === name) ? 'Fail' : 'Ignore';
}

function foundFor(name: string, { fail, ignore }: Selectors): Coverage {
  const [byFail, byIgnore] = [selects(fail, name), selects(ignore, name)];
  if (byFail) return byIgnore ? 'both' : 'Fail';
  return byIgnore ? 'Ignore' : 'nothing';
}

/** Other labels than the name are taken as met: users can set them. */
function selects(selector: JsonObject | undefined, name: string): boolean {
  if (selector === undefined) return false;
  const labels = checkObject(selector['matchLabels'] ?? {}, 'matchLabels', []);
  if (labels[namespaceNameLabel] !== undefined && labels[namespaceNameLabel] !== name) return false;
  return expressionsOf(selector).filter(({ key }) => key === namespaceNameLabel).every(({ operator, values }) => {
    const listed = checkList(values, 'values', []).includes(name);
    if (operator === 'In') return listed;
    if (operator === 'NotIn') return !listed;
    return operator === 'Exists';
  });
}

function namesIn(selector: JsonObject | undefined): string[] {
  const listed = expressionsOf(selector ?? {}).filter(({ key }) => key === namespaceNameLabel).flatMap(({ values }) => checkList(values, 'values', []));
  return listed.filter((name) => typeof name === 'string');
}

function expressionsOf(selector: JsonObject): JsonObject[] {
  return checkList(selector['matchExpressions'], 'matchExpressions', []).map((each) => checkObject(each, 'expression', []));
}

function shown(names: readonly string[]): string {
  const rest = names.length - namesShownMax;
  return `${names.slice(0, namesShownMax).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
