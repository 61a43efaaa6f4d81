/**
 * What the extension loads when it is first asked for: tools for language models, and reports. A bundle of its own (dist/agent.cjs), so
 * that activation reads none of it.
 */
export { usable } from './places.js';
export { probePrompt, readResidueFile, runShell } from './tools.js';
export { reportHtml } from '../residue/html.js';
export { formatMarkdown } from '../residue/markdown.js';
export { reportAssets } from '../residue/report-assets.js';
