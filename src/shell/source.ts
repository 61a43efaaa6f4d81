import { isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, parseDocument } from 'yaml';
import type { Alias, Document, Node, ParsedNode, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { Diagnostic, Range, Severity } from './types.js';

/** Largest shell file, in bytes of UTF-8. */
export const MAX_FILE_BYTES = 1024 * 1024;
/** The parser's time grows with the number of its tokens, its stack with the depth. */
const MAX_YAML_TOKENS = 150_000;
const MAX_DEPTH = 32;
const MAX_ALIASES = 100;
const MAX_VALUES = 200_000;
export const MAX_DIAGNOSTICS = 100;
/** A message quotes the file, and a file may hold a name of any length. */
const MAX_MESSAGE = 600;

const YAML_OPTIONS = { prettyErrors: false, uniqueKeys: false, logLevel: 'error', version: '1.2', schema: 'core', merge: false } as const;

/** Path of a value in the file: keys and indexes. */
export type Path = readonly (string | number)[];

export function pathKey(path: Path): string {
  return JSON.stringify(path);
}

/** `run[1].INHIBIT.span` */
export function pathText(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('');
}

/** Collects findings with places in a text. */
export class Findings {
  readonly list: Diagnostic[] = [];
  private readonly lines = new LineCounter();

  constructor(readonly text: string) {
    for (let at = 0; at !== 0 || this.lines.lineStarts.length === 0;) {
      this.lines.addNewLine(at);
      at = text.indexOf('\n', at) + 1;
    }
  }

  position(offset: number): { line: number; column: number } {
    const { line, col } = this.lines.linePos(Math.max(0, Math.min(offset, this.text.length)));
    // Editors do not count a byte order mark as a character of the first line.
    const mark = line === 1 && this.text.startsWith('\uFEFF') ? 1 : 0;
    return { line, column: Math.max(1, col - mark) };
  }

  add(severity: Severity, range: Range, message: string, more: Pick<Diagnostic, 'field' | 'suggestion' | 'missing'> = {}): void {
    if (this.full) return;
    const start = this.position(range.start);
    if (this.list.some((other) => other.message === message && other.line === start.line && other.column === start.column)) return;
    const end = this.position(Math.max(range.start, range.end));
    this.list.push({
      severity,
      message: message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 200)} … ${message.slice(-150)}` : message,
      line: start.line,
      column: start.column,
      endLine: end.line,
      endColumn: end.column,
      ...(more.field ? { field: more.field } : {}),
      ...(more.suggestion !== undefined ? { suggestion: more.suggestion } : {}),
      ...(more.missing !== undefined ? { missing: more.missing } : {}),
    });
  }

  error(range: Range, message: string, more: Pick<Diagnostic, 'field' | 'suggestion' | 'missing'> = {}): void {
    this.add('error', range, message, more);
  }

  /** True once nothing more is listed; checks may stop then. */
  get full(): boolean {
    return this.list.length >= MAX_DIAGNOSTICS;
  }

  get failed(): boolean {
    return this.list.some(({ severity }) => severity === 'error');
  }
}

/** A YAML file as plain values, with where each key and each value stands. */
export interface Source {
  value: unknown;
  /** Ranges by `pathKey`; `key` is missing for list entries and the whole file. */
  ranges: Map<string, { key?: Range; value: Range }>;
}

/** Reads the YAML of a shell file. Null when it is not YAML, or not one document of bounded size; the findings say why. */
export function readSource(findings: Findings): Source | null {
  const { text } = findings;
  const whole: Range = { start: 0, end: text.length };
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_FILE_BYTES) {
    findings.error({ start: 0, end: 0 }, `The file has ${bytes} bytes; a shell file holds at most ${MAX_FILE_BYTES}.`);
    return null;
  }
  // eslint-disable-next-line no-control-regex -- these characters are what is looked for
  const control = /[\0-\b\v\f\x0e-\x1f\x7f]/.exec(text);
  if (control) {
    const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    findings.error(
      { start: control.index, end: control.index + 1 },
      `The control character U+${code} cannot stand in a shell file; write it in double quotes as "\\u${code}".`,
    );
    return null;
  }
  const broken = text.search(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/);
  if (broken !== -1) {
    findings.error({ start: broken, end: broken + 1 }, 'Half of a surrogate pair stands alone here, which is no character.');
    return null;
  }
  if (!checkShape(findings)) return null;
  const document = parseYaml(text);
  for (const problem of [...document.errors, ...document.warnings].slice(0, MAX_DIAGNOSTICS)) {
    const [start, end] = problem.pos;
    findings.error({ start, end }, yamlMessage(problem.code, problem.message));
  }
  if (findings.failed) return null;
  if (document.contents === null) {
    findings.error({ start: 0, end: 0 }, 'The file is empty; a shell begins with format: 1.');
    return null;
  }
  const reader = new ValueReader(findings, document.contents.range ?? [0, text.length, text.length]);
  const value = reader.read(document.contents, [], 0, null);
  if (findings.failed) return null;
  reader.ranges.set(pathKey([]), {
    value: document.contents.range ? { start: document.contents.range[0], end: document.contents.range[1] } : whole,
  });
  return { value, ranges: reader.ranges };
}

/** The parser makes an Error of every finding; without stack traces these are cheap, and a hostile file has thousands. */
function parseYaml(text: string): Document.Parsed {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return parseDocument(text, YAML_OPTIONS);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The document of a text that may be unfinished, for completion; null where the parser should not be let near it. */
export function parseUnfinished(text: string): Document.Parsed | null {
  const findings = new Findings(text);
  if (Buffer.byteLength(text) > MAX_FILE_BYTES || !checkShape(findings)) return null;
  return parseYaml(text);
}

/**
 * Depth and number of YAML's own tokens, before the parser proper sees the text: it recurses, and on some deep input its stack takes
 * the whole process with it.
 */
function checkShape(findings: Findings): boolean {
  let offset = 0;
  let count = 0;
  let flow = 0;
  let marks = 0;
  for (const token of new Lexer().lex(findings.text)) {
    const here = { start: offset, end: offset + 1 };
    // Byte order mark, document start, scalar and such come as control characters of length 1 that are not in the text.
    if (!(token.length === 1 && '\x02\x18\x1f'.includes(token))) offset += token.length;
    if (++count > MAX_YAML_TOKENS) {
      findings.error(here, `The file has more than ${MAX_YAML_TOKENS} YAML tokens, which is more than any shell needs.`);
      return false;
    }
    if (token === '[' || token === '{') flow++;
    else if (token === ']' || token === '}') flow = Math.max(0, flow - 1);
    if (token === '-' || token === '?' || token === ':') marks++;
    else if (token.includes('\n')) marks = 0;
    if (flow > MAX_DEPTH || marks > MAX_YAML_TOKENS || (flow === 0 && marks > MAX_DEPTH)) {
      findings.error(here, `The YAML is nested more than ${MAX_DEPTH} deep here.`);
      return false;
    }
  }
  return checkIndent(findings);
}

/** Block collections nest by indentation, so their depth is at most the number of different indents in force. */
function checkIndent(findings: Findings): boolean {
  const indents: number[] = [];
  for (const { index, 0: line } of findings.text.matchAll(/^[ -]*[^\s-]/gm)) {
    const indent = line.length - 1;
    while (indents.length > 0 && indents.at(-1)! >= indent) indents.pop();
    indents.push(indent);
    if (indents.length > 4 * MAX_DEPTH) {
      findings.error({ start: index, end: index + line.length }, `The YAML is nested more than ${MAX_DEPTH} deep here.`);
      return false;
    }
  }
  return true;
}

/** yaml's own messages as one sentence; the frequent ones say what to do. */
function yamlMessage(code: string, message: string): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'A tab cannot indent YAML; use spaces.';
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return 'A colon with a space after it begins a key, which cannot stand here; put text that holds a colon in quotes or in a block after |-.';
    case 'MULTIPLE_DOCS':
      return 'A second YAML document begins here; one file is one shell.';
    case 'TAG_RESOLVE_FAILED':
      return 'This YAML tag has no meaning in a shell; leave it out.';
    case 'RESOURCE_EXHAUSTION':
      return `The YAML is nested more than ${MAX_DEPTH} deep here.`;
    default: {
      const line = message.replace(/\s+/g, ' ').trim();
      return `This is not valid YAML: ${line.replace(/[.:]?$/, '')}.`;
    }
  }
}

class ValueReader {
  readonly ranges = new Map<string, { key?: Range; value: Range }>();
  private aliases = 0;
  private values = 0;
  private readonly anchors = new Map<string, Node>();
  private readonly open = new Set<Node>();

  constructor(
    private readonly findings: Findings,
    private readonly fallback: readonly [number, number, number],
  ) {}

  /** `at`: the alias through which a value is reached, so that its place is in the part of the file it is used in. */
  read(node: ParsedNode | Node | null, path: Path, depth: number, at: Range | null): unknown {
    const range = at ?? this.rangeOf(node);
    this.ranges.set(pathKey(path), { ...this.ranges.get(pathKey(path)), value: range });
    if (this.findings.failed || node === null) return null;
    if (depth > MAX_DEPTH) {
      this.findings.error(range, `The YAML is nested more than ${MAX_DEPTH} deep here.`);
      return null;
    }
    if (++this.values > MAX_VALUES) {
      this.findings.error(range, `The file holds more than ${MAX_VALUES} values, which is more than any shell needs.`);
      return null;
    }
    if (isAlias(node)) return this.alias(node, path, depth, range);
    if (node.anchor !== undefined) this.anchors.set(node.anchor, node);
    if (isScalar(node)) return this.scalar(node, range);
    this.open.add(node);
    const value = isMap(node) ? this.map(node, path, depth, at) : isSeq(node) ? this.list(node, path, depth, at) : null;
    this.open.delete(node);
    return value;
  }

  private rangeOf(node: ParsedNode | Node | null): Range {
    const [start, end] = node?.range ?? this.fallback;
    return { start, end };
  }

  private scalar(node: Scalar, range: Range): unknown {
    const { value } = node;
    if (value === undefined || typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') {
      this.findings.error(range, 'This value has no meaning in a shell.');
      return null;
    }
    if (typeof value === 'object' && value !== null) {
      this.findings.error(range, 'This YAML tag has no meaning in a shell; leave it out.');
      return null;
    }
    return value;
  }

  private alias(node: Alias, path: Path, depth: number, range: Range): unknown {
    const target = this.anchors.get(node.source);
    if (target === undefined) {
      this.findings.error(range, `There is no anchor &${node.source} before this alias.`);
      return null;
    }
    if (this.open.has(target)) {
      this.findings.error(range, `The alias *${node.source} stands inside what it names, which would never end.`);
      return null;
    }
    if (++this.aliases > MAX_ALIASES) {
      this.findings.error(range, `The file uses more than ${MAX_ALIASES} aliases; write the values out.`);
      return null;
    }
    return this.read(target, path, depth, range);
  }

  private list(node: YAMLSeq, path: Path, depth: number, at: Range | null): unknown[] {
    return node.items.map((item, i) => this.read(item as Node | null, [...path, i], depth + 1, at));
  }

  private map(node: YAMLMap, path: Path, depth: number, at: Range | null): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    for (const pair of node.items) {
      const key = pair.key as Node | null;
      const keyRange = at ?? this.rangeOf(key);
      const name = isScalar(key) ? (typeof key.value === 'string' ? key.value : (key.source ?? '')) : null;
      if (name === null || name === '' || name === '__proto__') {
        this.findings.error(
          keyRange,
          `${name === '__proto__' ? 'The key __proto__ is not allowed' : 'A key must be plain text'} in a shell.`,
          { field: pathText(path) },
        );
        continue;
      }
      if (Object.hasOwn(map, name)) {
        this.findings.error(keyRange, `The key "${name.slice(0, 80)}" is already in use here; each key may stand once.`, {
          field: pathText([...path, name]),
        });
        continue;
      }
      const inner = [...path, name];
      this.ranges.set(pathKey(inner), { key: keyRange, value: keyRange });
      map[name] = this.read(pair.value as Node | null, inner, depth + 1, at);
    }
    return map;
  }
}
