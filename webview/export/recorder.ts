import { digits, matrixText, SvgSheet, type Matrix, type Paint } from '../model/svg-sheet.js';
import { rgba } from '../theme.js';

/**
 * Turns what is painted on a canvas into SVG. A real 2D context paints, so that its state (transform, styles, text measures) is right at
 * every moment; its drawing methods are shadowed by ones that also write the shape down, in the sheet's plane. Our own and not a library:
 * the kept ones stand in for a whole context with a state of their own, and know neither Path2D, by which chart.js draws its lines, nor
 * clips within clips.
 */
export function recordSvg(width: number, height: number, title: string, paint: (ctx: CanvasRenderingContext2D) => void): string {
  const canvas = document.createElement('canvas');
  // Nobody looks at the pixels.
  canvas.width = canvas.height = 1;
  const ctx = canvas.getContext('2d')!;
  const sheet = new SvgSheet(width, height, title);
  recording.add(ctx);
  const native = globalThis.Path2D;
  globalThis.Path2D = RecordedPath as unknown as typeof Path2D;
  try {
    shadow(ctx, sheet);
    paint(ctx);
  } finally {
    globalThis.Path2D = native;
  }
  return sheet.toString();
}

const recording = new WeakSet<CanvasRenderingContext2D>();

/** Whether what is painted on a context becomes shapes of a drawing, not pixels. */
export const isDrawing = (ctx: CanvasRenderingContext2D): boolean => recording.has(ctx);

interface Point {
  x: number;
  y: number;
}

const IDENTITY: Matrix = { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0 };
const move = (m: Matrix, x: number, y: number): Point => ({ x: m.a * x + m.c * y + m.e, y: m.b * x + m.d * y + m.f });

/** A path as the text of an SVG path, each point moved by the transform that held when it was added. */
class PathText {
  d = '';

  constructor(private readonly now: () => Matrix = () => IDENTITY) {}

  moveTo(x: number, y: number): void {
    this.d += `M${this.at(x, y)}`;
  }

  lineTo(x: number, y: number): void {
    this.d += `${this.d === '' ? 'M' : 'L'}${this.at(x, y)}`;
  }

  bezierCurveTo(ax: number, ay: number, bx: number, by: number, x: number, y: number): void {
    this.d += `C${this.at(ax, ay)} ${this.at(bx, by)} ${this.at(x, y)}`;
  }

  quadraticCurveTo(ax: number, ay: number, x: number, y: number): void {
    this.d += `Q${this.at(ax, ay)} ${this.at(x, y)}`;
  }

  closePath(): void {
    if (this.d !== '') this.d += 'Z';
  }

  rect(x: number, y: number, w: number, h: number): void {
    this.d += `M${this.at(x, y)}L${this.at(x + w, y)}L${this.at(x + w, y + h)}L${this.at(x, y + h)}Z`;
  }

  arc(x: number, y: number, r: number, from: number, to: number, back = false): void {
    this.ellipse(x, y, r, r, 0, from, to, back);
  }

  /** In quarters at most, each as the cubic that lies closest to it, so that any transform keeps it true. */
  ellipse(x: number, y: number, rx: number, ry: number, turn: number, from: number, to: number, back = false): void {
    const whole = 2 * Math.PI;
    let sweep = to - from;
    if (back) sweep = sweep <= -whole ? -whole : sweep > 0 ? (sweep % whole) - whole : sweep;
    else sweep = sweep >= whole ? whole : sweep < 0 ? (sweep % whole) + whole : sweep;
    const parts = Math.max(1, Math.ceil(Math.abs(sweep) / (Math.PI / 2) - 1e-9));
    const step = sweep / parts;
    const k = (4 / 3) * Math.tan(step / 4);
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    const on = (u: number, v: number): Point => ({ x: x + rx * u * cos - ry * v * sin, y: y + rx * u * sin + ry * v * cos });
    const first = on(Math.cos(from), Math.sin(from));
    this.lineTo(first.x, first.y);
    for (let i = 0; i < parts; i++) {
      const [a, b] = [from + i * step, from + (i + 1) * step];
      const p = on(Math.cos(a) - k * Math.sin(a), Math.sin(a) + k * Math.cos(a));
      const q = on(Math.cos(b) + k * Math.sin(b), Math.sin(b) - k * Math.cos(b));
      const end = on(Math.cos(b), Math.sin(b));
      this.bezierCurveTo(p.x, p.y, q.x, q.y, end.x, end.y);
    }
  }

