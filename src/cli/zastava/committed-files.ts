/** Files that are made from the sources and the image digests alone and committed: what a person reads before anything is built. A test checks them fresh. */
import { join } from 'node:path';
import { buildJsonSchema } from '../../config/json-schema.ts';
import type { ImagesLock } from '../../contract/images-lock.ts';
import { renderChart } from '../../synth/chart/render-chart.ts';
import { renderObservability } from '../../synth/render-observability.ts';
import { checkoutPaths } from './checkout.ts';

/** Path in the checkout → text: rules, dashboard, metrics catalogue, the JSON schema of a values file for editors, and the chart of this version. */
export function renderCommittedFiles(images: ImagesLock, version: string): Map<string, string> {
  return new Map([
    ...renderObservability(),
    [checkoutPaths.valuesSchema, `${JSON.stringify(buildJsonSchema(), null, 2)}\n`],
    ...[...renderChart(images, version)].map(([path, text]): [string, string] => [join(checkoutPaths.chart, path), text]),
  ]);
}
