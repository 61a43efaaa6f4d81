/**
 * What the extension loads when it is first asked for: tools for language models. A bundle of its own (dist/agent.cjs), so that
 * activation reads none of it.
 */
export { usable } from './places.js';
export { probePrompt, readResidueFile, runShell } from './tools.js';
