/** Runbook 5 and 6: the dashboard as Grafana's file provider will find it, and that a plane which runs fills it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { expect, test } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

interface Source {
  readonly type: string;
  readonly uid: string;
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly query: string; readonly datasource?: Source }[] };
  readonly panels: readonly { readonly type: string; readonly title: string; readonly datasource?: Source; readonly targets?: readonly { readonly expr: string; readonly datasource?: Source }[] }[];
}

/** As Grafana does it: the files of the provisioning folder say where dashboards lie. */
function readProvisioned(root: string): Dashboard[] {
  const provisioning = join(root, 'etc/grafana/provisioning/dashboards');
  return readdirSync(provisioning).flatMap((name) => {
    const { apiVersion, providers } = parse(readFileSync(join(provisioning, name), 'utf8')) as { apiVersion: number; providers: { name: string; type: string; options: { path: string } }[] };
    expect(apiVersion).toBe(1);
    return providers.flatMap(({ name, type, options: { path } }) => {
      expect([name, type]).toEqual([expect.stringMatching(/./), 'file']);
      return readdirSync(join(root, path)).map((file) => JSON.parse(readFileSync(join(root, path, file), 'utf8')) as Dashboard);
    });
  });
}

export function provisionDashboard(walk: () => Walk): void {
  test('5: the dashboard lies where Grafana is provisioned from, and can be taken as it is', async () => {
    for (const command of runbook.takeDashboard) await walk().operator.sh(command);
    const [dashboard, ...others] = readProvisioned(join(walk().operator.folder, 'grafana'));
    expect([dashboard?.uid, dashboard?.title, others]).toEqual(['zastava-runtime', expect.stringMatching(/./), []]);
    // Of what is in a file, Grafana fills in no inputs; and an id is of the Grafana that it was exported from.
    for (const field of ['__inputs', '__requires', 'id']) expect(dashboard).not.toHaveProperty(field);
    const { templating: { list }, panels } = dashboard!;
    expect(list).toContainEqual(expect.objectContaining({ name: 'datasource', type: 'datasource', query: 'prometheus' }));
    const sources = [...list, ...panels, ...panels.flatMap(({ targets = [] }) => targets)].flatMap(({ datasource }) => datasource ?? []);
    expect(new Set(sources.map(({ type, uid }) => `${type} ${uid}`))).toEqual(new Set(['prometheus ${datasource}']));
    for (const { type, title, datasource } of panels) expect(type === 'row' || datasource !== undefined, title).toBe(true);
  });
}

export function dashboardAnswers(walk: () => Walk): void {
  test('6: every panel of the dashboard has something to show', async () => {
    const [dashboard] = readProvisioned(join(walk().operator.folder, 'grafana'));
    const queries = dashboard!.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, query: expr.replaceAll('$cluster', 'stage') })));
    expect(queries.length).toBeGreaterThan(20);
    await eventually(async () => {
      const empty: string[] = [];
      // Series are counted: the value of one is NaN when nothing of its kind happened lately.
      for (const { title, query } of queries) if ((await walk().ask(`count(${query})`)) === undefined) empty.push(`${title}: ${query}`);
      expect(empty).toEqual([]);
    }, 120);
  });
}
