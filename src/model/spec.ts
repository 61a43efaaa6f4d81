/**
 * One description for every supported model family. The graph builder and the methods read this and nothing else of a
 * model's configuration; a family is a function from its config to a ModelSpec plus a table of tensor names.
 */
export type Family = 'llama' | 'gpt2' | 'qwen2' | 'qwen3' | 'gpt_neox';

export type Activation = 'silu' | 'gelu' | 'gelu_tanh' | 'quick_gelu' | 'relu' | 'relu2' | 'tanh' | 'sigmoid' | 'linear';

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
  bosId: number | null;
  eosIds: number[];
}
