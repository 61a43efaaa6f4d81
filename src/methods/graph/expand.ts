import { dot } from '../linear.js';
import { headGradient, mlpGradient, type FrozenLayer } from './frozen.js';
import { nodeOf, slotsBefore, slotsBeforeMlp, slotsOf, type Grid } from './nodes.js';

/** A run whose nodes are to be joined by edges. */
export interface FrozenRun {
  grid: Grid;
  dModel: number;
  dHead: number;
  /** Query heads per kv head. */
  group: number;
  /** GPT-NeoX: attention and MLP of a layer both read resid_pre. */
  parallel: boolean;
  /** What every node writes, [pos, slot, d_model] (see nodes.ts). */
  writes: Float32Array;
  /** The answer position p. */
  position: number;
  /** Direction of the margin in the residual stream at p, [d_model] (`logitDirection`). */
  direction: ArrayLike<number>;
  /** The margin itself, nats. */
  total: number;
  layer(index: number): Promise<FrozenLayer>;
}

/** Edges into one node, each in nats of the margin. */
export interface Incoming {
  /** The node written to; −1: the margin. */
  target: number;
  sources: Int32Array;
  weights: Float64Array;
  /** Σ over all sources, kept or not. */
  sum: number;
  /** Σ |·| over all sources and the rest. */
  absolute: number;
  /** What no node wrote: biases, and an activation's value at 0. u · output − sum. */
  rest: number;
}

export interface Expansion {
  /** Targets in the order of expansion: the margin first, then from the last layer to the first. */
  incoming: Incoming[];
  /** Share of the margin's influence that reaches each node, over every path of expanded nodes, [node]. */
  influence: Float64Array;
  /** The node's whole effect on the margin through expanded nodes: u · output, nats, [node]. NaN where the node has none. */
  effect: Float64Array;
  /** Influence that ended at nodes that were not expanded (embeddings are leaves and do not count). */
  unexplained: number;
}

export interface ExpandOptions {
  /** A head or MLP is expanded when at least this share of the influence reaches it. */
  floor: number;
  /** Most targets expanded; past it the floor is raised for what lies below. */
  maxTargets: number;
  /** Called before each layer, from the last to the first; may let messages in and throw to cancel. */
  onLayer?: (layer: number) => Promise<void>;
}

/** Edges below this share of all influence are summed, not kept. */
const EDGE_FLOOR = 1e-7;

/**
 * Direct effects between the nodes of a run, everything that is not linear frozen, from the margin backwards.
 *
 * u_n, the gradient of the margin with respect to what node n writes, is the sum over every expanded reader m of g_m, the gradient
 * that m passes to the residual stream; the edge s → m is g_m · write_s: the part of the margin that flows from s through m. So
 * what enters a node (with its rest) sums to u · output, and what leaves it does too. Influence is circuit-tracer's: absolute edges
 * into each node normalised to sum to 1, chained from the margin.
 *
 * Readers lie above writers, so one pass from the last layer to the first sees each node after all of its readers.
 */
export async function expand(run: FrozenRun, options: ExpandOptions): Promise<Expansion> {
  const { grid, parallel } = run;
  const state = new State(run, options);
  state.margin();
  for (let l = grid.layers - 1; l >= 0; l--) {
    await options.onLayer?.(l);
    const layer = await run.layer(l);
    const expandMlps = (): void => {
      for (const [pos, node] of state.ripe((pos) => nodeOf(grid, { kind: 'mlp', layer: l, pos }))) state.mlp(l, layer, pos, node);
    };
    // In a serial block the heads are read by the MLP above them; in a parallel one neither reads the other, and what both pass
    // down reaches the stream together, below the layer.
    expandMlps();
    if (!parallel) state.settle();
    for (let head = 0; head < grid.heads; head++) {
      for (const [pos, node] of state.ripe((pos) => nodeOf(grid, { kind: 'head', layer: l, head, pos })))
        state.head(l, layer, head, pos, node);
    }
    state.settle();
  }
  return state.done();
}

class State {
  readonly incoming: Incoming[] = [];
  readonly influence: Float64Array;
  readonly effect: Float64Array;
  /** Gradient of the margin with respect to the residual stream at each token, at the height that has been reached, [pos][d_model]. */
  private readonly gradient: Float64Array[];
  /** What the layer at hand adds to it, not yet seen by its own heads. */
  private readonly pending: { pos: number; by: Float64Array; scale: number }[] = [];
  private readonly slots: number;
  private unexplained = 0;

  constructor(
    private readonly run: FrozenRun,
    private readonly options: ExpandOptions,
  ) {
    const { grid, dModel } = run;
    this.slots = slotsOf(grid);
    const nodes = grid.tokens * this.slots;
    this.influence = new Float64Array(nodes);
    this.effect = new Float64Array(nodes);
    this.gradient = Array.from({ length: grid.tokens }, () => new Float64Array(dModel));
  }

