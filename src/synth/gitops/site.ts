/** One cluster of many, as its objects for Argo CD and Flux are filled with it. */
import type { Manifest } from '../render-artifacts.ts';

export interface Site {
  /** Of the cluster. */
  readonly deployment: string;
  readonly registry: string;
  /** Tag of the kit's artifacts. */
  readonly version: string;
  /** No value says where it is: to be changed. */
  readonly gitRepository: string;
  /** What the site's values have that is no default of the chart. */
  readonly chartValues: object;
}

export interface GitOpsObject extends Manifest {
  readonly metadata: Manifest['metadata'] & { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
}
