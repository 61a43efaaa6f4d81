import { ConfigReader } from './config.js';
import { FAMILIES } from './families/index.js';
import type { Description, FamilyDefinition, TensorNames } from './families/family.js';
import { isStoredDtype } from './dtypes.js';
import type { FileTensor } from './dtypes.js';
import type { GgufMetadata } from './gguf.js';
import { show } from './json.js';
import { yarnAttentionFactor } from './rope.js';
import type { RopeScaling } from './spec.js';

/** llama.cpp's tensor names; which of them a model has follows from its family. */
const GGUF_NAMES = {
  'embed.W_E': 'token_embd.weight',
  'pos_embed.W_pos': 'position_embd.weight',
  'ln_final.w': 'output_norm.weight',
  'ln_final.b': 'output_norm.bias',
  'unembed.W_U': 'output.weight',
  'blocks.N.ln1.w': 'blk.N.attn_norm.weight',
  'blocks.N.ln1.b': 'blk.N.attn_norm.bias',
  'blocks.N.ln2.w': 'blk.N.ffn_norm.weight',
  'blocks.N.ln2.b': 'blk.N.ffn_norm.bias',
  'blocks.N.attn.W_O': 'blk.N.attn_output.weight',
  'blocks.N.attn.b_O': 'blk.N.attn_output.bias',
  'blocks.N.mlp.W_in': 'blk.N.ffn_up.weight',
  'blocks.N.mlp.b_in': 'blk.N.ffn_up.bias',
  'blocks.N.mlp.W_out': 'blk.N.ffn_down.weight',
  'blocks.N.mlp.b_out': 'blk.N.ffn_down.bias',
} as const;

const FUSED_NAMES = {
  'blocks.N.attn.W_QKV': 'blk.N.attn_qkv.weight',
  'blocks.N.attn.b_QKV': 'blk.N.attn_qkv.bias',
} as const;

const SPLIT_NAMES = {
  'blocks.N.attn.W_Q': 'blk.N.attn_q.weight',
  'blocks.N.attn.W_K': 'blk.N.attn_k.weight',
  'blocks.N.attn.W_V': 'blk.N.attn_v.weight',
  'blocks.N.attn.b_Q': 'blk.N.attn_q.bias',
  'blocks.N.attn.b_K': 'blk.N.attn_k.bias',
  'blocks.N.attn.b_V': 'blk.N.attn_v.bias',
  'blocks.N.attn.q_norm.w': 'blk.N.attn_q_norm.weight',
  'blocks.N.attn.k_norm.w': 'blk.N.attn_k_norm.weight',
  'blocks.N.mlp.W_gate': 'blk.N.ffn_gate.weight',
  'blocks.N.mlp.b_gate': 'blk.N.ffn_gate.bias',
} as const;

/** Frequency factors of llama3-scaled models, [rotaryDim / 2]: part of the rope, not a weight. */
export const ROPE_FACTORS = 'rope_freqs.weight';

const NEUTRAL: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  ['attention.causal', [true]],
  ['attention.clamp_kqv', [0]],
  ['attention.max_alibi_bias', [0]],
  ['attention.scale', []],
  ['attn_logit_softcapping', [0]],
  ['embedding_scale', [1]],
  ['expert_count', [0]],
  ['expert_used_count', [0]],
  ['final_logit_softcapping', [0]],
  ['logit_scale', [1]],
  ['residual_scale', [1]],
  ['rope.scaling.yarn_ext_factor', []],
  ['rope.scaling.yarn_log_multiplier', [0]],
  ['use_parallel_residual', [false]],
]);

/** Keys that say where the numbers came from. */
const HARMLESS = new Set(['tensor_data_layout', 'rope.scaling.finetuned', 'vocab_size', 'rope.scale_linear']);

