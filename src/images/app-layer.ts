/** The application layer: one bundled program and its name on PATH. The same bytes on every platform. */
import { withParents } from './base-layer.ts';
import type { ProgramFile } from './bundle-program.ts';
import type { LayerEntry } from './layer.ts';

/**
 * The suffix .mjs makes Node read a file as a module at once, whatever name it is started by.
 * @param files the first is what the name on PATH starts
 */
export function appLayerEntries(program: string, files: readonly [ProgramFile, ...ProgramFile[]]): LayerEntry[] {
  const folder = `lib/${program}`;
  return withParents([
    ...files.map(({ name, bytes }, index): LayerEntry => ({ type: 'file', path: `usr/local/${folder}/${name}`, mode: index === 0 ? 0o755 : 0o644, content: bytes })),
    { type: 'symlink', path: `usr/local/bin/${program}`, target: `../${folder}/${files[0].name}` },
  ]);
}
