/**
 * A picture as SVG text, built from what is painted on a canvas. Pure: strings in, a string out. Texts are escaped and rid of what XML
 * cannot hold; colours come resolved, so that the file needs no style sheet.
 */

/** a c e / b d f, as in `matrix(a b c d e f)`. */
export interface Matrix {
  a: number;
  b: number;
  c: number;
  d: number;
  e: number;
  f: number;
}

/** A colour and how much of it covers, [0, 1]. */
export interface Paint {
  colour: string;
  opacity: number;
}

export interface Stroke extends Paint {
  width: number;
  dash: readonly number[];
  cap: string;
  join: string;
}

export interface SvgText {
  text: string;
  x: number;
  y: number;
  /** A canvas font: `600 12px system-ui, sans-serif`. */
  font: string;
  align: string;
  baseline: string;
}

type Attributes = Record<string, string | number | null>;

/** Text as XML may hold it: no control characters, no lone surrogates, `<`, `>`, `&` and quotes escaped. */
export function escapeXml(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex -- exactly those that XML 1.0 forbids
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
      .replace(/[&<>"'\r]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#13;' })[c] ?? '&#39;')
  );
}

/** A coordinate with as many digits as can be seen. */
export const digits = (value: number): string => String(Math.round(value * 100) / 100 || 0);

/** `matrix(…)`, or null for the identity. */
export function matrixText({ a, b, c, d, e, f }: Matrix): string | null {
  if (a === 1 && b === 0 && c === 0 && d === 1 && e === 0 && f === 0) return null;
  return `matrix(${[a, b, c, d].map((x) => String(Math.round(x * 1e5) / 1e5 || 0)).join(' ')} ${digits(e)} ${digits(f)})`;
}

/** Size, weight, style and families of a canvas font. A family that every reader has comes last. */
export function fontOf(font: string): Attributes {
  const match = /^(.*?)([\d.]+)px(?:\/\S+)?\s+(.+)$/.exec(font);
  if (!match) return { 'font-size': 12, 'font-family': 'sans-serif' };
  const [, before = '', size, families = ''] = match;
  const weight = /\b(bold|[1-9]00)\b/.exec(before)?.[1] ?? null;
  const last = /mono/i.test(families) ? 'monospace' : 'sans-serif';
  const family = /(^|,\s*)(sans-serif|monospace|serif)\s*$/.test(families) ? families : `${families}, ${last}`;
  return {
    'font-family': family,
    'font-size': Number(size),
    'font-weight': weight === '400' ? null : weight,
    'font-style': before.includes('italic') ? 'italic' : null,
  };
}

const ANCHORS: Record<string, string> = { center: 'middle', right: 'end', end: 'end' };
/** How far the baseline is below the given line, in sizes of the font: SVG viewers do not agree on `dominant-baseline`. */
const BASELINES: Record<string, number> = { top: 0.8, hanging: 0.8, middle: 0.35, bottom: -0.2, ideographic: -0.2 };

/** Collects shapes in the order in which they are painted. */
export class SvgSheet {
  private readonly body: string[] = [];
  private readonly defs: string[] = [];
  /** Ids of clips by their shape. */
  private readonly clips = new Map<string, string>();

  constructor(
    readonly width: number,
    readonly height: number,
    private readonly title: string,
  ) {}

  /** The id of a clip: a path within an earlier clip, if there is one. */
  clip(d: string, within: string | null): string {
    const key = `${within ?? ''} ${d}`;
    const known = this.clips.get(key);
    if (known) return known;
    const id = `clip-${this.clips.size + 1}`;
    this.clips.set(key, id);
    this.defs.push(`<clipPath id="${id}"${within ? ` clip-path="url(#${within})"` : ''}><path d="${d}"/></clipPath>`);
    return id;
  }

  fill(d: string, paint: Paint, clip: string | null, transform: string | null = null): void {
    if (d === '' || paint.opacity === 0) return;
    this.add('path', { d, fill: paint.colour, 'fill-opacity': part(paint.opacity), transform }, clip);
  }

  stroke(d: string, stroke: Stroke, clip: string | null, transform: string | null = null): void {
    if (d === '' || stroke.opacity === 0 || stroke.width === 0) return;
    this.add(
      'path',
      {
        d,
        fill: 'none',
        stroke: stroke.colour,
        'stroke-opacity': part(stroke.opacity),
        'stroke-width': digits(stroke.width),
        'stroke-dasharray': stroke.dash.length ? stroke.dash.map(digits).join(' ') : null,
        'stroke-linecap': stroke.cap === 'butt' ? null : stroke.cap,
        'stroke-linejoin': stroke.join === 'miter' ? null : stroke.join,
        transform,
      },
      clip,
    );
  }

  text({ text, x, y, font, align, baseline }: SvgText, paint: Paint, clip: string | null, transform: string | null): void {
    if (text.trim() === '' || paint.opacity === 0) return;
    const style = fontOf(font);
    this.add(
      'text',
      {
        x: digits(x),
        y: digits(y + (BASELINES[baseline] ?? 0) * Number(style['font-size'])),
        ...style,
        fill: paint.colour,
        'fill-opacity': part(paint.opacity),
        'text-anchor': ANCHORS[align] ?? null,
        'xml:space': 'preserve',
        transform,
      },
      clip,
      escapeXml(text),
    );
  }

  /** Pixels, for what would be more shapes than a viewer can take. */
  image(href: string, x: number, y: number, width: number, height: number, clip: string | null, transform: string | null): void {
    this.add(
      'image',
      {
        href,
        x: digits(x),
        y: digits(y),
        width: digits(width),
        height: digits(height),
        preserveAspectRatio: 'none',
        style: 'image-rendering: pixelated',
        transform,
      },
      clip,
    );
  }

  /** The whole file. */
  toString(): string {
    const [w, h] = [Math.ceil(this.width), Math.ceil(this.height)];
    return [
      '<?xml version="1.0" encoding="UTF-8"?>',
      `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" role="img">`,
      `<title>${escapeXml(this.title)}</title>`,
      ...(this.defs.length ? [`<defs>${this.defs.join('')}</defs>`] : []),
      ...this.body,
      '</svg>',
      '',
    ].join('\n');
  }

  private add(tag: string, attributes: Attributes, clip: string | null, content = ''): void {
    const all = { ...attributes, 'clip-path': clip && attributes.transform == null ? `url(#${clip})` : null };
    const text = Object.entries(all)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
      .join('');
    const element = content === '' ? `<${tag}${text}/>` : `<${tag}${text}>${content}</${tag}>`;
    // A clip lies in the sheet's own plane, not in that of a turned text.
    this.body.push(clip && attributes.transform != null ? `<g clip-path="url(#${clip})">${element}</g>` : element);
  }
}

const part = (opacity: number): string | null => (opacity >= 1 ? null : String(Math.round(opacity * 1000) / 1000));
