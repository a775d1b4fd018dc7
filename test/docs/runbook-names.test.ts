/**
 * Whatever the runbook puts into backticks (a metric, an alert, an object, a path, a flag, a log line, a key of the values) is to be
 * found where it comes from: in the sources, in the objects and files made from them, or in a command that the tests run.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { kitSuffixes } from '../../src/contract/kit-format.ts';
import { metrics } from '../../src/contract/metrics.ts';
import { namespace, objectNames } from '../../src/contract/names.ts';
import { programVersion } from '../../src/contract/programs.ts';
import { recordedSeries } from '../../src/constructs/observability/recorded-series.ts';
import { renderGitops } from '../../src/synth/gitops/render-gitops.ts';
import { renderTexts } from '../fakes/rendered-objects.ts';
import { readSet, setNames } from '../fakes/value-sets.ts';
import { listPromqlProblems } from '../constructs/observability/promql-checker.ts';
import { listFencedCommands, listInlineCommands, listSpans, readRunbook } from './runbook.ts';

const root = join(import.meta.dirname, '../..');
const runbook = readRunbook();
const read = (pattern: string): string[] => globSync(pattern, { cwd: root }).map((file) => readFileSync(join(root, file), 'utf8'));

/** All that a name can come from. */
const origins = [
  ...read('src/**/*.ts'), ...read('offline-kit/*.{yaml,json}'), ...read('docs/ops/*.{yaml,json}'), ...read('deploy/helm/zastava/**/*.*'),
  ...setNames.map(readSet).flatMap((values) => [...renderTexts(values).values()]), ...renderGitops(readSet('minimal'), programVersion).keys(),
  ...Object.values(kitSuffixes).map((suffix) => `zastava-runtime-${programVersion}${suffix}`), `${objectNames.webhook}.${namespace}.svc`, ...listFencedCommands(runbook).map(({ text }) => text),
].join('\n');

/** Words of others, and whose they are. */
const others: readonly (readonly [words: RegExp, whose: string])[] = [
  [/^(KIT|ACCEPTED_KIT|REG|REVISION|DIR|PREVIOUS|(UN)?SIGNED_IMAGE|GRAFANA|YOURS|SIGNER|DIGEST)$/, 'to be filled in'],
  [/^helm (rollback|history)$/, 'named without what they take, which the commands have'],
  [/^--to-plain-http$/, 'oras'],
  [/^(Verified OK|--new-bundle-format)$/, 'cosign'],
  [/^(systemctl reload prometheus|rule_files|podMonitorSelector|ruleSelector)$/, 'Prometheus and its Operator'],
  [/^NotReady$/, 'kubectl'],
  [/^kill %1$/, 'the shell'],
  [/^(lldb|eu-unstrip|gdb)$/, 'debuggers'],
  [/^ops\/monitoring\/zastava$/, "a repository of the site's"],
];

/** What it says with a key and its value, or as a list, is looked for by its parts. */
function partsOf(text: string): string[] {
  const [, key, value] = /^([\w.]+): (\S+)$/.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return [...key.split('.'), value];
  if (text.startsWith('secrets/')) return [text.split('/').at(-1) ?? ''];
  if (/^"\w+":"\w+"$/.test(text)) return text.match(/\w+/g) ?? [];
  if (/^kit \w+ --/.test(text)) return text.split(/ (?=--)/);
  return /^(zastava|process)\.[\w.]+$/.test(text) ? text.split('.').slice(1) : [text];
}

const spans = [...new Map(listSpans(runbook).filter(({ why }) => !why).map((span) => [span.text, span])).values()]
  .filter(({ text }) => !listInlineCommands(runbook).some((command) => command.text === text));

test('there are many', () => expect(spans.length).toBeGreaterThan(150));

test.each(spans.map(({ line, text }) => [text, line] as const))('`%s` (line %i) is to be found', (text) => {
  if (/\bzastava_/.test(text)) return expect(listPromqlProblems(text)).toEqual([]);
  const dotted = /^(zastava\.[a-z.]+\.(?:total|ms))(\{.*\})?$/.exec(text)?.[1];
  if (dotted !== undefined) return expect([...Object.values(metrics).map((each) => each.dotted), ...Object.keys(recordedSeries)]).toContain(dotted);
  if (others.some(([words]) => words.test(text))) return undefined;
  for (const part of partsOf(text)) expect(origins).toContain(part);
  return undefined;
});
