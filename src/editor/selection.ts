/** A selection as a probe: the text before its last words, and those words as the answer. */
export interface SelectionProbe {
  prompt: string;
  /** With the white space in front of it, for that is what a model's next token holds. */
  answer: string;
}

/** Characters of a selection that a probe is made of; far above any model's context. */
export const longestSelection = 200_000;

/**
 * Splits a selection into prompt and answer: the last `words` words are the answer. Punctuation and closing quotes or brackets
 * after the last word are left out, for a model is asked for the word and not for the full stop. Null when nothing would be
 * left as the prompt.
 */
export function splitSelection(text: string, words: number): SelectionProbe | null {
  const body = text.replaceAll('\r\n', '\n').replace(/[\s.,;:!?…"'”’)\]}]+$/u, '');
  let start = body.length;
  for (let i = 0; i < words; i++) {
    const word = /\s*\S+$/u.exec(body.slice(0, start));
    if (!word) break;
    start = word.index;
  }
  const prompt = body.slice(0, start);
  if (prompt.trim() === '') return null;
  return { prompt, answer: body.slice(start) };
}
