import { attend } from './attention.js';
import { GraphBuilder } from './builder.js';
import type { Graph, Value } from './builder.js';
import { blockTaps } from './hooks.js';
import { activate, headNorm, linear, norm, pairsToHalves } from './layers.js';
import type { Source } from './layers.js';
import type { ModelSpec } from '../model/spec.js';
import { DataType } from './onnx-proto.js';

/**
 * Inputs of a block's graph. B rows, T tokens, P tokens cached before them and Q recent ones, S = P + Q + T; in the last block R of the tokens, else R = T. Every dimension of an edit may be 1 where it
 * is the same all along, so an edit that is not used is one neutral number.
 *
 *   resid_pre [B, T, d_model] · cos, sin [B|1, T, 1, rotary_dim / 2] (RoPE only) ·
 *   past_k, past_v [B|1, kv_head, P, d_head] · recent_k, recent_v [B, kv_head, Q, d_head]: cached tokens behind those ·
 *   mask [B|1, H|1, R, S] added to the scores (causal, knockouts) · apart, stretched, stretches, keep, merge: see attention.ts ·
 *   value_scale [B|1, H|1, R|1, S|1] times the pattern after the softmax; hook_pattern stays as it was ·
 *   z_mul, z_add [B|1, R|1, H|1, d_head|1] · attn_mul, attn_add, mlp_mul, mlp_add [B|1, R|1, d_model|1] ·
 *   rows [R] int64 (last block only): the tokens to compute; nothing reads what the others would become
 *
 * Outputs: each hook point of the block under its own name (of the tokens asked for, but ln1, k and v of all; q, k, v, rot_q, rot_k and mlp.hook_post in any shape of theirs, such as [B · R, d_mlp]), and present_k, present_v [B, kv_head, S or Q + T, d_head].
 */
export const BLOCK_EDITS = ['value_scale', 'z_mul', 'z_add', 'attn_mul', 'attn_add', 'mlp_mul', 'mlp_add'] as const;
export type BlockEdit = (typeof BLOCK_EDITS)[number];

/** The ONNX file of one block. `taps` false leaves out every hook point but resid_post (what a plain forward pass costs). */
export function buildBlock(from: Source, layer: number, taps = true): Graph {
  const { spec } = from;
  const name = `blocks.${layer}`;
  const g = new GraphBuilder(name);
  const out = new Map<string, Value>();
  const x = streamInput(g, spec);
  const picked = layer === spec.nLayers - 1 ? g.input('rows', DataType.INT64, ['R']) : null;
  const pick = (value: Value): Value => (picked === null ? value : g.op('Gather', [value, picked], { axis: 1 }));
  const valueScale = editInput(g, 'value_scale');
  const ln1 = norm(g, from, x, `${name}.ln1`);
  out.set('ln1.hook_scale', ln1.scale).set('ln1.hook_normalized', ln1.normalized);
  const z = attention(g, from, layer, ln1.out, pick, valueScale, out);
  behindHeads(g, from, name, pick(x), z, out);
  for (const tap of taps ? blockTaps(spec) : ['hook_resid_post']) g.output(tap, out.get(tap)!, tapDims(tap));
  for (const present of ['present_k', 'present_v']) g.output(present, out.get(present)!, ['B', spec.nKvHeads, 'S', spec.dHead]);
  return g.finish();
}

/**
 * The ONNX file of what lies behind one block's heads: of its inputs those of the stream, z, attention's output and the MLP, with resid_pre
 * of the tokens asked for alone, and z [B, R, head, d_head], what the heads are known to give. Its outputs are the block's from z on.
 */
export function buildBehindHeads(from: Source, layer: number): Graph {
  const { spec } = from;
  const name = `blocks.${layer}`;
  const g = new GraphBuilder(`${name} behind its heads`);
  const out = new Map<string, Value>();
  const x = streamInput(g, spec);
  behindHeads(g, from, name, x, g.input('z', DataType.FLOAT, ['B', 'T', spec.nHeads, spec.dHead]), out);
  for (const [tap, value] of out) g.output(tap, value, tapDims(tap));
  return g.finish();
}

const streamInput = (g: GraphBuilder, { dModel }: ModelSpec): Value => g.input('resid_pre', DataType.FLOAT, ['B', 'T', dModel]);

function editInput(g: GraphBuilder, which: BlockEdit): Value {
  const rank = which.startsWith('attn') || which.startsWith('mlp') ? 3 : 4;
  return g.input(
    which,
    DataType.FLOAT,
    Array.from({ length: rank }, (_, i) => `${which}_${i}`),
  );
}

