/**
 * The Helm chart, synthesized from the constructs that make the plain manifests (adr/0002, adr/0014). Pure and byte-stable.
 */
import type { ImagesLock } from '../../contract/images-lock.ts';
import { renderChecks } from './chart-checks.ts';
import { renderHelpers } from './chart-helpers.ts';
import { renderChartMetadata } from './chart-metadata.ts';
import { notes } from './chart-notes.ts';
import { renderReadme } from './chart-readme.ts';
import { buildChartSchema, buildDefaults, renderValues } from './chart-values.ts';
import { buildFactExpressions } from './fact-expressions.ts';
import { runConstructs } from './marked-facts.ts';
import { renderTemplate } from './template-text.ts';

/** Path below deploy/helm/zastava → text. */
export function renderChart(images: ImagesLock, version: string): Map<string, string> {
  const facts = buildFactExpressions(images);
  return new Map([
    ['Chart.yaml', renderChartMetadata(images, version)],
    ['README.md', renderReadme(version)],
    ['values.yaml', renderValues()],
    ['values.schema.json', `${JSON.stringify(buildChartSchema(), null, 2)}\n`],
    ['templates/NOTES.txt', notes],
    ['templates/_helpers.tpl', renderHelpers(facts, (buildDefaults() as { zastava: object }).zastava)],
    ['templates/checks.yaml', renderChecks()],
    ...runConstructs(facts).map((step): [string, string] => [`templates/${step.name}.yaml`, renderTemplate(step)]),
  ]);
}