  margin(): void {
    const { position, direction, total } = this.run;
    const weights = this.project(direction, position, this.slots, 1);
    this.keep(-1, 1, [{ pos: position, weights }], total);
    const by = Float64Array.from(direction);
    this.pending.push({ pos: position, by, scale: 1 });
    this.settle();
  }

  mlp(l: number, layer: FrozenLayer, pos: number, node: number): void {
    const { grid, parallel } = this.run;
    const g = mlpGradient(layer, pos, this.gradient[pos]!);
    const weights = this.project(g, pos, slotsBeforeMlp(grid, l, parallel), 1);
    this.keep(node, this.influence[node]!, [{ pos, weights }], this.effect[node]!);
    this.pending.push({ pos, by: g, scale: 1 });
  }

  head(l: number, layer: FrozenLayer, head: number, pos: number, node: number): void {
    const { grid, dHead, group } = this.run;
    const g = headGradient(layer, head, this.gradient[pos]!, { dHead, group });
    const parts: { pos: number; weights: Float64Array }[] = [];
    const row = (head * grid.tokens + pos) * grid.tokens;
    for (let k = 0; k <= pos; k++) {
      const scale = layer.pattern[row + k]! / layer.ln1.scale[k]!;
      if (scale < 1e-9) continue;
      parts.push({ pos: k, weights: this.project(g, k, slotsBefore(grid, l), scale) });
      this.pending.push({ pos: k, by: g, scale });
    }
    this.keep(node, this.influence[node]!, parts, this.effect[node]!);
  }

  /** Nodes of one component that are to be expanded, with their positions; notes every node's effect on the way. */
  ripe(node: (pos: number) => number): [pos: number, node: number][] {
    const { run, options } = this;
    const out: [number, number][] = [];
    for (let pos = 0; pos < run.grid.tokens; pos++) {
      const n = node(pos);
      const influence = this.influence[n]!;
      if (influence === 0) continue;
      this.effect[n] = dot(this.gradient[pos]!, run.writes.subarray(n * run.dModel, (n + 1) * run.dModel));
      // Past three quarters of the room the floor rises, so that lower layers are not left out altogether.
      const used = this.incoming.length / options.maxTargets;
      const floor = used < 0.75 ? options.floor : options.floor * 4 ** ((used - 0.75) * 16);
      if (influence >= floor && this.incoming.length < options.maxTargets) out.push([pos, n]);
      else this.unexplained += influence;
    }
    return out;
  }

  /** Adds what was passed down to the residual stream's gradient. */
  settle(): void {
    for (const { pos, by, scale } of this.pending) {
      const g = this.gradient[pos]!;
      for (let i = 0; i < g.length; i++) g[i]! += scale * by[i]!;
    }
    this.pending.length = 0;
  }

  done(): Expansion {
    const { grid, dModel, writes } = this.run;
    for (let pos = 0; pos < grid.tokens; pos++) {
      const n = pos * this.slots;
      this.effect[n] = dot(this.gradient[pos]!, writes.subarray(n * dModel, (n + 1) * dModel));
    }
    return { incoming: this.incoming, influence: this.influence, effect: this.effect, unexplained: this.unexplained };
  }

  /** scale · (g · write) of the first `slots` writes of a token. */
  private project(g: ArrayLike<number>, pos: number, slots: number, scale: number): Float64Array {
    const { dModel, writes } = this.run;
    const out = new Float64Array(slots);
    for (let slot = 0, at = pos * this.slots * dModel; slot < slots; slot++) {
      let sum = 0;
      for (let i = 0; i < dModel; i++) sum += g[i]! * writes[at++]!;
      out[slot] = scale * sum;
    }
    return out;
  }

  private keep(target: number, influence: number, parts: readonly { pos: number; weights: Float64Array }[], whole: number): void {
    let sum = 0;
    let absolute = 0;
    for (const { weights } of parts) {
      for (const w of weights) {
        sum += w;
        absolute += Math.abs(w);
      }
    }
    const rest = whole - sum;
    absolute += Math.abs(rest);
    const sources: number[] = [];
    const kept: number[] = [];
    for (const { pos, weights } of parts) {
      weights.forEach((w, slot) => {
        if (w === 0) return;
        const share = (influence * Math.abs(w)) / absolute;
        const node = pos * this.slots + slot;
        this.influence[node]! += share;
        if (share < EDGE_FLOOR) return;
        sources.push(node);
        kept.push(w);
      });
    }
    this.incoming.push({ target, sources: Int32Array.from(sources), weights: Float64Array.from(kept), sum, absolute, rest });
  }
}

/** Numbers that an expansion of this grid holds at once: what every node writes. */
export const numbersOf = (grid: Grid, dModel: number): number => grid.tokens * slotsOf(grid) * dModel;
