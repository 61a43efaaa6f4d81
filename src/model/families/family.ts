import type { ConfigReader } from '../config.js';
import type { Family, ModelSpec } from '../spec.js';

/** Whether a group of biases must be in the file, must not be, or may be (in all layers or in none). */
export type Presence = 'required' | 'absent' | 'optional';

/** What a configuration says: the model, and which tensors its file is to have. */
export interface Description {
  spec: ModelSpec;
  biases: { qkv: Presence; attnOut: Presence; mlp: Presence };
  /** `by-presence`: the unembedding is tied where the file has none (GGUF). */
  tied: boolean | 'by-presence';
}

/** How one kind of file names and lays out the weights of a family. */
export interface TensorNames {
  /** What all names but the head's begin with, and a file may leave out. */
  prefix: string;
  /** Canonical name (weights.ts; `N` is the layer) → the file's, with the prefix. */
  names: Readonly<Record<string, string>>;
  /** Names that some files have in place of those. */
  aliases?: Readonly<Record<string, string>>;
  /** Layout of the blocks' matrices. Embeddings are [rows, d_model] everywhere. */
  layout: 'out_in' | 'in_out';
  fused?: 'thirds' | 'per_head';
  /** Q and K come in adjacent-pair RoPE order. */
  pairs?: boolean;
  /** Buffers that published checkpoints carry though no weight is in them. */
  leftovers: readonly RegExp[];
}

/** What GGUF metadata leave to the architecture's name. */
export interface GgufTraits {
  architecture: string;
  norm: 'rms' | 'layer';
  gated: boolean;
  activation: ModelSpec['mlp']['activation'];
  qkNorm: boolean;
  learnedPositions: boolean;
  pairs: boolean;
  fused: boolean;
  biases: Description['biases'];
  note?: string;
}

/** A model family: one file each in this folder, one line each in index.ts. */
export interface FamilyDefinition {
  family: Family;
  /** `model_type` values of config.json. */
  modelTypes: readonly string[];
  /** Entries of `architectures` whose forward pass this is. */
  architectures: readonly string[];
  describe(config: ConfigReader): Description;
  tensors: TensorNames;
  gguf: GgufTraits;
}

/** Names shared by llama and its relatives. */
export const LLAMA_NAMES = {
  'embed.W_E': 'model.embed_tokens.weight',
  'ln_final.w': 'model.norm.weight',
  'unembed.W_U': 'lm_head.weight',
  'blocks.N.ln1.w': 'model.layers.N.input_layernorm.weight',
  'blocks.N.ln2.w': 'model.layers.N.post_attention_layernorm.weight',
  'blocks.N.attn.W_Q': 'model.layers.N.self_attn.q_proj.weight',
  'blocks.N.attn.W_K': 'model.layers.N.self_attn.k_proj.weight',
  'blocks.N.attn.W_V': 'model.layers.N.self_attn.v_proj.weight',
  'blocks.N.attn.W_O': 'model.layers.N.self_attn.o_proj.weight',
  'blocks.N.attn.b_Q': 'model.layers.N.self_attn.q_proj.bias',
  'blocks.N.attn.b_K': 'model.layers.N.self_attn.k_proj.bias',
  'blocks.N.attn.b_V': 'model.layers.N.self_attn.v_proj.bias',
  'blocks.N.attn.b_O': 'model.layers.N.self_attn.o_proj.bias',
  'blocks.N.mlp.W_gate': 'model.layers.N.mlp.gate_proj.weight',
  'blocks.N.mlp.W_in': 'model.layers.N.mlp.up_proj.weight',
  'blocks.N.mlp.W_out': 'model.layers.N.mlp.down_proj.weight',
  'blocks.N.mlp.b_gate': 'model.layers.N.mlp.gate_proj.bias',
  'blocks.N.mlp.b_in': 'model.layers.N.mlp.up_proj.bias',
  'blocks.N.mlp.b_out': 'model.layers.N.mlp.down_proj.bias',
} as const;

/** Frequencies that older versions of transformers saved with the weights. */
export const ROTARY_LEFTOVERS = [/(^|\.)rotary_emb\.inv_freq$/, /(^|\.)rotary_emb\.(cos|sin)_cached$/] as const;
