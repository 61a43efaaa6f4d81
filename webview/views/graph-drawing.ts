import { curveBumpY, link as linkShape } from 'd3-shape';
import type { GraphEdge, GraphNode } from '../../src/residue/types-graph.js';
import type { RunTrace } from '../../src/residue/types.js';
import { h, svg } from '../dom.js';
import { contradicted, edgeTip, isMarked, markOf, nodeTip, type GraphModel, type Shown } from '../model/graph.js';
import { GUTTER, LABELS, layoutGraph, NODE, stepFrom, type GraphLayout, type PlacedEdge, type PlacedNode } from '../model/graph-layout.js';
import { visible } from '../model/format.js';
import type { Context } from './context.js';

/** Least and largest size against the drawing's own, and how far a key moves it, px. */
const SMALLEST = 0.25;
const LARGEST = 4;
const STEP = 60;

interface At {
  x: number;
  y: number;
}
const curve = linkShape<{ from: At; to: At }, At>(curveBumpY)
  .source(({ from }) => from)
  .target(({ to }) => to)
  .x(({ x }) => x)
  .y(({ y }) => y);

function pathOf({ from, to, bow }: PlacedEdge): string {
  if (bow === 0) return curve({ from, to }) ?? '';
  const third = (from.y - to.y) / 3;
  return `M${from.x} ${from.y}C${from.x + bow} ${from.y - third} ${to.x + bow} ${to.y + third} ${to.x} ${to.y}`;
}

/** The drawing of a graph in its own scroll box, the labels of its layers staying put. */
export class GraphDrawing {
  readonly box: HTMLElement;
  /** Edges that are drawn. */
  edges: GraphEdge[] = [];
  private readonly plot: SVGSVGElement;
  private readonly gutter: SVGSVGElement;
  private layout: GraphLayout = { nodes: [], edges: [], columns: [], rows: [], width: 0, height: 0 };
  private drawnNodes: { node: GraphNode; element: SVGGElement; ring: SVGElement }[] = [];
  private drawnEdges: { edge: GraphEdge; element: SVGGElement }[] = [];
  /** Under the pointer, or where the arrow keys stand. */
  private cursor: string | null = null;
  private edge: GraphEdge | null = null;
  private scale = 1;

  /** @param onPin is told of the node that is pinned, or of none. */
  constructor(
    private readonly context: Context,
    private readonly run: RunTrace,
    private readonly model: GraphModel,
    public pinned: string | null,
    private readonly onPin: (id: string | null) => void,
  ) {
    this.plot = svg('svg', {
      class: 'graph-plot',
      tabindex: 0,
      role: 'img',
      'data-key': 'graph.plot',
      'aria-label': `${model.aria} Arrow keys move along the strongest edges, Enter pins, Escape unpins, plus and minus zoom, Shift and arrows move the picture.`,
    });
    this.gutter = svg('svg', { class: 'graph-gutter', 'aria-hidden': 'true' });
    this.box = h('div', { class: 'graph-box', key: 'graph.box' }, this.gutter, this.plot);
    this.plot.addEventListener('keydown', (event) => this.key(event));
    this.plot.addEventListener('blur', () => this.leave());
    this.panAndZoom();
    context.onDispose(context.link.watch(() => this.paint()));
    // Begins at the answer, as soon as the box has a size.
    const observer = new ResizeObserver(() => {
      if (this.box.clientWidth === 0) return;
      this.box.scrollLeft = this.box.scrollWidth;
      observer.disconnect();
    });
    observer.observe(this.box);
    context.onDispose(() => observer.disconnect());
  }

