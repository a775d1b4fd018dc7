/**
 * The recipe of a kit, `kit.yaml`: what goes in and under which path. It names no application: whatever images,
 * manifests and documents it lists are what the kit is made of.
 */
import { parseDocument } from 'yaml';
import { ZastavaError, type Problem } from '../contract/errors.ts';
import { kitHead, kitLayouts, kitPaths, kitRoles, type KitRole } from '../contract/kit-format.ts';
import { isKitPath } from '../contract/kit-path.ts';
import type { ImageRecipe } from '../images/image.ts';

/** What the image build needs of an image, but for the version. */
type RecipeImage = Omit<ImageRecipe, 'version'>;

interface RecipeDocument {
  /** File, relative to the checkout. */
  readonly from: string;
  /** Path in the kit. */
  readonly path: string;
  readonly role: KitRole;
  /** By the path's extension when not given. */
  readonly mediaType: string;
}

interface RecipeArtifact {
  /** `<name>-<version>` is its ref name in the kit's layout of artifacts. */
  readonly name: string;
  /** `manifests`: the recipe's, for GitOps controllers. `chart`: a Helm chart. */
  readonly kind: 'manifests' | 'chart';
  readonly title: string;
  readonly description: string;
  readonly licenses: string;
  /** The chart's folder, relative to the checkout. */
  readonly from?: string;
}

export interface KitRecipe {
  readonly name: string;
  readonly title: string;
  /** Seconds since 1970: the time of every file in kit and images. */
  readonly epoch: number;
  readonly images: readonly RecipeImage[];
  /** Folder, relative to the checkout, whose YAML files go into the kit's folder `path` (ends with `/`). */
  readonly manifests: { readonly from: string; readonly path: string };
  readonly documents: readonly RecipeDocument[];
  readonly artifacts: readonly RecipeArtifact[];
}

const mediaTypes: Readonly<Record<string, string>> = {
  json: 'application/json',
  md: 'text/markdown',
  mjs: 'text/javascript',
  yaml: 'application/yaml',
};
const documentRoles: readonly string[] = kitRoles.filter((role) => role !== 'oci' && role !== 'manifests' && role !== 'debug');
const namePattern = /^[a-z0-9]+([._-][a-z0-9]+)*$/;

/** Media type by extension; bytes without a known one. */
export function mediaTypeOf(path: string): string {
  return mediaTypes[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
}

/** `source` names the file in messages. All problems at once, as `kit.recipe-invalid`. */
export function parseRecipe(text: string, source: string): KitRecipe {
  const document = parseDocument(text);
  const problems: Problem[] = document.errors.map((error) => ({
    where: `line ${error.linePos?.[0].line ?? 1}`,
    expected: 'YAML',
    found: error.message.split('\n', 1)[0]!,
  }));
  if (problems.length > 0) throw invalid(source, problems);
  const recipe = readRecipe(new Fields(plainData(document, source), '', problems));
  problems.push(...clashes(recipe));
  if (problems.length > 0) throw invalid(source, problems);
  return recipe;
}

function plainData(document: ReturnType<typeof parseDocument>, source: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw invalid(source, [{ where: '(root)', expected: 'YAML without aliases', found: 'an alias' }]);
  }
}

function invalid(source: string, problems: readonly Problem[]): ZastavaError {
  return new ZastavaError('kit.recipe-invalid', `The recipe ${source} has ${problems.length} problem${problems.length === 1 ? '' : 's'}.`, { problems });
}

function readRecipe(fields: Fields): KitRecipe {
  const recipe = {
    name: fields.text('name', namePattern, 'a name of lowercase letters, digits, ".", "_", "-"'),
    title: fields.text('title'),
    epoch: fields.epoch('epoch'),
    images: fields.list('images', readImage),
    manifests: readManifests(fields.object('manifests')),
    documents: fields.list('documents', readDocument),
    artifacts: fields.has('artifacts') ? fields.list('artifacts', readArtifact) : [],
  };
  fields.end();
  return recipe;
}

function readImage(fields: Fields): RecipeImage {
  const image = {
    name: fields.text('name', namePattern, 'a name of lowercase letters, digits, ".", "_", "-"'),
    title: fields.text('title'),
    description: fields.text('description'),
    licenses: fields.text('licenses'),
    user: fields.text('user', /^(0|65532)$/, '"0" or "65532", as text') as ImageRecipe['user'],
    program: readProgram(fields.object('program')),
    ...(fields.has('env') && { env: Object.fromEntries(fields.texts('env', /^[A-Z][A-Z0-9_]*=[!-~]*$/, 'NAME=value').map((text) => text.split(/=(.*)/s, 2) as [string, string])) }),
    ...(fields.has('ports') && { ports: fields.texts('ports', /^\d{1,5}\/(tcp|udp)$/, 'a port such as 8080/tcp') }),
  };
  fields.end();
  return image;
}

function readProgram(fields: Fields): ImageRecipe['program'] {
  const program = {
    name: fields.text('name', /^[a-z0-9-]+$/, 'a name of lowercase letters, digits, "-"'),
    entry: fields.path('entry'),
  };
  fields.end();
  return program;
}

