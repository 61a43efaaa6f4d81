import type { Diagnostic } from '../shell/types.js';
import type { Edit } from './rename.js';

/** A change that mends a finding. */
export interface QuickFix {
  title: string;
  edits: Edit[];
  /** The one change that is most likely meant. */
  preferred: boolean;
}

/** What a missing key of a shell is filled in with; each right as it stands but for its text. */
const MISSING: Readonly<Record<string, string>> = {
  format: 'format: 1',
  shell: 'shell: my-shell',
  family: 'family: memory',
  prompt: "prompt: |-\n  Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:",
  answer: 'answer: " red"',
};
/** The order in which a shell's first keys are written. */
const ORDER = ['format', 'shell', 'title', 'family', 'motivation', 'model', 'prompt', 'control', 'answer'];

/** Fixes of a finding. `start` and `end`: its range in the text. */
export function quickFixes(
  text: string,
  { suggestion, missing }: Pick<Diagnostic, 'suggestion' | 'missing'>,
  start: number,
  end: number,
): QuickFix[] {
  const fixes: QuickFix[] = [];
  if (suggestion !== undefined)
    fixes.push({ title: `Change to ${suggestion}`, edits: [{ start, end, newText: suggestion }], preferred: true });
  if (missing !== undefined && Object.hasOwn(MISSING, missing)) {
    fixes.push({ title: `Add \`${missing}\``, edits: [insertion(text, missing)], preferred: true });
  }
  return fixes;
}

/** The line that a missing key becomes, before the first of the keys that stand after it in a shell, else at the end. */
function insertion(text: string, key: string): Edit {
  const newLine = text.includes('\r\n') ? '\r\n' : '\n';
  const line = MISSING[key]!.replaceAll('\n', newLine);
  for (const later of ORDER.slice(ORDER.indexOf(key) + 1)) {
    const at = new RegExp(`^${later}[ \\t]*:`, 'm').exec(text)?.index;
    if (at !== undefined) return { start: at, end: at, newText: line + newLine };
  }
  // A list of top-level keys never ends inside a block: what is indented belongs to the key before it.
  const end = text.trimEnd().length;
  return { start: end, end: text.length, newText: `${end === 0 ? '' : newLine}${line}${newLine}` };
}