  /** Draws what is shown. */
  draw(shown: Shown): void {
    const { palette } = this.context;
    const layout = layoutGraph(shown, this.run);
    this.layout = layout;
    this.edges = shown.edges;
    const font = { 'font-family': palette.font, 'font-size': palette.size };
    this.size();
    const strongestLast = [...layout.edges].sort((a, b) => Math.abs(a.edge.weight) - Math.abs(b.edge.weight));
    this.drawnEdges = strongestLast.map((placed) => ({ edge: placed.edge, element: this.edgeElement(placed) }));
    this.drawnNodes = layout.nodes.map((placed) => ({ node: placed.node, ...this.nodeElement(placed) }));
    this.plot.replaceChildren(
      svg(
        'g',
        { stroke: palette.grid, 'stroke-opacity': palette.kind === 'contrast' ? 0.4 : 1 },
        ...layout.rows.map(({ y }) => svg('line', { x1: 0, x2: layout.width, y1: y, y2: y })),
      ),
      ...this.drawnEdges.map(({ element }) => element),
      ...this.drawnNodes.map(({ element }) => element),
      ...this.labels(font),
    );
    if (this.cursor !== null && !layout.nodes.some(({ node }) => node.id === this.cursor)) this.cursor = null;
    this.paint();
  }

  /** Makes the drawing larger by a factor, or of its own size (null); what is at a point of the window, or in its middle, stays there. */
  zoom(factor: number | null, at?: { x: number; y: number }): void {
    const { box } = this;
    const before = this.scale;
    this.scale = factor === null ? 1 : Math.min(LARGEST, Math.max(SMALLEST, before * factor));
    const { left, top } = box.getBoundingClientRect();
    const x = at ? at.x - left : (GUTTER + box.clientWidth) / 2;
    const y = at ? at.y - top : box.clientHeight / 2;
    const ratio = this.scale / before;
    const [across, down] = [box.scrollLeft + x - GUTTER, box.scrollTop + y];
    this.size();
    box.scrollLeft = across * ratio - x + GUTTER;
    box.scrollTop = down * ratio - y;
  }

  /** Sizes of the drawing and of the labels beside it, which keep the size of their letters; those that would touch are left out. */
  private size(): void {
    const { palette } = this.context;
    const { layout, scale } = this;
    const height = layout.height + LABELS;
    this.plot.setAttribute('viewBox', `0 0 ${Math.ceil(layout.width)} ${height}`);
    this.plot.setAttribute('width', String(Math.ceil(layout.width * scale)));
    this.plot.setAttribute('height', String(height * scale));
    // Letters under 11 px are not read.
    this.plot.classList.toggle('small', scale < 1);
    this.box.classList.toggle('zoomed', scale > 1);
    this.gutter.setAttribute('width', String(GUTTER));
    this.gutter.setAttribute('height', String(height * scale));
    let last = Infinity;
    const rows = [...layout.rows]
      .sort((a, b) => b.y - a.y)
      .filter(({ y }) => {
        if (last - y * scale < palette.size + 1) return false;
        last = y * scale;
        return true;
      });
    const font = { 'font-family': palette.font, 'font-size': palette.size };
    this.gutter.replaceChildren(
      ...rows.map(({ label, y }) =>
        svg('text', { ...font, x: 0, y: y * scale, fill: palette.muted, 'dominant-baseline': 'central' }, label),
      ),
    );
  }

