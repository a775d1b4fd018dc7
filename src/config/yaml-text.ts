/**
 * Text of a values file → plain data, within limits: one document, unique keys, few aliases, no custom tags.
 * JSON is YAML, so the file in the Pods takes the same way. Messages never quote the text: it may hold a secret.
 */
import { LineCounter, parseAllDocuments } from 'yaml';
import type { Problem } from '../contract/errors.ts';

const limits = {
  /** UTF-16 code units. */
  lengthMax: 1024 * 1024,
  aliasesMax: 50,
};

/** The data, or why it could not be read. */
export function readYaml(text: string): { readonly data: unknown } | { readonly problems: readonly Problem[] } {
  if (text.length > limits.lengthMax) {
    return { problems: [{ where: 'the file', expected: 'at most 1 MiB', found: `${text.length} characters` }] };
  }
  const lines = new LineCounter();
  try {
    const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, schema: 'core', version: '1.2' });
    if (documents.length > 1) return { problems: [{ where: 'the file', expected: 'one YAML document', found: `${documents.length} documents` }] };
    const problems = documents.flatMap((document) => [...document.errors, ...document.warnings]).map((error): Problem => {
      const { line, col } = lines.linePos(error.pos[0]);
      return { where: `line ${line}, column ${col}`, expected: 'YAML 1.2 with unique keys', found: error.code.toLowerCase().replaceAll('_', ' ') };
    });
    if (problems.length > 0) return { problems };
    return { data: documents[0]?.toJS({ maxAliasCount: limits.aliasesMax }) ?? {} };
  } catch (error) {
    const found = error instanceof ReferenceError ? 'too many or unresolved aliases' : 'nesting that is too deep';
    return { problems: [{ where: 'the file', expected: 'plain YAML', found }] };
  }
}
