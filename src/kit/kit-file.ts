/** A file that a kit is made of. */
import type { KitFileRecord } from '../contract/kit-format.ts';
import type { Source } from './archive.ts';

export interface KitFile extends KitFileRecord {
  /** Where its bytes are. */
  readonly source: Source;
}
