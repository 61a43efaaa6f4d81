import { createHash } from 'node:crypto';
import { methodsHtml } from './methods-page.js';
import { formatReport } from './report.js';
import type { Residue } from './types.js';
import { serializeResidue } from './write.js';

/** The panel's page and what stands in for VS Code in a report, as texts of the bundles in dist/. */
export interface ReportAssets {
  /** dist/webview-controls.js: the panel's buttons and drop-downs. */
  controls: string;
  /** dist/webview-rest.js: the panel's parts below its first screen. */
  rest: string;
  /** dist/webview.js and dist/webview.css: the residue panel itself. */
  page: string;
  pageStyle: string;
  /** dist/report.js and dist/report.css: theme, messages, printing. */
  bridge: string;
  bridgeStyle: string;
  /** docs/methods.md: what each number means, so that a formula's name opens its page here too. */
  methods: string;
}

/** Text inside an element or a quoted attribute. */
export const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** JSON inside `<script type="application/json">`: no `<` is left that could end it, and what it stands for is the same. */
export const scriptJson = (json: string): string => json.replaceAll('<', '\\u003c');

/**
 * A script as it may stand inline. An HTML parser ends it at `</script` and takes `<!--` for more than a comment; both only occur in
 * strings and templates of a bundle, where `\x3c` is the same.
 */
const inlineScript = (script: string): string =>
  script
    .replaceAll(/<(?=\/script|!--)/gi, '\\x3c')
    .replaceAll(/^\/\/# sourceMappingURL=.*$/gm, '')
    .trim();

const inlineStyle = (style: string): string =>
  style
    .replaceAll(/<(?=\/style)/gi, '\\3c ')
    .replaceAll(/^\/\*# sourceMappingURL=.*$/gm, '')
    .trim();

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;

/**
 * A residue as one HTML file that opens anywhere with no network: the panel's own page with everything inlined. Its policy lets these
 * scripts and styles run by their hashes and nothing else; texts of the model and of the shell are data in it, never markup. Without
 * scripts it shows the report as text. The same residue gives the same bytes.
 */
export function reportHtml(residue: Residue, assets: ReportAssets): string {
  const json = serializeResidue(residue);
  const scripts = [assets.bridge, assets.controls, assets.rest, assets.page].map(inlineScript);
  const [bridge, controls, rest, page] = scripts;
  const styles = [inlineStyle(assets.pageStyle), inlineStyle(assets.bridgeStyle)];
  // The panel's controls add a style element of their own with the page's nonce. Nothing in the file can add another.
  const nonce = createHash('sha256').update(json, 'utf8').digest('hex').slice(0, 32);
  const csp = [
    "default-src 'none'",
    `script-src ${scripts.map(hashOf).join(' ')}`,
    `style-src ${styles.map(hashOf).join(' ')} 'nonce-${nonce}'`,
    'img-src data: blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const { shell, provenance, created } = residue;
  const title = shell.title && shell.title !== shell.id ? `${shell.id}: ${shell.title}` : shell.id;
  const facts = [`model ${provenance.model.id}`, `made ${created}`, `Symbolic Residue ${provenance.versions.symbolicResidue}`];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(csp)}">
<meta property="csp-nonce" content="${nonce}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Symbolic Residue ${escapeHtml(provenance.versions.symbolicResidue)}">
<title>${escapeHtml(title)} · residue</title>
<style>${styles[0]}</style>
<style>${styles[1]}</style>
</head>
<body>
<p class="report-facts">${facts.map((fact) => `<bdi>${escapeHtml(fact)}</bdi>`).join(' · ')}</p>
<noscript><p>This report draws its charts by scripts, which are off here. What follows is the same report as text.</p>
<pre>${escapeHtml(formatReport(residue, { width: 100 }))}</pre></noscript>
<div id="app"></div>
<details id="methods" class="report-methods"><summary>Methods: what each number means</summary>
${methodsHtml(assets.methods)}
</details>
<script type="application/json" id="residue">${scriptJson(json)}</script>
<script>${bridge}</script>
<script>${controls}</script>
<script>${rest}</script>
<script type="module">${page}</script>
</body>
</html>
`;
}
