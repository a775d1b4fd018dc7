/**
 * The receiving inspection as one page for a person: static, without script, without network, readable on paper. Its
 * content security policy allows its own style sheet, by digest, and nothing else; every text of the kit is escaped.
 */
import { createHash } from 'node:crypto';
import { renderContents } from './contents-sections.ts';
import { renderDifference } from './difference-section.ts';
import { html, type Html } from './html.ts';
import type { Inspection } from './inspection.ts';
import type { Section } from './section.ts';
import { style } from './style.ts';
import { renderChecks, renderNotChecked, renderSigner, renderVerdict } from './verification-sections.ts';

/** The same bytes for the same inspection. */
export function renderInspectionPage(inspection: Inspection): string {
  const { verification, file } = inspection;
  const title = verification.kit === null ? file : `${verification.kit.name} ${verification.kit.version}`;
  const sections = [renderSigner(inspection), renderChecks(inspection), renderNotChecked(inspection), renderDifference(inspection), ...renderContents(inspection), signOff];
  return `<!DOCTYPE html>\n${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${styleDigest}'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Receiving inspection: ${title}</title>
<style>${{ html: style }}</style>
</head>
<body>
<header>
<p class="kind">Receiving inspection</p>
<h1>${title}</h1>
${renderVerdict(inspection)}
</header>
<nav aria-label="Sections"><ol>
${sections.map(({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>\n`)}</ol></nav>
<main>
${sections.map(renderSection)}</main>
<footer><p>Made by ${inspection.inspectedWith} at ${inspection.inspectedAt}. The page is a record, not a proof: it is signed by nobody, and the kit can be verified again at any time.</p></footer>
</body>
</html>
`.html}`;
}

const styleDigest = createHash('sha256').update(style).digest('base64');

function renderSection({ id, title, body }: Section): Html {
  return html`<section id="${id}"${id === signOff.id && html` class="sign-off"`} aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}</section>
`;
}

/** To be filled in by hand. */
const signOff: Section = {
  id: 'sign-off',
  title: 'Decision',
  body: html`<dl><dt>Accepted or refused</dt><dd></dd><dt>Key id compared with</dt><dd></dd><dt>Name and date</dt><dd></dd><dt>Signature</dt><dd></dd></dl>
`,
};
