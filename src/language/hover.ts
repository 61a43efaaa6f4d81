import { hoverAt } from '../shell/hover.js';
import type { Hover } from '../shell/hover.js';
import { occurrences } from './names.js';
import type { Occurrence } from './names.js';

/** What the word under the cursor means: a name of the shell's own, else a word of the format (src/shell/hover). */
export function shellHover(text: string, offset: number): Hover | null {
  const all = occurrences(text);
  const span = all.find(({ kind, whole, start, end }) => {
    const range = kind === 'span' ? (whole.end > end ? { start: whole.start, end } : { start, end }) : null;
    return range !== null && offset >= range.start && offset <= range.end;
  });
  return span ? spanHover(all, span) : hoverAt(text, offset);
}

function spanHover(all: readonly Occurrence[], { name, start, end }: Occurrence): Hover {
  const same = all.filter((one) => one.kind === 'span' && one.name === name);
  const marks = same.filter(({ role }) => role === 'definition');
  const uses = same.filter(({ role }) => role === 'use');
  const lines = [`**${name}**: a span${marks.length === 0 ? ' that no prompt marks' : ''}`];
  for (const { path, text } of marks.slice(0, 8)) lines.push(`- ${whereOf(path)}${text === undefined ? '' : `: \`${code(text)}\``}`);
  if (marks.length > 8) lines.push(`- and in ${marks.length - 8} further places`);
  const commands = [...new Set(uses.map(({ path }) => String(path[2])))];
  lines.push('', commands.length === 0 ? 'No command takes it.' : `Taken by ${commands.join(', ')}.`);
  return { markdown: lines.join('\n'), start, end };
}

function whereOf(path: Occurrence['path']): string {
  const [first, second] = path;
  if (first === 'paraphrases') return `paraphrase ${Number(second) + 1}`;
  return first === 'let' || first === 'vary' ? `\`${first}.${String(second)}\`` : `${String(first)}`;
}

function code(text: string): string {
  const line = text.replace(/\s+/g, ' ').replaceAll('`', "'");
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