  /** The wheel with Ctrl zooms, a drag of the ground moves. */
  private panAndZoom(): void {
    const { box, plot } = this;
    box.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? 1.25 : 0.8, { x: event.clientX, y: event.clientY });
      },
      { passive: false },
    );
    let from: { x: number; y: number; left: number; top: number } | null = null;
    plot.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || (event.target instanceof Element && event.target.closest('.graph-node'))) return;
      from = { x: event.clientX, y: event.clientY, left: box.scrollLeft, top: box.scrollTop };
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener('pointermove', (event) => {
      if (!from) return;
      box.scrollLeft = from.left - (event.clientX - from.x);
      box.scrollTop = from.top - (event.clientY - from.y);
    });
    for (const end of ['pointerup', 'pointercancel']) plot.addEventListener(end, () => (from = null));
  }

  /** Points at an edge from outside the drawing. */
  point(edge: GraphEdge | null): void {
    this.edge = edge;
    this.paint();
  }

  private edgeElement(placed: PlacedEdge): SVGGElement {
    const { edge, from, to, width, bow } = placed;
    const { palette } = this.context;
    const against = contradicted(edge);
    const d = pathOf(placed);
    const stroke = against ? palette.disabled : edge.weight < 0 ? palette.negative : palette.positive;
    const [x, y] = [(from.x + to.x) / 2 + 0.75 * bow, (from.y + to.y) / 2];
    const element = svg(
      'g',
      { class: 'graph-edge', fill: 'none', 'data-edge': `${edge.source} ${edge.target}` },
      // Wide enough to be pointed at.
      svg('path', { d, stroke: 'transparent', 'stroke-width': Math.max(9, width) }),
      svg('path', { d, stroke, 'stroke-width': width.toFixed(2), 'stroke-dasharray': edge.weight < 0 ? '5 3' : null }),
      against
        ? svg('path', { class: 'graph-against', d: `M${x - 4} ${y - 4}l8 8m-8 0l8 -8`, stroke: palette.foreground, 'stroke-width': 1.5 })
        : null,
    );
    element.addEventListener('pointermove', (event) => {
      this.edge = edge;
      this.context.tip.show(event.clientX, event.clientY, edgeTip(edge, this.model, this.run));
      this.paint();
    });
    element.addEventListener('pointerleave', () => this.leave());
    return element;
  }

  private nodeElement({ node, x, y }: PlacedNode): { element: SVGGElement; ring: SVGElement } {
    const { palette } = this.context;
    const r = NODE / 2;
    const shape = {
      fill: palette.background,
      stroke: node.kind === 'margin' ? palette.foreground : node.effect < 0 ? palette.negative : palette.positive,
      'stroke-width': node.kind === 'margin' ? 2 : (1 + 2 * Math.min(1, Math.sqrt(Math.max(0, node.influence)))).toFixed(2),
      'stroke-dasharray': node.kind !== 'margin' && node.effect < 0 ? '3 2' : null,
    };
    const square = (size: number, more: Record<string, string | number | null>): SVGElement =>
      svg('rect', { x: -size, y: -size, width: 2 * size, height: 2 * size, ...more });
    const outline =
      node.kind === 'head'
        ? svg('circle', { r: r - 1, ...shape })
        : node.kind === 'mlp'
          ? square(r - 3, { ...shape, transform: 'rotate(45)' })
          : square(node.kind === 'embed' ? r - 3 : r - 1, { ...shape, rx: node.kind === 'margin' ? 4 : 0 });
    const text = node.kind === 'head' ? String(node.head) : node.kind === 'margin' ? 'Δ' : '';
    const ring = svg('rect', {
      x: -r - 2,
      y: -r - 2,
      width: NODE + 4,
      height: NODE + 4,
      fill: 'none',
      stroke: palette.focus,
      'stroke-width': 2,
      visibility: 'hidden',
    });
    const element = svg(
      'g',
      { class: 'graph-node', transform: `translate(${x} ${y})`, 'data-node': node.id },
      outline,
      text
        ? svg(
            'text',
            {
              fill: palette.foreground,
              'font-family': palette.font,
              'font-size': 11,
              'text-anchor': 'middle',
              'dominant-baseline': 'central',
            },
            text,
          )
        : null,
      ring,
    );
    element.addEventListener('pointermove', (event) => this.hover(node, event.clientX, event.clientY, false));
    element.addEventListener('pointerleave', () => this.leave());
    element.addEventListener('click', () => this.pin(node));
    return { element, ring };
  }

  /** Tokens below their columns, turned, with the spans' colours and what is left out between them. */
  private labels(font: Record<string, string | number>): SVGElement[] {
    const { palette } = this.context;
    const { columns, height } = this.layout;
    return columns.flatMap(({ x, width, label, pos, skipped, span }) => [
      ...(span === null
        ? []
        : [svg('rect', { x: x - width / 2, y: height, width, height: 3, fill: palette.spans[span % palette.spans.length]! })]),
      ...(skipped > 0
        ? [
            svg('line', {
              x1: x - width / 2 - 10,
              x2: x - width / 2 - 10,
              y1: 4,
              y2: height,
              stroke: palette.border,
              'stroke-dasharray': '1 3',
            }),
          ]
        : []),
      svg(
        'text',
        {
          ...font,
          fill: palette.muted,
          'text-anchor': 'end',
          'dominant-baseline': 'central',
          transform: `translate(${x} ${height + 8}) rotate(-70)`,
        },
        svg('title', {}, `position ${pos}: “${visible(this.run.tokens[pos]?.text ?? '', 40)}”`),
        label,
      ),
    ]);
  }

  private hover(node: GraphNode, x: number, y: number, byKey: boolean): void {
    this.edge = null;
    this.cursor = node.id;
    this.context.tip.show(x, y, nodeTip(node, this.run), byKey);
    this.context.link.hover(markOf(node));
    this.paint();
  }

  private leave(): void {
    this.edge = null;
    this.cursor = null;
    this.context.tip.hide();
    this.context.link.hover(null);
    this.paint();
  }

  private pin(node: GraphNode): void {
    const { link } = this.context;
    this.pinned = this.pinned === node.id ? null : node.id;
    if (this.pinned) link.pinOnly(markOf(node));
    else link.unpin();
    this.onPin(this.pinned);
    this.paint();
  }

  private key(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { key } = event;
    if (this.moveByKey(event)) return;
    const here = this.cursor ?? this.pinned;
    if (key === 'Enter' || key === ' ') {
      const node = here === null ? undefined : this.model.byId.get(here);
      if (node) this.pin(node);
      event.preventDefault();
      return;
    }
    if (key !== 'ArrowLeft' && key !== 'ArrowRight' && key !== 'ArrowUp' && key !== 'ArrowDown') return;
    event.preventDefault();
    const next = here === null ? 'margin' : stepFrom(this.layout, here, key);
    const placed = this.layout.nodes.find(({ node }) => node.id === (next ?? here));
    const drawn = this.drawnNodes.find(({ node }) => node === placed?.node);
    if (!placed || !drawn) return;
    // Into sight beside the labels of layers, which cover what is scrolled under them.
    const { clientWidth, clientHeight, scrollLeft, scrollTop } = this.box;
    const { scale } = this;
    const at = placed.x * scale + GUTTER - scrollLeft;
    if (at < GUTTER + NODE || at > clientWidth - NODE) this.box.scrollLeft = placed.x * scale + GUTTER - (GUTTER + clientWidth) / 2;
    const down = placed.y * scale - scrollTop;
    if (down < NODE || down > clientHeight - NODE) this.box.scrollTop = placed.y * scale - clientHeight / 2;
    const { right, top } = drawn.element.getBoundingClientRect();
    this.hover(placed.node, right, top, true);
  }

  /** Zooms by plus, minus and 0; moves the picture by Shift and arrows. */
  private moveByKey(event: KeyboardEvent): boolean {
    const zooms: Record<string, number | null> = { '+': 1.25, '=': 1.25, '-': 0.8, '0': null };
    const moves: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = event.shiftKey ? moves[event.key] : undefined;
    if (event.key in zooms) this.zoom(zooms[event.key]!);
    else if (move) this.box.scrollBy(move[0] * STEP, move[1] * STEP);
    else return false;
    event.preventDefault();
    return true;
  }

  /** Marks what is pointed at and pinned; what does not touch it steps back. */
  private paint(): void {
    const { link, palette } = this.context;
    const { row, head, token } = link.pinned;
    if (this.pinned !== null && row === null && head === null && token === null) {
      // Escape, or another chart, has taken the pin away.
      this.pinned = null;
      this.onPin(null);
    }
    const faint = palette.kind === 'contrast' ? '0.4' : '0.15';
    const active = this.cursor ?? this.pinned;
    const touches = ({ source, target }: GraphEdge): boolean =>
      this.edge ? source === this.edge.source && target === this.edge.target : active === null || source === active || target === active;
    const near = new Set(this.edges.filter(touches).flatMap(({ source, target }) => [source, target]));
    for (const { edge, element } of this.drawnEdges) element.setAttribute('opacity', touches(edge) ? '1' : faint);
    for (const { node, element, ring } of this.drawnNodes) {
      element.setAttribute('opacity', (active === null && !this.edge) || near.has(node.id) || node.id === active ? '1' : '0.4');
      ring.setAttribute('visibility', node.id === active || isMarked(node, link.current) ? 'visible' : 'hidden');
      element.classList.toggle('pinned', node.id === this.pinned);
    }
  }
}