  private at(x: number, y: number): string {
    const p = move(this.now(), x, y);
    return `${digits(p.x)} ${digits(p.y)}`;
  }
}

/** Stands in for Path2D while a picture is recorded. */
class RecordedPath extends PathText {
  constructor(d?: string | RecordedPath) {
    super();
    if (typeof d === 'string') this.d = d;
    else if (d) this.d = d.d;
  }
}

const PATH = ['moveTo', 'lineTo', 'bezierCurveTo', 'quadraticCurveTo', 'closePath', 'rect', 'arc', 'ellipse'] as const;

function shadow(ctx: CanvasRenderingContext2D, sheet: SvgSheet): void {
  const now = (): Matrix => ctx.getTransform();
  let path = new PathText(now);
  let clip: string | null = null;
  const clips: (string | null)[] = [];
  const paintOf = (style: string | CanvasGradient | CanvasPattern): Paint => {
    const [r, g, b, a] = rgba(typeof style === 'string' ? style : '#808080');
    return { colour: `#${[r, g, b].map((v) => v.toString(16).padStart(2, '0')).join('')}`, opacity: (a / 255) * ctx.globalAlpha };
  };
  const strokeOf = (scale: number): Parameters<SvgSheet['stroke']>[1] => ({
    ...paintOf(ctx.strokeStyle),
    width: ctx.lineWidth * scale,
    dash: ctx.getLineDash().map((x) => x * scale),
    cap: ctx.lineCap,
    join: ctx.lineJoin,
  });
  const size = ({ a, b, c, d }: Matrix): number => Math.sqrt(Math.abs(a * d - b * c));
  const within = (add: (p: PathText) => void): string => {
    const own = new PathText(now);
    add(own);
    return own.d;
  };
  const own: Record<string, (...args: never[]) => void> = {
    beginPath: () => void (path = new PathText(now)),
    fill: (what?: unknown) =>
      what instanceof RecordedPath
        ? sheet.fill(what.d, paintOf(ctx.fillStyle), clip, matrixText(now()))
        : sheet.fill(path.d, paintOf(ctx.fillStyle), clip),
    stroke: (what?: unknown) =>
      what instanceof RecordedPath
        ? sheet.stroke(what.d, strokeOf(1), clip, matrixText(now()))
        : sheet.stroke(path.d, strokeOf(size(now())), clip),
    clip: () => void (clip = sheet.clip(path.d, clip)),
    fillRect: (x: number, y: number, w: number, h: number) =>
      sheet.fill(
        within((p) => p.rect(x, y, w, h)),
        paintOf(ctx.fillStyle),
        clip,
      ),
    strokeRect: (x: number, y: number, w: number, h: number) =>
      sheet.stroke(
        within((p) => p.rect(x, y, w, h)),
        strokeOf(size(now())),
        clip,
      ),
    clearRect: () => undefined,
    fillText: (text: string, x: number, y: number) => {
      const { font, textAlign: align, textBaseline: baseline } = ctx;
      sheet.text({ text, x, y, font, align, baseline }, paintOf(ctx.fillStyle), clip, matrixText(now()));
    },
    strokeText: () => undefined,
    drawImage: (image: HTMLCanvasElement, ...at: number[]) => {
      const [x, y, w, h] = at.length >= 8 ? at.slice(4) : at;
      const source = at.length >= 8 ? cut(image, at[0]!, at[1]!, at[2]!, at[3]!) : image;
      sheet.image(source.toDataURL('image/png'), x!, y!, w ?? image.width, h ?? image.height, clip, matrixText(now()));
    },
  };
  const target = ctx as unknown as Record<string, (...args: never[]) => void>;
  for (const name of PATH) own[name] = (...args: never[]) => (path[name] as (...args: never[]) => void)(...args);
  for (const [name, record] of Object.entries(own)) target[name] = record;
  // These change the context's own state too.
  const real = CanvasRenderingContext2D.prototype;
  ctx.save = () => {
    clips.push(clip);
    real.save.call(ctx);
  };
  ctx.restore = () => {
    if (clips.length) clip = clips.pop()!;
    real.restore.call(ctx);
  };
}

/** Part of a canvas as a canvas of its own. */
function cut(image: HTMLCanvasElement, x: number, y: number, w: number, h: number): HTMLCanvasElement {
  const part = document.createElement('canvas');
  part.width = Math.max(1, Math.round(w));
  part.height = Math.max(1, Math.round(h));
  const ctx = part.getContext('2d')!;
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(image, x, y, w, h, 0, 0, part.width, part.height);
  return part;
}
