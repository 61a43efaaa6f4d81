/**
 * Nodes of an attribution graph: what writes to the residual stream, one node per component and token.
 *
 *   embed(t)     hook_embed + hook_pos_embed at t
 *   head(l, h, t) z_h(t) W_O^h
 *   mlp(l, t)    hook_mlp_out at t
 *
 * The writes of one token lie in one order, that of computation: embed, then for each layer its heads and its MLP. A node's number
 * is `t · slots + slot`.
 */
export interface Grid {
  tokens: number;
  layers: number;
  heads: number;
}

export type Writer = { kind: 'embed'; pos: number } | { kind: 'head'; layer: number; head: number; pos: number } | MlpWriter;
interface MlpWriter {
  kind: 'mlp';
  layer: number;
  pos: number;
}

/** Writes per token. */
export const slotsOf = ({ layers, heads }: Grid): number => 1 + layers * (heads + 1);

/** Writes of a token that stand in the residual stream before a layer (resid_pre), and before its MLP where that reads after attention. */
export const slotsBefore = ({ heads }: Grid, layer: number): number => 1 + layer * (heads + 1);
export const slotsBeforeMlp = (grid: Grid, layer: number, parallel: boolean): number =>
  slotsBefore(grid, layer) + (parallel ? 0 : grid.heads);

export const headSlot = (grid: Grid, layer: number, head: number): number => slotsBefore(grid, layer) + head;
export const mlpSlot = (grid: Grid, layer: number): number => slotsBefore(grid, layer) + grid.heads;

/** The node of a number. */
export function writerAt(grid: Grid, node: number): Writer {
  const slots = slotsOf(grid);
  const pos = Math.floor(node / slots);
  const slot = node % slots;
  if (slot === 0) return { kind: 'embed', pos };
  const layer = Math.floor((slot - 1) / (grid.heads + 1));
  const head = (slot - 1) % (grid.heads + 1);
  return head === grid.heads ? { kind: 'mlp', layer, pos } : { kind: 'head', layer, head, pos };
}

/** The number of a node. */
export function nodeOf(grid: Grid, writer: Writer): number {
  const slot =
    writer.kind === 'embed' ? 0 : writer.kind === 'mlp' ? mlpSlot(grid, writer.layer) : headSlot(grid, writer.layer, writer.head);
  return writer.pos * slotsOf(grid) + slot;
}
