import { scalePoint, scaleSqrt } from 'd3-scale';
import type { GraphEdge, GraphNode } from '../../src/residue/types-graph.js';
import type { RunTrace } from '../../src/residue/types.js';
import { visible } from './format.js';
import type { Shown } from './graph.js';

/** Size of a node, and the room between two of one place, px. */
export const NODE = 18;
const GAP = 5;
/** Room around the columns, and between two of them. */
const PAD = 10;
/** Most that an edge swings aside. */
const BOW = 56;
/** Room for the labels of layers, and for the margin's text. */
export const GUTTER = 52;
export const LABELS = 78;

export interface PlacedNode {
  node: GraphNode;
  x: number;
  y: number;
}
export interface PlacedEdge {
  edge: GraphEdge;
  from: { x: number; y: number };
  to: { x: number; y: number };
  /** Stroke width, px. */
  width: number;
  /** How far it swings aside to pass what stands in its column, px: toward the answer to the right, toward the rival to the left. */
  bow: number;
}
export interface PlacedColumn {
  pos: number;
  x: number;
  width: number;
  label: string;
  /** Positions without a node between the column before and this one. */
  skipped: number;
  /** Index of the span that holds it, or null. */
  span: number | null;
}
export interface GraphLayout {
  nodes: PlacedNode[];
  edges: PlacedEdge[];
  columns: PlacedColumn[];
  rows: { label: string; y: number }[];
  width: number;
  /** Height of the plot; labels of tokens stand below. */
  height: number;
}

/** Rows from below: embeddings, then heads and MLP of each layer, then the margin. */
const rowOf = ({ kind, layer }: GraphNode): number =>
  kind === 'margin' ? Infinity : kind === 'embed' ? 0 : kind === 'head' ? 1 + 2 * layer! : 2 + 2 * layer!;

const rowLabel = (row: number): string =>
  row === Infinity ? 'margin' : row === 0 ? 'tokens' : row % 2 === 1 ? `heads ${(row - 1) / 2}` : `MLP ${row / 2 - 1}`;

/** Places what is shown on position × layer. Columns and rows without a node take no room. */
export function layoutGraph({ nodes, edges }: Shown, run: RunTrace): GraphLayout {
  const rowKeys = [...new Set(nodes.map(rowOf))].sort((a, b) => a - b);
  const positions = [...new Set(nodes.map(({ pos }) => pos))].sort((a, b) => a - b);
  const spans = Object.values(run.spans).sort((a, b) => a[0] - b[0]);
  // A place is a column and a row; its nodes stand side by side, heads in order.
  const places = new Map<string, GraphNode[]>();
  for (const node of [...nodes].sort((a, b) => (a.head ?? 0) - (b.head ?? 0))) {
    const key = `${node.pos} ${rowOf(node)}`;
    places.set(key, [...(places.get(key) ?? []), node]);
  }
  const widest = (pos: number): number => Math.max(1, ...rowKeys.map((row) => places.get(`${pos} ${row}`)?.length ?? 0));
  let x = PAD;
  const columns = positions.map((pos, i): PlacedColumn => {
    const skipped = i === 0 ? 0 : pos - positions[i - 1]! - 1;
    if (i > 0) x += skipped > 0 ? 2 * PAD : PAD;
    // The column of the margin is where most edges end.
    const aside = nodes.some((node) => node.kind === 'margin' && node.pos === pos) ? BOW / 2 : 0;
    x += aside;
    const width = widest(pos) * NODE + (widest(pos) - 1) * GAP;
    const column = { pos, x: x + width / 2, width, label: visible(run.tokens[pos]?.text ?? '', 12), skipped, span: spanAt(spans, pos) };
    x += width + aside;
    return column;
  });
  const step = rowKeys.length > 24 ? 26 : 34;
  const height = Math.max(1, rowKeys.length - 1) * step + 2 * (NODE / 2 + 6);
  const y = scalePoint<number>()
    .domain(rowKeys)
    .range([height - NODE / 2 - 6, NODE / 2 + 6]);
  const placed = new Map<string, PlacedNode>();
  for (const column of columns)
    for (const row of rowKeys) {
      const here = places.get(`${column.pos} ${row}`) ?? [];
      const left = column.x - ((here.length - 1) * (NODE + GAP)) / 2;
      here.forEach((node, i) => placed.set(node.id, { node, x: left + i * (NODE + GAP), y: y(row) ?? 0 }));
    }
  const width = scaleSqrt()
    .domain([0, Math.max(1e-12, ...edges.map(({ weight }) => Math.abs(weight)))])
    .range([0.75, 6]);
  return {
    nodes: [...placed.values()],
    edges: edges.flatMap((edge): PlacedEdge[] => {
      const source = placed.get(edge.source);
      const target = placed.get(edge.target);
      if (!source || !target) return [];
      const half = NODE / 2;
      const [from, to] = [
        { x: source.x, y: source.y - half },
        { x: target.x, y: target.y + half },
      ];
      const passed = Math.round((source.y - target.y) / step) - 1;
      const aside = passed > 0 && Math.abs(from.x - to.x) < NODE ? Math.min(BOW, 14 + 6 * passed) : 0;
      return [{ edge, from, to, width: width(Math.abs(edge.weight)), bow: edge.weight < 0 ? -aside : aside }];
    }),
    columns,
    rows: rowKeys.map((row) => ({ label: rowLabel(row), y: y(row) ?? 0 })),
    width: x + PAD,
    height,
  };
}

function spanAt(spans: readonly [number, number][], pos: number): number | null {
  const index = spans.findIndex(([from, to]) => pos >= from && pos < to);
  return index < 0 ? null : index;
}

/**
 * Where an arrow key leads from a node: left and right to its neighbour in the row; up along the strongest edge that leaves it, down along
 * the strongest that enters it, or, where there is none, to the nearest node of the next row. Null where nothing is.
 */
export function stepFrom(
  { nodes, edges }: GraphLayout,
  id: string,
  key: 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown',
): string | null {
  const here = nodes.find(({ node }) => node.id === id);
  if (!here) return nodes[0]?.node.id ?? null;
  if (key === 'ArrowLeft' || key === 'ArrowRight') {
    const row = nodes.filter(({ y }) => y === here.y).sort((a, b) => a.x - b.x);
    return row[row.indexOf(here) + (key === 'ArrowRight' ? 1 : -1)]?.node.id ?? null;
  }
  const up = key === 'ArrowUp';
  const along = edges
    .filter(({ edge }) => (up ? edge.source : edge.target) === id)
    .sort((a, b) => Math.abs(b.edge.weight) - Math.abs(a.edge.weight))[0];
  if (along) return up ? along.edge.target : along.edge.source;
  const beyond = nodes.filter(({ y }) => (up ? y < here.y : y > here.y));
  const next = up ? Math.max(...beyond.map(({ y }) => y)) : Math.min(...beyond.map(({ y }) => y));
  return beyond.filter(({ y }) => y === next).sort((a, b) => Math.abs(a.x - here.x) - Math.abs(b.x - here.x))[0]?.node.id ?? null;
}
