import { loadFolderTokenizer } from './tokenizer-folder.js';
import type { Tokenizer } from './types.js';

/** Where a model's tokenizer is: a folder in Hugging Face layout, a GGUF file's metadata, or llama2.c's `tokenizer.bin`. */
export type TokenizerSource =
  | { kind: 'folder'; path: string }
  | { kind: 'gguf'; path: string; metadata: ReadonlyMap<string, unknown> }
  | { kind: 'llama2c'; path: string; vocabSize: number };

/**
 * Loads a tokenizer. Throws InputError, naming the file and the field, for anything that is not understood or would not give
 * the ids that the model was trained with.
 */
export async function loadTokenizer(source: TokenizerSource): Promise<Tokenizer> {
  switch (source.kind) {
    case 'folder':
      return loadFolderTokenizer(source.path);
    case 'gguf':
      return (await import('./tokenizer-gguf.js')).loadGgufTokenizer(source.path, source.metadata);
    case 'llama2c':
      return (await import('./tokenizer-llama2c.js')).loadLlama2cTokenizer(source.path, source.vocabSize);
  }
}
