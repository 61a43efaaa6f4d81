/** A selection as a probe: the text before its last words, and those words as the answer. */
export interface SelectionProbe {
  prompt: string;
  /** With the white space in front of it, for that is what a model's next token holds. */
  answer: string;
}

/** Characters of a selection that a probe is made of; far above any model's context. */
export const longestSelection = 200_000;

const space = /\s/u;
/** What may follow a last word without belonging to it. */
const trailing = /[\s.,;:!?…"'”’)\]}]/u;

/** First index of the run of characters before `end` that pass. A loop, for `/…+$/` takes quadratic time on a hostile text. */
function startOfRun(text: string, end: number, passes: (character: string) => boolean): number {
  let start = end;
  while (start > 0 && passes(text.charAt(start - 1))) start -= 1;
  return start;
}

/**
 * Splits a selection into prompt and answer: the last `words` words are the answer. Punctuation and closing quotes or brackets
 * after the last word are left out, for a model is asked for the word and not for the full stop. Null when nothing would be
 * left as the prompt.
 */
export function splitSelection(selection: string, words: number): SelectionProbe | null {
  const all = selection.replaceAll('\r\n', '\n');
  const text = all.slice(
    0,
    startOfRun(all, all.length, (c) => trailing.test(c)),
  );
  let start = text.length;
  for (let i = 0; i < words; i++) {
    start = startOfRun(text, start, (c) => !space.test(c));
    start = startOfRun(text, start, (c) => space.test(c));
  }
  const prompt = text.slice(0, start);
  if (prompt.trim() === '') return null;
  return { prompt, answer: text.slice(start) };
}
