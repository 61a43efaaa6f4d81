import pc from 'picocolors';
import stringWidth from 'string-width';

/** How a report is drawn. */
export interface Look {
  /** Columns. */
  width: number;
  color: boolean;
}

/** The few roles that have a colour. Positive is toward the answer (blue), negative toward the rival (yellow): apart for a colour-blind reader. */
export interface Paint {
  title(text: string): string;
  strong(text: string): string;
  faint(text: string): string;
  toward(text: string): string;
  against(text: string): string;
  failed(text: string): string;
  passed(text: string): string;
  span(text: string): string;
}

export function paintOf(look: Look): Paint {
  const c = pc.createColors(look.color);
  return {
    title: (text) => c.bold(c.cyan(text)),
    strong: c.bold,
    faint: c.dim,
    toward: c.blue,
    against: c.yellow,
    failed: (text) => c.bold(c.magenta(text)),
    passed: (text) => c.bold(c.blue(text)),
    span: c.underline,
  };
}

const ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Text of a model, a shell or a tokenizer as it may reach a terminal: control characters (an escape sequence begins with one), line
 * separators and direction marks are shown as escapes.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu, (c) => {
    const code = c.charCodeAt(0);
    return ESCAPES[c] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`);
  });
}

/** `" red"`: boundaries visible. */
export function quote(text: string): string {
  return `"${printable(text).replaceAll('"', '\\"')}"`;
}

const segments = new Intl.Segmenter();

/** The longest head of `text` that fits in `width` columns, whole characters only. */
function head(text: string, width: number): string {
  let kept = '';
  let used = 0;
  for (const { segment } of segments.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    kept += segment;
  }
  return kept;
}

/** At most `width` columns; what is cut off is replaced by `…`. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  return width > 0 ? `${head(text, width - 1)}…` : '';
}

/** `text` and spaces up to `width` columns. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  const fill = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return side === 'left' ? text + fill : fill + text;
}

/** Words on lines of at most `width` columns; lines after the first begin with `hang` spaces. A longer word is broken. */
export function wrap(text: string, width: number, hang = 0): string[] {
  const lines: string[] = [];
  let line = '';
  const room = () => Math.max(8, width - (lines.length > 0 ? hang : 0));
  const end = () => {
    lines.push(line);
    line = '';
  };
  for (let word of text.split(/\s+/).filter(Boolean)) {
    while (stringWidth(word) > room()) {
      if (line) end();
      line = head(word, room());
      word = word.slice(line.length);
      end();
    }
    if (line && stringWidth(`${line} ${word}`) > room()) end();
    if (word) line = line ? `${line} ${word}` : word;
  }
  if (line || lines.length === 0) end();
  return lines.map((l, i) => (i === 0 ? l : ' '.repeat(hang) + l));
}

export interface Column {
  label: string;
  align?: 'left' | 'right';
  /** Applied to the padded cell. */
  paint?: (cell: string, row: number) => string;
}

/** Rows under a heading, two spaces between columns. When it is too wide the widest left-aligned column is cut, then the last columns are dropped. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], look: Look, indent = 2): string[] {
  const paint = paintOf(look);
  const room = look.width - indent;
  let shown = columns.map((_, i) => i);
  const widths = columns.map((column, i) => Math.max(stringWidth(column.label), ...rows.map((row) => stringWidth(row[i] ?? ''))));
  const total = () => shown.reduce((sum, i) => sum + (widths[i] ?? 0) + 2, -2);
  while (total() > room) {
    const flexible = shown.filter((i) => (columns[i]?.align ?? 'left') === 'left' && (widths[i] ?? 0) > 12);
    const widest = flexible.reduce<number | null>((best, i) => (best === null || (widths[i] ?? 0) > (widths[best] ?? 0) ? i : best), null);
    if (widest !== null) widths[widest] = Math.max(12, (widths[widest] ?? 0) - (total() - room));
    else if (shown.length > 1) shown = shown.slice(0, -1);
    else break;
  }
  const render = (cells: readonly string[], row: number) =>
    ' '.repeat(indent) +
    shown
      .map((i) => {
        const cell = pad(cut(cells[i] ?? '', widths[i] ?? 0), widths[i] ?? 0, columns[i]?.align === 'right' ? 'right' : 'left');
        return row < 0 ? paint.faint(cell) : (columns[i]?.paint?.(cell, row) ?? cell);
      })
      .join('  ')
      .trimEnd();
  return [
    render(
      columns.map((column) => column.label),
      -1,
    ),
    ...rows.map(render),
  ];
}

/** Nats, with a sign: `+2.13`, `−0.40`. */
export function nats(value: number, digits = 2): string {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value < 0 ? '−' : '+'}${text}`;
}

/** A probability or share: `0.41`, `< 0.001`. */
export function share(value: number): string {
  if (value > 0 && value < 0.001) return '<0.001';
  return value.toFixed(value < 0.1 ? 3 : 2);
}

/** `34 %` */
export function percent(value: number): string {
  return `${Math.round(value * 100)} %`;
}

/** A measured number of unknown scale, four significant digits. */
export function plain(value: number): string {
  if (Number.isInteger(value)) return String(value).replace('-', '−');
  const size = Math.abs(value);
  return (size >= 1e5 || size < 1e-3 ? value.toExponential(1) : Number(value.toPrecision(4)).toString()).replace('-', '−');
}
