/**
 * The runbook cannot drift: its tables are compared with the code both ways, each alert has its section with a command,
 * and every metric it names exists. `UPDATE_DOCS=1 npx vitest run test/docs` writes the tables anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alertSeverities, runbookBaseUrl } from '../../src/contract/alerts.ts';
import { errorCodes } from '../../src/contract/errors.ts';
import { gapReasons } from '../../src/contract/label-values.ts';
import { metrics } from '../../src/contract/metrics.ts';
import type { Metric } from '../../src/contract/metrics.ts';
import { buildJsonSchema } from '../../src/config/json-schema.ts';
import { buildRuleGroups } from '../../src/constructs/observability/rules.ts';
import { renderReadme } from '../../src/synth/chart/chart-readme.ts';
import { seriesMax } from '../constructs/observability/series-bounds.ts';
import { at } from '../fakes/rendered-objects.ts';

const path = join(import.meta.dirname, '../../docs/ops/zastava-runtime-operations.md');

type Row = readonly string[];

function renderTable(head: Row, rows: readonly Row[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n').replaceAll('| --- ', '|---').replaceAll('--- |', '---|');
}

function renderErrorCodes(): string {
  return renderTable(['code', 'exit', 'meaning'], Object.entries(errorCodes).map(([code, { exit, meaning }]) => [`\`${code}\``, `${exit}`, meaning]));
}

function renderLabels({ labels }: Metric): string {
  return Object.entries(labels).map(([label, values]) => (values === 'open' ? `\`${label}\`` : `\`${label}\` (${values.length})`)).join(', ');
}

function renderMetrics(): string {
  const rows = Object.values<Metric>(metrics).map((metric) => [
    `\`${metric.dotted}\``, `\`${metric.name}\``, metric.type, renderLabels(metric), metric.programs.join(', '), metric.help,
  ]);
  return renderTable(['metric', 'in Prometheus', 'type', 'labels', 'from', 'meaning'], rows);
}

function renderAlerts(): string {
  const rules = buildRuleGroups().flatMap((group) => group.rules);
  const recorded = renderTable(['recorded series', 'is'], rules.flatMap((rule) => ('record' in rule ? [[`\`${rule.record}\``, `\`${rule.expr}\``]] : [])));
  const alerts = renderTable(['alert', 'severity', 'fires when', 'for'], rules.flatMap((rule) => ('alert' in rule
    ? [[`[${rule.alert}](#${rule.alert.toLowerCase()})`, rule.labels.severity, `\`${rule.expr}\``, rule.for ?? 'at once']] : [])));
  return `${alerts}\n\n${recorded}`;
}

/** The chart's own table. */
function renderValues(): string {
  const readme = renderReadme('');
  return readme.slice(readme.indexOf('| key |')).trim();
}

const tables = [['error codes', renderErrorCodes], ['values', renderValues], ['metrics', renderMetrics], ['alerts', renderAlerts]] as const;

const region = (name: string): RegExp => new RegExp(`(<!-- ${name}: begin -->\n)([\\s\\S]*?)(<!-- ${name}: end -->)`);

if (process.env['UPDATE_DOCS'] !== undefined) {
  const updated = tables.reduce((text, [name, render]) => text.replace(region(name), (_, begin, __, end) => `${begin}${render()}\n${end}`), readFileSync(path, 'utf8'));
  writeFileSync(path, updated);
}

const runbook = readFileSync(path, 'utf8');

test.each(tables)('the table of %s is that of the code (if not: UPDATE_DOCS=1 npx vitest run test/docs)', (name, render) => {
  expect(region(name).exec(runbook)?.[2]).toBe(`${render()}\n`);
});

