/**
 * What a program or library file says of itself: its ids, what it needs, its hash. The same files run in many containers,
 * so answers are kept by device, inode, size and times: the time of change is the one that a container cannot set back.
 */
import { createHash } from 'node:crypto';
import { fstatSync, readSync } from 'node:fs';
import { readElfDynamic, type ElfDynamic } from '../../../bytes/elf-dynamic.ts';
import { readElfIds, type ElfIds } from '../../../bytes/elf-notes.ts';
import { parseElf } from '../../../bytes/elf.ts';
import type { ProcessFacts } from '../../../contract/runtime-event.ts';
import type { FileStat, OpenFile } from './open-file.ts';
import { parseScriptLine, textLimits, type ScriptLine } from './proc-text.ts';

export interface ElfFacts extends ElfIds, ElfDynamic {
  readonly is64: boolean;
  /** e_machine. */
  readonly machine: number;
}

/** Neither field for a file that is something else. */
export interface FileFacts {
  readonly elf?: ElfFacts;
  readonly script?: ScriptLine;
}

interface Known {
  facts?: FileFacts;
  sha256?: string;
}

const chunkBytes = 256 * 1024;

export class FileReader {
  readonly #known = new Map<string, Known>();
  readonly #filesMax: number;
  readonly #chunk = Buffer.alloc(chunkBytes);

  /** @param filesMax Files whose answers are kept; those used longest ago go first. */
  constructor(filesMax = 4096) {
    this.#filesMax = filesMax;
  }

  facts(file: OpenFile): FileFacts {
    const known = this.#of(file.stat);
    if (known.facts) return known.facts;
    const facts = readFacts(file);
    if (isUnchanged(file)) known.facts = facts;
    return facts;
  }

  /** Lowercase hex; the caller has looked at the size. */
  sha256(file: OpenFile): string {
    const known = this.#of(file.stat);
    if (known.sha256 !== undefined) return known.sha256;
    const hash = createHash('sha256');
    for (let at = 0; at < file.size; ) {
      const got = readSync(file.descriptor, this.#chunk, 0, Math.min(chunkBytes, file.size - at), at);
      if (got === 0) break;
      hash.update(this.#chunk.subarray(0, got));
      at += got;
    }
    const sha256 = hash.digest('hex');
    if (isUnchanged(file)) known.sha256 = sha256;
    return sha256;
  }

  #of({ dev, ino, size, mtimeNs, ctimeNs }: FileStat): Known {
    const key = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
    const known = this.#known.get(key) ?? {};
    this.#known.delete(key);
    this.#known.set(key, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#filesMax) break;
      this.#known.delete(oldest);
    }
    return known;
  }
}

/** The ids of a program as an event has them. */
export function idsOf({ elf, script }: FileFacts): Pick<ProcessFacts, 'buildId' | 'goBuildId' | 'idKind'> {
  if (script) return { idKind: 'script' };
  const { buildId, goBuildId } = elf ?? {};
  const idKind = buildId !== undefined ? 'gnu' : goBuildId !== undefined ? 'go' : 'stripped';
  return { ...(buildId === undefined ? {} : { buildId }), ...(goBuildId === undefined ? {} : { goBuildId }), idKind };
}

function readFacts(file: OpenFile): FileFacts {
  const elf = parseElf(file);
  if (elf) return { elf: { ...readElfIds(elf), ...readElfDynamic(elf), is64: elf.is64, machine: elf.machine } };
  const script = parseScriptLine(file.read(0, textLimits.scriptLineBytesMax));
  return script ? { script } : {};
}

function isUnchanged({ descriptor, stat }: OpenFile): boolean {
  const now = fstatSync(descriptor, { bigint: true });
  return now.size === stat.size && now.mtimeNs === stat.mtimeNs && now.ctimeNs === stat.ctimeNs;
}