function readArtifact(fields: Fields): RecipeArtifact {
  const kind = fields.text('kind', /^(manifests|chart)$/, 'manifests or chart') as RecipeArtifact['kind'];
  const artifact = {
    name: fields.text('name', namePattern, 'a name of lowercase letters, digits, ".", "_", "-"'),
    kind,
    title: fields.text('title'),
    description: fields.text('description'),
    licenses: fields.text('licenses'),
    ...(kind === 'chart' && { from: fields.path('from') }),
  };
  fields.end();
  return artifact;
}

function readManifests(fields: Fields): KitRecipe['manifests'] {
  const manifests = { from: fields.path('from'), path: `${fields.path('path')}/` };
  fields.end();
  return manifests;
}

function readDocument(fields: Fields): RecipeDocument {
  const from = fields.path('from');
  const path = fields.path('path');
  const role = fields.text('role', new RegExp(`^(${documentRoles.join('|')})$`), `one of ${documentRoles.join(', ')}`) as KitRole;
  const mediaType = fields.has('mediaType') ? fields.text('mediaType', /^[a-z]+\/[a-z0-9.+-]+$/, 'a media type') : mediaTypeOf(path);
  fields.end();
  return { from, path, role, mediaType };
}

/** What is wrong between fields that are each right. */
function clashes({ images, documents, manifests, artifacts }: KitRecipe): Problem[] {
  const problems: Problem[] = [];
  const once = (values: readonly string[], where: (index: number) => string): void =>
    values.forEach((value, index) => {
      if (values.indexOf(value) < index) problems.push({ where: where(index), expected: 'a value of its own', found: JSON.stringify(value) });
    });
  once(images.map(({ name }) => name), (index) => `images[${index}].name`);
  once(artifacts.map(({ name }) => name), (index) => `artifacts[${index}].name`);
  once(documents.map(({ path }) => path.toLowerCase()), (index) => `documents[${index}].path`);
  documents.forEach(({ path }, index) => {
    if (kitHead.includes(path) || [kitPaths.blobs, kitPaths.debug, ...kitLayouts, manifests.path].some((folder) => path.startsWith(folder))) {
      problems.push({ where: `documents[${index}].path`, expected: 'a path that the kit does not use itself', found: JSON.stringify(path) });
    }
  });
  if (documents.some(({ role }) => role === 'rules') && !documents.some(({ role }) => role === 'catalogue')) {
    problems.push({ where: 'documents', expected: 'a document of role catalogue, to check the rules against', found: 'none' });
  }
  return problems;
}

/** One mapping of the recipe. Every reader gives a value of the right type, and notes a problem when it had to invent it. */
class Fields {
  readonly #members: Map<string, unknown>;
  readonly #where: string;
  readonly #problems: Problem[];
  readonly #known = new Set<string>();

  constructor(value: unknown, where: string, problems: Problem[]) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject) problems.push({ where: where || '(root)', expected: 'a mapping', found: JSON.stringify(value) ?? 'nothing' });
    this.#members = new Map(isObject ? Object.entries(value) : []);
    this.#where = where === '' ? '' : `${where}.`;
    this.#problems = problems;
  }

  has(key: string): boolean {
    return this.#members.has(key);
  }

  text(key: string, pattern = /\S/, expected = 'text'): string {
    const value = this.#take(key);
    if (typeof value === 'string' && pattern.test(value)) return value;
    return this.#note(key, expected, value) ?? '';
  }

  path(key: string): string {
    const value = this.#take(key);
    if (typeof value === 'string' && isKitPath(value)) return value;
    return this.#note(key, 'a relative path of at most 100 ASCII letters, digits, "._+-/", without "." and ".."', value) ?? '';
  }

  /** RFC 3339 in whole seconds UTC, or seconds since 1970. */
  epoch(key: string): number {
    const value = this.#take(key);
    const utc = typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value);
    const seconds = utc ? Date.parse(value) / 1000 : value;
    if (Number.isSafeInteger(seconds) && (seconds as number) >= 0 && (seconds as number) < 8 ** 11) return seconds as number;
    return this.#note(key, 'a time such as 2026-11-24T00:00:00Z, or whole seconds since 1970', value) ?? 0;
  }

  object(key: string): Fields {
    return new Fields(this.#take(key), `${this.#where}${key}`, this.#problems);
  }

  list<T>(key: string, read: (fields: Fields) => T): T[] {
    const value = this.#take(key);
    if (Array.isArray(value)) return value.map((item, index) => read(new Fields(item, `${this.#where}${key}[${index}]`, this.#problems)));
    return this.#note(key, 'a list', value) ?? [];
  }

  texts(key: string, pattern: RegExp, expected: string): string[] {
    const value = this.#take(key);
    if (Array.isArray(value) && value.every((item) => typeof item === 'string' && pattern.test(item))) return value;
    return this.#note(key, `a list, each ${expected}`, value) ?? [];
  }

  /** Every key that nothing asked for is a problem. */
  end(): void {
    for (const key of this.#members.keys()) {
      if (!this.#known.has(key)) this.#note(key, `one of ${[...this.#known].join(', ')}`, 'an unknown key');
    }
  }

  #take(key: string): unknown {
    this.#known.add(key);
    return this.#members.get(key);
  }

  #note(key: string, expected: string, found: unknown): undefined {
    this.#problems.push({ where: `${this.#where}${key}`, expected, found: typeof found === 'string' ? found : (JSON.stringify(found) ?? 'nothing') });
    return undefined;
  }
}
