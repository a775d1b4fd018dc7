/** The tiny kit with both kinds of artifact: its manifests, and a chart of two files that names its image. */
import type { Source } from '../../../src/kit/archive.ts';
import type { KitPlan } from '../../../src/kit/assemble-kit.ts';

export const chartFolder = 'deploy/chart';

/** `files` change the chart's; undefined takes one out. */
export function withArtifacts(plan: KitPlan, files: Readonly<Record<string, string | undefined>> = {}): KitPlan {
  const chart = {
    'Chart.yaml': 'apiVersion: v2\nname: tiny\nversion: 0.1.0\nkeywords: [small]\n',
    'templates/app.yaml': `image: "{{ .Values.registry }}/app@${plan.images[0]!.index.digest}"\n`,
    ...files,
  };
  const own = Object.entries(chart).flatMap(([path, text]): [string, Source][] => (text === undefined ? [] : [[`${chartFolder}/${path}`, Buffer.from(text)]]));
  const texts = { title: 'Tiny', description: 'Nearly nothing', licenses: 'Apache-2.0' };
  return {
    ...plan,
    recipe: { ...plan.recipe, artifacts: [{ name: 'manifests', kind: 'manifests', ...texts }, { name: 'chart', kind: 'chart', from: chartFolder, ...texts }] },
    sources: new Map<string, Source>([...plan.sources, ...own]),
  };
}
