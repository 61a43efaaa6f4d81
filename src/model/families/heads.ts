import type { ConfigReader } from '../config.js';

export interface HeadSizes {
  nHeads: number;
  nKvHeads: number;
  dHead: number;
}

/**
 * Head counts and size from `num_attention_heads`, `num_key_value_heads`, `head_dim`. Where the latter two are null: as many
 * key heads as heads, and d_model / heads; where they are missing, the family's own default, else the same.
 */
export function headSizes(config: ConfigReader, defaults: { kvHeads?: number; dHead?: number }): HeadSizes {
  const nHeads = config.count('num_attention_heads');
  const dModel = config.count('hidden_size');
  const nKvHeads = config.has('num_key_value_heads')
    ? (config.optionalCount('num_key_value_heads') ?? nHeads)
    : (defaults.kvHeads ?? nHeads);
  if (nHeads % nKvHeads !== 0) {
    throw config.fail('num_key_value_heads', `"num_attention_heads", ${nHeads}, is not a multiple of "num_key_value_heads", ${nKvHeads}`);
  }
  const given = config.has('head_dim') ? config.optionalCount('head_dim') : defaults.dHead;
  if (given === undefined && dModel % nHeads !== 0) {
    throw config.fail('num_attention_heads', `"hidden_size", ${dModel}, is not a multiple of "num_attention_heads", ${nHeads}`);
  }
  return { nHeads, nKvHeads, dHead: given ?? dModel / nHeads };
}
