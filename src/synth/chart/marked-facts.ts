/**
 * The constructs run over marks in place of facts: once with everything there, and once more for each condition with only
 * that one not holding (adr/0002, adr/0014). What is missing then is what the condition decides.
 */
import { App } from 'cdk8s';
import type { Facts } from '../../constructs/facts.ts';
import { addRuntimePlane } from '../../constructs/runtime-plane.ts';
import { orderKeys, type Manifest } from '../render-artifacts.ts';
import type { FactExpressions } from './fact-expressions.ts';

/** A fact in the templates: `put.procRoot`, `each.pullSecrets`, `when.dpop`. */
export type FactName = `${keyof Facts}.${string}`;

/** Step of the runtime plane → its objects. */
type Objects = ReadonlyMap<string, readonly object[]>;

export interface MarkedStep {
  readonly name: string;
  readonly objects: readonly object[];
  /** What is left of the objects when this condition does not hold, or this list is empty. */
  readonly without: ReadonlyMap<FactName, readonly object[]>;
}

const marks = /⟦([a-zA-Z0-9.]+)⟧/;

/** The fact that a text is the mark of. @throws where a fact is only a part of a text: constructs place facts whole. */
export function markedFact(text: string): FactName | undefined {
  const name = marks.exec(text)?.[1];
  if (name !== undefined && text !== mark(name)) throw new Error(`the fact ${name} is a part of a longer text, and must stand alone: ${text}`);
  return name as FactName | undefined;
}

/** Every step but the namespace, which Helm makes itself, or which is there already. */
export function runConstructs(facts: FactExpressions): MarkedStep[] {
  const conditions: FactName[] = [...names(facts, 'when'), ...names(facts, 'each')];
  const all = objectsOf(facts);
  const without = conditions.map((condition) => [condition, objectsOf(facts, condition)] as const);
  return [...all].filter(([name]) => name !== 'namespace').map(([name, objects]) => ({
    name, objects, without: new Map(without.map(([condition, less]) => [condition, less.get(name) ?? []])),
  }));
}

function objectsOf(facts: FactExpressions, absent?: FactName): Objects {
  const app = new App({ outdir: 'unused', recordConstructMetadata: false });
  return new Map(addRuntimePlane(app, markedFacts(facts, absent)).map((chart) => [chart.node.id, (chart.toJson() as Manifest[]).map(orderKeys)]));
}

/** Also numbers and booleans are marks: nothing looks at their type before Kubernetes does. */
function markedFacts(facts: FactExpressions, absent?: FactName): Facts {
  const group = (kind: keyof Facts, value: (name: FactName) => unknown) => Object.fromEntries(names(facts, kind).map((name) => [name.slice(kind.length + 1), value(name)]));
  return {
    put: group('put', mark),
    each: group('each', (name) => (name === absent ? [] : [mark(name)])),
    when: group('when', (name) => name !== absent),
  } as unknown as Facts;
}

function names(facts: FactExpressions, kind: keyof Facts): FactName[] {
  return Object.keys(facts[kind]).map((name): FactName => `${kind}.${name}`);
}

function mark(name: string): string {
  return `⟦${name}⟧`;
}
