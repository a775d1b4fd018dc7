/**
 * What Kubernetes' own OpenAPI says a PodSpec may hold, trimmed to what matters for images: test/golden/pod-spec-openapi.json, made from
 * `api/openapi-spec/swagger.json` of the Go module k8s.io/kubernetes (see test/runtime/webhook/pod-schema.test.ts).
 */

interface Property {
  readonly type?: string;
  readonly $ref?: string;
  readonly items?: Property;
  readonly additionalProperties?: Property;
  /** Kept only where it speaks of images. */
  readonly description?: string;
}

export interface PodSpecSchema {
  readonly source: string;
  readonly definitions: Readonly<Record<string, { readonly type?: string; readonly properties?: Readonly<Record<string, Property>> }>>;
}

/** The newest Kubernetes: its version as test/peers/go/kubernetes pins it. */
export const kubernetesVersion = 'v1.37.2';

const root = 'io.k8s.api.core.v1.PodSpec';
const speaksOfImages = /image|artifact|\boci\b/i;

export function trimSwagger({ definitions }: Pick<PodSpecSchema, 'definitions'>): PodSpecSchema {
  const kept = new Map<string, PodSpecSchema['definitions'][string]>();
  const keep = (name: string): void => {
    if (kept.has(name)) return;
    const { type, properties = {} } = definitions[name] ?? {};
    kept.set(name, { ...(type !== undefined && { type }), properties: Object.fromEntries(Object.entries(properties).map(([key, property]) => [key, trimmed(property)])) });
    for (const property of Object.values(properties)) for (const target of targetsOf(property)) keep(target);
  };
  keep(root);
  return { source: `k8s.io/kubernetes ${kubernetesVersion}, api/openapi-spec/swagger.json`, definitions: Object.fromEntries([...kept].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function trimmed({ type, $ref, items, additionalProperties, description }: Property): Property {
  return {
    ...(type !== undefined && { type }),
    ...($ref !== undefined && { $ref }),
    ...(items && { items: trimmed(items) }),
    ...(additionalProperties && { additionalProperties: trimmed(additionalProperties) }),
    ...(description !== undefined && speaksOfImages.test(description) && { description }),
  };
}

function targetsOf({ $ref, items, additionalProperties }: Property): string[] {
  return [...($ref === undefined ? [] : [$ref.replace('#/definitions/', '')]), ...[items, additionalProperties].flatMap((below) => (below ? targetsOf(below) : []))];
}

interface TextField {
  /** `containers[].image`, from the PodSpec on. */
  readonly path: string;
  /** `Container.image` */
  readonly name: string;
  readonly speaksOfImages: boolean;
}

/** Every field of a PodSpec that holds text, alone, in a list or in a map. */
export function textFields(schema: PodSpecSchema): TextField[] {
  const walk = (property: Property, path: string, name: string, above: string, parents: readonly string[]): TextField[] => {
    const words = `${above} ${property.description ?? ''}`;
    if (property.items) return walk(property.items, `${path}[]`, name, words, parents);
    if (property.additionalProperties) return walk(property.additionalProperties, `${path}{}`, name, words, parents);
    const [target] = targetsOf(property);
    if (target === undefined) return property.type === 'string' ? [{ path, name, speaksOfImages: speaksOfImages.test(`${path} ${name} ${words}`) }] : [];
    if (parents.includes(target)) return [];
    const { type, properties = {} } = schema.definitions[target] ?? {};
    if (type === 'string') return [{ path, name, speaksOfImages: speaksOfImages.test(`${path} ${name} ${words}`) }];
    const kind = target.split('.').at(-1);
    return Object.entries(properties).flatMap(([key, below]) => walk(below, path === '' ? key : `${path}.${key}`, `${kind}.${key}`, '', [...parents, target]));
  };
  return walk({ $ref: `#/definitions/${root}` }, '', '', '', []);
}

/** A PodSpec with one text at one place. */
export function specWith(path: string, text: string): Record<string, unknown> {
  const steps = path.split('.');
  return steps.reduceRight<unknown>((value, step) => {
    const key = step.replace(/(\[\]|\{\})+$/, '');
    const wraps = step.slice(key.length).match(/\[\]|\{\}/g) ?? [];
    return { [key]: wraps.reduceRight<unknown>((inner, wrap) => (wrap === '[]' ? [inner] : { key: inner }), value) };
  }, text) as Record<string, unknown>;
}
