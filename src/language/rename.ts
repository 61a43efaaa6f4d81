import { InputError } from '../errors.js';
import { NAME, NAME_RULE } from '../shell/marks.js';
import { parseShell } from '../shell/parse.js';
import { occurrenceAt, occurrences } from './names.js';
import type { Occurrence } from './names.js';

/** A replacement in the file; offsets are UTF-16 units. */
export interface Edit {
  start: number;
  end: number;
  newText: string;
}

/** What a rename at this place would change, or null where there is no name of the shell's own. */
export function renameTarget(text: string, offset: number): Occurrence | null {
  return occurrenceAt(occurrences(text), offset) ?? null;
}

/**
 * Edits that give a span, or what fills a placeholder, another name wherever it stands: in prompts, values, `spans`, and commands. Throws
 * InputError for what is no name, for a name that is taken, and where the file could no longer be read.
 */
export function rename(text: string, offset: number, newName: string): Edit[] {
  const all = occurrences(text);
  const target = occurrenceAt(all, offset);
  if (target === undefined) throw new InputError('Only a span or what fills a placeholder can be renamed in a shell.');
  const name = newName.trim();
  const what = target.kind === 'span' ? 'a span' : 'a placeholder';
  if (!NAME.test(name)) throw new InputError(`"${newName.slice(0, 64)}" cannot name ${what}; a name is ${NAME_RULE}.`);
  if (name === target.name) return [];
  if (all.some((one) => one.kind === target.kind && one.name === name)) {
    throw new InputError(`The shell has ${what} named "${name}" already; choose another name, or rename that one first.`);
  }
  const edits = all
    .filter((one) => one.kind === target.kind && one.name === target.name)
    .map((one): Edit => ({ start: one.start, end: one.end, newText: one.alone ? alone(text, one, name) : name }));
  const before = parseShell(text);
  if (before.shell !== null && parseShell(apply(text, edits)).shell === null) {
    throw new InputError(`With the name "${name}" the shell could no longer be read; choose another.`);
  }
  return edits;
}

/** Words that YAML reads as something else than text. */
const NOT_TEXT = /^(null|Null|NULL|true|True|TRUE|false|False|FALSE)$/;

/** The name in the style in which the old one stands. */
function alone(text: string, { start, end }: Occurrence, name: string): string {
  const quote = /^["']/.exec(text.slice(start, end))?.[0];
  return quote !== undefined ? quote + name + quote : NOT_TEXT.test(name) ? `"${name}"` : name;
}

/** A text after edits that do not overlap. */
export function apply(text: string, edits: readonly Edit[]): string {
  return [...edits]
    .sort((a, b) => b.start - a.start)
    .reduce((out, { start, end, newText }) => out.slice(0, start) + newText + out.slice(end), text);
}
