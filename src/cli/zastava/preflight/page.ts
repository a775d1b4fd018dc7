/** All that was found on one page: one line a finding, those of the nodes joined where they say the same. */
import type { PreflightFinding, PreflightOutcome } from '../../../contract/preflight.ts';
import { styled } from '../../terminal/terminal.ts';
import type { NodeFindings } from './node-pods.ts';

const marks: Readonly<Record<PreflightOutcome, readonly [text: string, style: 'green' | 'yellow' | 'red']>> = {
  ok: ['ok', 'green'], warning: ['warning', 'yellow'], failed: ['FAILED', 'red'], unknown: ['unknown', 'yellow'],
};
const namedMax = 4;

export function renderPage(findings: readonly PreflightFinding[], nodes: readonly NodeFindings[]): string[] {
  const joined = joinNodes(nodes);
  const width = Math.max(...[...findings, ...joined].map(({ check }) => check.length));
  const render = ({ check, outcome, found, todo }: PreflightFinding): string[] => {
    const [text, style] = marks[outcome];
    return [`  ${styled(style, text.padEnd(7))}  ${check.padEnd(width)}  ${found}`, ...(todo === undefined ? [] : [`  ${' '.repeat(7)}  ${' '.repeat(width)}  → ${todo}`])];
  };
  const part = (title: string, rows: readonly PreflightFinding[]): string[] => (rows.length === 0 ? [] : [styled('bold', title), ...rows.flatMap(render)]);
  return [...part('Cluster, Secrets and registry, from here', findings), ...part(`On ${countOf(nodes.length)}, as the observer`, joined), conclude([...findings, ...nodes.flatMap((node) => node.findings)])];
}

/** Same check, outcome and words: one line with the nodes' names. What is well and differs in numbers only is one line, too. */
function joinNodes(nodes: readonly NodeFindings[]): PreflightFinding[] {
  const groups = Map.groupBy(nodes.flatMap(({ node, findings }) => findings.map((finding) => ({ node, finding }))), ({ finding: { check, outcome, found } }) => JSON.stringify([check, outcome, outcome === 'ok' ? '' : found]));
  const rows = [...groups.values()].map((group) => {
    const { check, outcome, found, todo } = group[0]!.finding;
    const where = group.length === nodes.length ? (nodes.length === 1 ? '' : 'all: ') : `${namesOf(group.map(({ node }) => node))}: `;
    const same = group.every(({ finding }) => finding.found === found);
    return { check, outcome, found: `${where}${found}${same ? '' : `, on ${group[0]!.node} for example`}`, ...(todo !== undefined && { todo }) };
  });
  const order = [...new Set(rows.map(({ check }) => check))];
  return rows.sort((a, b) => order.indexOf(a.check) - order.indexOf(b.check));
}

function namesOf(names: readonly string[]): string {
  const more = names.length - namedMax;
  return more > 0 ? `${names.slice(0, namedMax).join(', ')} and ${more} more` : names.join(', ');
}

function countOf(nodes: number): string {
  return nodes === 1 ? '1 node' : `${nodes} nodes`;
}

function conclude(all: readonly PreflightFinding[]): string {
  const count = (outcome: PreflightOutcome): number => all.filter((finding) => finding.outcome === outcome).length;
  const parts = [`${count('ok')} ok`, `${count('warning')} warnings`, `${count('failed')} failed`, `${count('unknown')} unknown`].join(', ');
  if (count('failed') > 0) return `${styled('red', 'not ready to install')}: ${parts}`;
  return count('unknown') > 0 ? `${styled('yellow', 'not all could be looked at')}: ${parts}` : `${styled('green', 'ready to install')}: ${parts}`;
}
