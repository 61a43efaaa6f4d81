import { isMap, isScalar, isSeq } from 'yaml';
import type { Node, Scalar } from 'yaml';
import { parseUnfinished } from './source.js';
import type { Path } from './source.js';

/** Stands for the cursor while an unfinished text is parsed. */
const MARK = 'zzCursorzz';

/** Where a cursor is in a shell file. */
export interface Cursor {
  /** `key`: a key of the map at `path` is being written. `value`: the value at `path` is. `list`: nothing yet, where the list at `path` wants entries. */
  at: 'key' | 'value';
  path: Path;
  /** Keys that the map has already. */
  siblings: string[];
  /** Range of the file that a completion replaces. */
  start: number;
  end: number;
  /** The word so far. */
  word: string;
  /** The file as far as it could be read, without the cursor. */
  file: FileOutline;
}

/** What completion and hovers need of an unfinished file. */
export interface FileOutline {
  root: Node | null;
}

const WORD = /[\p{L}\p{N}_.-]*$/u;

/** The cursor's place by the YAML around it; null in a comment or where nothing can be made of the text. */
export function cursorAt(text: string, offset: number): Cursor | null {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const lineEnd = text.indexOf('\n', offset) === -1 ? text.length : text.indexOf('\n', offset);
  const before = text.slice(lineStart, offset);
  const after = text.slice(offset, lineEnd);
  if (/(^|\s)#/.test(before) && !/["'].*#/.test(before)) return null;
  const word = WORD.exec(before)![0];
  const rest = /^[\p{L}\p{N}_.-]*/u.exec(after)![0];
  for (const mark of inserts(before, after.slice(rest.length))) {
    const marked = text.slice(0, offset) + mark + text.slice(offset);
    const document = parseUnfinished(marked);
    if (document === null) return null;
    const found = find(document.contents, []);
    if (found !== null)
      return { ...found, start: offset - word.length, end: offset + rest.length, word, file: { root: document.contents } };
  }
  return null;
}

/** What to insert so that an unfinished line parses: a colon where a key is being written. */
function inserts(before: string, after: string): string[] {
  // Since the last character that can begin an entry.
  const entry = before.slice(Math.max(before.lastIndexOf('{'), before.lastIndexOf(','), before.search(/[^\s-]/) - 1, -1) + 1);
  const key = !/:(\s|$)/.test(entry) && !/^\s*:/.test(after);
  return key ? [`${MARK}: `, MARK] : [MARK, `${MARK}: `];
}

function find(node: Node | null, path: Path): Pick<Cursor, 'at' | 'path' | 'siblings'> | null {
  if (node === null) return null;
  if (isScalar(node)) return holdsMark(node) ? { at: 'value', path, siblings: [] } : null;
  if (isSeq(node)) {
    for (const [i, item] of node.items.entries()) {
      const found = find(item as Node | null, [...path, i]);
      if (found) return found;
    }
    return null;
  }
  if (!isMap(node)) return null;
  for (const pair of node.items) {
    const key = pair.key as Node | null;
    if (isScalar(key) && holdsMark(key)) {
      const siblings = node.items.flatMap((other) => (other !== pair && isScalar(other.key) ? [String(other.key.value)] : []));
      return { at: 'key', path, siblings };
    }
    if (!isScalar(key)) continue;
    const found = find(pair.value as Node | null, [...path, String(key.value)]);
    if (found) return found;
  }
  return null;
}

function holdsMark(scalar: Scalar): boolean {
  return typeof scalar.value === 'string' && scalar.value.includes(MARK);
}

/** The node at a path, or null. */
export function nodeAt(root: Node | null, path: Path): Node | null {
  let node = root;
  for (const part of path) {
    if (isMap(node))
      node = (node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === part)?.value as Node | undefined) ?? null;
    else if (isSeq(node)) node = (node.items[Number(part)] as Node | undefined) ?? null;
    else return null;
  }
  return node;
}

/** Keys of the map at a path. */
export function keysAt(root: Node | null, path: Path): string[] {
  const node = nodeAt(root, path);
  if (!isMap(node)) return [];
  return node.items.flatMap((pair) => (isScalar(pair.key) ? [String(pair.key.value)] : [])).filter((key) => !key.includes(MARK));
}

/** Every text (string scalar) at or below a path. */
export function textsAt(root: Node | null, path: Path): string[] {
  const texts: string[] = [];
  const visit = (node: Node | null): void => {
    if (isScalar(node)) {
      if (typeof node.value === 'string') texts.push(node.value);
    } else if (isSeq(node)) node.items.forEach((item) => visit(item as Node | null));
    else if (isMap(node)) node.items.forEach((pair) => visit(pair.value as Node | null));
  };
  visit(nodeAt(root, path));
  return texts;
}

/** Names of the spans marked in the prompt and in what fills it, and of those given with token ids. */
export function spanNames(root: Node | null): string[] {
  const names = new Set<string>(keysAt(root, ['prompt', 'spans']));
  for (const path of [['prompt'], ['let'], ['vary']]) {
    for (const text of textsAt(root, path)) for (const [, name] of text.matchAll(/\[\[([A-Za-z][\w-]*)\|/g)) names.add(name!);
  }
  return [...names];
}

/** The first few of some texts, as Markdown; undefined where there is none. */
export function preview(texts: readonly string[]): string | undefined {
  return texts.length === 0
    ? undefined
    : texts
        .slice(0, 4)
        .map((text) => `\`${text.slice(0, 80).replaceAll('`', "'")}\``)
        .join('  \n');
}