/** Which family a GGUF file is of, what it describes, and the names of its tensors. */
export function describeGguf(
  file: string,
  metadata: GgufMetadata,
  tensors: readonly FileTensor[],
  readFactors: (tensor: FileTensor) => Float32Array,
): { family: FamilyDefinition; description: Description; names: TensorNames; notes: string[] } {
  const general = new ConfigReader(file, metadata, 'general.');
  const type = general.text('type');
  if (type !== null && type !== 'model') throw general.fail('type', `"general.type" is ${show(type)}, but must be model`);
  const split = metadata.get('split.count');
  if (typeof split === 'number' && split > 1) {
    throw general.fail(
      'split.count',
      `"split.count" is ${split}: this is one part of a split file, which llama-gguf-split --merge puts together`,
    );
  }
  const architecture = general.text('architecture');
  const family = FAMILIES.find((f) => f.gguf.architecture === architecture);
  if (!family) {
    throw general.fail(
      'architecture',
      `"general.architecture" is ${show(architecture)}, which is not supported; ${FAMILIES.map((f) => f.gguf.architecture).join(', ')} are`,
    );
  }
  const traits = family.gguf;
  const keys = new ConfigReader(file, metadata, `${traits.architecture}.`);
  const nHeads = uniform(keys, 'attention.head_count');
  const nKvHeads = keys.has('attention.head_count_kv') ? uniform(keys, 'attention.head_count_kv') : nHeads;
  if (nHeads % nKvHeads !== 0) throw keys.fail('attention.head_count_kv', `${nHeads} heads are not a multiple of ${nKvHeads} key heads`);
  const dModel = keys.count('embedding_length');
  const dHead = headSize(keys, dModel, nHeads);
  const context = keys.count('context_length');
  const rotaryDim = traits.learnedPositions ? 0 : keys.count('rope.dimension_count', dHead);
  if (rotaryDim > dHead || rotaryDim % 2 !== 0) {
    throw keys.fail('rope.dimension_count', `${rotaryDim} of the ${dHead} dimensions of a head would turn; their number must be even`);
  }
  if (traits.pairs && rotaryDim !== dHead) {
    throw keys.fail(
      'rope.dimension_count',
      `${rotaryDim} of the ${dHead} dimensions of a head would turn, but in this architecture all do`,
    );
  }
  const window = keys.raw('attention.sliding_window') ?? 0;
  if (typeof window !== 'number' || (window !== 0 && window < context)) {
    throw keys.fail(
      'attention.sliding_window',
      `a sliding window of ${show(window)}, shorter than the context of ${context}, is not supported`,
    );
  }
  const embedding = tensors.find((t) => t.name === GGUF_NAMES['embed.W_E']);
  const scaling = traits.learnedPositions ? { type: 'none' as const } : readScaling(keys, context, rotaryDim, tensors, readFactors);
  const parallel = traits.architecture === 'gptneox' && keys.flag('use_parallel_residual', true);
  const eos = new ConfigReader(file, metadata, 'tokenizer.ggml.');
  const description: Description = {
    spec: {
      family: family.family,
      nLayers: keys.count('block_count'),
      dModel,
      nHeads,
      nKvHeads,
      dHead,
      dMlp: uniform(keys, 'feed_forward_length'),
      // The embedding is the only thing that says it in every file.
      vocabSize: Math.max(1, embedding?.shape[0] ?? 1),
      context,
      norm: {
        kind: traits.norm,
        eps: keys.positive(traits.norm === 'rms' ? 'attention.layer_norm_rms_epsilon' : 'attention.layer_norm_epsilon'),
      },
      position: traits.learnedPositions
        ? { kind: 'learned', count: context }
        : { kind: 'rope', theta: keys.positive('rope.freq_base', 10_000), rotaryDim, scaling },
      parallelResidual: parallel,
      qkNorm: traits.qkNorm,
      mlp: { gated: traits.gated, activation: traits.activation },
      tiedEmbeddings: !tensors.some((t) => t.name === GGUF_NAMES['unembed.W_U']),
      attentionScale: dHead ** -0.5,
      bosId: eos.id('bos_token_id'),
      eosIds: eos.ids('eos_token_id'),
    },
    biases: traits.biases,
    tied: 'by-presence',
  };
  keys.finish(NEUTRAL, (key) => HARMLESS.has(key));
  return {
    family,
    description,
    names: {
      prefix: '',
      names: { ...GGUF_NAMES, ...(traits.fused ? FUSED_NAMES : SPLIT_NAMES) },
      layout: 'out_in',
      fused: traits.fused ? 'thirds' : undefined,
      pairs: traits.pairs,
      leftovers: [new RegExp(`^${ROPE_FACTORS.replace('.', '\\.')}$`)],
    },
    notes: traits.note === undefined ? [] : [`${traits.note}.`],
  };
}

