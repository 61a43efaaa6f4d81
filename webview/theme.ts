/** Colours and fonts of the current VS Code theme, as resolved values that a canvas can take. */
export interface Palette {
  kind: 'dark' | 'light' | 'contrast';
  background: string;
  foreground: string;
  /** Secondary text. */
  muted: string;
  /** What does not clear its null, or was not checked. */
  disabled: string;
  grid: string;
  border: string;
  focus: string;
  /** Toward the answer. */
  positive: string;
  /** Toward the rival. */
  negative: string;
  /** Colours of spans, apart from the two above. */
  spans: string[];
  font: string;
  mono: string;
  size: number;
}

const FALLBACK: Record<string, string> = {
  '--vscode-charts-blue': '#3794ff',
  '--vscode-charts-orange': '#d18616',
};

/** Reads the palette from the page's CSS variables. */
export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const get = (...names: string[]): string => {
    for (const name of names) {
      const value = style.getPropertyValue(name).trim();
      if (value) return value;
    }
    return FALLBACK[names[0]!] ?? '';
  };
  const body = document.body.classList;
  const contrast = body.contains('vscode-high-contrast') || body.contains('vscode-high-contrast-light');
  const foreground = get('--vscode-editor-foreground', '--vscode-foreground') || '#888888';
  const muted = get('--vscode-descriptionForeground') || foreground;
  const background = get('--vscode-editor-background') || '#1e1e1e';
  const contrastBorder = get('--vscode-contrastBorder');
  return {
    kind: contrast ? 'contrast' : body.contains('vscode-light') ? 'light' : 'dark',
    background,
    foreground,
    muted,
    // As `--off` in style/base.css, which texts and legends of the page have.
    disabled: mixed(background, get('--vscode-foreground') || foreground, 0.76),
    grid: contrast
      ? contrastBorder || foreground
      : get('--vscode-editorIndentGuide-background1', '--vscode-editorIndentGuide-background') || 'rgba(128,128,128,0.25)',
    border: contrastBorder || get('--vscode-panel-border', '--vscode-widget-border') || 'rgba(128,128,128,0.4)',
    focus: get('--vscode-focusBorder') || foreground,
    positive: solid(get('--vscode-charts-blue')),
    negative: solid(get('--vscode-charts-orange')),
    spans: [
      get('--vscode-charts-purple') || '#b180d7',
      get('--vscode-charts-yellow') || '#cca700',
      get('--vscode-charts-green') || '#89d185',
      get('--vscode-charts-red') || '#f14c4c',
    ].map(solid),
    font: get('--vscode-font-family') || 'sans-serif',
    mono: get('--vscode-editor-font-family') || 'monospace',
    size: Math.max(11, Math.min(13, parseFloat(get('--vscode-font-size')) - 1 || 11)),
  };
}

/** Calls back when VS Code changes the theme (it swaps the body's class and the root's variables). Returns a disposer. */
export function onThemeChange(changed: () => void): () => void {
  let queued = 0;
  const observer = new MutationObserver(() => {
    cancelAnimationFrame(queued);
    queued = requestAnimationFrame(changed);
  });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class'] });
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id'] });
  return () => observer.disconnect();
}

type Rgba = [number, number, number, number];

const known = new Map<string, Rgba>();

/** Red, green, blue and alpha of any CSS colour, 0 … 255. */
export function rgba(colour: string): Rgba {
  const before = known.get(colour);
  if (before) return before;
  if (known.size > 2000) known.clear();
  const now = written(colour) ?? probed(colour);
  known.set(colour, now);
  return now;
}

/** A colour as themes and this page write it: `#rgb`, `#rrggbb`, `#rrggbbaa`, `rgb(…)`, `rgba(…)`; null for others. */
function written(colour: string): Rgba | null {
  const hex = /^#([\da-f]{3,4}|[\da-f]{6}|[\da-f]{8})$/i.exec(colour)?.[1];
  if (hex) {
    const long = hex.length < 6 ? [...hex].map((c) => c + c).join('') : hex;
    const [r, g, b, a] = [0, 2, 4, 6].map((at) => (at < long.length ? parseInt(long.slice(at, at + 2), 16) : 255));
    return [r!, g!, b!, a!];
  }
  const parts = /^rgba?\(\s*(\d+),\s*(\d+),\s*(\d+)(?:,\s*([\d.]+))?\s*\)$/.exec(colour);
  if (!parts) return null;
  const [r, g, b] = parts.slice(1, 4).map((v) => Math.min(255, Number(v)));
  return [r!, g!, b!, Math.round(255 * Math.min(1, Number(parts[4] ?? 1)))];
}

let probe: CanvasRenderingContext2D | null = null;

/** A colour in any other notation, as the browser understands it: the first canvas of a page takes a while, most themes need none. */
function probed(colour: string): Rgba {
  probe ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  if (!probe) return [128, 128, 128, 255];
  probe.canvas.width = probe.canvas.height = 1;
  probe.fillStyle = '#808080';
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = probe.getImageData(0, 0, 1, 1).data;
  return [r ?? 128, g ?? 128, b ?? 128, a ?? 255];
}

/** The colour with another alpha. */
export function alpha(colour: string, a: number): string {
  const [r, g, b] = rgba(colour);
  return `rgba(${r}, ${g}, ${b}, ${a})`;
}

/** An opaque colour that lies this share of the way from one to another. */
function mixed(from: string, to: string, share: number): string {
  const a = rgba(from);
  const b = rgba(to);
  return `rgb(${[0, 1, 2].map((k) => Math.round(a[k]! + (b[k]! - a[k]!) * share)).join(', ')})`;
}

/** `n` opaque steps from one colour to another. */
export const rampColours = (from: string, to: string, n: number): string[] =>
  Array.from({ length: n }, (_, i) => mixed(from, to, i / (n - 1)));

/** The colour without its transparency. Some themes make charts' orange of a find match's highlight, which all but vanishes as a line. */
function solid(colour: string): string {
  return alpha(colour, 1);
}
