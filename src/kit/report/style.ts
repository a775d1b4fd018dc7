/** The page's one style sheet: quiet, light or dark as the reader's system is, always light on paper. No font or picture is loaded. */

export const style = `
:root { color-scheme: light dark; --paper: #fbfaf7; --sheet: #ffffff; --ink: #1f2328; --soft: #5b626b; --line: #dedbd3; --faint: #f3f1ec;
  --good: #1d6b43; --good-wash: #edf6f0; --care: #8a5a00; --care-wash: #fdf5e3; --bad: #a3261d; --bad-wash: #fcefed; --link: #2b5797; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --sheet: #1a1e22; --ink: #e4e6e8; --soft: #9ba3ac; --line: #333a41; --faint: #20252a;
  --good: #7fcf9f; --good-wash: #17281f; --care: #e3b65b; --care-wash: #2b2413; --bad: #f29a91; --bad-wash: #331b19; --link: #8fb6ee; } }
* { box-sizing: border-box; }
html { background: var(--paper); }
body { margin: 0 auto; max-width: 64rem; padding: 3.5rem 2rem 5rem; color: var(--ink); font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
header .kind { margin: 0; color: var(--soft); font-size: .8rem; letter-spacing: .12em; text-transform: uppercase; }
h1 { margin: .2rem 0 1.6rem; font: 600 2.3rem/1.2 Charter, "Iowan Old Style", Palatino, Georgia, "DejaVu Serif", serif; overflow-wrap: anywhere; }
h2 { margin: 3.4rem 0 .6rem; padding-top: 1.2rem; border-top: 1px solid var(--line); font: 600 1.4rem/1.3 Charter, "Iowan Old Style", Palatino, Georgia, "DejaVu Serif", serif; }
h3 { margin: 1.8rem 0 .4rem; font-size: 1rem; }
p { margin: .5rem 0 1rem; max-width: 46rem; }
.soft { color: var(--soft); }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible, .wide:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
code { font: .86em/1.5 ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.verdict, .note { border-left: .3rem solid var(--tone); border-radius: .2rem; background: var(--wash); padding: 1rem 1.4rem; }
.verdict strong { display: block; color: var(--tone); font-size: 1.35rem; line-height: 1.4; }
.verdict p, .note p { margin: .2rem 0 0; }
.note { margin: 1rem 0; }
.note strong { color: var(--tone); }
.good { --tone: var(--good); --wash: var(--good-wash); }
.care { --tone: var(--care); --wash: var(--care-wash); }
.bad { --tone: var(--bad); --wash: var(--bad-wash); }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .45rem 1.6rem; margin: 1.4rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
nav ol { columns: 2; column-gap: 2rem; margin: 1.6rem 0 0; padding: 1rem 1.4rem 1rem 2.8rem; border: 1px solid var(--line); border-radius: .2rem; background: var(--sheet); }
nav li { break-inside: avoid; padding: .08rem 0; }
.wide { margin: 1.2rem 0 1.8rem; overflow-x: auto; border: 1px solid var(--line); border-radius: .2rem; background: var(--sheet); }
table { width: 100%; border-collapse: collapse; font-size: .92rem; line-height: 1.5; }
caption { padding: .7rem .9rem; color: var(--soft); text-align: left; font-size: .95em; }
th, td { padding: .5rem .9rem; border-top: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: 400; }
thead th { background: var(--faint); color: var(--soft); font-size: .9em; }
tbody th { min-width: 10rem; font-weight: 600; }
tbody th code, tbody th .soft { font-weight: 400; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.code { min-width: 12rem; }
.mark { color: var(--tone); font-weight: 600; white-space: nowrap; }
ul { max-width: 46rem; padding-left: 1.3rem; }
.sign-off dl { grid-template-columns: 14rem 1fr; row-gap: 1.5rem; }
.sign-off dd { border-bottom: 1px solid var(--soft); }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 40rem) { body { padding: 1.5rem 1rem 3rem; } nav ol { columns: 1; } dl { grid-template-columns: 1fr; gap: .1rem; } dd { margin-bottom: .7rem; } }
@media print {
  @page { size: A4; margin: 18mm 16mm 20mm; }
  :root { color-scheme: light; --paper: #fff; --sheet: #fff; --ink: #000; --soft: #444; --line: #bbb; --faint: #f2f2f2; --link: #000;
    --good: #0f5132; --good-wash: #fff; --care: #6b4500; --care-wash: #fff; --bad: #8a1c14; --bad-wash: #fff; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  h1 { font-size: 20pt; } h2 { font-size: 13pt; margin-top: 9mm; break-after: avoid; } h3 { break-after: avoid; }
  nav { display: none; } a { color: inherit; text-decoration: none; }
  .verdict, .note { border: 1px solid var(--tone); border-left-width: 2mm; break-inside: avoid; }
  .wide { overflow: visible; border: 0; } table { font-size: 8.5pt; } caption { padding-left: 0; break-after: avoid; }
  th, td { padding: 1.2mm 2mm; } tbody th { min-width: 0; } thead { display: table-header-group; } tr { break-inside: avoid; }
  .sign-off { break-inside: avoid; }
}
`;
