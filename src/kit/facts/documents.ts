/** The kept documents of a kit as values: JSON by path or digest, YAML by role. Refusals name the document. */
import { refusal } from '../../bytes/refusal.ts';
import { kitPaths, type KitFileRecord, type KitRole } from '../../contract/kit-format.ts';
import type { KitDocument } from '../verify/contents.ts';
import { readYaml } from '../verify/image-references.ts';

export type Json = Readonly<Record<string, unknown>>;

export class DocumentSet {
  readonly #byPath: ReadonlyMap<string, KitDocument>;

  constructor(documents: readonly KitDocument[]) {
    this.#byPath = new Map(documents.map((document) => [document.record.path, document]));
  }

  ofType(mediaType: string): KitDocument[] {
    return [...this.#byPath.values()].filter(({ record }) => record.mediaType === mediaType);
  }

  /** The JSON object at a path; undefined when it is not among the documents. Throws `kit.document-invalid`. */
  json(path: string): Json | undefined {
    const document = this.#byPath.get(path);
    return document && parseJson(path, document.bytes);
  }

  /** Of the layout in the kit's folder `folder`: empty, or ends with `/`. */
  blob(digest: unknown, folder = ''): Json | undefined {
    return this.json(folder + kitPaths.blobs + String(digest).slice('sha256:'.length));
  }

  /** Every YAML document (JSON is YAML) of every file of a role, in the kit's order. Throws `kit.document-invalid`. */
  yaml(role: KitRole): { readonly record: KitFileRecord; readonly value: unknown }[] {
    return [...this.#byPath.values()]
      .filter(({ record }) => record.role === role)
      .flatMap(({ record, bytes }) => readYaml(record.path, bytes).map((document) => ({ record, value: document.toJS({ maxAliasCount: 100 }) as unknown })));
  }
}

export function parseJson(where: string, bytes: Buffer): Json {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (isObject(value)) return value;
  } catch {}
  throw refusal('kit.document-invalid', { where, expected: 'a JSON object', found: 'something else' });
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value if it is an object, else an empty one: what is not there has no members. */
export function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}
