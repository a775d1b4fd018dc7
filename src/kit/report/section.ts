/** A part of the inspection's page, with its line in the list of contents. */
import type { Html } from './html.ts';

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}
