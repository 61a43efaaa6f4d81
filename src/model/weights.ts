/**
 * Weights by canonical name, wherever and however the file keeps them. Names:
 *
 *   embed.W_E [vocab, d_model] · pos_embed.W_pos [context, d_model] · ln_final.w/.b [d_model] ·
 *   unembed.W_U (stored [vocab, d_model]; absent when tied) · unembed.b_U [vocab] ·
 *   blocks.N.ln1.w/.b, blocks.N.ln2.w/.b [d_model] ·
 *   blocks.N.attn.W_Q/W_K/W_V/W_O and b_Q/b_K/b_V/b_O, or the fused blocks.N.attn.W_QKV, b_QKV ·
 *   blocks.N.attn.q_norm.w, k_norm.w [d_head] ·
 *   blocks.N.mlp.W_gate, W_in, W_out and b_gate, b_in, b_out (W_in is the "up" projection of a gated MLP).
 */
export type WeightName = string;

export type StoredDtype = 'F32' | 'F16' | 'BF16' | 'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q8_0' | 'Q2_K' | 'Q3_K' | 'Q4_K' | 'Q5_K' | 'Q6_K';

/** A tensor as it lies in a file. Offsets and lengths are validated against the file before this object exists. */
export interface StoredTensor {
  /** Absolute path of the file. */
  file: string;
  /** The name in the file, for messages. */
  name: string;
  dtype: StoredDtype;
  /** Row-major shape, outermost first. */
  shape: readonly number[];
  byteOffset: number;
  byteLength: number;
}

/** How a canonical weight lies in its stored tensor. The graph maps the stored bytes and undoes this on activations. */
export interface Weight {
  stored: StoredTensor;
  /** `out_in`: rows are outputs (nn.Linear). `in_out`: columns are outputs (GPT-2's Conv1D). `vector`: a bias or a norm. */
  layout: 'out_in' | 'in_out' | 'vector';
  /** W_QKV / b_QKV only. `thirds`: outputs are [q, k, v] (GPT-2). `per_head`: outputs are [head, (q, k, v), d_head] (GPT-NeoX). */
  fused?: 'thirds' | 'per_head';
  /** W_Q, W_K and their biases: outputs of each head are in adjacent-pair RoPE order (GGUF llama, llama2.c), to be brought to half-split order. */
  pairs?: boolean;
}

export interface WeightStore {
  has(name: WeightName): boolean;
  /** Throws InputError naming the file when the weight is missing. */
  get(name: WeightName): Weight;
  names(): WeightName[];
  /** The stored tensor's values widened or dequantised to float32, in stored shape and order (no layout undone). */
  readStored(name: WeightName): Float32Array;
  /** Rows `ids` of a stored `out_in` matrix (W_E, W_U), float32 [ids.length, row]. */
  readRows(name: WeightName, ids: readonly number[]): Float32Array;
  /** W_O of a layer in TransformerLens's layout [head, d_head, d_model], float32. */
  readWO(layer: number): Float32Array;
  /** The final norm's weight and bias [d_model]; null where the model has none. */
  readLnFinal(): { w: Float32Array | null; b: Float32Array | null };
  /** Rows of the unembedding for tokens `ids` (the embedding's where tied): [ids.length, d_model]; and b_U at ids or null. */
  readUnembed(ids: readonly number[]): { w: Float32Array; b: Float32Array | null };
  /** Number of parameters and of bytes in files. */
  readonly parameters: number;
  readonly bytes: number;
  close(): void;
}
