import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, Node, Scalar } from 'yaml';
import { COMMANDS } from '../commands/table.js';
import { NAME, readMarks } from '../shell/marks.js';
import type { Piece } from '../shell/marks.js';
import { schemaOf, schemasAt } from '../shell/schema-walk.js';
import type { CommandInfo } from '../shell/schema.js';
import { parseUnfinished } from '../shell/source.js';
import type { Path } from '../shell/source.js';
import { scalarPlaces } from './scalar-text.js';
import type { ScalarPlaces } from './scalar-text.js';

/** A name that a shell defines itself: of a span, or of what fills a placeholder. */
export type NameKind = 'span' | 'placeholder';

/** One place where a name stands in the file. Offsets are UTF-16 units of the file, the end exclusive. */
export interface Occurrence {
  kind: NameKind;
  name: string;
  /** `definition`: the mark `[[name|…]]`, a key of `spans`, of `vary` or of `let`. `use`: a command's parameter, or `{{name}}`. */
  role: 'definition' | 'use';
  /** The name alone. */
  start: number;
  end: number;
  /** What it belongs to as a whole: `[[fact|red]]`, `{{walk}}`, or the name again. */
  whole: { start: number; end: number };
  /** Where in the shell: `["paraphrases", 0, "prompt"]`. */
  path: Path;
  /** The text that a mark holds. */
  text?: string;
  /** The scalar is the name and nothing else, so that a new name may have to be quoted. */
  alone: boolean;
}

/** Every name in a shell file that can be read as YAML, in the file's order; also of a file with errors. */
export function occurrences(text: string, commands: readonly CommandInfo[] = COMMANDS): Occurrence[] {
  const document = parseUnfinished(text);
  return document === null ? [] : new NameReader(text, document, commands).read();
}

/** The name under a cursor: on it, or anywhere in the mark around it. */
export function occurrenceAt(all: readonly Occurrence[], offset: number): Occurrence | undefined {
  const on = ({ start, end }: { start: number; end: number }): boolean => offset >= start && offset <= end;
  return all.find(on) ?? all.find(({ whole, kind }) => kind === 'placeholder' && on(whole));
}

class NameReader {
  private readonly found: Occurrence[] = [];
  /** An anchored scalar can be reached twice. */
  private readonly seen = new Set<Node>();

  constructor(
    private readonly file: string,
    private readonly document: Document.Parsed,
    private readonly commands: readonly CommandInfo[],
  ) {}

  read(): Occurrence[] {
    for (const [key, value] of this.pairs(this.document.contents)) {
      const name = String(key.value);
      if (name === 'prompt' || name === 'control') this.prompt(value, [name]);
      else if (name === 'paraphrases') this.items(value).forEach((item, i) => this.paraphrase(item, [name, i]));
      else if (name === 'let' || name === 'vary') this.values(value, name);
      else if (name === 'run') this.calls(value, [name]);
    }
    return this.found.sort((a, b) => a.start - b.start);
  }

  private resolve(node: unknown): Node | null {
    return isAlias(node) ? (node.resolve(this.document) ?? null) : ((node as Node | null | undefined) ?? null);
  }

  private pairs(node: unknown): [Scalar, Node | null][] {
    const map = this.resolve(node);
    if (!isMap(map)) return [];
    return map.items.flatMap(({ key, value }): [Scalar, Node | null][] => (isScalar(key) ? [[key, this.resolve(value)]] : []));
  }

  private items(node: unknown): (Node | null)[] {
    const list = this.resolve(node);
    return isSeq(list) ? list.items.map((item) => this.resolve(item)) : [];
  }

  private prompt(node: Node | null, path: Path): void {
    if (isScalar(node)) this.marked(node, path);
    this.items(node).forEach((message, i) => {
      for (const [key, value] of this.pairs(message))
        if (key.value === 'content' && isScalar(value)) this.marked(value, [...path, i, 'content']);
    });
    for (const [key, value] of this.pairs(node)) {
      if (key.value === 'spans') for (const [name] of this.pairs(value)) this.alone('span', 'definition', name, [...path, 'spans']);
    }
  }

  private paraphrase(node: Node | null, path: Path): void {
    const own = this.pairs(node).find(([key]) => key.value === 'prompt');
    if (own) this.prompt(own[1], [...path, 'prompt']);
    else this.prompt(node, path);
  }

  private values(node: Node | null, from: 'let' | 'vary'): void {
    for (const [key, value] of this.pairs(node)) {
      this.alone('placeholder', 'definition', key, [from]);
      const path: Path = [from, String(key.value)];
      const visit = (inner: Node | null, at: Path): void => {
        if (isScalar(inner)) this.marked(inner, at);
        this.items(inner).forEach((item, i) => visit(item, [...at, i]));
        for (const [label, text] of this.pairs(inner)) visit(text, [...at, String(label.value)]);
      };
      visit(value, path);
    }
  }

  /** Parameters that the commands' schemas mark as spans. */
  private calls(node: Node | null, path: Path): void {
    const schema = schemaOf(this.commands);
    const visit = (inner: Node | null, at: Path): void => {
      if (at.length > 8) return;
      if (isScalar(inner)) {
        if (schemasAt(schema, at).some((one) => one['x-span'] === true)) this.alone('span', 'use', inner, at);
        return;
      }
      this.items(inner).forEach((item, i) => visit(item, [...at, i]));
      for (const [key, value] of this.pairs(inner)) visit(value, [...at, String(key.value)]);
    };
    visit(node, path);
  }

  private alone(kind: NameKind, role: Occurrence['role'], node: Scalar, path: Path): void {
    const name = typeof node.value === 'string' ? node.value : (node.source ?? '');
    if (!NAME.test(name) || !node.range || this.seen.has(node)) return;
    this.seen.add(node);
    const [start, end] = node.range;
    this.found.push({ kind, name, role, start, end, whole: { start, end }, path, alone: true });
  }

  private marked(node: Scalar, path: Path): void {
    if (typeof node.value !== 'string' || this.seen.has(node) || !/\[\[|\{\{/.test(node.value)) return;
    this.seen.add(node);
    const places = scalarPlaces(this.file, node);
    if (places === null) return;
    const text = node.value;
    const add = (piece: Piece): void => {
      if (piece.kind === 'text') return;
      const open = piece.offset + 2;
      const at = open + (text.slice(open).length - text.slice(open).trimStart().length);
      if (NAME.test(piece.name)) this.push(piece, at, text, places, path);
      if (piece.kind === 'span') piece.pieces.forEach(add);
    };
    readMarks(text).pieces.forEach(add);
  }

  private push(piece: Exclude<Piece, { kind: 'text' }>, at: number, text: string, places: ScalarPlaces, path: Path): void {
    const close = piece.kind === 'span' ? text.indexOf(']]', at) : piece.offset + piece.length - 2;
    const start = places.start[at]!;
    const end = places.end[at + piece.name.length - 1]!;
    // A mark that is never closed ends with its name.
    const last = close === -1 ? end : places.end[close + 1]!;
    this.found.push({
      kind: piece.kind,
      name: piece.name,
      role: piece.kind === 'span' ? 'definition' : 'use',
      start,
      end,
      whole: { start: places.start[piece.offset]!, end: last },
      path,
      ...(piece.kind === 'span' ? { text: close === -1 ? '' : text.slice(text.indexOf('|', at) + 1, close) } : {}),
      alone: false,
    });
  }
}
