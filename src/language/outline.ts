import { isMap, isScalar, isSeq } from 'yaml';
import type { Node, Pair, Scalar } from 'yaml';
import { parseUnfinished } from '../shell/source.js';
import type { Path } from '../shell/source.js';
import { occurrences } from './names.js';
import type { Occurrence } from './names.js';

export type EntryKind = 'id' | 'text' | 'span' | 'value' | 'list' | 'command' | 'expectation';

/** One line of a shell's outline. Offsets are UTF-16 units; the name's range lies within the entry's. */
export interface OutlineEntry {
  name: string;
  detail?: string;
  kind: EntryKind;
  start: number;
  end: number;
  nameStart: number;
  nameEnd: number;
  children: OutlineEntry[];
}

const MOST = 80;
const KINDS: Readonly<Record<string, EntryKind>> = {
  shell: 'id',
  prompt: 'text',
  control: 'text',
  paraphrases: 'list',
  run: 'list',
  expect: 'list',
  rivals: 'list',
  vary: 'list',
  let: 'list',
};

/** The outline of a shell file, also of one with errors: its keys, and under them spans, values, commands and expectations. */
export function outline(text: string): OutlineEntry[] {
  const document = parseUnfinished(text);
  if (document === null || !isMap(document.contents)) return [];
  const names = occurrences(text);
  return document.contents.items.flatMap((pair) => {
    const entry = ofPair(text, pair as Pair<Node | null, Node | null>, 'value');
    if (entry === null) return [];
    const key = entry.name;
    const value = pair.value as Node | null;
    entry.kind = Object.hasOwn(KINDS, key) ? KINDS[key]! : 'value';
    if (key === 'prompt' || key === 'control') entry.children = spans(names, [key]);
    else if (key === 'paraphrases' && isSeq(value)) {
      entry.children = value.items.flatMap((item, i) => paraphrase(text, item as Node | null, i, names));
    } else if ((key === 'run' || key === 'expect') && isSeq(value)) {
      entry.children = value.items.flatMap((item) => (isMap(item) ? pairs(text, item, key === 'run' ? 'command' : 'expectation') : []));
    } else if ((key === 'vary' || key === 'let') && isMap(value)) entry.children = pairs(text, value, 'value');
    return [entry];
  });
}

function pairs(text: string, map: { items: readonly unknown[] }, kind: EntryKind): OutlineEntry[] {
  return map.items.flatMap((pair) => ofPair(text, pair as Pair<Node | null, Node | null>, kind) ?? []);
}

function ofPair(text: string, { key, value }: Pair<Node | null, Node | null>, kind: EntryKind): OutlineEntry | null {
  if (!isScalar(key) || !key.range) return null;
  const [nameStart, nameEnd] = key.range;
  const name = shorten(String(key.value)) || '""';
  const end = Math.max(nameEnd, trimmedEnd(text, value?.range?.[1] ?? nameEnd));
  return { name, ...withDetail(text, value), kind, start: nameStart, end, nameStart, nameEnd, children: [] };
}

/** The end without the white space that a block scalar's range holds. */
function trimmedEnd(text: string, end: number): number {
  return text.slice(0, end).trimEnd().length;
}

function withDetail(text: string, value: Node | null): { detail?: string } {
  if (!value?.range) return {};
  if (isScalar(value)) return { detail: shorten(String(value.value ?? '')) };
  const count = isSeq(value) || isMap(value) ? value.items.length : 0;
  if (isMap(value) || (isSeq(value) && value.flow))
    return { detail: shorten(text.slice(value.range[0], value.range[1]).replace(/^\{\s*|\s*\}$/g, '')) };
  return { detail: String(count) };
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > MOST ? `${line.slice(0, MOST - 1)}…` : line;
}

function within(path: Path, of: Path): boolean {
  return of.every((part, i) => path[i] === part);
}

function spans(names: readonly Occurrence[], path: Path): OutlineEntry[] {
  return names
    .filter((one) => one.kind === 'span' && one.role === 'definition' && within(one.path, path))
    .map(({ name, text: marked, whole, start, end }) => ({
      name,
      ...(marked === undefined ? {} : { detail: shorten(marked) }),
      kind: 'span' as const,
      start: whole.start,
      end: whole.end,
      nameStart: start,
      nameEnd: end,
      children: [],
    }));
}

function paraphrase(text: string, item: Node | null, i: number, names: readonly Occurrence[]): OutlineEntry[] {
  if (!item?.range) return [];
  const prompt = isMap(item)
    ? (item.items.find(({ key }) => isScalar(key) && key.value === 'prompt')?.value as Node | null | undefined)
    : item;
  const shown = isScalar(prompt) ? shorten(String((prompt as Scalar).value ?? '')) : '';
  const [start] = item.range;
  const end = Math.max(start, trimmedEnd(text, item.range[1]));
  const lineEnd = text.indexOf('\n', start);
  return [
    {
      name: `${i + 1}`,
      ...(shown ? { detail: shown } : {}),
      kind: 'text',
      start,
      end,
      nameStart: start,
      nameEnd: Math.min(end, lineEnd === -1 ? end : lineEnd),
      children: spans(names, ['paraphrases', i]),
    },
  ];
}
