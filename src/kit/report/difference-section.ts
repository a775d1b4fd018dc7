/** What differs from the kit that was accepted before, area by area. */
import { changeAreas, type Change, type ChangeArea } from '../diff/named.ts';
import { html, renderTable, type Html } from './html.ts';
import type { Inspection } from './inspection.ts';
import type { Section } from './section.ts';
import { counted, group } from './verification-sections.ts';

const titles: Readonly<Record<ChangeArea, string>> = {
  kit: 'The kit itself', images: 'Images', packages: 'Packages', manifests: 'Objects in the cluster', permissions: 'Permissions (RBAC)',
  alerts: 'Alerts', values: 'Values', documents: 'Files', signatures: 'Signatures',
};

const textMax = 300;

export function renderDifference({ sincePrevious, verification }: Inspection): Section {
  return { id: 'difference', title: 'What differs from the kit accepted before', body: sincePrevious === null ? absent(verification.ok) : renderChanges(sincePrevious) };
}

function absent(ok: boolean): Html {
  return ok ? html`<p>No earlier kit was given to compare with.</p>\n` : html`<p>The kit does not hold, so nothing in it was compared.</p>\n`;
}

function renderChanges({ previous, sameSigner, changes }: NonNullable<Inspection['sincePrevious']>): Html {
  const areas = changeAreas.map((area) => [area, changes.filter((change) => change.area === area)] as const).filter(([, list]) => list.length > 0);
  return html`<dl>
<dt>Compared with</dt><dd>${previous.name} ${previous.version}, signed ${previous.signedAt}</dd>
<dt>Its SHA-256</dt><dd><code>${previous.sha256}</code></dd>
<dt>Its key id</dt><dd><code>${previous.signer.keyId}</code></dd>
</dl>
<p class="soft">The earlier kit was read as it is, and not verified again: its SHA-256 must be that of its own inspection.</p>
${!sameSigner && html`<div class="note care"><p><strong>Another key.</strong> The earlier kit names another key as its signer. Was a new key announced?</p></div>\n`}${changes.length === 0 ? html`<p>Nothing differs but the signatures.</p>\n` : areas.map(([area, list]) => renderArea(area, list))}`;
}

function renderArea(area: ChangeArea, changes: readonly Change[]): Html {
  return html`<h3>${titles[area]}</h3>
${renderTable<Change>(`${counted(changes.length, 'change')}: ${titles[area]}`, [
    { title: area === 'packages' ? 'What, and in which images if not in all' : 'What, and which field', cell: ({ what, field }) => html`${what}${field !== '' && html`<br><code>${field}</code>`}` },
    { title: 'Change', cell: ({ kind }) => kind },
    { title: 'Before', cell: ({ before }) => renderValue(before), kind: 'code' },
    { title: 'After', cell: ({ after }) => renderValue(after), kind: 'code' },
  ], changes)}`;
}

function renderValue(text: string | null): Html {
  if (text === null) return html`<span class="soft">nothing</span>`;
  const rest = text.length - textMax;
  return rest > 0 ? html`<code>${text.slice(0, textMax)}…</code> <span class="soft">and ${group(rest)} characters more, in the JSON report</span>` : html`<code>${text}</code>`;
}
