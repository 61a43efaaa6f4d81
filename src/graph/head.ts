import { GraphBuilder } from './builder.js';
import type { Graph } from './builder.js';
import { norm, wideLinear } from './layers.js';
import type { Source } from './layers.js';
import { DataType } from './onnx-proto.js';

/**
 * The final norm and the unembedding of N residual rows.
 *
 * Inputs: resid [N, d_model] · frozen_scale [N|1, 1]: where above 0, the norm's scale in place of the row's own.
 * Outputs: hook_scale [N, 1], hook_normalized, hook_out [N, d_model], logits [N, vocab].
 */
export function buildHead(from: Source): Graph {
  const { spec } = from;
  const g = new GraphBuilder('head');
  const x = g.input('resid', DataType.FLOAT, ['N', spec.dModel]);
  const frozen = g.input('frozen_scale', DataType.FLOAT, ['frozen_N', 1]);
  const final = norm(g, from, x, 'ln_final', frozen);
  g.output('hook_scale', final.scale, ['N', 1]);
  g.output('hook_normalized', final.normalized, ['N', spec.dModel]);
  g.output('hook_out', final.out, ['N', spec.dModel]);
  const matrix = from.weights.has('unembed.W_U') ? 'unembed.W_U' : 'embed.W_E';
  g.output('logits', wideLinear(g, from, final.out, matrix, 'unembed.b_U'), ['N', spec.vocabSize]);
  return g.finish();
}

/** The final norm alone: inputs and outputs of `buildHead` without logits. */
export function buildFinalNorm(from: Source): Graph {
  const { spec } = from;
  const g = new GraphBuilder('final_norm');
  const final = norm(g, from, g.input('resid', DataType.FLOAT, ['N', spec.dModel]), 'ln_final');
  g.output('hook_scale', final.scale, ['N', 1]);
  g.output('hook_normalized', final.normalized, ['N', spec.dModel]);
  g.output('hook_out', final.out, ['N', spec.dModel]);
  return g.finish();
}

/**
 * What a lens tells of rows of logits, so that whole rows of the vocabulary need not be kept.
 *
 * Inputs: logits [N, vocab] · k [1] int64, 1 or more · tokens [M] int64.
 * Outputs: logprobs [N, vocab] · top_logprobs, top_ids [N, k], best first, ties by lower id · token_logprobs [N, M] ·
 * token_ranks [N, M]: how many tokens stand before it (a tie goes to the lower id) · entropy [N, 1] in nats.
 */
export function buildStatistics(vocabSize: number): Graph {
  const g = new GraphBuilder('statistics');
  const logits = g.input('logits', DataType.FLOAT, ['N', vocabSize]);
  const k = g.input('k', DataType.INT64, [1]);
  const tokens = g.input('tokens', DataType.INT64, ['M']);
  const logprobs = g.op('LogSoftmax', [logits], { axis: -1 });
  g.output('logprobs', logprobs, ['N', vocabSize]);
  const [topValues, topIds] = g.ops('TopK', [logprobs, k], 2, { axis: -1 });
  g.output('top_logprobs', topValues!, ['N', 'K']);
  g.output('top_ids', topIds!, ['N', 'K'], DataType.INT64);
  const own = g.op('Gather', [logprobs, tokens], { axis: 1 });
  g.output('token_logprobs', own, ['N', 'M']);
  g.output('token_ranks', ranks(g, logprobs, own, tokens, vocabSize), ['N', 'M'], DataType.INT32);
  const terms = g.mul(g.op('Exp', [logprobs]), logprobs);
  g.output('entropy', g.op('Neg', [g.op('ReduceSum', [terms, g.ints([-1])], { keepdims: 1 })]), ['N', 1]);
  return g.finish();
}

/** Products of columns: input rows [N, width]; output gram [width, width], rowsᵀ · rows. */
export function buildGram(width: number): Graph {
  const g = new GraphBuilder('gram');
  const rows = g.input('rows', DataType.FLOAT, ['N', width]);
  g.output('gram', g.op('Gemm', [rows, rows], { transA: 1 }), [width, width]);
  return g.finish();
}

function ranks(g: GraphBuilder, logprobs: string, own: string, tokens: string, vocabSize: number): string {
  const all = g.op('Unsqueeze', [logprobs, g.ints([1])]);
  const asked = g.op('Unsqueeze', [own, g.ints([2])]);
  const ids = g.op('Range', [g.longScalar(0), g.longScalar(vocabSize), g.longScalar(1)]);
  const lower = g.op('Less', [ids, g.op('Unsqueeze', [tokens, g.ints([1])])]);
  const before = g.op('Or', [g.op('Greater', [all, asked]), g.op('And', [g.op('Equal', [all, asked]), lower])]);
  const counted = g.op('Cast', [before], { to: DataType.INT32 });
  return g.op('ReduceSum', [counted, g.ints([2])], { keepdims: 0 });
}