/** A block from what its heads give, z [B, R, head, d_head], and the stream `asked` [B, R, d_model] on; its hook points go to `out`. */
function behindHeads(g: GraphBuilder, from: Source, name: string, asked: Value, heads: Value, out: Map<string, Value>): void {
  const { spec } = from;
  const edited = (value: Value, at: 'z' | 'attn' | 'mlp'): Value =>
    g.add(g.mul(value, editInput(g, `${at}_mul`)), editInput(g, `${at}_add`));
  const rows = (value: Value, width: number): Value => g.reshape(value, [-1, width]);
  const batchTime = g.shapeOf(asked, 0, 2);
  const tokens = (value: Value): Value => g.reshape(value, [batchTime, spec.dModel]);

  const z = edited(heads, 'z');
  out.set('attn.hook_z', z);
  const attnOut = edited(tokens(linear(g, from, rows(z, spec.nHeads * spec.dHead), `${name}.attn.W_O`, `${name}.attn.b_O`)), 'attn');
  out.set('hook_attn_out', attnOut);

  const residMid = g.add(asked, attnOut);
  if (!spec.parallelResidual) out.set('hook_resid_mid', residMid);
  const ln2 = norm(g, from, spec.parallelResidual ? asked : residMid, `${name}.ln2`);
  out.set('ln2.hook_scale', ln2.scale).set('ln2.hook_normalized', ln2.normalized);
  const post = mlp(g, from, name, rows(ln2.out, spec.dModel));
  // As it lies: another shape under its own name would be a copy, made whether or not anybody asks for it.
  out.set('mlp.hook_post', post);
  const mlpOut = edited(tokens(linear(g, from, post, `${name}.mlp.W_out`, `${name}.mlp.b_out`)), 'mlp');
  out.set('hook_mlp_out', mlpOut).set('hook_resid_post', g.add(residMid, mlpOut));
}

/** Sizes of an output by names of their own; null for any shape. */
const tapDims = (tap: string): string[] | null =>
  /\.hook_(q|k|v|rot_q|rot_k|post)$/.test(tap)
    ? null
    : Array.from({ length: /_(q|k|z|scores|pattern)$/.test(tap) ? 4 : 3 }, (_, i) => `${tap}_${i}`);

/** Attention up to z [B, R, head, d_head], from the normalised stream [B, T, d_model]; `pick` takes the tokens asked for off axis 1. */
function attention(
  g: GraphBuilder,
  from: Source,
  layer: number,
  stream: Value,
  pick: (value: Value) => Value,
  valueScale: Value,
  out: Map<string, Value>,
): Value {
  const { spec } = from;
  const name = `blocks.${layer}`;
  const { q, k, v, given } = queryKeyValue(g, from, name, stream, pick);
  out.set('attn.hook_q', given.q).set('attn.hook_k', given.k).set('attn.hook_v', given.v);
  let turnedQ = spec.qkNorm ? headNorm(g, from, q, `${name}.attn.q_norm`) : q;
  let turnedK = spec.qkNorm ? headNorm(g, from, k, `${name}.attn.k_norm`) : k;
  if (spec.position.kind === 'rope') {
    const { rotaryDim } = spec.position;
    const [cos, sin] = ['cos', 'sin'].map((name) => g.input(name, DataType.FLOAT, ['rope_B', 'T', 1, rotaryDim / 2])) as [Value, Value];
    const ofQ = rotate(g, turnedQ, { cos: pick(cos), sin: pick(sin) }, rotaryDim, spec.nHeads, spec.dHead);
    const ofK = rotate(g, turnedK, { cos, sin }, rotaryDim, spec.nKvHeads, spec.dHead);
    [turnedQ, turnedK] = [ofQ.heads, ofK.heads];
    // As they lie; see mlp.hook_post.
    out.set('attn.hook_rot_q', ofQ.flat).set('attn.hook_rot_k', ofK.flat);
  }

  const recent = (at: 'k' | 'v', current: Value): Value => {
    const before = g.input(`recent_${at}`, DataType.FLOAT, ['B', spec.nKvHeads, 'Q', spec.dHead]);
    return g.op('Concat', [before, g.transpose(current, [0, 2, 1, 3])], { axis: 2 });
  };
  const [keys, values] = [recent('k', turnedK), recent('v', v)];
  const attended = attend(g, spec, layer, { q: turnedQ, keys, values, valueScale });
  out.set('present_k', attended.presentK).set('present_v', attended.presentV);
  out.set('attn.hook_attn_scores', attended.scores).set('attn.hook_pattern', attended.pattern);
  return attended.z;
}

type QueryKeyValue = Record<'q' | 'k' | 'v', Value>;

