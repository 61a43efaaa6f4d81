import { paintChart } from './paint-chart.js';
import { paintSvg } from './paint-svg.js';

/** What a picture leaves out: what can only be clicked, what is only heard, and the table behind a chart. */
const LEFT_OUT = '.tools, .choice, .method, .sr, .figure-table, .graph-controls, .pattern-controls, .field, .button, [hidden]';

/** Where a picture begins on the page. */
export interface Origin {
  x: number;
  y: number;
}

/**
 * Paints an element as it stands on the page: boxes, borders, words, charts, drawings. For what the panel is made of, not for any page:
 * no shadows, no background pictures but the bars under tokens, no writing from right to left within a line.
 */
export function paintElement(ctx: CanvasRenderingContext2D, element: HTMLElement, origin: Origin): void {
  if (element.matches(LEFT_OUT)) return;
  const style = getComputedStyle(element);
  if (style.display === 'none' || style.visibility === 'hidden') return;
  ctx.save();
  ctx.globalAlpha *= Number(style.opacity) || 0;
  paintBox(ctx, element, style, origin);
  if (element instanceof HTMLCanvasElement) paintCanvas(ctx, element, origin);
  else
    for (const child of element.childNodes) {
      if (child instanceof HTMLElement) paintElement(ctx, child, origin);
      else if (child instanceof SVGSVGElement) paintSvg(ctx, child, origin);
      else if (child instanceof Text) paintText(ctx, child, style, origin);
    }
  ctx.restore();
}

function paintCanvas(ctx: CanvasRenderingContext2D, canvas: HTMLCanvasElement, origin: Origin): void {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  if (width === 0 || canvas.width === 0) return;
  ctx.save();
  ctx.translate(left - origin.x, top - origin.y);
  if (!paintChart(ctx, canvas)) {
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(canvas, 0, 0, width, height);
  }
  ctx.restore();
}

/** Background and borders. A box that is turned is turned about its middle. */
function paintBox(ctx: CanvasRenderingContext2D, element: HTMLElement, style: CSSStyleDeclaration, origin: Origin): void {
  const turn = parseFloat(style.rotate) || 0;
  for (const rect of element.getClientRects()) {
    // Of a turned box the page tells the box around it.
    const [w, h] = turn ? [element.offsetWidth, element.offsetHeight] : [rect.width, rect.height];
    if (w === 0) continue;
    const [x, y] = [rect.left - origin.x + (rect.width - w) / 2, rect.top - origin.y + (rect.height - h) / 2];
    ctx.save();
    if (turn) {
      ctx.translate(x + w / 2, y + h / 2);
      ctx.rotate((turn * Math.PI) / 180);
      ctx.translate(-x - w / 2, -y - h / 2);
    }
    const round = style.borderTopLeftRadius === '50%';
    const trace = (inset: number): void => {
      ctx.beginPath();
      if (round) ctx.arc(x + w / 2, y + h / 2, Math.max(0, w / 2 - inset), 0, 2 * Math.PI);
      else ctx.rect(x + inset, y + inset, Math.max(0, w - 2 * inset), Math.max(0, h - 2 * inset));
    };
    ctx.fillStyle = style.backgroundColor;
    trace(0);
    if (!/, 0\)$|\/ 0\)$|^transparent$/.test(style.backgroundColor)) ctx.fill();
    paintBar(ctx, style, x, y, w, h);
    const sides = (['Top', 'Right', 'Bottom', 'Left'] as const).map((side) => ({
      side,
      width: parseFloat(style[`border${side}Width`]),
      kind: style[`border${side}Style`],
      colour: style[`border${side}Color`],
    }));
    const first = sides[0]!;
    const dashes = ({ kind, width }: (typeof sides)[number]): number[] =>
      kind === 'dashed' ? [3 * width, 2 * width] : kind === 'dotted' ? [width, 1.5 * width] : [];
    const alike = sides.every((s) => s.width === first.width && s.kind === first.kind && s.colour === first.colour);
    for (const one of alike ? [first] : sides) {
      if (one.width === 0 || one.kind === 'none') continue;
      ctx.strokeStyle = one.colour;
      ctx.lineWidth = one.width;
      ctx.setLineDash(dashes(one));
      const inset = one.width / 2;
      if (alike) trace(inset);
      else {
        const [right, bottom] = [x + w, y + h];
        const ends = {
          Top: [x, y + inset, right, y + inset],
          Right: [right - inset, y, right - inset, bottom],
          Bottom: [x, bottom - inset, right, bottom - inset],
          Left: [x + inset, y, x + inset, bottom],
        }[one.side];
        ctx.beginPath();
        ctx.moveTo(ends[0]!, ends[1]!);
        ctx.lineTo(ends[2]!, ends[3]!);
      }
      ctx.stroke();
    }
    ctx.restore();
  }
}

/** The bar under a token in high contrast, which is a gradient of one colour: `60% 4px` at its foot. */
function paintBar(ctx: CanvasRenderingContext2D, style: CSSStyleDeclaration, x: number, y: number, w: number, h: number): void {
  const colour = /^linear-gradient\((\w+\([^)]*\))/.exec(style.backgroundImage)?.[1];
  const size = /^([\d.]+)% ([\d.]+)px$/.exec(style.backgroundSize);
  if (!colour || !size) return;
  ctx.fillStyle = colour;
  ctx.fillRect(x, y + h - Number(size[2]), (w * Number(size[1])) / 100, Number(size[2]));
}

/** Words where the page has put them, line by line. */
function paintText(ctx: CanvasRenderingContext2D, node: Text, style: CSSStyleDeclaration, origin: Origin): void {
  if (node.data.trim() === '') return;
  ctx.save();
  ctx.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  ctx.fillStyle = style.color;
  ctx.textBaseline = 'alphabetic';
  for (const { text, left, top, bottom } of linesOf(node)) {
    const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = ctx.measureText(text);
    ctx.fillText(text, left - origin.x, (top + bottom) / 2 - origin.y + (up - down) / 2);
  }
  ctx.restore();
}

interface Line {
  text: string;
  left: number;
  top: number;
  bottom: number;
}

/** A text in the lines into which the page has broken it. */
function linesOf(node: Text): Line[] {
  const lines: Line[] = [];
  const range = document.createRange();
  const add = (text: string, { left, top, bottom, width }: DOMRect, glued: boolean): void => {
    if (width === 0) return;
    const last = lines.at(-1);
    if (last && Math.abs(last.top - top) < 2) last.text += glued ? text : ` ${text}`;
    else lines.push({ text, left, top, bottom });
  };
  for (const match of node.data.matchAll(/\S+/g)) {
    range.setStart(node, match.index);
    range.setEnd(node, match.index + match[0].length);
    const rects = range.getClientRects();
    if (rects.length === 1) {
      add(match[0], rects[0]!, false);
      continue;
    }
    // A word that is itself broken goes letter by letter.
    let at = match.index;
    for (const letter of match[0]) {
      range.setStart(node, at);
      range.setEnd(node, (at += letter.length));
      add(letter, range.getBoundingClientRect(), at > match.index + letter.length);
    }
  }
  return lines;
}
