import type { ModelSpec } from './spec.js';
import type { WeightStore } from './weights.js';

/** A token of an encoded text. Character offsets index the text; an added BOS has start = end = 0. */
export interface EncodedToken {
  id: number;
  /** What is shown: the decoded piece; bytes that are not whole characters appear as `<0xE2>`. */
  text: string;
  start: number;
  end: number;
}

export interface ChatMessage {
  role: string;
  content: string;
}

export interface Tokenizer {
  /** `tokenizer.json`, or what it was converted from. */
  readonly kind: 'tokenizer.json' | 'gguf' | 'llama2.c';
  readonly addsBos: boolean;
  readonly size: number;
  readonly bosId: number | null;
  /** Ids that end a text. */
  readonly eosIds: readonly number[];
  /** `addSpecial` false encodes the text alone. Default: as the model's own configuration says. */
  encode(text: string, options?: { addSpecial?: boolean }): EncodedToken[];
  /** `encode` of several texts, at less cost than one by one. */
  encodeAll(texts: readonly string[], options?: { addSpecial?: boolean }): EncodedToken[][];
  /**
   * Special tokens are skipped unless asked for; spaces are never tidied up. `continuation`: the ids follow other text, so a
   * leading space is kept that the tokenizer would else take for the one it puts before a text.
   */
  decode(ids: readonly number[], options?: { skipSpecial?: boolean; continuation?: boolean }): string;
  /** One token's own text as shown in a token strip. */
  token(id: number): string;
  /** Every id a run must never pick when it chooses rivals by itself (special and unused tokens). */
  readonly specialIds: ReadonlySet<number>;
  /** What a user should know that is no error: where this reading differs from what a file says. */
  readonly notes?: readonly string[];
  readonly hasChatTemplate: boolean;
  /** The model's own template; encode the result with addSpecial false. Throws InputError when there is none or it fails. */
  renderChat(messages: readonly ChatMessage[], options?: { addGenerationPrompt?: boolean }): string;
}

export interface ModelFile {
  role: 'weights' | 'tokenizer' | 'config';
  path: string;
  bytes: number;
}

/** A model on disk, checked: nothing here has touched onnxruntime. */
export interface LoadedModel {
  /** Catalogue id (`pocket`) or the name of the folder or file. */
  id: string;
  /** Absolute path of the folder or file. */
  path: string;
  spec: ModelSpec;
  weights: WeightStore;
  tokenizer: Tokenizer;
  files: ModelFile[];
  /** Dtype of most parameters, as stored. */
  dtype: string;
  /** Things a user should know that are not errors (for example, "config says float16, file is F32"). */
  notes: string[];
  close(): void;
}