/**
 * Queries [B, R, head, d_head], keys and values [B, T, kv_head, d_head], before q/k norms and RoPE, in half-split RoPE order. `given`: the same as
 * they lie, in whatever shape they were made: under another shape, what leaves the graph would be a copy.
 */
function queryKeyValue(
  g: GraphBuilder,
  from: Source,
  name: string,
  stream: Value,
  pick: (value: Value) => Value,
): QueryKeyValue & { given: QueryKeyValue } {
  const { nHeads, nKvHeads, dHead, dModel } = from.spec;
  const rows = g.reshape(stream, [-1, dModel]);
  const batchTime = g.shapeOf(stream, 0, 2);
  const heads = (value: Value, count: number): Value => g.reshape(value, [batchTime, count, dHead]);
  const fusedName = `${name}.attn.W_QKV`;
  if (from.weights.has(fusedName)) {
    const all = linear(g, from, rows, fusedName, `${name}.attn.b_QKV`);
    if (from.weights.get(fusedName).fused === 'per_head') {
      const [q, k, v] = g.split(g.reshape(all, [batchTime, nHeads, 3 * dHead]), 3, [dHead, dHead, dHead]);
      const made = { q: pick(q!), k: k!, v: v! };
      return { ...made, given: made };
    }
    const [q, k, v] = g.split(all, 1, [nHeads * dHead, nKvHeads * dHead, nKvHeads * dHead]) as [Value, Value, Value];
    const queries = heads(q, nHeads);
    const picked = pick(queries);
    return { q: picked, k: heads(k, nKvHeads), v: heads(v, nKvHeads), given: { q: picked === queries ? q : picked, k, v } };
  }
  const asked = pick(stream);
  const askedRows = asked === stream ? rows : g.reshape(asked, [-1, dModel]);
  const projected = (which: 'Q' | 'K' | 'V', count: number): [split: Value, given: Value] => {
    const matrix = `${name}.attn.W_${which}`;
    const flat = linear(g, from, which === 'Q' ? askedRows : rows, matrix, `${name}.attn.b_${which}`);
    const x = which === 'Q' ? g.reshape(flat, [g.shapeOf(asked, 0, 2), count, dHead]) : heads(flat, count);
    if (!from.weights.get(matrix).pairs) return [x, flat];
    const halves = pairsToHalves(g, x, count, dHead);
    return [halves, halves];
  };
  const [q, k, v] = [projected('Q', nHeads), projected('K', nKvHeads), projected('V', nKvHeads)];
  return { q: q[0], k: k[0], v: v[0], given: { q: q[1], k: k[1], v: v[1] } };
}

/**
 * RoPE (Su 2021) on the first `rotaryDim` dimensions of each head, half-split as in transformers' rotate_half.
 * @returns `heads` [B, T, head, d_head], and the same as it leaves the operator: `flat` [B, T, head · d_head].
 */
function rotate(
  g: GraphBuilder,
  x: Value,
  { cos, sin }: Turns,
  rotaryDim: number,
  heads: number,
  dHead: number,
): { heads: Value; flat: Value } {
  const batchTime = g.shapeOf(x, 0, 2);
  const table = (some: Value): Value => g.reshape(some, [-1, rotaryDim / 2]);
  // Which row of the tables each token has: one after the other, the same for every row of the batch where there is but one set of them.
  const sizes = g.shapeOf(cos, 0, 2);
  const count = g.op('ReduceProd', [sizes], { keepdims: 0 });
  const own = g.reshape(g.op('Range', [g.longScalar(0), count, g.longScalar(1)]), [sizes]);
  const ids = g.op('Expand', [own, g.op('Concat', [g.shapeOf(x, 0, 1), g.ints([1])], { axis: 0 })]);
  const attributes = { num_heads: heads, rotary_embedding_dim: rotaryDim < dHead ? rotaryDim : 0 };
  const flat = g.contrib('RotaryEmbedding', [g.reshape(x, [batchTime, heads * dHead]), ids, table(cos), table(sin)], attributes);
  return { heads: g.reshape(flat, [batchTime, heads, dHead]), flat };
}

/** cos and sin of each token's angles [B|1, T, 1, rotary_dim / 2]. */
interface Turns {
  cos: Value;
  sin: Value;
}

/** The MLP up to what its output projection reads [B·T, d_mlp]. */
function mlp(g: GraphBuilder, from: Source, name: string, rows: Value): Value {
  const { gated, activation } = from.spec.mlp;
  const up = linear(g, from, rows, `${name}.mlp.W_in`, `${name}.mlp.b_in`);
  if (!gated) return activate(g, up, activation);
  const gate = linear(g, from, rows, `${name}.mlp.W_gate`, `${name}.mlp.b_gate`);
  return g.mul(activate(g, gate, activation), up);
}