/** A count that may be given per layer, which must then be the same in all. */
function uniform(keys: ConfigReader, key: string): number {
  const value = keys.raw(key);
  if (!Array.isArray(value)) return keys.count(key);
  const [first] = value as unknown[];
  if (typeof first !== 'number' || !Number.isInteger(first) || first < 1 || !value.every((v) => v === first)) {
    throw keys.fail(key, `"${key}" is ${show(value)}, but must be the same integer of at least 1 in every layer`);
  }
  return first;
}

function headSize(keys: ConfigReader, dModel: number, nHeads: number): number {
  const given = keys.optionalCount('attention.key_length');
  const values = keys.optionalCount('attention.value_length');
  if (values !== undefined && values !== (given ?? dModel / nHeads)) {
    throw keys.fail('attention.value_length', `values of ${values} dimensions to keys of ${given ?? dModel / nHeads} are not supported`);
  }
  if (given === undefined && dModel % nHeads !== 0) {
    throw keys.fail('embedding_length', `"embedding_length", ${dModel}, is not a multiple of the ${nHeads} heads`);
  }
  return given ?? dModel / nHeads;
}

function readScaling(
  keys: ConfigReader,
  context: number,
  rotaryDim: number,
  tensors: readonly FileTensor[],
  readFactors: (tensor: FileTensor) => Float32Array,
): RopeScaling {
  const type = keys.text('rope.scaling.type') ?? 'none';
  const factorKey = 'rope.scaling.factor';
  const factor =
    keys.raw(factorKey) === undefined ? keys.positive('rope.scale_linear', 1) : keys.raw(factorKey) === 0 ? 1 : keys.positive(factorKey);
  const originalContext = keys.count('rope.scaling.original_context_length', context);
  const attention = keys.positive(
    'rope.scaling.attn_factor',
    keys.has('rope.scaling.yarn_attn_factor') ? keys.positive('rope.scaling.yarn_attn_factor') : 1,
  );
  const betaFast = keys.positive('rope.scaling.yarn_beta_fast', 32);
  const betaSlow = keys.positive('rope.scaling.yarn_beta_slow', 1);
  const factors = tensors.find((t) => t.name === ROPE_FACTORS);
  if (factors) {
    if (type !== 'none')
      throw keys.fail(
        'rope.scaling.type',
        `the file has ${ROPE_FACTORS} and a scaling of the type ${type}, which are not supported together`,
      );
    if (factors.dtype !== 'F32' || !isStoredDtype(factors.dtype) || factors.shape.length !== 1 || factors.shape[0] !== rotaryDim / 2) {
      throw keys.fail(ROPE_FACTORS, `${ROPE_FACTORS} is ${factors.dtype} ${show(factors.shape)}, but must be F32 [${rotaryDim / 2}]`);
    }
    const values = [...readFactors(factors)];
    if (!values.every((v) => Number.isFinite(v) && v > 0))
      throw keys.fail(ROPE_FACTORS, `${ROPE_FACTORS} has a value that is not a number above 0`);
    return { type: 'factors', factors: values };
  }
  if (type === 'none' && keys.raw('rope.scale_linear') === undefined) return { type: 'none' };
  if (type === 'linear' || type === 'none') return factor === 1 ? { type: 'none' } : { type: 'linear', factor };
  if (type !== 'yarn') throw keys.fail('rope.scaling.type', `"rope.scaling.type" is ${show(type)}, but must be none, linear or yarn`);
  return {
    type: 'yarn',
    factor,
    originalContext,
    betaFast,
    betaSlow,
    truncate: true,
    attentionFactor: attention * yarnAttentionFactor(factor),
  };
}
