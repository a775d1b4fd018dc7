/** The application layer: one bundled program and its name on PATH. The same bytes on every platform. */
import { withParents } from './base-layer.ts';
import type { LayerEntry } from './layer.ts';

/** The suffix .mjs makes Node read it as a module at once, whatever name it is started by. */
export function appLayerEntries(program: string, bundle: Uint8Array): LayerEntry[] {
  return withParents([
    { type: 'file', path: `usr/local/lib/${program}/main.mjs`, mode: 0o755, content: bundle },
    { type: 'symlink', path: `usr/local/bin/${program}`, target: `../lib/${program}/main.mjs` },
  ]);
}
