/**
 * HTML that cannot be broken out of: a template whose every value is escaped, unless it is HTML that such a template
 * made. Characters that nobody sees, or that turn the text around them, are shown by their code.
 */

export interface Html {
  readonly html: string;
}

type Part = Html | string | number | null | false | readonly Part[];

export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: texts.map((text, index) => text + render(parts[index] ?? null)).join('') };
}

function render(part: Part): string {
  if (part === null || part === false) return '';
  if (Array.isArray(part)) return (part as readonly Part[]).map(render).join('');
  return typeof part === 'object' ? (part as Html).html : escapeHtml(String(part));
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Safe as text and in a quoted attribute. */
function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => (character === '\n' || character === '\t' ? character : `[U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`))
    .replace(/[&<>"']/g, (character) => entities[character]!);
}

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => Part;
  /** `number` aligns to the right. */
  readonly kind?: 'number' | 'code';
}

/** A table with a caption and scoped headings; the first cell of a row names it. */
export function renderTable<T>(caption: string, columns: readonly Column<T>[], rows: readonly T[]): Html {
  const head = columns.map(({ title, kind }) => html`<th scope="col"${className(kind)}>${title}</th>`);
  const body = rows.map((row) => html`<tr>${columns.map(({ cell, kind }, index) => (index === 0
    ? html`<th scope="row"${className(kind)}>${cell(row)}</th>`
    : html`<td${className(kind)}>${cell(row)}</td>`))}</tr>\n`);
  return html`<div class="wide" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table></div>
`;
}

function className(kind: Column<unknown>['kind']): Html | null {
  return kind === undefined ? null : html` class="${kind}"`;
}
