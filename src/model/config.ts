import { basename } from 'node:path';
import { InputError } from '../errors.js';
import { shorten, show } from './json.js';
import type { Activation } from './spec.js';

/** Larger than any model's, small enough that products of two stay exact. */
const MAX_SIZE = 2 ** 24;

/**
 * A model's configuration (config.json, or one architecture's keys of a GGUF file), read key by key with checks. Every key
 * that is read is remembered, so that `finish` can refuse those that nobody understood.
 */
export class ConfigReader {
  private readonly read = new Set<string>();

  /** `prefix` is put before each key (`llama.` in GGUF metadata). */
  constructor(
    readonly file: string,
    private readonly values: ReadonlyMap<string, unknown>,
    private readonly prefix = '',
  ) {}

  fail(key: string, message: string): InputError {
    return new InputError(`${basename(this.file)}: ${message}.`, { file: this.file, field: shorten(this.prefix + key) });
  }

  private wrong(key: string, value: unknown, wanted: string): InputError {
    return this.fail(key, `"${this.prefix}${key}" is ${show(value)}, but must be ${wanted}`);
  }

  /** The value as it is; undefined where the key is missing. */
  raw(key: string): unknown {
    this.read.add(key);
    return this.values.get(this.prefix + key);
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  /** An integer of at least 1. Without a fallback the key must be there; null counts as missing. */
  count(key: string, fallback?: number): number {
    const value = this.raw(key) ?? fallback;
    if (value === undefined) throw this.fail(key, `"${this.prefix}${key}" is missing, an integer of at least 1`);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX_SIZE) {
      throw this.wrong(key, value, `an integer from 1 to ${MAX_SIZE}`);
    }
    return value;
  }

  /** A count that may be unset: undefined where the key is missing or null. */
  optionalCount(key: string): number | undefined {
    return this.raw(key) == null ? undefined : this.count(key);
  }

  /** A finite number above zero. */
  positive(key: string, fallback?: number): number {
    const value = this.raw(key) ?? fallback;
    if (value === undefined) throw this.fail(key, `"${this.prefix}${key}" is missing, a number above 0`);
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) throw this.wrong(key, value, 'a number above 0');
    return value;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== 'boolean') throw this.wrong(key, value, 'true or false');
    return value;
  }

  text(key: string): string | null {
    const value = this.raw(key) ?? null;
    if (value !== null && typeof value !== 'string') throw this.wrong(key, value, 'a text');
    return value;
  }

  object(key: string): { [key: string]: unknown } | null {
    const value = this.raw(key) ?? null;
    if (value === null) return null;
    if (typeof value !== 'object' || Array.isArray(value)) throw this.wrong(key, value, 'an object or null');
    return value as { [key: string]: unknown };
  }

  /** Token ids: one or a list; none where the key is missing, null or -1 (older configurations' way to say none). */
  ids(key: string): number[] {
    const value = this.raw(key) ?? [];
    const list: unknown[] = Array.isArray(value) ? value : [value];
    if (!list.every((id): id is number => typeof id === 'number' && Number.isSafeInteger(id) && id >= -1)) {
      throw this.wrong(key, value, 'a token id or a list of token ids');
    }
    return list.filter((id) => id >= 0);
  }

  id(key: string): number | null {
    return this.ids(key)[0] ?? null;
  }

  activation(key: string, fallback: string): Activation {
    const name = this.text(key) ?? fallback;
    const activation = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
    if (activation === undefined) throw this.wrong(key, name, `one of ${Object.keys(ACTIVATIONS).join(', ')}`);
    return activation;
  }

  /**
   * Refuses what was not read. `neutral` lists keys that would change the computation with the values at which they do not;
   * `harmless` decides which keys cannot change it. null means that a thing is not set.
   */
  finish(neutral: ReadonlyMap<string, readonly unknown[]>, harmless: (key: string) => boolean): void {
    for (const [full, value] of this.values) {
      if (!full.startsWith(this.prefix)) continue;
      const key = full.slice(this.prefix.length);
      if (this.read.has(key) || value === null || harmless(key)) continue;
      const values = neutral.get(key);
      if (values === undefined) {
        throw this.fail(
          key,
          `"${show(full).slice(1, -1)}" is not a key that is known for this kind of model, so it might change what it computes`,
        );
      }
      if (!values.some((neutralValue) => same(neutralValue, value))) {
        const only = values.map(show).join(' or ') || 'null';
        throw this.wrong(key, value, `${only}: anything else changes the computation in a way that is not supported`);
      }
    }
  }
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** transformers' activation names (`ACT2FN`) that have no parameters of their own. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_accurate: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_python_tanh: 'gelu_tanh',
  gelu_10: 'gelu_10',
  quick_gelu: 'quick_gelu',
  relu: 'relu',
  relu2: 'relu2',
  relu6: 'relu6',
  leaky_relu: 'leaky_relu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  linear: 'linear',
  hardswish: 'hardswish',
  mish: 'mish',
  laplace: 'laplace',
};

