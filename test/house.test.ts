/**
 * The house's own rules, read from the sources: who may import whom (ARCHITECTURE.md), names, sizes, documents.
 * Each rule is a function from files to violations, so that the last tests can show it a house that breaks it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

interface Room {
  /** Folder below src/. The longest that fits a file is its room. */
  readonly room: string;
  readonly rooms: readonly string[];
  readonly libraries: readonly string[];
  /** `any`: all of node:; else the modules it may use. */
  readonly node: 'any' | readonly string[];
}

const pure: readonly string[] = [];
const offline = ['crypto', 'fs', 'fs/promises', 'path', 'stream', 'stream/promises', 'util', 'zlib', 'os', 'worker_threads'];

const table: readonly Room[] = [
  { room: 'contract', rooms: [], libraries: [], node: pure },
  { room: 'bytes', rooms: ['contract'], libraries: [], node: ['crypto', 'stream', 'zlib'] },
  { room: 'config', rooms: ['contract'], libraries: ['yaml', 'zod'], node: pure },
  { room: 'constructs', rooms: ['contract', 'config'], libraries: ['cdk8s', 'cdk8s-plus-28', 'constructs', '@grafana/grafana-foundation-sdk'], node: ['crypto'] },
  { room: 'synth', rooms: ['constructs', 'config', 'contract'], libraries: ['yaml', 'cdk8s'], node: 'any' },
  { room: 'images', rooms: ['contract', 'bytes'], libraries: ['tar-stream', 'esbuild'], node: 'any' },
  {
    room: 'kit',
    rooms: ['kit/verify', 'contract', 'bytes', 'images'],
    libraries: ['jose', '@sigstore/bundle', 'yaml', '@noble/curves', '@noble/ciphers', 'pkijs', 'asn1js'],
    node: offline,
  },
  {
    room: 'kit/verify',
    rooms: ['kit', 'contract', 'bytes', 'images'],
    libraries: ['jose', '@sigstore/bundle', '@sigstore/verify', 'yaml', '@prometheus-io/lezer-promql'],
    node: offline,
  },
  { room: 'kit/push', rooms: ['kit', 'kit/verify', 'registry', 'contract', 'bytes'], libraries: [], node: offline },
  { room: 'runtime/telemetry', rooms: ['contract', 'bytes', 'config'], libraries: ['prom-client', 'pino'], node: 'any' },
  { room: 'registry', rooms: ['contract', 'bytes'], libraries: ['undici'], node: 'any' },
  { room: 'runtime/authority', rooms: ['contract', 'bytes', 'config', 'runtime/telemetry'], libraries: ['oauth4webapi', 'jose', 'undici'], node: 'any' },
  { room: 'runtime/scanner', rooms: ['contract', 'bytes', 'config', 'runtime/telemetry', 'runtime/authority'], libraries: ['undici'], node: 'any' },
  { room: 'runtime/observer', rooms: ['runtime/observer/buffer', 'contract', 'bytes', 'config', 'runtime/telemetry', 'runtime/authority', 'runtime/scanner'], libraries: ['@grpc/grpc-js', '@grpc/proto-loader'], node: 'any' },
  { room: 'runtime/observer/buffer', rooms: ['runtime/observer', 'contract', 'bytes', 'runtime/telemetry'], libraries: [], node: 'any' },
  {
    room: 'runtime/webhook',
    rooms: ['contract', 'bytes', 'config', 'registry', 'runtime/telemetry', 'runtime/authority', 'runtime/scanner'],
    libraries: ['undici', 'pkijs', 'asn1js'],
    node: 'any',
  },
  {
    room: 'cli/stellaops',
    rooms: ['cli/terminal', 'cli/cluster', 'contract', 'bytes', 'config', 'registry', 'runtime/telemetry', 'runtime/authority', 'runtime/scanner', 'runtime/webhook'],
    libraries: ['commander', 'yaml', 'undici'],
    node: 'any',
  },
  { room: 'cli/cluster', rooms: ['cli/terminal', 'contract', 'bytes'], libraries: ['yaml', 'undici'], node: 'any' },
  { room: 'cli/terminal', rooms: ['contract'], libraries: ['cli-progress', 'commander'], node: 'any' },
  {
    room: 'cli/zastava',
    rooms: ['cli/terminal', 'cli/cluster', 'contract', 'bytes', 'config', 'constructs', 'synth', 'images', 'kit', 'kit/verify', 'kit/push', 'registry', 'runtime/observer/buffer'],
    libraries: ['commander'],
    node: 'any',
  },
];

/** Words that say nothing about what is in a file. */
const emptyNames = ['utils', 'util', 'helpers', 'helper', 'common', 'types', 'manager', 'misc', 'shared', 'index'];

interface Source {
  readonly path: string;
  readonly text: string;
}

