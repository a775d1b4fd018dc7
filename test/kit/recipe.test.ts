import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ZastavaError } from '../../src/contract/errors.ts';
import { mediaTypeOf, parseRecipe } from '../../src/kit/recipe.ts';
import { tinyRecipe } from './tiny-kit.ts';

function problemsOf(text: string): string[] {
  try {
    parseRecipe(text, 'kit.yaml');
  } catch (error) {
    expect(error).toMatchObject({ code: 'kit.recipe-invalid' });
    return (error as ZastavaError).problems.map(({ where, found }) => `${where}: ${found}`);
  }
  return [];
}

describe('a recipe', () => {
  test('is read with its defaults', () => {
    const recipe = parseRecipe(tinyRecipe, 'kit.yaml');
    expect(recipe).toMatchObject({ name: 'tiny', epoch: 1_767_323_045, manifests: { from: 'dist/manifests', path: 'manifests/' } });
    expect(recipe.images[0]).toEqual({
      name: 'app', title: 'App', description: 'An app', licenses: 'Apache-2.0', user: '65532',
      program: { name: 'app', entry: 'src/main.ts' },
    });
    expect(recipe.documents.map(({ mediaType }) => mediaType)).toEqual(['application/yaml', 'application/json', 'text/markdown', 'text/javascript']);
  });

  test('takes its epoch as seconds, its ports and its own media types', () => {
    const text = tinyRecipe
      .replace('2026-01-02T03:04:05Z', '1700000000')
      .replace('title: App\n', 'title: App\n    ports: [8080/tcp]\n')
      .replace('role: tool }', 'role: tool, mediaType: application/x-tool }');
    const recipe = parseRecipe(text, 'kit.yaml');
    expect(recipe.epoch).toBe(1_700_000_000);
    expect(recipe.images[0]?.ports).toEqual(['8080/tcp']);
    expect(recipe.documents[3]?.mediaType).toBe('application/x-tool');
  });

  test('of this repository is right', () => {
    const text = readFileSync(join(import.meta.dirname, '../../offline-kit/kit.yaml'), 'utf8');
    expect(parseRecipe(text, 'kit.yaml').images.map(({ name }) => name)).toEqual(['observer', 'webhook']);
  });

  test('lists all its problems at once, each with its place', () => {
    const text = `
name: Tiny Kit
epoch: yesterday
colour: red
images:
  - { name: app, title: A, description: B, licenses: C, user: root, program: { name: app, entry: ../main.ts } }
  - { name: app, title: A, description: B, licenses: C, user: "0", ports: [http], program: none }
manifests: { from: /dist, path: manifests }
documents:
  - { from: a, path: a/../b, role: rules }
  - { from: a, path: index.json, role: oci }
`;
    expect(problemsOf(text)).toEqual([
      'name: Tiny Kit',
      'title: nothing',
      'epoch: yesterday',
      'images[0].user: root',
      'images[0].program.entry: ../main.ts',
      'images[1].program: "none"',
      'images[1].program.name: nothing',
      'images[1].program.entry: nothing',
      'images[1].ports: ["http"]',
      'manifests.from: /dist',
      'documents[0].path: a/../b',
      'documents[1].role: oci',
      'colour: an unknown key',
      'images[1].name: "app"',
      'documents[1].path: "index.json"',
      'documents: none',
    ]);
  });

  test.each([
    ['is not YAML', 'name: [', /^line \d+: /],
    ['has a key twice', 'name: a\nname: b', /^line 2: .*unique/],
    ['is a list', '- a', /^\(root\): \["a"\]/],
    ['is empty', '', /^\(root\): null/],
    ['has two documents under one path but for case', tinyRecipe.replace('path: README.md', 'path: Tools/tool.mjs'), /^documents\[3\]\.path: /],
    ['puts a document among the blobs', tinyRecipe.replace('path: README.md', 'path: blobs/sha256/00'), /^documents\[2\]\.path: /],
    ['puts a document among the manifests', tinyRecipe.replace('path: README.md', 'path: manifests/a.yaml'), /^documents\[2\]\.path: /],
    ['has rules but no catalogue', tinyRecipe.replace('role: catalogue', 'role: document'), /^documents: none/],
  ])('is refused when it %s', (_name, text, problem) => {
    expect(problemsOf(text)[0]).toMatch(problem);
  });
});

test('a media type goes by the extension', () => {
  expect(['a.yaml', 'b/c.json', 'Makefile', 'x.bin'].map(mediaTypeOf)).toEqual(['application/yaml', 'application/json', 'application/octet-stream', 'application/octet-stream']);
});
