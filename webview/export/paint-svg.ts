import type { Origin } from './paint-dom.js';

/** Paints an SVG drawing of the page: paths, lines, rectangles, circles and texts, with their transforms and opacities. */
export function paintSvg(ctx: CanvasRenderingContext2D, drawing: SVGSVGElement, origin: Origin): void {
  for (const child of drawing.children) if (child instanceof SVGGraphicsElement) paintNode(ctx, child, origin);
}

function paintNode(ctx: CanvasRenderingContext2D, element: SVGGraphicsElement, origin: Origin): void {
  const style = getComputedStyle(element);
  if (style.visibility === 'hidden' || style.display === 'none') return;
  ctx.save();
  ctx.globalAlpha *= Number(style.opacity);
  if (element instanceof SVGGElement)
    for (const child of element.children) {
      if (child instanceof SVGGraphicsElement) paintNode(ctx, child, origin);
    }
  else paintShape(ctx, element, style, origin);
  ctx.restore();
}

function paintShape(ctx: CanvasRenderingContext2D, element: SVGGraphicsElement, style: CSSStyleDeclaration, origin: Origin): void {
  const { a, b, c, d, e, f } = element.getScreenCTM() ?? new DOMMatrix();
  ctx.transform(a, b, c, d, e - origin.x, f - origin.y);
  if (element instanceof SVGTextElement) {
    ctx.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    ctx.textAlign = ({ middle: 'center', end: 'right' } as Record<string, CanvasTextAlign>)[style.textAnchor] ?? 'left';
    ctx.textBaseline = style.dominantBaseline === 'central' ? 'middle' : 'alphabetic';
    ctx.fillStyle = style.fill;
    const own = [...element.childNodes].filter((node) => node instanceof Text).map((node) => node.textContent);
    ctx.fillText(own.join(''), Number(element.getAttribute('x') ?? 0), Number(element.getAttribute('y') ?? 0));
    return;
  }
  const path = outline(element);
  if (!path) return;
  const seen = (paint: string): boolean => paint !== 'none' && paint !== 'transparent' && !/, 0\)$/.test(paint);
  if (seen(style.fill)) {
    ctx.fillStyle = style.fill;
    ctx.globalAlpha *= Number(style.fillOpacity);
    ctx.fill(path);
  }
  if (seen(style.stroke)) {
    ctx.strokeStyle = style.stroke;
    ctx.globalAlpha *= Number(style.strokeOpacity);
    ctx.lineWidth = parseFloat(style.strokeWidth);
    ctx.setLineDash(style.strokeDasharray === 'none' ? [] : style.strokeDasharray.split(/[\s,]+/).map(parseFloat));
    ctx.stroke(path);
  }
}

function outline(element: SVGGraphicsElement): Path2D | null {
  const n = (name: string): number => Number(element.getAttribute(name) ?? 0);
  if (element instanceof SVGPathElement) return new Path2D(element.getAttribute('d') ?? '');
  const path = new Path2D();
  if (element instanceof SVGLineElement) {
    path.moveTo(n('x1'), n('y1'));
    path.lineTo(n('x2'), n('y2'));
  } else if (element instanceof SVGRectElement) path.rect(n('x'), n('y'), n('width'), n('height'));
  else if (element instanceof SVGCircleElement) path.arc(n('cx'), n('cy'), n('r'), 0, 2 * Math.PI);
  else return null;
  return path;
}
