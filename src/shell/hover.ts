import { isMap, isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import { COMMANDS } from '../commands/table.js';
import { keysAt, preview, textsAt } from './cursor.js';
import { FAMILIES } from './families.js';
import { explained, pageOfCommand } from './method-pages.js';
import { PATTERNS } from './schema.js';
import type { CommandInfo } from './schema.js';
import { docsOf, schemaOf, schemasAt } from './schema-walk.js';
import { parseUnfinished } from './source.js';
import type { Path } from './source.js';

export interface Hover {
  markdown: string;
  start: number;
  end: number;
  /** Heading of docs/methods.md that says more. */
  page?: string;
}

/** What the word under the cursor means: a key, a command, a family, or what a placeholder becomes. */
export function hoverAt(text: string, offset: number, commands: readonly CommandInfo[] = COMMANDS): Hover | null {
  const document = parseUnfinished(text);
  if (document === null) return null;
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  for (const match of text
    .slice(lineStart, lineStart + 10_000)
    .split('\n', 1)[0]!
    .matchAll(/\{\{\s*([A-Za-z][\w-]*)\s*\}\}/g)) {
    const start = lineStart + match.index;
    const end = start + match[0].length;
    if (offset < start || offset > end) continue;
    const from = (['vary', 'let'] as const).find((key) => keysAt(document.contents, [key]).includes(match[1]!));
    if (from === undefined) return null;
    const values = preview(textsAt(document.contents, [from, match[1]!]));
    return { markdown: `**${match[1]!}** is filled from \`${from}\`${values ? `:\n\n${values}` : '.'}`, start, end };
  }
  const found = keyUnder(document.contents, [], offset);
  if (found === null) return null;
  const { path, key, node } = found;
  const range = { start: node.range![0], end: node.range![1] };
  const command = path[0] === 'run' && path.length === 2 ? commands.find(({ name }) => name === key) : undefined;
  if (command) {
    const example = `\`\`\`yaml\n- ${command.snippet.replace(/\$\{\d+:([^}]*)\}/g, '$1')}\n\`\`\``;
    return { ...range, markdown: `${command.docs}\n\n${example}`, page: pageOfCommand(command.name) };
  }
  if (found.value) return valueHover(path, key, range, commands);
  const docs = schemasAt(schemaOf(commands), [...path, key])
    .map(docsOf)
    .find((one) => one !== undefined);
  if (docs === undefined) return null;
  const more = path.length === 0 || path[0] === 'expect' ? explained(key) : undefined;
  const page = more?.page ?? (path[0] === 'expect' ? pageOfCommand(key) : undefined);
  return { ...range, markdown: [`**${key}**: ${docs}`, more?.docs, measureDocs(path, key, commands)].filter(Boolean).join('\n\n'), page };
}

/** A value that is a word of the format's own: a family, a pattern, a diagnosis. */
function valueHover(path: Path, value: string, range: { start: number; end: number }, commands: readonly CommandInfo[]): Hover | null {
  if (path.length === 1 && path[0] === 'family' && Object.hasOwn(FAMILIES, value)) {
    return { ...range, markdown: `**${value}**: ${FAMILIES[value as keyof typeof FAMILIES]}` };
  }
  if (path[0] === 'expect' && path[2] === 'pattern' && Object.hasOwn(PATTERNS, value)) {
    const more = explained(value);
    return { ...range, markdown: [`**${value}**: ${PATTERNS[value]!.summary}`, more?.docs].filter(Boolean).join('\n\n'), page: more?.page };
  }
  if (path[0] === 'expect' && path[2] === 'diagnosis') return { ...range, markdown: explained('diagnosis')!.docs, page: 'diagnosis' };
  const key = path.findLast((part) => typeof part === 'string');
  const docs = schemasAt(schemaOf(commands), path)
    .filter((schema) => 'enum' in schema)
    .map(docsOf)
    .find((one) => one !== undefined);
  return key === undefined || docs === undefined ? null : { ...range, markdown: `**${key}**: ${docs}` };
}

/** Whether a command's measure is read off or tested, which is the first thing to know of it. */
function measureDocs(path: Path, key: string, commands: readonly CommandInfo[]): string | undefined {
  if (path[0] !== 'expect') return undefined;
  const [name, measure = ''] = key.split('.');
  const command = commands.find((one) => one.name === name);
  const evidence = command && Object.hasOwn(command.measures, measure) ? command.measures[measure]!.evidence : undefined;
  if (command === undefined) return undefined;
  return evidence === 'observed' ? `Of ${command.name}: ${command.summary} **Read off.**` : `Of ${command.name}: ${command.summary}`;
}

function keyUnder(node: Node | null, path: Path, offset: number): { path: Path; key: string; node: Node; value: boolean } | null {
  if (node === null || !node.range || offset < node.range[0] || offset > node.range[2]) return null;
  if (isScalar(node)) return offset <= node.range[1] ? { path, key: String(node.value), node, value: true } : null;
  if (isSeq(node)) {
    for (const [i, item] of node.items.entries()) {
      const found = keyUnder(item as Node | null, [...path, i], offset);
      if (found) return found;
    }
  }
  if (isMap(node)) {
    for (const pair of node.items) {
      const key = pair.key as Node | null;
      if (!isScalar(key) || !key.range) continue;
      const name = String(key.value);
      if (offset >= key.range[0] && offset <= key.range[1]) return { path, key: name, node: key, value: false };
      const found = keyUnder(pair.value as Node | null, [...path, name], offset);
      if (found) return found;
    }
  }
  return null;
}
