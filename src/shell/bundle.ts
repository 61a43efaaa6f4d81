/**
 * What the editor does with a shell's text: where its lenses go, new shells, conversations. A bundle of its own (dist/shells.cjs) that
 * is loaded when it is first asked for: with the parser and every command's schema it is twice as long as all that activation reads.
 */
export { MAX_LOG, readChatLogs } from './chat-log.js';
export { lenses } from './complete.js';
export { chatShell, familyShell, selectionShell } from './new-shell.js';
export { probeShell } from './probe.js';
export { WHOLE_SHELLS } from './whole-shells.js';
