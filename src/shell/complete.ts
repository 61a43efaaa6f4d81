import { isMap, isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import { COMMANDS } from '../commands/table.js';
import { cursorAt, keysAt, nodeAt, preview, spanNames, textsAt } from './cursor.js';
import type { Cursor } from './cursor.js';
import { FAMILIES } from './families.js';
import type { CommandInfo, JsonSchema } from './schema.js';
import { docsOf, schemaOf, schemasAt } from './schema-walk.js';
import { Findings, parseUnfinished } from './source.js';
import type { Path } from './source.js';
import { WHOLE_SHELLS } from './whole-shells.js';

export type CompletionKind = 'snippet' | 'key' | 'value' | 'command' | 'span' | 'name';

/** One entry of a completion list. Offsets are UTF-16 units of the text. */
export interface CompletionItem {
  label: string;
  kind: CompletionKind;
  /** In snippet syntax: `${1:fact}`. */
  insertText: string;
  /** What [start, end) is replaced. */
  start: number;
  end: number;
  detail?: string;
  /** Markdown. */
  documentation?: string;
  /** Order in the list. */
  sortText: string;
}

/** A code lens. `command`: index into `run`, null for the whole shell. */
export interface Lens {
  title: string;
  kind: 'shell' | 'verify' | 'command';
  command: number | null;
  line: number;
  column: number;
}

/** What a key is completed with, where its name and a colon are not enough. */
const KEY_SNIPPETS: Readonly<Record<string, string>> = {
  format: 'format: 1',
  prompt: 'prompt: |-\n  $0',
  control: 'control: |-\n  $0',
  answer: 'answer: "${1: red}"',
  rivals: 'rivals: ["${1: blue}", "${2: green}"]',
  let: 'let:\n  ${1:name}: "$0"',
  vary: 'vary:\n  ${1:walk}: { repeat: "${2:They walk for a while. }", times: [${3:0, 20, 40}] }',
  paraphrases: 'paraphrases:\n  - prompt: "$0"\n    answer: "${1: red}"',
  run: 'run:\n  - $0',
  graph: 'graph: true',
  verify: 'verify: ${1|true,false|}',
  generate: 'generate: { tokens: ${1:40}, temperature: ${2:0} }',
  expect: 'expect:\n  - $0',
  motivation: 'motivation: >\n  $0',
};

const BOUNDS = ['{ below: ${1:0} }', '{ above: ${1:0} }', '{ between: [${1:0}, ${2:1}] }'];

/** A model that a shell can name by its id. */
export interface NamedModel {
  id: string;
  detail: string;
}

/** What can be written at `offset` of a shell file, however unfinished it is. */
export function completions(
  text: string,
  offset: number,
  commands: readonly CommandInfo[] = COMMANDS,
  models: readonly NamedModel[] = [{ id: 'pocket', detail: 'The bundled model' }],
): CompletionItem[] {
  const blank = text.replace(/^\uFEFF?(\s|#[^\n]*(\n|$))*/, '') === '';
  const mark = /(\{\{\s*|\[\[)([\w-]*)$/.exec(text.slice(Math.max(0, offset - 100), offset));
  if (blank) {
    const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
    return line.trim() === ''
      ? WHOLE_SHELLS.map(({ family, label, detail, text: whole }, i) =>
          list('snippet', label, whole, offset, offset, { detail, documentation: FAMILIES[family], sortText: String(i) }),
        )
      : [];
  }
  const cursor = cursorAt(text, offset);
  if (cursor === null) return [];
  if (mark !== null) return markItems(mark[1]!.startsWith('{{'), mark[2]!, text, offset, cursor);
  return cursor.at === 'key' ? keyItems(cursor, commands) : valueItems(cursor, commands, text, models);
}

function list(
  kind: CompletionKind,
  label: string,
  insertText: string,
  start: number,
  end: number,
  more: Partial<CompletionItem> = {},
): CompletionItem {
  return { label, kind, insertText, start, end, sortText: label, ...more };
}

/** Inside `{{`: names of vary and let. Inside `[[`: spans that other prompts mark. */
function markItems(placeholder: boolean, word: string, text: string, offset: number, { file }: Cursor): CompletionItem[] {
  const start = offset - word.length;
  if (!placeholder) return spanNames(file.root).map((name) => list('span', name, `${name}|`, start, offset, { detail: 'Span' }));
  const close = text.slice(offset).trimStart().startsWith('}}') ? '' : '}}';
  return (['vary', 'let'] as const).flatMap((from) =>
    keysAt(file.root, [from]).map((name) =>
      list('name', name, name + close.replaceAll('}', '\\}'), start, offset, {
        detail: from,
        documentation: preview(textsAt(file.root, [from, name])),
      }),
    ),
  );
}

function keyItems(cursor: Cursor, commands: readonly CommandInfo[]): CompletionItem[] {
  const { path, start, end } = cursor;
  // A key under `run:` or `expect:` whose dash has not been written yet.
  const dash = path.length === 1 && (path[0] === 'run' || path[0] === 'expect') ? '- ' : '';
  const where: Path = dash ? [...path, 0] : path;
  if (where.length === 2 && (where[0] === 'run' || where[0] === 'expect') && cursor.siblings.length > 0 && !dash) return [];
  const items: CompletionItem[] = [];
  const seen = new Set(cursor.siblings);
  for (const schema of schemasAt(schemaOf(commands), where)) {
    Object.entries((schema['properties'] as Record<string, JsonSchema> | undefined) ?? {}).forEach(([key, property], i) => {
      if (seen.has(key)) return;
      seen.add(key);
      const command = where[0] === 'run' && where.length === 2 ? commands.find(({ name }) => name === key) : undefined;
      const insert = command?.snippet ?? (where.length === 0 ? KEY_SNIPPETS[key] : undefined) ?? `${key}: `;
      items.push(
        list(command ? 'command' : 'key', key, dash + insert, start, end, {
          detail: command?.summary,
          documentation: command?.docs ?? docsOf(property),
          sortText: String(i).padStart(3, '0'),
        }),
      );
    });
  }
  return items;
}

function valueItems(cursor: Cursor, commands: readonly CommandInfo[], text: string, models: readonly NamedModel[]): CompletionItem[] {
  const { path, start, end, file } = cursor;
  const items: CompletionItem[] = [];
  const seen = new Set<string>();
  const add = (kind: CompletionKind, label: string, more: Partial<CompletionItem> = {}): void => {
    if (seen.has(label)) return;
    seen.add(label);
    items.push(list(kind, label, label, start, end, { ...more, sortText: String(items.length).padStart(3, '0') }));
  };
  const schemas = schemasAt(schemaOf(commands), path);
  for (const schema of schemas) {
    if (schema['x-span'] === true) for (const name of spanNames(file.root)) add('span', name, { detail: 'Span of the prompt' });
    for (const value of (schema['enum'] as unknown[] | undefined) ?? ('const' in schema ? [schema['const']] : [])) {
      add('value', String(value), path[0] === 'family' ? { documentation: FAMILIES[value as keyof typeof FAMILIES] } : {});
    }
    if ([schema['type']].flat().includes('boolean') && ![schema['type']].flat().includes('string'))
      ['true', 'false'].forEach((value) => add('value', value));
    if (typeof schema['default'] === 'number' || typeof schema['default'] === 'string')
      add('value', String(schema['default']), { detail: 'Default' });
  }
  if (path.length === 1 && path[0] === 'model') {
    // Up to the value's end: an id holds characters that end a word elsewhere.
    const line = /^[^\s#]*/.exec(text.slice(end))![0];
    const before = /\S*$/.exec(text.slice(0, start))![0];
    for (const { id, detail } of models) add('value', id, { detail, start: start - before.length, end: end + line.length });
  }
  if (path[0] === 'expect' && path.length === 3 && schemas.some((schema) => 'properties' in schema)) {
    for (const bound of BOUNDS) add('snippet', bound.replace(/\$\{\d:([^}]*)\}/g, '$1'), { insertText: bound });
  }
  // `- ` of `run` and `expect`: the entry is a key that has not begun.
  if (path.length === 2 && typeof path[1] === 'number') {
    const fresh: Cursor = { ...cursor, at: 'key', siblings: [] };
    items.push(...keyItems(fresh, commands).filter(() => text.slice(0, start).endsWith('- ')));
  }
  return items;
}

/** Code lenses of a shell file: to run and to verify it over its id, one over each command that exists; also in a file that has errors. */
export function lenses(text: string, commands: readonly CommandInfo[] = COMMANDS): Lens[] {
  const document = parseUnfinished(text);
  if (document === null) return [];
  const root = document.contents;
  const findings = new Findings(text);
  const out: Lens[] = [];
  const place = (node: Node): { line: number; column: number } => findings.position(node.range?.[0] ?? 0);
  if (isMap(root)) {
    const id = root.items.find((pair) => isScalar(pair.key) && pair.key.value === 'shell');
    if (id) {
      const at = place(id.key as Node);
      out.push({ title: 'Run shell', kind: 'shell', command: null, ...at }, { title: 'Verify', kind: 'verify', command: null, ...at });
    }
  }
  const run = nodeAt(root, ['run']);
  if (!isSeq(run)) return out;
  run.items.forEach((item, command) => {
    const key = isMap(item) ? (item.items[0]?.key as Node | undefined) : undefined;
    if (!isScalar(key) || !commands.some(({ name }) => name === key.value)) return;
    out.push({ title: `Run ${String(key.value)}`, kind: 'command', command, ...place(key) });
  });
  return out;
}
