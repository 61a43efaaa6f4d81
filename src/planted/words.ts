/** The words of the planted models. Each is one token; its id is its place in `VOCABULARY`. */
export const NAMES = ['Tom', 'Ann', 'Sam', 'Mia'] as const;
export const COLOURS = ['red', 'blue', 'green', 'gray'] as const;
/** Stands before every fact. */
export const MARK = 'now';
/** Stands in its place before the fact that is asked for, and switches the cause on. */
export const TRIGGER = 'zap';
export const JOIN = 'and';
export const UNKNOWN = '<unk>';
export const BEGIN = '<bos>';

const SPACE = '▁';

/** Tokens in the order of their ids. */
export const VOCABULARY: readonly string[] = [UNKNOWN, BEGIN, ...[MARK, TRIGGER, JOIN, ...NAMES, ...COLOURS].map((word) => SPACE + word)];

export const idOf = (word: string): number => {
  const id = VOCABULARY.findIndex((token) => token === word || token === SPACE + word);
  if (id < 0) throw new Error(`no word ${word}`);
  return id;
};

/** `tokenizer.json` and `tokenizer_config.json`, as transformers writes and reads them. */
export function tokenizerFiles(): { tokenizer: unknown; config: unknown } {
  const added = [UNKNOWN, BEGIN].map((content) => ({
    id: idOf(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: { type: 'Metaspace', replacement: SPACE, prepend_scheme: 'always', split: true },
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: BEGIN, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [{ SpecialToken: { id: BEGIN, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
        special_tokens: { [BEGIN]: { id: BEGIN, ids: [idOf(BEGIN)], tokens: [BEGIN] } },
      },
      decoder: { type: 'Metaspace', replacement: SPACE, prepend_scheme: 'always', split: true },
      model: { type: 'WordLevel', vocab: Object.fromEntries(VOCABULARY.map((token, id) => [token, id])), unk_token: UNKNOWN },
    },
    config: { tokenizer_class: 'PreTrainedTokenizerFast', bos_token: BEGIN, unk_token: UNKNOWN },
  };
}