describe('the sections of the alerts', () => {
  const sections = [...runbook.matchAll(/^#### (\S+)\n([\s\S]*?)(?=^#)/gm)].map((match) => [match[1], match[2]] as const);

  test('are those of the alerts, in their order', () => {
    expect(sections.map(([name]) => name)).toEqual(Object.keys(alertSeverities));
  });

  test.each(sections)('%s has a command to run first', (_, text) => {
    expect(text).toMatch(/```sh\n\S/);
  });

  test('lie at the address that the rules link to', () => {
    expect(runbook).toContain(`\`${runbookBaseUrl}\``);
  });
});

test('every metric that the runbook names is in the catalogue', () => {
  const named = [...runbook.matchAll(/\bzastava_[a-z_]+|\bzastava\.(?:runtime|admission|authority|certificate)\.[a-z.]+\.(?:total|ms)\b/g)].map(([name]) => name);
  const known = Object.values(metrics).flatMap(({ name, dotted }) => [name, dotted, `${name}_bucket`]);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

test('the runbook has the sections of the upstream one, in its order, and what is ours after them', () => {
  const headings = [...runbook.matchAll(/^#{2,3} (.+)$/gm)].map((match) => match[1]);
  expect(headings).toEqual([
    '1. Prerequisites', '1.1 Telemetry quick reference',
    '2. Deployment workflows', '2.1 Fresh install (Helm overlay)', '2.2 Upgrades', '2.3 Rollback', '2.4 Leaving',
    '3. Authority & security guardrails',
    '4. Incident response', '4.1 Authority offline', '4.2 Scanner/WebService latency spike', '4.3 Admission deny storm',
    '4.4 Alerts, and the first command for each', '4.5 What the observer can lose, and what it cannot see',
    '5. Offline kit & air-gapped notes', '6. Observability assets', '7. Build-id correlation & symbol retrieval',
    'Appendix A: error codes', 'Appendix B: namespaces that fail open', 'Appendix C: values', 'Appendix D: metrics and alerts',
  ]);
});

test('every alert that the runbook names is one', () => {
  const named = [...runbook.matchAll(/\bZastava[A-Z]\w+/g)].map(([name]) => name);
  expect(named.filter((name) => !(name in alertSeverities))).toEqual([]);
});

test('each reason of a gap is explained', () => {
  const section = runbook.slice(runbook.indexOf('### 4.5'), runbook.indexOf('## 5.'));
  expect([...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, reason]) => reason)).toEqual(gapReasons);
});

test('each key of zastava.runtime.authority is in the list of what to audit', () => {
  const section = runbook.slice(runbook.indexOf('**What to audit'), runbook.indexOf('What was asked for'));
  const keys = [...section.matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, cell = '']) => cell.match(/\w+/g) ?? []);
  expect(keys).toEqual(Object.keys(at(buildJsonSchema(), 'properties.zastava.properties.runtime.properties.authority.properties') as object));
});

test('the cost of a node and of a webhook is that of the bound', () => {
  expect(runbook).toContain(`one observer makes at most ${seriesMax.observer} series, one webhook at most ${seriesMax.webhook}`);
});

test('the notes of the chart send one to sections and steps that are there', () => {
  const notes = readFileSync(join(import.meta.dirname, '../../deploy/helm/zastava/templates/NOTES.txt'), 'utf8');
  const sent = [...notes.matchAll(/\(runbook (\d\.\d)(?:, step (\d))?\)/g)].map(([, section = '', step]) => [section, step] as const);
  expect(sent.length).toBeGreaterThanOrEqual(4);
  for (const [section, step] of sent) {
    const [, text] = new RegExp(`^### ${section} .+\n([\\s\\S]*?)(?=^#)`, 'm').exec(runbook) ?? [];
    expect(text, `section ${section}`).toBeDefined();
    if (step !== undefined) expect(text, `step ${step} of ${section}`).toMatch(new RegExp(`^${step}\\. `, 'm'));
  }
  const steps = { 'Verify': 'Verify:', 'enforce, [^(]*': 'Go from `audit`' };
  for (const [said, begins] of Object.entries(steps)) expect(runbook).toContain(`\n${new RegExp(`${said} \\(runbook 2.1, step (\\d)\\)`).exec(notes)?.[1]}. ${begins}`);
});
