/**
 * Every image that the manifests name is in the kit, for every platform: found by looking for `image` wherever it stands
 * in a document, so that init containers, ephemeral ones and kinds that nobody has thought of are not missed.
 */
import { isAlias, isMap, isScalar, parseAllDocuments, visit, type Document, type Pair } from 'yaml';
import { refusal } from '../../bytes/refusal.ts';
import { platforms, type Digest } from '../../contract/oci.ts';
import type { KitDocument } from './contents.ts';
import { platformName, type ImagePlatforms } from './oci-layout.ts';
import type { Tally } from './report.ts';

const byDigest = /^[a-z0-9][A-Za-z0-9._:/-]*@(sha256:[0-9a-f]{64})$/;

/** Gathers `kit.image-missing` for each reference and platform; `kit.document-invalid` for what is not YAML. */
export function verifyImageReferences(documents: readonly KitDocument[], images: ImagePlatforms, tally: Tally): void {
  for (const { record, bytes } of documents.filter((document) => document.record.role === 'manifests')) {
    const references = tally.guard(() => new Set(readYaml(record.path, bytes).flatMap(imagesOf)));
    for (const reference of [...(references ?? [])].sort()) {
      tally.add();
      const where = `${record.path}: ${reference}`;
      const digest = byDigest.exec(reference)?.[1];
      const found = digest === undefined ? undefined : images.get(digest as Digest);
      if (digest === undefined) tally.report('kit.image-missing', { where, expected: 'an image by digest', found: 'one by tag' });
      else if (found === undefined) tally.report('kit.image-missing', { where, expected: 'this image in index.json', found: 'none' });
      for (const platform of found === undefined ? [] : platforms.map(platformName)) {
        if (!found!.has(platform)) tally.report('kit.image-missing', { where, expected: `the image for ${platform}`, found: 'none' });
      }
    }
  }
}

/** All documents of a file. Throws `kit.document-invalid`. */
export function readYaml(path: string, bytes: Buffer): Document[] {
  const documents = parseAllDocuments(bytes.toString('utf8'));
  const all = 'empty' in documents ? [] : documents;
  for (const document of all) {
    const [error] = document.errors;
    if (error) throw refusal('kit.document-invalid', { where: `${path}, line ${error.linePos?.[0].line ?? 1}`, expected: 'YAML', found: error.message.split('\n', 1)[0]! });
  }
  return all;
}

/** `image: <reference>`, and `image: {reference: …}` of an image volume. */
function imagesOf(document: Document): string[] {
  const found: string[] = [];
  visit(document, {
    Pair(_, pair: Pair) {
      if (!isScalar(pair.key) || pair.key.value !== 'image') return;
      const value = isAlias(pair.value) ? pair.value.resolve(document) : pair.value;
      const reference = isMap(value) ? value.get('reference') : isScalar(value) ? value.value : undefined;
      if (typeof reference === 'string') found.push(reference);
    },
  });
  return found;
}
