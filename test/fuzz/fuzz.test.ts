/**
 * Whatever bytes come: a reader accepts them, and then they are what it would write itself; or it refuses them with an
 * error of ours. A short run with the same inputs each time; FULL=1 makes a long one, whose seed a failure names.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ZastavaError } from '../../src/contract/errors.ts';
import { mutations } from './mutations.ts';
import { targets, type Target } from './targets.ts';

const full = process.env['FULL'] === '1';
const settings: fc.Parameters<unknown> = full ? { numRuns: 20_000 } : { numRuns: 150, seed: 4 };

function corpusOf(name: string): { name: string; bytes: Buffer }[] {
  const folder = join(import.meta.dirname, 'corpus', name);
  return readdirSync(folder).sort().map((file) => ({ name: file, bytes: readFileSync(join(folder, file)) }));
}

/** The code it is refused with; `null` when it is accepted and written again as it was. Anything else is thrown. */
async function outcomeOf({ read }: Target, bytes: Buffer): Promise<string | null> {
  try {
    const rendered = await read(Buffer.from(bytes));
    if (rendered !== null && !Buffer.from(rendered).equals(bytes)) throw new Error(`accepted, and written again it is ${Buffer.from(rendered).toString('latin1').slice(0, 200)}`);
    return null;
  } catch (error) {
    if (error instanceof ZastavaError && error.code !== 'internal' && error.code !== 'environment') return error.code;
    throw error;
  }
}

describe.each(targets)('$name', { timeout: full ? 1_800_000 : 60_000 }, (target) => {
  const corpus = corpusOf(target.name);
  const limits = target.slow ? { ...settings, numRuns: (settings.numRuns ?? 0) / 5 } : settings;

  test('accepts what it must of the corpus, and refuses the rest', async () => {
    const outcomes = await Promise.all(corpus.map(async ({ name, bytes }) => ({ name, accepted: (await outcomeOf(target, bytes)) === null })));
    expect(outcomes).toEqual(corpus.map(({ name }) => ({ name, accepted: !name.startsWith('refused-') })));
    expect(outcomes.some(({ accepted }) => accepted)).toBe(true);
  });

  test('refuses with an error of ours whatever was done to the corpus', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom(...corpus), mutations(target.words), async ({ bytes }, mutate) => void (await outcomeOf(target, mutate(bytes)))), limits);
  });

  test('refuses with an error of ours any bytes and any JSON', async () => {
    const input = fc.oneof(fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)), fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)), fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)));
    await fc.assert(fc.asyncProperty(input, async (bytes) => void (await outcomeOf(target, bytes))), limits);
  });
});
