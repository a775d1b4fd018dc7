/**
 * Every command of the runbook is what our command lines, objects and values really have. Those of other people's tools are run by
 * the peers' tests (test/peers/runbook.test.ts), which also have the short list of what needs a system outside of the project.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command as Verb } from 'commander';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { buildProgram as buildStellaops } from '../../src/cli/stellaops/program.ts';
import { buildProgram as buildZastava } from '../../src/cli/zastava/program.ts';
import { parseValues } from '../../src/config/parse-values.ts';
import { releaseName } from '../../src/contract/gitops.ts';
import { namespace, objectNames, portNames, secretNames } from '../../src/contract/names.ts';
import { invalidateOpTok } from '../../src/runtime/telemetry/program.ts';
import { renderGitops } from '../../src/synth/gitops/render-gitops.ts';
import { renderObjects } from '../fakes/rendered-objects.ts';
import { readSet, readSetText, setNames } from '../fakes/value-sets.ts';
import { listPromqlProblems } from '../constructs/observability/promql-checker.ts';
import { listFencedCommands, listFences, listInlineCommands, listSimpleCommands, readRunbook } from './runbook.ts';

const root = join(import.meta.dirname, '../..');
const runbook = readRunbook();
// Within a sentence a command may be named without what it takes: `zastava debug find`.
const commands = [...listFencedCommands(runbook).map((each) => ({ ...each, whole: true })), ...listInlineCommands(runbook).map((each) => ({ ...each, whole: false }))];
const simple = commands.flatMap(({ line, text, whole }) => listSimpleCommands(text).map((words) => [`line ${line}: ${words.join(' ')}`, words, whole] as const));
const of = (...programs: string[]) => simple.filter(([, words]) => programs.includes(words[0] ?? ''));

test('there are as many commands as there seem to be', () => {
  expect(listFencedCommands(runbook).length).toBeGreaterThan(90);
  expect(listInlineCommands(runbook).length).toBeGreaterThan(3);
  expect(of('kubectl').length).toBeGreaterThan(50);
});

describe('our own command lines have', () => {
  const own = simple.flatMap(([title, words, whole]) => {
    const [program, ...rest] = words[0] === 'node' ? [words[1]?.split('/').at(-1)?.replace('.mjs', ''), ...words.slice(2)] : words;
    return (program === 'zastava' || program === 'stellaops-cli') && (whole || rest.length > 0) ? [[title, program, rest, whole] as const] : [];
  });

  test('enough of them', () => expect(own.length).toBeGreaterThan(25));

  test.each(own)('%s', async (_, program, words, whole) => {
    let verb: Verb = program === 'zastava' ? buildZastava() : buildStellaops();
    const rest = [...words];
    const path: string[] = [];
    for (let next = verb.commands.find((each) => each.name() === rest[0]); next !== undefined; next = verb.commands.find((each) => each.name() === rest[0])) {
      verb = next;
      path.push(rest.shift() ?? '');
    }
    // The verbs of the build plane say what they take when they are called.
    if (program === 'zastava') ((await import(`../../src/cli/zastava/${path.join('-')}.ts`)) as { define(command: Verb): void }).define(verb);
    expect(verb.commands, `${verb.name()} is a group, not a verb`).toEqual([]);
    const given: string[] = [];
    const positional: string[] = [];
    for (let at = 0; at < rest.length; at += 1) {
      const word = rest[at] ?? '';
      if (/^[<>&]/.test(word)) break;
      if (!word.startsWith('--')) positional.push(word);
      else {
        const option = verb.options.find(({ long }) => long === word);
        expect(option, `${verb.name()} has no ${word}`).toBeDefined();
        given.push(word);
        if (option?.required === true) at += 1;
      }
    }
    if (!whole && given.length + positional.length === 0) return;
    expect(verb.options.filter((option) => option.mandatory && !given.includes(option.long ?? '')).map(({ long }) => long)).toEqual([]);
    const takes = verb.registeredArguments;
    expect(positional.length).toBeGreaterThanOrEqual(takes.filter(({ required }) => required).length);
    if (takes.at(-1)?.variadic !== true) expect(positional.length).toBeLessThanOrEqual(takes.length);
    takes.forEach(({ argChoices }, index) => argChoices && expect(argChoices).toContain(positional[index]));
  });
});

describe('kubectl is asked for objects that there are', () => {
  const objects = setNames.map(readSet).flatMap(renderObjects);
  const named = (kind: string): string[] => objects.filter((each) => each.kind.toLowerCase() === kind).map(({ metadata }) => metadata.name);
  const labels = (kind: string): Record<string, string>[] => objects.filter((each) => each.kind === kind)
    .map((each) => (each['spec'] as { template: { metadata: { labels: Record<string, string> } } }).template.metadata.labels);
  const known: Record<string, readonly string[]> = {
    ds: named('daemonset'), deploy: named('deployment'), // What the site's values call as they like.
    secret: [...Object.values(secretNames), 'zastava-registries'], configmap: named('configmap'),
    validatingwebhookconfiguration: named('validatingwebhookconfiguration'), namespace: [namespace],
  };
  const kubectl = of('kubectl').map(([title, words]) => [title, words.slice(1)] as const);

  test.each(kubectl)('%s', (_, words) => {
    const at = words.indexOf('-n');
    const space = at === -1 ? undefined : words[at + 1];
    // Namespaces of others: Scanner, Argo CD, Flux, Grafana, and the one that the smoke test runs in.
    expect([namespace, 'scanner', 'argocd', 'flux-system', 'monitoring', 'default', undefined]).toContain(space);
    const others = space !== undefined && space !== namespace;
    for (const word of words) {
      const [kind = '', name = ''] = word.split('/');
      if ((kind === 'ds' || kind === 'deploy') && name !== '' && !others) expect(known[kind], word).toContain(name);
    }
    words.forEach((kind, index) => {
      if (!['secret', 'configmap', 'validatingwebhookconfiguration', 'namespace'].includes(kind) || others || words[index - 1]?.startsWith('-') === true) return;
      const names = words.slice(index + 1).filter((word) => !['generic', 'tls'].includes(word));
      const own = names.slice(0, Math.max(1, names.findIndex((word) => /[=-]/.test(word) && !word.startsWith('zastava')))).filter((word) => word.startsWith('zastava') || word === namespace);
      expect(own.length, words.join(' ')).toBeGreaterThan(0);
      for (const name of own) expect(known[kind]).toContain(name);
    });
    const selector = words[words.indexOf('-l') + 1];
    if (words.includes('-l') && words[0] !== 'get' && selector !== undefined) expectSelects(selector, [...labels('DaemonSet'), ...labels('Deployment')]);
    if (words.includes('exec')) {
      const command = words.slice(words.indexOf('--') + 1);
      if (!others) expect([command.slice(1), `zastava-observer zastava-webhook`.includes(command[0] ?? '-')]).toEqual([[invalidateOpTok.name, `--${invalidateOpTok.option}`, 'scanner'], true]);
    }
  });

  function expectSelects(selector: string, sets: readonly Record<string, string>[]): void {
    const [, key = '', values = ''] = /^([\w./-]+)(?: in \(|=)([^)]+)\)?$/.exec(selector) ?? [];
    for (const value of values.split(', ')) expect(sets.some((set) => set[key] === value), selector).toBe(true);
  }
});

test.each(of('helm').filter(([, , whole]) => whole))('helm is asked for our release and chart: %s', (_, words) => {
  const verb = words[1] ?? '';
  if (verb === 'pull') return expect(words[2]).toBe('oci://REG/zastava/zastava');
  expect(words).toContain(releaseName);
  expect(words[words.indexOf('--namespace') + 1]).toBe(namespace);
  if (verb === 'upgrade' && !words.includes('oci://REG/zastava/zastava')) expect(existsSync(join(root, words.find((word) => word.startsWith('deploy/')) ?? '', 'Chart.yaml'))).toBe(true);
});

test('files for GitOps are those that synth writes', () => {
  const written = [...renderGitops(readSet('minimal'), '1.0.0').keys()];
  const named = [...runbook.matchAll(/gitops\/[\w./-]+\.(?:yaml|md)/g)].map(([path]) => path);
  expect(named.length).toBeGreaterThanOrEqual(4);
  expect(named.filter((path) => !written.includes(path))).toEqual([]);
});

test.each(listFences(runbook).filter(({ language }) => language === 'promql').map(({ text }) => [text.trim()]))('%s is a query of our metrics', (expr) => {
  expect(listPromqlProblems(expr)).toEqual([]);
});

describe('a piece of YAML is what', () => {
  const pieces = listFences(runbook).filter(({ language }) => language === 'yaml').map(({ text }) => text);

  test.each(pieces.filter((text) => text.startsWith('zastava:')))('values take: %s', (text) => {
    const values = parse(text) as { zastava: { webhook: object } };
    const { zastava } = parse(readSetText('minimal')) as { zastava: { webhook: object } };
    expect(parseValues(stringify({ zastava: { ...zastava, webhook: { ...zastava.webhook, ...values.zastava.webhook } } }), 'the runbook').zastava.webhook).toMatchObject(values.zastava.webhook);
  });

  test('finds our Pods for Prometheus, by their labels and port', () => {
    const [job] = pieces.filter((text) => text.startsWith('- job_name')).flatMap((text) => parse(text) as { relabel_configs: { regex: string }[] }[]);
    const pattern = new RegExp(`^(?:${job?.relabel_configs[0]?.regex})$`);
    for (const app of [objectNames.observer, objectNames.webhook]) expect(`${app};${portNames.telemetry}`).toMatch(pattern);
    expect(`${objectNames.webhook};${portNames.webhook}`).not.toMatch(pattern);
  });
});

describe('what is looked for in a log is what the programs write', () => {
  const sources = globSync(['src/runtime/**/*.ts', 'src/contract/admission.ts'], { cwd: root }).map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  const searches = commands.filter(({ text }) => / logs .*\| (grep|jq)/.test(text)).map(({ text }) => text.replace(/.*? logs .*?\| /s, ''));

  test('there are some', () => expect(searches.length).toBeGreaterThanOrEqual(8));

  test.each([...new Set(searches)])('%s', (search) => {
    const [, text] = /^grep (?!-E)'?([^']+?)'?$/.exec(search) ?? [];
    const values = [...search.matchAll(/== "([\w.]+)"/g)].map(([, value = '']) => value);
    const fields = [...search.matchAll(/(?<=\(|or )\.(\w+)|(?<=[{,] ?)(\w+)(?=[,}])|"(\w+)":/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
    const wanted = [...(text === undefined ? [] : [text]), ...values, ...fields];
    expect(wanted.length).toBeGreaterThan(0);
    for (const each of wanted) expect(sources).toContain(each);
  });
});