function filesUnder(folder: string, suffix: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

function roomOf(path: string): Room | undefined {
  return table
    .filter(({ room }) => path.startsWith(`src/${room}/`))
    .sort((a, b) => b.room.length - a.room.length)[0];
}

function importsOf(text: string): string[] {
  const statements = /^\s*(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
  return [...text.matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function importViolations(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const room = roomOf(path);
    if (!room) return [`${path} is in no room of the table`];
    return importsOf(text).flatMap((target) => {
      if (target.startsWith('.')) {
        const file = posix.join(dirname(path), target);
        const other = roomOf(file)?.room;
        if (other === room.room || (other !== undefined && room.rooms.includes(other))) return [];
        if (file === 'package.json') return [];
        return [`${path} (${room.room}) may not import ${file}`];
      }
      const bare = target.replace(/^node:/, '');
      if (target.startsWith('node:') || builtinModules.includes(bare)) {
        return room.node === 'any' || room.node.includes(bare) ? [] : [`${path} (${room.room}) may not use node:${bare}`];
      }
      const library = target.split('/').slice(0, target.startsWith('@') ? 2 : 1).join('/');
      return room.libraries.includes(library) ? [] : [`${path} (${room.room}) may not use the library ${library}`];
    });
  });
}

function nameViolations(paths: readonly string[]): string[] {
  return paths.flatMap((path) =>
    path.split('/').slice(1).flatMap((part, index, parts) => {
      const name = index === parts.length - 1 ? part.replace(/(\.test)?\.ts$/, '') : part;
      if (emptyNames.includes(name)) return [`${path}: "${name}" says nothing; use the noun of what is inside`];
      return /^[a-z0-9]+([.-][a-z0-9]+)*$/.test(name) ? [] : [`${path}: "${name}" is not kebab-case`];
    }),
  );
}

/** Files that no other file and no command reaches. */
function unreachedTests(tests: readonly string[], sources: readonly string[]): string[] {
  const rooms = new Set(sources.flatMap((path) => path.split('/').slice(1, -1).map((_, index, parts) => parts.slice(0, index + 1).join('/'))));
  const own = ['fakes', 'fuzz', 'golden', 'rules', 'peers', 'cluster', 'docs'];
  return tests.filter((path) => {
    const folder = dirname(path).replace(/^test\/?/, '');
    return folder !== '' && !own.includes(folder.split('/')[0] ?? '') && !rooms.has(folder);
  });
}

const sources = filesUnder('src', '.ts');

describe('the house', () => {
  test('each file imports only what its room may', () => {
    expect(importViolations(sources)).toEqual([]);
  });

  test('each library of the table is used by the room that may use it', () => {
    const used = new Set(sources.flatMap(({ path, text }) => importsOf(text).map((target) => `${roomOf(path)?.room} ${target.split('/').slice(0, target.startsWith('@') ? 2 : 1).join('/')}`)));
    const unused = table.flatMap(({ room, libraries }) => libraries.map((library) => `${room} ${library}`)).filter((pair) => !used.has(pair));
    expect(unused).toEqual([]);
  });

  test('the table stands in ARCHITECTURE.md, room by room', () => {
    const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
    for (const { room, libraries } of table) {
      const row = text.split('\n').find((line) => line.startsWith(`| \`${room}\` |`));
      expect(row, `a row for ${room}`).toBeDefined();
      for (const library of libraries) expect(row, `${library} in the row of ${room}`).toContain(`\`${library}\``);
    }
  });

  test('names are kebab-case nouns that say what is inside', () => {
    expect(nameViolations([...sources, ...filesUnder('test', '.ts')].map(({ path }) => path))).toEqual([]);
  });

  test('tests mirror the folders of the sources', () => {
    expect(unreachedTests(filesUnder('test', '.test.ts').map(({ path }) => path), sources.map(({ path }) => path))).toEqual([]);
  });

  test('each source says at its top what it is', () => {
    expect(sources.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test('each document has one title', () => {
    const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'].map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
    for (const { path, text } of [...documents, ...filesUnder('adr', '.md'), ...filesUnder('docs', '.md')]) {
      const prose = text.replace(/^```[\s\S]*?^```/gm, '');
      expect(prose.match(/^# /gm)?.length, path).toBe(1);
    }
  });
});

const violated = (path: string, text: string) => importViolations([{ path, text }]);

describe('the rules of the house', () => {
  test('notice a room that reaches into another', () => {
    expect(violated('src/contract/names.ts', "import { x } from '../kit/archive.ts';")).toHaveLength(1);
    expect(violated('src/runtime/observer/main.ts', "import { x } from '../webhook/main.ts';")).toHaveLength(1);
    expect(violated('src/kit/archive.ts', "import type { X } from '../synth/x.ts';")).toHaveLength(1);
  });

  test('notice a library or a node module in the wrong room', () => {
    expect(violated('src/config/schema.ts', "import { App } from 'cdk8s';")).toHaveLength(1);
    expect(violated('src/kit/verify/verify-kit.ts', "import net from 'node:net';")).toHaveLength(1);
    expect(violated('src/kit/verify/verify-kit.ts', "const net = await import('node:https');")).toHaveLength(1);
    expect(violated('src/contract/names.ts', "import { join } from 'node:path';")).toHaveLength(1);
  });

  test('notice a file outside all rooms, an empty name and a wrong letter', () => {
    expect(violated('src/stray.ts', '')).toHaveLength(1);
    expect(nameViolations(['src/kit/utils.ts', 'src/kit/Archive.ts', 'test/helpers/x.test.ts'])).toHaveLength(3);
    expect(unreachedTests(['test/nowhere/x.test.ts'], ['src/kit/archive.ts'])).toHaveLength(1);
  });

  test('let pass what is allowed', () => {
    expect(violated('src/kit/archive.ts', "import { createHash } from 'node:crypto';\nimport { renderHeader } from '../bytes/ustar.ts';\nexport { x } from './inventory.ts';")).toEqual([]);
  });
});
