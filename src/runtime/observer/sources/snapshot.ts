/**
 * The program of a container that is gone, or never was there long enough: what its image's layers and its specification
 * say that it ran. Volumes that were mounted over the layers are not seen.
 */
import { idsOf, type FileReader } from './executable.ts';
import { findDrift } from './proc-drift.ts';
import { boundArguments, boundText, textLimits } from './proc-text.ts';
import type { ObservedSnapshot, Unseen, WantedSnapshot } from './process-facts.ts';
import { resolveEntry, searchEnvironment } from './snapshot-entry.ts';
import { findLibraries, type LibraryLimits } from './snapshot-libraries.ts';
import { RootTree } from './snapshot-tree.ts';

export function readSnapshot({ rootfs, args, env, cwd }: WantedSnapshot, limits: LibraryLimits, reader: FileReader): ObservedSnapshot | Unseen {
  const { upper, lowers } = rootfs;
  using tree = new RootTree([...(upper === undefined ? [] : [upper]), ...lowers]);
  const environment = searchEnvironment(env);
  const entries = resolveEntry(tree, reader, args[0] ?? '', environment, cwd);
  const [first, last] = [entries[0], entries.at(-1)];
  if (!first || !last) return { idKind: 'exited' };
  const libs = last.facts.elf ? findLibraries(tree, reader, last.found.path, last.facts.elf, environment, limits) : [];
  const paths = [...entries.map(({ found }) => found.path), ...libs.map(({ path }) => path)];
  return {
    facts: { entrypoint: boundArguments(args), entryTrace: entries.map(({ name }) => boundText(name, textLimits.pathCharsMax)), ...idsOf(first.facts) },
    libs,
    evidence: [
      { signal: 'snapshot.entrypoint', value: boundText(first.found.path, textLimits.pathCharsMax) },
      { signal: 'snapshot.libraries', value: `${libs.length} files` },
    ],
    drift: findDrift(paths.map((path) => ({ path, deleted: false, device: undefined, open: () => null })), undefined, rootfs, reader),
  };
}
