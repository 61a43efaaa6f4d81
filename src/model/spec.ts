/**
 * One description for every supported model family. The graph builder and the methods read this and nothing else of a
 * model's configuration; a family is a function from its config to a ModelSpec plus a table of tensor names.
 */
export type Family = 'llama' | 'gpt2' | 'qwen2' | 'qwen3' | 'gpt_neox';

/**
 * What transformers' `ACT2FN` computes. `gelu_tanh`: the tanh form (`gelu_new`, `gelu_pytorch_tanh`). `gelu_10`: gelu clipped to
 * [-10, 10]. `quick_gelu`: x·σ(1.702x). `relu2`: relu(x)². `relu6`: min(relu(x), 6). `leaky_relu`: slope 0.01 below 0.
 * `hardswish`: x·relu6(x + 3)/6. `mish`: x·tanh(softplus(x)). `laplace`: (1 + erf((x − 0.707107) / (0.282095·√2))) / 2.
 */
export type Activation =
  | 'silu'
  | 'gelu'
  | 'gelu_tanh'
  | 'gelu_10'
  | 'quick_gelu'
  | 'relu'
  | 'relu2'
  | 'relu6'
  | 'leaky_relu'
  | 'tanh'
  | 'sigmoid'
  | 'linear'
  | 'hardswish'
  | 'mish'
  | 'laplace';

export type RopeScaling =
  | { type: 'none' }
  | { type: 'linear'; factor: number }
  | { type: 'llama3'; factor: number; lowFreqFactor: number; highFreqFactor: number; originalContext: number }
  | {
      type: 'yarn';
      factor: number;
      originalContext: number;
      betaFast: number;
      betaSlow: number;
      truncate: boolean;
      /** Multiplies cos and sin; already resolved from mscale / attention_factor. */
      attentionFactor: number;
    }
  /** GGUF's `rope_freqs.weight`: each frequency is divided by its factor. Length rotaryDim / 2. */
  | { type: 'factors'; factors: number[] };

export interface RopeSpec {
  kind: 'rope';
  theta: number;
  /** The first rotaryDim dimensions of each head turn; the rest pass through. */
  rotaryDim: number;
  scaling: RopeScaling;
}

export interface LearnedPositions {
  kind: 'learned';
  count: number;
}

export interface ModelSpec {
  family: Family;
  nLayers: number;
  dModel: number;
  nHeads: number;
  nKvHeads: number;
  dHead: number;
  dMlp: number;
  vocabSize: number;
  /** Longest sequence in tokens. */
  context: number;
  norm: { kind: 'rms' | 'layer'; eps: number };
  position: RopeSpec | LearnedPositions;
  /** True: x + attn(ln1 x) + mlp(ln2 x) (GPT-NeoX). There is no resid_mid then. */
  parallelResidual: boolean;
  /** RMS norm of each query and key head over d_head before RoPE (Qwen3). */
  qkNorm: boolean;
  mlp: { gated: boolean; activation: Activation };
  tiedEmbeddings: boolean;
  /** Scale of scores; 1/sqrt(d_head) unless the config says otherwise. */
  attentionScale: number;
  /** True: scores of layer l are divided by l + 1 as well (Stanford CRFM's GPT-2s). */
  attentionScaleByLayer?: boolean;
  bosId: number | null;
  eosIds: number[];
}
