/** What verify found: the verdict, who signed, each check with its problems, and what nobody looked at. */
import { errorCodes } from '../../contract/errors.ts';
import { verifyChecks, type Finding, type VerifyCheck } from '../verify/report.ts';
import { html, renderTable, type Html } from './html.ts';
import type { Inspection } from './inspection.ts';
import type { Section } from './section.ts';

type Tone = 'good' | 'care' | 'bad';

export function renderVerdict({ file, inspectedAt, inspectedWith, verification }: Inspection): Html {
  const { tone, title, text } = verdictOf(verification);
  return html`<div class="verdict ${tone}"><strong>${title}</strong><p>${text}</p></div>
<dl>
<dt>File</dt><dd>${file}</dd>
<dt>SHA-256</dt><dd>${verification.sha256 === null ? 'not read to its end' : html`<code>${verification.sha256}</code>`}</dd>
<dt>Size</dt><dd>${formatBytes(verification.bytes)}${verification.sha256 === null && ' read'}</dd>
<dt>Inspected</dt><dd>${inspectedAt}, with ${inspectedWith}</dd>
</dl>`;
}

function verdictOf({ ok, code, trust, signer }: Inspection['verification']): { tone: Tone; title: string; text: string } {
  if (!ok) return { tone: 'bad', title: 'Refused', text: `Do not use this kit. ${errorCodes[code ?? 'internal'].meaning}` };
  if (trust === 'none') return { tone: 'care', title: 'Whole, but by whomever it was made', text: 'Every byte is as the kit itself says. No key was given, so nobody vouches for it.' };
  if (signer?.kind === 'development') return { tone: 'care', title: 'Verified, with a development key', text: 'Every byte is as it was signed, but by a key that was made on a build machine, for trying out. No site should trust it.' };
  const by = trust === 'certificate' ? 'with a certificate of the identity that was asked for' : 'by the key that was given';
  return { tone: 'good', title: 'Verified', text: `The kit was signed ${by}, and every byte in it is as it was signed.` };
}

export function renderSigner({ verification, certificateIdentity }: Inspection): Section {
  const { kit, signer, trust } = verification;
  const claim = trust === 'none' ? html`<div class="note care"><p><strong>Claimed, not verified.</strong> No key was given; all below is what the kit says of itself.</p></div>\n` : null;
  const body = kit === null || signer === null
    ? html`<p>Nothing that the kit says about its signer can be believed: the checks did not come so far.</p>\n`
    : html`${claim}<dl>
<dt>Key id</dt><dd><code>${signer.keyId}</code></dd>
<dt>Kind of key</dt><dd>${signer.kind === 'release' ? 'release' : html`<span class="mark care">development</span>`}</dd>
${certificateIdentity !== null && html`<dt>Certificate of</dt><dd><code>${certificateIdentity}</code>, as was asked for</dd>\n`}<dt>Signed at</dt><dd>${kit.signedAt}, as the signer says</dd>
</dl>
<p class="soft">The key id is the SHA-256 of the public key. Compare it${trust === 'certificate' && ', or the root that the certificate leads to,'} with the one that you were given by another way than the kit: only that makes a signature worth something.</p>
`;
  return { id: 'signer', title: 'Who signed it', body };
}

export function renderChecks({ verification }: Inspection): Section {
  const { checks } = verification;
  const problems = checks.flatMap((check) => check.problems);
  const table = renderTable<VerifyCheck>('Checks, in the order in which they ran', [
    { title: 'Check', cell: ({ name }) => name },
    { title: 'Shows that', cell: ({ name }) => verifyChecks[name].meaning },
    { title: 'Looked at', cell: ({ count, unit }) => counted(count, unit.replace(/ies$/, 'y').replace(/s$/, ''), unit), kind: 'number' },
    { title: 'Bytes', cell: ({ bytes }) => (bytes === 0 ? '' : group(bytes)), kind: 'number' },
    { title: 'Result', cell: ({ ok }) => (ok ? html`<span class="mark good">✓ holds</span>` : html`<span class="mark bad">✗ does not hold</span>`) },
  ], checks);
  return { id: 'checks', title: 'What was checked', body: html`${table}${problems.length === 0 ? html`<p>No problem was found.</p>\n` : renderProblems(problems)}` };
}

function renderProblems(problems: readonly Finding[]): Html {
  return renderTable<Finding>(counted(problems.length, 'problem'), [
    { title: 'Where', cell: ({ where }) => html`<code>${where}</code>` },
    { title: 'Expected', cell: ({ expected }) => expected },
    { title: 'Found', cell: ({ found }) => found },
    { title: 'Code', cell: ({ code }) => html`<code>${code}</code>` },
  ], problems);
}

export function renderNotChecked({ verification: { notChecked } }: Inspection): Section {
  const left = notChecked.map(({ name, meaning, reason }) => html`<div class="note care"><p><strong>Not checked: ${name}</strong>, because ${reason}. It would have shown: ${meaning}</p></div>\n`);
  return {
    id: 'not-checked',
    title: 'What was not checked',
    body: html`${left}${left.length === 0 && html`<p>None of the checks was left out.</p>\n`}<p>No inspection of a kit can say:</p>
<ul>
<li>whether the key is the right one: that is known from elsewhere;</li>
<li>whether the software is free of flaws, or the list of packages complete: both are the signer’s word;</li>
<li>whether the cluster runs what the kit brings: that shows only there.</li>
</ul>
`,
  };
}

/** Thousands apart, by a thin space that does not break. */
export function group(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${group(count)} ${count === 1 ? one : many}`;
}

export function formatBytes(bytes: number): string {
  const mebibytes = bytes / (1024 * 1024);
  return `${group(bytes)} bytes${mebibytes < 0.1 ? '' : ` (${mebibytes.toFixed(1)} MiB)`}`;
}