/** Keys of config.json that say nothing about the forward pass of a language model in inference. */
const HARMLESS: ReadonlySet<string> = new Set([
  'architectures',
  'transformers_version',
  'torch_dtype',
  'dtype',
  'use_cache',
  'initializer_range',
  'attention_dropout',
  'hidden_dropout',
  'classifier_dropout',
  'resid_pdrop',
  'embd_pdrop',
  'attn_pdrop',
  'attention_probs_dropout_prob',
  'hidden_dropout_prob',
  'pad_token_id',
  'sep_token_id',
  'decoder_start_token_id',
  'is_decoder',
  'is_llama_config',
  'transformers.js_config',
  'task_specific_params',
  'problem_type',
  'finetuning_task',
  'id2label',
  'label2id',
  'num_labels',
  'tokenizer_class',
  'prefix',
  'n_ctx',
  'predict_special_tokens',
  'gradient_checkpointing',
  // The same sums in another order or precision; here everything is float32.
  'pretraining_tp',
  'reorder_and_upcast_attn',
  'attention_softmax_in_fp32',
  'softmax_in_fp32',
  'torchscript',
  'use_bfloat16',
  'chunk_size_feed_forward',
  'attn_implementation',
  'use_flash_attn',
  'use_flash_attention',
  'use_flash_attention_2',
  // Outputs and generation, not logits.
  'output_attentions',
  'output_hidden_states',
  'output_scores',
  'return_dict',
  'return_dict_in_generate',
  'do_sample',
  'temperature',
  'top_k',
  'top_p',
  'typical_p',
  'num_beams',
  'num_beam_groups',
  'num_return_sequences',
  'diversity_penalty',
  'length_penalty',
  'repetition_penalty',
  'no_repeat_ngram_size',
  'encoder_no_repeat_ngram_size',
  'bad_words_ids',
  'max_length',
  'max_new_tokens',
  'min_length',
  'early_stopping',
  'exponential_decay_length_penalty',
  'forced_bos_token_id',
  'forced_eos_token_id',
  'suppress_tokens',
  'begin_suppress_tokens',
  'remove_invalid_values',
  'keys_to_ignore_at_inference',
  'unsloth_fixed',
  'unsloth_version',
  'unsloth_training_args',
  'model_name',
  'language',
  'license',
  'tags',
]);

/** Whether a key of config.json is known to leave the computation alone. Private (`_name_or_path`) and summary-head keys do. */
export function harmlessConfigKey(key: string): boolean {
  return HARMLESS.has(key) || key.startsWith('_') || key.startsWith('summary_');
}

/**
 * Keys that other models built on these families use to change the computation, with the values at which they change nothing.
 * An empty list: only null (not set) does.
 */
export const NEUTRAL: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  ['add_cross_attention', [false]],
  ['alibi', [false]],
  ['alternating_layers', [false]],
  ['attention_chunk_size', [0]],
  ['attention_multiplier', []],
  ['attention_out_bias', []],
  ['attention_bias', [false]],
  ['attn_logit_softcapping', [0]],
  ['attn_scale', []],
  ['auto_map', []],
  ['bias', [false]],
  ['clip_qkv', []],
  ['cross_attention_hidden_size', []],
  ['dilated_attention', [false]],
  ['embedding_multiplier', [1]],
  ['final_logit_softcapping', [0]],
  ['is_causal', [true]],
  ['is_encoder_decoder', [false]],
  ['layer_norm_bias', []],
  ['logit_scale', [1]],
  ['logits_scaling', [1]],
  ['lm_head_bias', [false]],
  ['mlp_bias', [false]],
  ['moe_intermediate_size', []],
  ['multi_query', [false]],
  ['n_experts', [0, 1]],
  ['no_rope_layers', [[]]],
  ['no_rope_layer_interval', []],
  ['norm_type', []],
  ['num_experts', [0]],
  ['num_experts_per_tok', [0]],
  ['num_local_experts', [0]],
  ['parallel_attn', [false]],
  ['parallel_residual', []],
  ['partial_rotary_factor', [1]],
  ['pruned_heads', [{}]],
  ['qk_layernorm', [false]],
  ['qk_norm', [false]],
  ['qkv_bias', []],
  ['quantization_config', []],
  ['query_pre_attn_scalar', []],
  ['residual_multiplier', [1]],
  ['residual_scale', [1]],
  ['rope_interleaved', [false]],
  ['rope_local_base_freq', []],
  ['rotary_emb_fraction', [1]],
  ['scale_attn_by_inverse_layer_idx', [false]],
  ['scale_depth', []],
  ['scale_emb', [1]],
  ['shared_expert_intermediate_size', []],
  ['sliding_window_pattern', []],
  ['swiglu_limit', []],
  ['tie_encoder_decoder', [false]],
  ['tie_word_embeddings', []],
  ['use_alibi', [false]],
  ['use_mrope', [false]],
  ['use_parallel_residual', [false]],
  ['use_qk_norm', [false]],
  ['use_sliding_window', [false]],
]);
