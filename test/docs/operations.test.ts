/**
 * The runbook cannot drift: its tables are compared with the code both ways, each alert has its section with a command,
 * and every metric it names exists. `UPDATE_DOCS=1 npx vitest run test/docs` writes the tables anew.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alertSeverities, runbookBaseUrl } from '../../src/contract/alerts.ts';
import { errorCodes } from '../../src/contract/errors.ts';
import { metrics } from '../../src/contract/metrics.ts';
import type { Metric } from '../../src/contract/metrics.ts';
import { buildRuleGroups } from '../../src/constructs/observability/rules.ts';

const root = join(import.meta.dirname, '../..');
const path = join(root, 'docs/ops/zastava-runtime-operations.md');
const programSources = globSync('src/runtime/**/*.ts', { cwd: root }).map((file) => readFileSync(join(root, file), 'utf8')).join('\n');

type Row = readonly string[];

function renderTable(head: Row, rows: readonly Row[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n').replaceAll('| --- ', '|---').replaceAll('--- |', '---|');
}

function renderErrorCodes(): string {
  return renderTable(['code', 'exit', 'meaning'], Object.entries(errorCodes).map(([code, { exit, meaning }]) => [`\`${code}\``, `${exit}`, meaning]));
}

/** The programs import the catalogue under this name; a metric that none of them touches is not emitted. */
function isEmitted(key: string): boolean {
  return new RegExp(`\\bcatalogue\\.${key}\\b`).test(programSources);
}

function renderLabels({ labels }: Metric): string {
  return Object.entries(labels).map(([label, values]) => (values === 'open' ? `\`${label}\`` : `\`${label}\` (${values.length})`)).join(', ');
}

function renderMetrics(): string {
  const rows = Object.entries<Metric>(metrics).map(([key, metric]) => [
    `\`${metric.dotted}\``, `\`${metric.name}\``, metric.type, renderLabels(metric), metric.programs.join(', '), isEmitted(key) ? 'yes' : 'no', metric.help,
  ]);
  return renderTable(['metric', 'in Prometheus', 'type', 'labels', 'from', 'emitted now', 'meaning'], rows);
}

function renderAlerts(): string {
  const rules = buildRuleGroups().flatMap((group) => group.rules);
  const recorded = renderTable(['recorded series', 'is'], rules.flatMap((rule) => ('record' in rule ? [[`\`${rule.record}\``, `\`${rule.expr}\``]] : [])));
  const alerts = renderTable(['alert', 'severity', 'fires when', 'for'], rules.flatMap((rule) => ('alert' in rule
    ? [[`[${rule.alert}](#${rule.alert.toLowerCase()})`, rule.labels.severity, `\`${rule.expr}\``, rule.for ?? 'at once']] : [])));
  return `${alerts}\n\n${recorded}`;
}

const tables = [['error codes', renderErrorCodes], ['metrics', renderMetrics], ['alerts', renderAlerts]] as const;

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

test('the runbook has the sections of the upstream one, in its order', () => {
  const headings = [...runbook.matchAll(/^## (.+)$/gm)].map((match) => match[1]);
  expect(headings).toEqual([
    '1. Prerequisites', '2. Deployment workflows', '3. Authority & security guardrails', '4. Incident response',
    '5. Offline kit & air-gapped notes', '6. Observability assets', '7. Build-id correlation & symbol retrieval',
    'Appendix A: error codes', 'Appendix B: namespaces that fail open', 'Appendix C: values', 'Appendix D: metrics and alerts',
  ]);
});
